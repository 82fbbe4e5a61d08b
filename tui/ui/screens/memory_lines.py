"""What is remembered of a chat as lines: pinned facts, summaries in each other, chapters, documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.domain.chat import Chat, Node, Summary, summary_applies
from tui.domain.summaries import nested
from tui.i18n import tr
from tui.ui.ranges import number_range
from tui.ui.widgets.listing import Line
from tui.ui.words import BROKEN, IN_USE

#: How deep summaries inside summaries are drawn.
_DEEPEST = 4


def pin_lines(chat: Chat) -> list[Line]:
    """The pinned facts, and what adds one."""
    pins = chat.fields.get("pins") or ()
    lines = [Line(f"pin:{pin['id']}", str(pin["text"]), mark=IN_USE, wrap=True) for pin in pins]
    return [*lines, Line("pin", tr("Pin a fact…"))]


def summary_lines(chat: Chat, path: Sequence[Node]) -> list[Line]:
    """Summaries as lines: those that stand, what lies inside one below it; then those that were taken away."""
    inside = nested(chat.summaries.values())
    numbers = {node.id: at for at, node in enumerate(path)}

    def place(summary: Summary) -> tuple[bool, int, int]:
        first = min((numbers.get(node, len(path)) for node, _ in summary.covers), default=len(path))
        return summary.removed, first, summary.created_ms

    lines: list[Line] = []

    def put(summary: Summary, depth: int) -> None:
        lines.append(_line(summary, path, depth))
        for inner in sorted((s for s in chat.summaries.values() if inside.get(s.id) == summary.id), key=place):
            put(inner, min(depth + 1, _DEEPEST))

    for summary in sorted((s for s in chat.summaries.values() if s.id not in inside), key=place):
        put(summary, 0)
    return lines


def _line(summary: Summary, path: Sequence[Node], depth: int) -> Line:
    numbers = number_range(summary.covers, path)
    title = (
        tr("Messages {first} to {last}", first=numbers[0], last=numbers[1])
        if numbers
        else tr("Messages of another branch")
    )
    applies = summary_applies(summary, path)
    state = (
        tr("taken away; Enter brings it back")
        if summary.removed
        else {"yes": "", "stale": tr("a message has changed since"), "no": tr("not in this branch")}[applies]
    )
    mark = IN_USE if applies == "yes" and not depth else BROKEN if applies == "stale" else ""
    line = Line(summary.id, title, state, summary.text, mark=mark, wrap=not summary.removed, faint=summary.removed)
    return replace(line, title="  " * depth + "↳ " + title, wrap=False, faint=True) if depth else line


def chapters(path: Sequence[Node]) -> list[tuple[int, str]]:
    """Where on a path chapters begin (from 0), and their titles."""
    return [(at, str(n.extra["chapter"])) for at, n in enumerate(path) if n.extra.get("chapter")]


def chapter_range(path: Sequence[Node], number: int) -> tuple[str, str] | None:
    """The first and the last message of chapter `number`, counted from 1; None when there is none."""
    begins = [at for at, _ in chapters(path)]
    if not 1 <= number <= len(begins):
        return None
    end = begins[number] if number < len(begins) else len(path)
    return path[begins[number - 1]].id, path[end - 1].id


def chapter_lines(path: Sequence[Node]) -> list[Line]:
    """The chapters of a path, with the messages of each."""
    found = chapters(path)
    lines = []
    for number, (at, title) in enumerate(found, 1):
        end = found[number][0] if number < len(found) else len(path)
        where = tr("messages {first} to {last}", first=at + 1, last=end)
        lines.append(Line(f"chapter:{path[at].id}", f"{number}. {title}", where))
    return lines


def document_lines(documents: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The documents, and what adds one."""
    lines = [Line(f"document:{d['id']}", str(d["name"])) for d in documents]
    return [*lines, Line("document", tr("Add a document…"))]
