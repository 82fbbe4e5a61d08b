"""A line made of parts that can be tapped: no links of Textual's, which repaint under a passing mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.content import Content
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a line: its text, the action of the app that a tap on it runs ("": none), and its style."""

    text: str
    action: str = ""
    style: str = "$quiet"


class TapLine(Widget):
    """One row: parts at the left, parts at the right. `redraw` paints again if anything differs."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._shown: object = None
        self._zones: list[tuple[int, int, str]] = []

    def left_parts(self, width: int) -> Sequence[Part]:
        """What stands at the left, in `width` cells at most; the last part is cut."""
        return ()

    def right_parts(self, width: int) -> Sequence[Part]:
        return ()

    def redraw(self) -> None:
        content = self.render()
        if self._shown != content:
            self._shown = content
            self.refresh()

    def on_resize(self) -> None:
        self.redraw()

    async def on_click(self, event: events.Click) -> None:
        for start, end, action in self._zones:
            if action and start <= event.x < end:
                await self.app.run_action(action, default_namespace=self.app)
                return

    def render(self) -> Content:
        width = max(1, self.size.width)
        right = self.right_parts(width)
        used = sum(cell_len(p.text) for p in right)
        left = _fitted(self.left_parts(width - used - 2), width - used - 2)
        gap = max(0, width - used - sum(cell_len(p.text) for p in left))
        parts = [*left, Part(" " * gap), *right]
        self._zones, at = [], 0
        for part in parts:
            size = cell_len(part.text)
            self._zones.append((at, at + size, part.action))
            at += size
        return Content("").join([Content.styled(part.text, part.style) for part in parts])


def _fitted(parts: Sequence[Part], room: int) -> list[Part]:
    fitting: list[Part] = []
    for part in parts:
        size = cell_len(part.text)
        if size > room:
            if room > 3:
                fitting.append(Part(set_cell_size(part.text, room - 1).rstrip() + "…", part.action, part.style))
            break
        fitting.append(part)
        room -= size
    return fitting


def divided(parts: Sequence[Part], gap: str = " · ") -> list[Part]:
    """The parts with a divider between each two."""
    out: list[Part] = []
    for part in parts:
        out += [Part(gap), part] if out else [part]
    return out
