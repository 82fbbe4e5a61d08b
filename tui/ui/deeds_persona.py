"""Commands that change who the person is."""

from __future__ import annotations

from typing import Any

from textual.app import App

from tui.domain.errors import NotFound
from tui.domain.notice import notice
from tui.ui.host import host, link, say
from tui.ui.layouts import matches

_PLACES = {"--chat": "chat", "--character": "character", "--default": "default"}
_NOBODY = frozenset({"none", "off", "нет", "никто"})


async def persona(app: App[Any], rest: str) -> None:
    """Be somebody else: in this chat, with `--character` whenever this character is met, with `--default` wherever
    nothing else holds; `none` takes the lock away. Without a name, the screen. Raises NotFound."""
    words = rest.split()
    places = [_PLACES[w] for w in words if w in _PLACES]
    name = " ".join(w for w in words if w not in _PLACES)
    chat = host(app).state.chat
    if not name:
        host(app).open_screen("personas" if rest else "persona")
        return
    listed = (await link(app).call("personas.list"))["personas"]
    chosen = None if name.casefold() in _NOBODY else _named(name, listed)
    place = places[0] if places else "chat" if chat is not None else "default"
    where: dict[str, Any] = {"default": True}
    if chat is not None and place != "default":
        where = {"chat": chat.id} if place == "chat" else {"character": str(chat.fields.get("character") or "")}
    await link(app).call("personas.use", id=chosen["id"] if chosen is not None else "", **where)
    if chosen is None:
        say(app, "No persona is locked there any more.")
    else:
        say(app, "You are {name} now.", name=chosen["name"])


async def personas(app: App[Any], rest: str) -> None:
    """All personas."""
    host(app).open_screen("personas")


def _named(name: str, listed: list[dict[str, Any]]) -> dict[str, Any]:
    whole = [p for p in listed if name.casefold() in (p["name"].casefold(), p["title"].casefold())]
    found = whole or [p for p in listed if matches(name, f"{p['name']} {p['title']}") is not None]
    if not found:
        names = ", ".join(p["name"] for p in listed) or "–"
        raise NotFound(notice("There is no persona called {name}.", name=name[:80]),
                       notice("There are: {names}.", names=names))
    return found[0]


#: What each command does, by its name.
DEEDS = {"persona": persona, "personas": personas}
