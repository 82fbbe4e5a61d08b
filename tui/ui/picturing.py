"""`/image`: attach a picture, take it away, open or save one of the chat."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual.app import App

from tui.client import pictures
from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput, Refused
from tui.domain.notice import Notice, notice
from tui.domain.pictures import SUFFIXES, Picture
from tui.ui.host import host, link, open_chat_of
from tui.ui.importing import free_name
from tui.ui.profiling import connection_of

if TYPE_CHECKING:
    from tui.ui.screens.chat import ChatScreen


async def image(app: App[Any], rest: str) -> None:
    """`/image` takes the clipboard's picture, `/image PATH` a file's; `remove`, `open`, `save PATH`. Raises BadInput,
    Refused."""
    word, _, argument = rest.partition(" ")
    if word in ("remove", "убрать") and not argument:
        _chat(app).drop_pictures()
    elif word in ("open", "открыть") and not argument:
        file = await pictures.view(await _latest(app))
        host(app).say_notice(notice("Opened: {file}", file=str(file)))
    elif word in ("save", "сохранить"):
        host(app).say_notice(notice("Written: {file}", file=str(await _save(app, argument))))
    else:
        found = await (asyncio.to_thread(pictures.read_picture, rest) if rest else pictures.from_clipboard())
        await _attach(app, found)


async def attach_pasted(app: App[Any], path: str) -> None:
    """Attach the file whose path was pasted alone."""
    await _attach(app, await asyncio.to_thread(pictures.read_picture, path))


async def _attach(app: App[Any], picture: pictures.Attached) -> None:
    """Let it go with the next message; where the model is known to be blind, that is said while it can be undone."""
    _chat(app).attach(picture)
    connection = await link(app).call("connection.get", **connection_of(open_chat_of(app)))
    capabilities = connection.get("capabilities")
    if capabilities and not capabilities.get("images"):
        host(app).say_notice(notice("The model in use does not see pictures: it will read the name alone."), "warning")


async def _latest(app: App[Any]) -> dict[str, Any]:
    """The picture of the chosen message, else the last one on the path, with its bytes."""
    chat = open_chat_of(app)
    path = chat.path(host(app).state.head)
    chosen = _chat(app).chosen()
    there = [chosen] if chosen is not None and chosen.revision.images else list(reversed(path))
    found = next((node.revision.images[-1] for node in there if node.revision.images), None)
    if found is None:
        raise Refused(Notice("There is no picture in this chat."), Notice("Attach one with /image PATH"))
    got: dict[str, Any] = await link(app).call("pictures.get", chat=chat.id, id=str(found["id"]))
    return got


async def _save(app: App[Any], target: str) -> Path:
    """Write the picture under a free name. A folder gets the picture's own, made safe."""
    data, picture = pictures.bytes_of(await _latest(app))
    place = Path(target).expanduser() if target else Path.cwd()
    path = free_name(place / _file_name(picture) if place.is_dir() else place)
    try:
        await asyncio.to_thread(_write, path, data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(notice("{file} cannot be written: {reason}", file=str(path), reason=reason)) from error
    return path


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)


def _file_name(picture: Picture) -> str:
    """Letters, digits and little else, with the ending of what it is."""
    stem = "".join(c if c.isalnum() or c in "-_ " else "-" for c in clean_line(Path(picture.name).stem, 40)).strip("- ")
    return (stem or "picture") + SUFFIXES.get(picture.mime, ".png")


def _chat(app: App[Any]) -> ChatScreen:
    return cast("ChatScreen", app.chat)  # type: ignore[attr-defined]  # the app's own screen
