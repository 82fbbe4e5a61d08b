"""A translation as a side job: a small prompt of its own that shares nothing with the chat's."""

from __future__ import annotations

from dataclasses import dataclass

from tui.domain.backend import ChatMessage, Piece
from tui.domain.prompt.render import render_messages
from tui.domain.template import Template

_ASK = (
    "You translate from {source} into {target}. Translate the whole text that you are given, its tone and wording as "
    "lively as they are. Keep names, line breaks, and marks such as *asterisks* and quotes where they stand. Answer "
    "with the translation alone: no remark, no explanation."
)


@dataclass(frozen=True, slots=True)
class TranslationJob:
    """What is sent for a translation."""

    messages: tuple[ChatMessage, ...]
    bos: str
    pieces: tuple[Piece, ...]
    stops: tuple[str, ...]


def plan_translation(template: Template, text: str, source: str, target: str, clock: str = "") -> TranslationJob:
    """The prompt that asks for `text` in another language. `text` is foreign: nothing in it is markup."""
    messages = (
        ChatMessage("system", _ASK.format(source=source, target=target)), ChatMessage("user", text),
    )
    bos, pieces = render_messages(template, messages, clock=clock)
    opener = template.user_prefix.replace("{{user}}", "").replace("{{name}}", "").strip()
    stops = [*template.stop, *([opener] if len(opener) > 2 else [])]
    return TranslationJob(messages, bos, pieces, tuple(dict.fromkeys(stop for stop in stops if stop.strip())))
