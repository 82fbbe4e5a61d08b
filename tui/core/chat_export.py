"""A chat as a file: in SillyTavern's form, for readers, or as data to train on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tui.domain.chat import Chat
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.formats.chat_books import chat_epub, chat_html, chat_markdown
from tui.formats.chat_dataset import chat_dataset
from tui.formats.chat_parts import Choice
from tui.formats.chat_write import chat_jsonl, chat_text

_Writer = Callable[[Chat, Choice], bytes]
#: The forms, with the ending of each one's files.
_FORMS: Mapping[str, tuple[str, _Writer]] = {
    "md": ("md", chat_markdown), "html": ("html", chat_html), "epub": ("epub", chat_epub),
    "sharegpt": ("jsonl", lambda chat, choice: chat_dataset(chat, "sharegpt", choice)),
    "messages": ("jsonl", lambda chat, choice: chat_dataset(chat, "messages", choice)),
    "completion": ("jsonl", lambda chat, choice: chat_dataset(chat, "completion", choice)),
}


def export_chat(chat: Chat, form: str, choice: Choice) -> tuple[str, bytes]:
    """The chat's file: its name and bytes. Raises BadInput for a form that there is not, or that cannot hold the
    choice, and Refused for more than is written at once."""
    if form in ("jsonl", "txt"):
        if choice != (Choice() if form == "jsonl" else replace(Choice(), hidden=choice.hidden)):
            told = notice("As {value}, a chat is exported along the path on view, nothing left out by choice.",
                          value=form)
            raise BadInput(
                told, "Branches and a choice of messages go into: md, html, epub, sharegpt, messages, completion.",
                field="format",
            )
        return f"{chat.id}.{form}", chat_jsonl(chat) if form == "jsonl" else chat_text(chat)
    if form not in _FORMS:
        told = notice("A chat can be exported as {names}, not {value}.", names=", ".join(("jsonl", "txt", *_FORMS)),
                      value=form[:20])
        raise BadInput(told, field="format")
    ending, write = _FORMS[form]
    return f"{chat.id}.{ending}", write(chat, choice)
