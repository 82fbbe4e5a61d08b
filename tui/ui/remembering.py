"""What commands and screens do with memory: pin facts, add documents, show what would be recalled, go to a message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.app import App

from tui.domain.chat import Node
from tui.domain.documents import LONGEST, read_document
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.i18n import tr
from tui.ui.host import host, link, open_chat_of
from tui.ui.screens.page import Page
from tui.ui.screens.reading import ask_text
from tui.wire.ids import new_id


def go_to_message(page: Page, node: str) -> None:
    """Close all pages and let the message be chosen in the story; on its own branch where it is not on view."""
    app = page.app
    chat, head = open_chat_of(app), host(app).state.head
    on_view = any(n.id == node for n in chat.path(head))
    while isinstance(app.screen, Page):
        app.pop_screen()
    app.call_later(host(app).show_head, head if on_view else chat.leaf_below(node), node)


async def pin_text(app: App[Any], text: str = "", node: str = "") -> bool:
    """Let the person write a fact, beginning with `text`, and pin it. Raises TraktirError."""
    detail = tr("It stands in every prompt, so keep it short: one sentence, with names in it.")
    typed = await ask_text(app, tr("Pinned fact"), text, detail)
    if typed is None or not typed.strip():
        return False
    await link(app).call("pins.add", chat=open_chat_of(app).id, id=new_id(), text=typed, node=node)
    return True


async def add_document(app: App[Any], path: str) -> str:
    """Add a file of the person's to the chat; returns a sentence. Raises TraktirError."""
    place = Path(path.strip().strip("'\"")).expanduser()
    text = await asyncio.to_thread(_read, place)
    got = await link(app).call(
        "documents.add", chat=open_chat_of(app).id, id=new_id(), name=place.name, text=text,
    )
    return tr("{file} can be read from now: {n} passages.", file=place.name, n=got["passages"])


def _read(place: Path) -> str:
    try:
        if place.stat().st_size > 4 * LONGEST:
            raise BadInput(notice("The document is too long: {n} characters at most.", n=LONGEST))
        return read_document(place.name, place.read_bytes())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(notice("{file} cannot be read: {reason}", file=str(place), reason=reason)) from error


async def show_found(app: App[Any], text: str) -> None:
    """List what would be recalled for a text."""
    from tui.ui.screens.recalled import RecalledPage

    got = await link(app).call(
        "recall.search", chat=open_chat_of(app).id, text=text, head=host(app).state.head,
    )
    app.push_screen(RecalledPage(text, got["found"]))


def where_words(one: Mapping[str, Any], path: Sequence[Node]) -> str:
    """Where a passage stands: the number of its message and who said it, or the document."""
    if one.get("kind") == "document":
        return tr("document {name}", name=str(one.get("name") or ""))
    number = next((at for at, node in enumerate(path, 1) if node.id == one.get("source")), None)
    name = str(one.get("name") or "")
    return f"#{number} {name}".rstrip() if number is not None else name or tr("message")
