"""Commands of group chats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import App

from tui.domain.errors import BadInput, NotFound, Refused
from tui.domain.mentions import mentioned, name_words
from tui.domain.notice import Notice, notice
from tui.ui.commands import latin_word
from tui.ui.host import host, link, open_chat_of, say
from tui.ui.layouts import matches, readings
from tui.wire.ids import new_id

_ON, _OFF = frozenset({"on", "yes", "вкл", "да"}), frozenset({"off", "no", "stop", "выкл", "нет", "стоп"})


async def cast(app: App[Any], rest: str) -> None:
    """The cast of this chat."""
    open_chat_of(app)
    host(app).open_screen("cast")


async def group(app: App[Any], rest: str) -> None:
    """A new group: of the characters named, with commas between them, or of those who are then chosen."""
    names = [name.strip() for name in rest.split(",") if name.strip()]
    if not names:
        host(app).open_screen("group")
        return
    found = (await link(app).call("characters.list"))["characters"]
    members = [_character(name, found) for name in names]
    chat = new_id()
    await link(app).call("cast.make", id=chat, members=members)
    await host(app).actions.open_chat(chat)


async def join(app: App[Any], rest: str) -> None:
    """Let a character of the library join this chat."""
    if not rest:
        await cast(app, rest)
        return
    found = (await link(app).call("characters.list"))["characters"]
    member = _character(rest, found)
    got = await link(app).call("cast.add", chat=open_chat_of(app).id, member=member)
    name = next(m["name"] for m in got["cast"]["members"] if m["id"] == member)
    say(app, "{name} is here from now on.", name=name)


async def leave(app: App[Any], rest: str) -> None:
    """Let a member go."""
    member = await _member(app, rest)
    await link(app).call("cast.remove", chat=open_chat_of(app).id, member=member["id"])
    say(app, "{name} has left; what they said stays.", name=member["name"])


async def speak(app: App[Any], rest: str) -> None:
    """Let a member speak, or whoever would be next."""
    await host(app).actions.speak(str((await _member(app, rest))["id"]) if rest else "")


async def mute(app: App[Any], rest: str) -> None:
    """Let a member answer no more."""
    await _mute(app, rest, True)


async def unmute(app: App[Any], rest: str) -> None:
    """Let a member answer again."""
    await _mute(app, rest, False)


async def _mute(app: App[Any], rest: str, value: bool) -> None:
    member = await _member(app, rest)
    await link(app).call("cast.member", chat=open_chat_of(app).id, member=member["id"], values={"muted": value})
    say(app, "{name} is muted." if value else "{name} answers again.", name=member["name"])


async def auto(app: App[Any], rest: str) -> None:
    """Let rounds follow each other by themselves: on, off, or so many seconds apart. Raises BadInput."""
    chat, word = open_chat_of(app).id, rest.strip().casefold()
    told = await link(app).call("cast.get", chat=chat)
    if told["cast"] is None:
        raise Refused("One character plays here alone.", "/cast lets others join.")
    seconds = word.replace(",", ".")
    if seconds.replace(".", "", 1).isdigit():
        await link(app).call("cast.set", chat=chat, values={"delay": float(seconds)})
        value = True
    elif word in _ON or latin_word(word) in _ON:
        value = True
    elif word in _OFF or latin_word(word) in _OFF:
        value = False
    elif word:
        raise BadInput("/auto takes on, off, or the seconds between rounds.")
    else:
        value = not told["cast"]["auto"]
    await link(app).call("cast.auto", chat=chat, value=value)
    say(app, "They talk by themselves now; Esc stops it." if value else "Auto mode is off.")


async def whisper(app: App[Any], rest: str) -> None:
    """Say something that one member alone hears; several with commas between their names. Raises BadInput."""
    members = await _members(app)
    several = "," in rest.partition(":")[0] and ":" in rest
    head, _, text = rest.partition(":" if several or rest.partition(" ")[0].endswith(":") else " ")
    names = [name.strip() for name in head.split(",") if name.strip()]
    if not names or not text.strip():
        raise BadInput("Say to whom, and what: /whisper NAME TEXT, or /whisper NAME, NAME: TEXT.")
    to = [str(_named(name, members)["id"]) for name in names]
    await host(app).actions.whisper(text.strip(), to)


async def reveal(app: App[Any], rest: str) -> None:
    """Let all know of the chosen message, or the last that was whispered."""
    await host(app).actions.reveal()


async def _members(app: App[Any]) -> Sequence[Mapping[str, Any]]:
    told = await link(app).call("cast.get", chat=open_chat_of(app).id)
    if told["cast"] is None:
        raise Refused("One character plays here alone.", "/cast lets others join.")
    found: Sequence[Mapping[str, Any]] = told["cast"]["members"]
    return found


async def _member(app: App[Any], typed: str) -> Mapping[str, Any]:
    return _named(typed, await _members(app))


def _named(typed: str, members: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The member meant by a name: whole, in a case form, its beginning, in any layout. Raises NotFound."""
    for reading in (typed.strip(), *readings(typed.strip())):
        for member in members:
            if reading.casefold() in {str(n).casefold() for n in (member["id"], member["name"], *member["names"])}:
                return member
        found = [m for m in members if reading and mentioned(reading.title(), name_words([m["name"], *m["names"]]))]
        found = found or [m for m in members if reading and str(m["name"]).casefold().startswith(reading.casefold())]
        if len(found) == 1:
            return found[0]
    names = ", ".join(str(m["name"]) for m in members)
    raise NotFound(notice("{name} is not in this group.", name=typed[:80]), notice("There are: {names}.", names=names))


def _character(typed: str, characters: Sequence[Mapping[str, Any]]) -> str:
    """The library id of the character meant by a name. Raises NotFound."""
    whole = [c for c in characters if typed.casefold() in (str(c["id"]).casefold(), str(c.get("name")).casefold())]
    found = whole or [c for c in characters if matches(typed, str(c.get("name") or c["id"])) is not None]
    if not found:
        raise NotFound(Notice("There is no character called {name}.", {"name": typed[:80]}))
    return str(found[0]["id"])


#: What each command of groups does, by its name.
DEEDS = {
    "cast": cast, "group": group, "join": join, "leave": leave, "speak": speak, "mute": mute, "unmute": unmute,
    "auto": auto, "whisper": whisper, "reveal": reveal,
}
