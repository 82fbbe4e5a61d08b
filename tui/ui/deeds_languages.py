"""Commands of a chat in two languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.domain.errors import BadInput, Refused
from tui.domain.languages import SHOWS, Languages, languages_of
from tui.domain.notice import notice
from tui.ui.host import host, link, open_chat_of

if TYPE_CHECKING:
    from textual.app import App

_OFF = frozenset({"off", "none", "нет", "выкл", "откл"})
_SHOW = {"mine": "mine", "model": "model", "both": "both", "мой": "mine", "модель": "model", "оба": "both"}


async def languages(app: App[Any], rest: str) -> None:
    """Give the chat two languages, choose which is shown, or go back to one. Raises BadInput, Refused."""
    words = rest.replace("/", " ").replace(",", " ").split()
    present = languages_of(open_chat_of(app).fields)
    if not words:
        _tell(app, present)
    elif len(words) == 1 and words[0].casefold() in _OFF:
        await _set(app, None)
    elif words[0].casefold() in ("show", "показ") or (len(words) == 1 and words[0].casefold() in _SHOW):
        show = _SHOW.get(words[-1].casefold())
        if show is None:
            raise BadInput(notice("What is shown is one of: {names}.", names=", ".join(SHOWS)))
        if present is None:
            raise Refused("This chat has one language.", "/languages MINE MODEL gives it two, as in: Russian English.")
        kept = {"mine": present.mine, "model": present.model, "since": present.since}
        await _set(app, {**kept, "show": show})
    elif len(words) == 2:
        await _set(app, {"mine": words[0], "model": words[1], "show": present.show if present else "mine"})
    else:
        raise BadInput(notice("Name two languages, as in: /languages Russian English."))


async def translate(app: App[Any], rest: str) -> None:
    """Translate the chosen or last message into the other language. Raises Refused."""
    chat = open_chat_of(app)
    node = host(app).actions.target_id()
    await link(app).call("node.translate", chat=chat.id, node=node)


async def _set(app: App[Any], value: dict[str, Any] | None) -> None:
    await link(app).call("chats.set", id=open_chat_of(app).id, field="languages", value=value)
    _tell(app, languages_of({"languages": value}))


def _tell(app: App[Any], present: Languages | None) -> None:
    if present is None:
        host(app).say_notice(notice("This chat has one language."))
    else:
        host(app).say_notice(notice(
            "You write {mine}, the prompt is {model}. The model translates.", mine=present.mine, model=present.model,
        ))
