"""Commands of memory: summaries, pinned facts, chapters, documents, what is recalled, a story carried on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from textual.app import App

from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice
from tui.i18n import tr
from tui.ui.commands import latin_word
from tui.ui.host import host, link, open_chat_of
from tui.ui.ranges import nodes_of, offered
from tui.wire.ids import new_id

_ON, _OFF = frozenset({"on", "вкл", "да"}), frozenset({"off", "выкл", "нет"})


def _say(app: App[Any], text: str, /, **args: Any) -> None:
    host(app).say_notice(Notice(text, args))


async def summarise(app: App[Any], rest: str) -> None:
    """Have messages summed up: a range, a chapter by its number, or what the last turn offers."""
    chat = open_chat_of(app)
    view = host(app).state
    path = chat.path(view.head)
    word, _, number = rest.partition(" ")
    if number.strip().isdecimal() and (word.casefold() == "глава" or latin_word(word) == "chapter"):
        from tui.ui.screens.memory_lines import chapter_range

        found = chapter_range(path, int(number))
        if found is None:
            raise BadInput(notice("There is no chapter {n}.", n=int(number)), "/memory lists them.")
        first, last = found
    else:
        if not rest and (numbers := offered(view.turn, path)) is not None:
            rest = f"{numbers[0]}..{numbers[1]}"  # what the last turn offered
        first, last = nodes_of(rest, path)
    _say(app, "The model is writing the summary.")
    await link(app).call("summary.make", chat=chat.id, id=new_id(), first=first, last=last)
    view.turn.pop("offer", None)
    _say(app, "The summary is written. /memory shows it; reading it once is worth while.")


async def fold(app: App[Any], rest: str) -> None:
    """One summary of all that stand."""
    _say(app, "The model is writing the summary.")
    await link(app).call("summary.fold", chat=open_chat_of(app).id, id=new_id())
    _say(app, "The summary is written. /memory shows it; reading it once is worth while.")


async def pin(app: App[Any], rest: str) -> None:
    """Pin a fact: what is typed, else what the chosen or last message says, shortened by the person."""
    if rest:
        await link(app).call("pins.add", chat=open_chat_of(app).id, id=new_id(), text=rest)
        _say(app, "Pinned: it stands in every prompt from now on. /memory lists what is pinned.")
    else:
        await host(app).actions.pin()


async def chapter(app: App[Any], rest: str) -> None:
    """Let a chapter begin with the chosen or last message."""
    from tui.ui.screens.confirm import ask_line

    chat, node = open_chat_of(app), host(app).actions.target_id()
    title = rest or await ask_line(app, tr("The title of the chapter that begins here"))
    if title and title.strip():
        await link(app).call("chapters.set", chat=chat.id, node=node, title=title)
        _say(app, "A chapter begins here: {title}. /memory lists the chapters.", title=title.strip())


async def recall(app: App[Any], rest: str) -> None:
    """Switch recalling on or off; with other words, show what they would bring back."""
    word = latin_word(rest)
    if not rest:
        host(app).open_screen("memory", part="recall")
    elif rest.casefold() in _ON | _OFF or word in ("on", "off"):
        value = rest.casefold() in _ON or word == "on"
        await link(app).call("settings.set", name="recall", value=value)
        if value:
            _say(app, "What left the prompt comes back where it matters.")
        else:
            _say(app, "What left the prompt stays out.")
    else:
        from tui.ui.remembering import show_found

        await show_found(app, rest)


async def document(app: App[Any], rest: str) -> None:
    """Add a text file that passages are recalled from; without a path, list them."""
    from tui.ui.remembering import add_document

    if not rest:
        host(app).open_screen("memory", part="document")
        return
    told = await add_document(app, rest)
    host(app).say_notice(Notice(told.replace("{", "(").replace("}", ")")))


async def carry(app: App[Any], rest: str) -> None:
    """A new chat that goes on from this one's memory."""
    _say(app, "What no summary stands for yet is summed up first; then the new chat opens.")
    chat = new_id()
    await link(app).call("chats.carry", chat=open_chat_of(app).id, id=chat, title=rest)
    await host(app).actions.open_chat(chat)


def _at(part: str) -> Callable[[App[Any], str], Awaitable[None]]:
    async def show(app: App[Any], rest: str) -> None:
        host(app).open_screen("memory", part=part)

    return show


#: What each command of memory does, by its name.
DEEDS: Mapping[str, Callable[[App[Any], str], Awaitable[None]]] = {
    "summarise": summarise, "fold": fold, "memory": _at(""), "pin": pin, "chapter": chapter, "recall": recall,
    "document": document, "carry": carry,
}
