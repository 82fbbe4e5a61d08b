"""The lore trace as lines: which entry fired, through which key, where it went, what kept the others out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.i18n import tr
from tui.ui.screens.page import notice_text
from tui.ui.widgets.listing import Line
from tui.ui.words import IN_USE


def lore_lines(hits: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Entries that fired first, then the others with the reason."""
    ordered = sorted(enumerate(hits), key=lambda pair: (not pair[1].get("fired"), pair[0]))
    return [_line(number, hit) for number, hit in ordered]


def _line(number: int, hit: Mapping[str, Any]) -> Line:
    fired = bool(hit.get("fired"))
    title = str(hit.get("comment") or hit.get("key") or tr("entry {n}", n=hit.get("uid")))
    parts = [str(hit.get("book") or "")]
    if fired:
        parts.append(_cause(hit))
        parts.append(position_words(str(hit.get("position") or ""), hit.get("depth")))
    if why := notice_text(hit.get("why")):
        parts.append(why)
    elif not fired:
        parts.append(tr("none of its keys occurs"))
    detail = tr("{n} tokens", n=hit.get("tokens") or 0) if fired else ""
    return Line(
        str(number + 1), title, detail, " · ".join(p for p in parts if p), IN_USE if fired else "", True, not fired
    )


def _cause(hit: Mapping[str, Any]) -> str:
    key, snippet, message = hit.get("key"), hit.get("snippet"), hit.get("message")
    if not key:
        return tr("always on")
    if message is None:
        return tr("through “{key}”", key=key)
    where = tr("the newest message") if message == 0 else tr("message {n} from the end", n=int(message) + 1)
    return tr("through “{key}” in {where}: {snippet}", key=key, where=where, snippet=snippet or "")


def position_words(position: str, depth: Any) -> str:
    """Where an entry stands in the prompt."""
    if position == "at_depth":
        return tr("at depth {n}", n=depth)
    return {
        "before_char": tr("before the character"),
        "after_char": tr("after the character"),
        "note_top": tr("above the author's note"),
        "note_bottom": tr("below the author's note"),
        "examples_top": tr("above the examples"),
        "examples_bottom": tr("below the examples"),
    }.get(position, position)
