"""What the slash commands do: each is a few calls of the core, or an action of the app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from textual.app import App

from tui.domain.chat import Node
from tui.domain.errors import BadInput, NotFound, Refused
from tui.domain.notice import Notice, notice
from tui.i18n import LANGUAGES
from tui.ui import deeds_cast, deeds_hands, deeds_memory, deeds_persona, deeds_tree, prefs
from tui.ui.commands import latin_word
from tui.ui.deeds_bans import ban, unban
from tui.ui.deeds_branches import checkpoint, rewrite
from tui.ui.deeds_languages import languages, translate
from tui.ui.deeds_presets import instructions, profile, samplers, set_value, template
from tui.ui.host import host, link, open_chat_of
from tui.ui.host import say as _say
from tui.ui.importing import export_words, import_path, write_export
from tui.ui.layouts import matches
from tui.ui.profiling import connection_of
from tui.ui.ranges import parse_range
from tui.wire.ids import new_id

Deed = Callable[[App[Any], str], Awaitable[None]]


def _screen(name: str) -> Deed:
    async def show(app: App[Any], rest: str) -> None:
        host(app).open_screen(name)

    return show


async def _new(app: App[Any], rest: str) -> None:
    if not rest:
        host(app).open_screen("characters")
        return
    characters = (await link(app).call("characters.list"))["characters"]
    ranked = sorted(
        (rank, index)
        for index, c in enumerate(characters)
        if (rank := matches(rest, f"{c['name']} {c['id']}")) is not None and not c.get("problem")
    )
    if not ranked:
        raise NotFound(notice("There is no character called {name}.", name=rest[:40]), "Press F2 to see them.")
    chat_id = new_id()
    await link(app).call("chats.create", id=chat_id, character=characters[ranked[0][1]]["id"])
    await host(app).actions.open_chat(chat_id)


async def _rename(app: App[Any], rest: str) -> None:
    from tui.i18n import tr
    from tui.ui.screens.confirm import ask_line

    chat = open_chat_of(app)
    title = rest or await ask_line(app, tr("The name of this chat"), str(chat.fields.get("title") or ""))
    if title and title.strip():
        await link(app).call("chats.set", id=chat.id, field="title", value=title.strip())


async def _trim(app: App[Any], rest: str) -> None:
    await link(app).call("node.trim", chat=open_chat_of(app).id, node=host(app).actions.target_id())


async def _swipes(app: App[Any], rest: str) -> None:
    if rest and (not rest.isdecimal() or not 0 < int(rest) <= 50):
        raise BadInput("/swipes takes how many more replies are wanted, 1 to 50.")
    await host(app).actions.swipes(int(rest or 3))


async def _impersonate(app: App[Any], rest: str) -> None:
    await host(app).asides.impersonate(rest, begun="")


async def _suggest(app: App[Any], rest: str) -> None:
    await host(app).asides.suggest()


async def _favourite(app: App[Any], rest: str) -> None:
    character = str(open_chat_of(app).fields.get("character") or "")
    listed = (await link(app).call("characters.list"))["characters"]
    value = not any(one["favourite"] for one in listed if one["id"] == character)
    await link(app).call("characters.favourite", id=character, value=value)
    if value:
        _say(app, "{name} is a favourite now.", name=character)
    else:
        _say(app, "{name} is no favourite any more.", name=character)


async def _search(app: App[Any], rest: str) -> None:
    if not rest:
        host(app).open_screen("chats")
    else:
        host(app).open_screen("chats", part="hits", query=rest)


async def _swipe(app: App[Any], rest: str) -> None:
    if not rest:
        await host(app).actions.swipe(1)
    elif rest.isdecimal() and int(rest) > 0:
        await host(app).actions.show_version(int(rest))
    else:
        raise BadInput("/swipe takes the number of a version, or nothing for the next one.")


def _marked_hidden(value: bool) -> Deed:
    async def run(app: App[Any], rest: str) -> None:
        chat = open_chat_of(app)
        path = chat.path(host(app).state.head)
        nodes = _nodes_meant(rest, path, hidden=not value)
        await link(app).call("node.hide", chat=chat.id, nodes=[n.id for n in nodes], value=value)
        if value:
            _say(app, "Hidden from the model: {n}. /unhide lets them count again.", n=len(nodes))
        else:
            _say(app, "These count again: {n}.", n=len(nodes))

    return run


def _nodes_meant(rest: str, path: list[Node], *, hidden: bool) -> list[Node]:
    """The messages of a range; without one the last that is (or is not) hidden."""
    if rest:
        first, last = parse_range(rest, len(path))
        return path[first - 1 : last]
    found = [node for node in path if node.hidden == hidden]
    if not found:
        raise Refused("There is no such message in this chat.")
    return found[-1:]


async def _note(app: App[Any], rest: str) -> None:
    if not rest:
        host(app).open_screen("note")
        return
    await link(app).call("chats.set", id=open_chat_of(app).id, field="note", value=rest)
    _say(app, "The author's note is set; the model reads it from the next turn on.")


async def _scenario(app: App[Any], rest: str) -> None:
    if not rest:
        host(app).open_screen("note")
        return
    await link(app).call("chats.set", id=open_chat_of(app).id, field="scenario", value=rest)
    _say(app, "The scenario of this chat is set; the model reads it from the next turn on.")


async def _model(app: App[Any], rest: str) -> None:
    if not rest:
        host(app).open_screen("connection")
        return
    connection = await link(app).call("connection.get", **connection_of(host(app).state.chat))
    if connection.get("kind") != "embedded" and not rest.casefold().endswith(".gguf"):
        from tui.ui.servermodels import change_model

        _say(app, "The server's model is now {name}.", name=await change_model(app, rest))
        return
    await link(app).call("connection.use", kind="embedded", model=rest)
    _say(app, "The model is now {name}; it loads with the next turn.", name=Path(rest).name)


async def _pull(app: App[Any], rest: str) -> None:
    """Begin a download, or show what a repository has; without a name, models and downloads."""
    if not rest:
        host(app).open_screen("models")
    elif ":" not in rest.rpartition("/")[2]:
        host(app).open_screen("hub", repo=rest)
    else:
        pull = (await link(app).call("models.pull", repo=rest))["pull"]
        _say(app, "{name} is being downloaded; /pull shows how far it is.", name=f"{pull['repo']}:{pull['quant']}")


async def _connect(app: App[Any], rest: str) -> None:
    host(app).open_screen("server", url=rest)


async def _load(app: App[Any], rest: str) -> None:
    got = await link(app).call("models.load", **connection_of(host(app).state.chat))
    _say(app, "Ready: {name}.", name=got.get("model") or "")


async def _unload(app: App[Any], rest: str) -> None:
    got = await link(app).call("models.unload")
    if got.get("unloaded"):
        _say(app, "The model is out of memory; the next turn loads it again.")
    else:
        _say(app, "No model was loaded.")


async def _import(app: App[Any], rest: str) -> None:
    from tui.i18n import tr
    from tui.ui.screens.reading import Reading

    if not rest:
        raise BadInput("/import needs the path of a file or a folder.")
    sentences = await import_path(app, rest)
    if len(sentences) == 1:
        host(app).say_notice(Notice(sentences[0].replace("{", "(").replace("}", ")")))
    else:
        app.push_screen(Reading(tr("Import"), "\n".join(sentences)))


async def _backup(app: App[Any], rest: str) -> None:
    made = await link(app).call("backup.make")
    _say(
        app,
        "Backed up: {chats} chats, {messages} messages. It comes back with: traktir restore {name}; all copies: "
        "traktir restore --list. The file: {file}", chats=made["chats"], messages=made["messages"], name=made["name"],
        file=made["file"],
    )


async def _export(app: App[Any], rest: str) -> None:
    """By the name's ending: the chat, or the character's card as PNG or JSON."""
    chat, (rest, branches) = open_chat_of(app), export_words(rest)
    ending = Path(rest).suffix.lower().lstrip(".")
    if ending in ("png", "json"):
        character = str(chat.fields.get("character") or "")
        exported = await link(app).call("characters.export", id=character, format=ending)
    else:
        form = ending if ending in ("txt", "md", "html", "epub") else "jsonl"
        exported = await link(app).call("chats.export", id=chat.id, format=form, branches=branches)
    path = await asyncio.to_thread(write_export, exported, rest)
    _say(app, "Written: {file}", file=str(path))


async def _image(app: App[Any], rest: str) -> None:
    from tui.ui.picturing import image

    await image(app, rest)


async def _language(app: App[Any], rest: str) -> None:
    wanted = {"русский": "ru", "russian": "ru", "english": "en", "английский": "en"}.get(
        rest.casefold(), latin_word(rest)
    )
    if not rest:
        host(app).open_screen("settings")
    elif wanted in LANGUAGES:
        prefs.change("language", wanted)
        _apply(app, "language", wanted)
    else:
        raise BadInput(notice("Traktir speaks {names}.", names=", ".join(LANGUAGES)))


async def _theme(app: App[Any], rest: str) -> None:
    if not rest:
        host(app).open_screen("settings")
        return
    found = [
        name for name in sorted(app.available_themes) if name == rest.casefold() or name.startswith(rest.casefold())
    ]
    if not found:
        raise BadInput(
            notice(
                "There is no theme called {name}. There are {names}.",
                name=rest[:40],
                names=", ".join(sorted(app.available_themes)),
            )
        )
    prefs.change("theme", found[0])
    _apply(app, "theme", found[0])


async def _mouse(app: App[Any], rest: str) -> None:
    answers = {"on": True, "off": False, "вкл": True, "выкл": False, "": not prefs.read().mouse}
    value = answers.get(rest.casefold(), answers.get(latin_word(rest)))
    if value is None:
        raise BadInput("/mouse takes on or off.")
    prefs.change("mouse", value)
    _apply(app, "mouse", value)
    if value:
        _say(app, "The mouse is on: taps and clicks choose, Shift and drag selects text.")
    else:
        _say(app, "The mouse is off: the terminal selects text, a tap opens the keyboard.")


def _apply(app: App[Any], name: str, value: Any) -> None:
    from tui.ui.screens.settings import apply_preference

    apply_preference(app, name, value)


async def _quit(app: App[Any], rest: str) -> None:
    app.exit()


def _action(name: str, *args: Any) -> Deed:
    async def run(app: App[Any], rest: str) -> None:
        await getattr(host(app).actions, name)(*args)

    return run


#: What each command does, by its name.
DEEDS: Mapping[str, Deed] = {
    "help": _screen("help"),
    "new": _new,
    "chats": _screen("chats"),
    "characters": _screen("characters"),
    "favourite": _favourite,
    "rename": _rename,
    "search": _search,
    "swipes": _swipes,
    "trim": _trim,
    "unloop": _action("unloop"),
    "ban": ban,
    "unban": unban,
    "swipe": _swipe,
    "stop": _action("stop"),
    "undo": _action("undo"),
    "redo": _action("redo"),
    "map": _screen("map"),
    "checkpoint": checkpoint,
    "checkpoints": _screen("checkpoints"),
    "rewrite": rewrite,
    **deeds_tree.DEEDS,
    "hide": _marked_hidden(True),
    "unhide": _marked_hidden(False),
    "tokens": _action("tokens"),
    "copy": _action("copy_last"),
    "impersonate": _impersonate,
    "suggest": _suggest,
    "languages": languages,
    "translate": translate,
    "note": _note,
    **deeds_memory.DEEDS,
    **deeds_cast.DEEDS,
    **deeds_hands.DEEDS,
    **deeds_persona.DEEDS,
    "lore": _screen("lore"),
    "trace": _screen("trace"),
    "scenario": _scenario,
    "prompt": _screen("inspector"),
    "diff": _screen("difference"),
    "macros": _screen("macros"),
    "instructions": instructions,
    "context": _screen("context"),
    "profile": profile,
    "template": template,
    "samplers": samplers,
    "set": set_value,
    "model": _model,
    "pull": _pull,
    "connect": _connect,
    "load": _load,
    "unload": _unload,
    "import": _import,
    "export": _export,
    "image": _image,
    "backup": _backup,
    "settings": _screen("settings"),
    "doctor": _screen("doctor"),
    "language": _language,
    "theme": _theme,
    "mouse": _mouse,
    "quit": _quit,
}
