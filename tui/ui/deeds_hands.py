"""Commands of regex scripts, of the narrator, of dice, and of quick replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from textual.app import App

from tui.domain.errors import BadInput, NotFound, Refused
from tui.domain.notice import notice
from tui.ui.commands import latin_word
from tui.ui.host import host, link, open_chat_of, say
from tui.ui.screens.page import notice_text
from tui.wire.ids import new_id


async def regex(app: App[Any], rest: str) -> None:
    """The list of scripts; with a text, what all that are on make of it."""
    if not rest:
        host(app).open_screen("regex")
        return
    from tui.i18n import tr
    from tui.ui.screens.reading import Reading

    chat = host(app).state.chat
    got = await link(app).call("regex.test", text=rest, chat=chat.id if chat is not None else "")
    told = [notice_text(t) for t in got["troubles"].values()]
    by = ", ".join(map(str, got["by"])) or tr("No script changes it.")
    app.push_screen(Reading(tr("Regex scripts"), "\n\n".join([str(got["text"]), by, *told])))


def _posted(kind: str) -> Callable[[App[Any], str], Awaitable[None]]:
    async def run(app: App[Any], rest: str) -> None:
        await post(app, rest, kind)

    return run


async def post(app: App[Any], text: str, kind: str, name: str = "") -> str:
    """Put a message at the end of the path on view. Returns its id. Raises BadInput."""
    chat = open_chat_of(app)
    if not text.strip():
        raise BadInput("There is nothing to send.")
    got = await link(app).call(
        "node.add", chat=chat.id, node=new_id(), text=text, kind=kind, name=name, parent=host(app).state.head,
    )
    return str(got["node"])


async def sendas(app: App[Any], rest: str) -> None:
    """In a character's name: `NAME TEXT`, `"LONG NAME" TEXT` or `NAME: TEXT`."""
    name, text = split_name(rest)
    if not name or not text:
        raise BadInput("/sendas takes a name and what is said: /sendas Mira Good evening.")
    await post(app, text, "character", name)


def split_name(rest: str) -> tuple[str, str]:
    """The name that a line begins with, and what follows it."""
    rest = rest.strip().removeprefix("name=")
    if rest[:1] in "\"«“" and rest:
        ends = [at for sign in "\"»”" if (at := rest.find(sign, 1)) > 0]
        if ends:
            return rest[1 : min(ends)].strip(), rest[min(ends) + 1 :].lstrip(": ")
    before, colon, after = rest.partition(": ")
    if colon and len(before) <= 60 and after.strip():
        return before.strip(), after.strip()
    name, _, text = rest.partition(" ")
    return name, text.strip()


async def trigger(app: App[Any], rest: str) -> None:
    """A reply to what stands last, be it a reply too."""
    chat, state = open_chat_of(app), host(app).state
    if chat.fields.get("cast"):
        await host(app).actions.speak(rest)
        return
    if state.writing:
        raise Refused("A reply is being written already.", "Esc stops it.")
    await link(app).call("turn.reply", chat=chat.id, parent=state.head, reply=new_id(), reply_revision=new_id())


async def roll(app: App[Any], rest: str) -> None:
    """Throw dice: the narrator tells of it, or, with `private`, only a notice."""
    words = rest.split()
    private = [w for w in words if w.casefold() in _PRIVATE or latin_word(w) == "private"]
    got = await link(app).call("dice.roll", formula=" ".join(w for w in words if w not in private) or "d20")
    if private or host(app).state.chat is None:
        say(app, "{formula}: {dice} = {total}", formula=got["formula"], dice=got["dice"], total=got["total"])
    else:
        told = f"{{{{user}}}} 🎲 {got['formula']}: {got['dice']} = {got['total']}"
        await post(app, told, "narrator")


async def quick_reply(app: App[Any], rest: str) -> None:
    """Choose a quick reply, or take the one of that name: a text is sent (or put into the line), a script run."""
    from tui.i18n import tr
    from tui.ui.screens.confirm import choose

    told = await link(app).call("quick.list")
    found = [(one["name"], reply, one["fill_only"]) for one in told["sets"] for reply in one["replies"]]
    if not found:
        raise NotFound(notice("There are no quick replies. Take SillyTavern's sets in with /import, or put them into "
                              "{folder}.", folder=told["folder"]))
    if rest:
        word = rest.casefold()
        near = [f for f in found if f[1]["label"].casefold() == word]
        near = near or [f for f in found if f[1]["label"].casefold().startswith(word)]
        if not near:
            raise NotFound(notice("There is no quick reply called {name}.", name=rest[:60]))
        chosen = near[0]
    else:
        lines = [(str(at), f"{reply['label']} · {name}") for at, (name, reply, _) in enumerate(found)]
        answer = await choose(app, tr("Quick replies"), lines)
        if answer is None:
            return
        chosen = found[int(answer)]
    await _use(app, str(chosen[1]["message"]), fill_only=bool(chosen[2]))


async def _use(app: App[Any], message: str, *, fill_only: bool) -> None:
    if message.lstrip().startswith("/"):
        await script(app, message)
    elif fill_only:
        host(app).compose_line(message)
    else:
        await post(app, message, "user")
        await trigger(app, "")


async def script(app: App[Any], rest: str) -> None:
    """Run a script; nothing of it runs when it holds a command that is not known."""
    from tui.ui.scripting import run_text

    if not rest:
        raise BadInput("/script takes commands: /script /echo Hello | /send {{pipe}}")
    await run_text(app, rest)


_PRIVATE = frozenset({"private", "тайно", "себе"})

#: What each command does, by its name.
DEEDS: Mapping[str, Callable[[App[Any], str], Awaitable[None]]] = {
    "regex": regex, "narrate": _posted("narrator"), "comment": _posted("comment"), "send": _posted("user"),
    "sendas": sendas, "trigger": trigger, "roll": roll, "qr": quick_reply, "script": script,
}
