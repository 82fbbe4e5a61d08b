"""Chats, characters and search hits as lines of a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tui.domain.cleantext import clean_line
from tui.i18n import tr
from tui.ui.screens.page import notice_text
from tui.ui.widgets.listing import Line
from tui.ui.words import BROKEN, FAVOURITE, IN_USE, ago


def snippet(chat: Mapping[str, Any], limit: int) -> str:
    """The last message of a chat in the list, with its speaker."""
    last = clean_line(str(chat.get("last") or ""), limit)
    name = clean_line(str(chat.get("last_name") or ""), 40)
    return f"{name}: {last}" if name and last else last


def chat_lines(chats: Iterable[Mapping[str, Any]], heading: str, current: str = "") -> list[Line]:
    """Chats as lines, the newest first as the core gives them; the one in front is marked."""
    lines = [
        Line(
            f"chat:{chat['id']}",
            str(chat.get("title") or chat.get("name") or tr("untitled")),
            tr("writing") if chat.get("streaming") else ago(int(chat["updated_ms"])),
            snippet(chat, 200),
            mark=IN_USE if chat["id"] == current else "",
        )
        for chat in chats
    ]
    return [Line("", heading), *lines] if heading and lines else lines


def character_lines(characters: Iterable[Mapping[str, Any]], heading: str) -> list[Line]:
    """Characters as lines; a broken card says what is wrong with it."""
    lines = []
    for character in characters:
        problem = notice_text(character.get("problem"))
        tags = [str(tag) for tag in character.get("tags") or ()]
        lines.append(
            Line(
                f"char:{character['id']}",
                str(character.get("name") or character["id"]),
                ", ".join(tags[:4]),
                problem or str(character.get("notes") or ""),
                mark=BROKEN if problem else FAVOURITE if character.get("favourite") else "",
                wrap=bool(problem),
                words=" ".join(f"#{word}" for tag in tags for word in tag.casefold().split()),
            )
        )
    return [Line("", heading), *lines] if heading and lines else lines


def more_lines(*, with_trash: bool) -> list[Line]:
    """What else can be done here."""
    group = Line("group", tr("New group…"), "", tr("several characters in one chat"))
    lines = [Line("", tr("More")), group, Line("import", tr("Import from a file…"))]
    return [*lines, Line("trash", tr("Open the trash"))] if with_trash else lines


def hit_lines(hits: Iterable[Mapping[str, Any]]) -> list[Line]:
    """What a full-text search found, the match between guillemets."""
    return [
        Line(
            f"hit:{hit['chat']}:{hit['node']}",
            str(hit.get("title") or tr("untitled")),
            ago(int(hit["created_ms"])),
            f"{hit.get('name') or ''}: " + str(hit["snippet"]).replace("\x02", "»").replace("\x03", "«"),
            wrap=True,
        )
        for hit in hits
    ]
