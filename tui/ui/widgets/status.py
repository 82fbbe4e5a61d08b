"""The bottom line: context, reuse, speed, lore; in words what needs attention; every part opens where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from tui.domain.cleantext import clean_line
from tui.i18n import tr
from tui.ui.state import ChatState
from tui.ui.words import thousands


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the line, and the action of the app that a tap on it runs."""

    text: str
    action: str
    alert: bool = False


def attention(turn: Mapping[str, Any]) -> list[Part]:
    """What the last turn did that a person would want to know, in words."""
    parts: list[Part] = []
    cut, offer = turn.get("cut") or 0, turn.get("offer")
    if cut:
        words = tr("cut {n} messages, summary offered", n=cut) if offer else tr("cut {n} messages", n=cut)
        parts.append(Part(words, "screen_named('memory')", alert=True))
    elif offer:
        parts.append(Part(tr("nearly full, summary offered"), "screen_named('memory')", alert=True))
    if dropped := turn.get("dropped"):
        names = ", ".join(clean_line(str(n), 24) for n in dropped[:3])
        parts.append(Part(tr("server does not know {names}", names=names), "screen_named('presets')", alert=True))
    return parts


def numbers(turn: Mapping[str, Any], *, wide: bool) -> list[Part]:
    """Context used of total, reused, speed, lore, as far as they are known."""
    parts: list[Part] = []
    used, context = turn.get("used"), turn.get("context")
    if used and context:
        words = tr("{used} of {total}", used=thousands(used), total=thousands(context))
        parts.append(Part(words if wide else f"{round(100 * used / context)}%", "screen_named('inspector')"))
    reused, prompt = turn.get("reused"), turn.get("prompt_tokens")
    if reused is not None and prompt:
        share = f"{round(100 * reused / prompt)}%"
        words = tr("reused {n}", n=thousands(reused)) if wide else tr("{share} reused", share=share)
        parts.append(Part(words, "screen_named('inspector')"))
    if speed := turn.get("tokens_per_second"):
        shown = round(speed) if speed >= 10 else round(speed, 1)
        parts.append(Part(tr("{n} t/s", n=shown), "screen_named('connection')"))
    if wide and (lore := turn.get("lore")):
        parts.append(Part(tr("{n} lore", n=lore), "screen_named('lore')"))
    return parts


class StatusLine(Widget):
    """Draws itself from the state. `unseen`: there is new text below the view."""

    def __init__(self, state: ChatState, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._state = state
        self._shown: object = None
        self.unseen = False
        self.mode = ""

    def redraw(self) -> None:
        """Draw again if anything differs."""
        content = self.render()
        if self._shown != content:
            self._shown = content
            self.refresh()

    def on_resize(self) -> None:
        self.redraw()

    def render(self) -> Content:
        width = max(1, self.size.width)
        wide = width >= 60
        right = _joined(self._right(wide), "" if not wide else " · ")
        parts = ([Part(tr("↓ new text"), "to_end", alert=True)] if self.unseen else [])
        parts += attention(self._state.turn) + numbers(self._state.turn, wide=wide)
        room = width - right.cell_length - 2
        while parts and _joined(parts, " · ").cell_length > room and len(parts) > 1:
            parts.pop()
        left = _joined(parts, " · ").truncate(max(0, room), ellipsis=True)
        return Content("").join([left, Content(" " * max(1, width - left.cell_length - right.cell_length)), right])

    def _right(self, wide: bool) -> Sequence[Part]:
        writing = self._state.writing
        if not wide:
            enter = Part(" ■ ", "do('stop')") if writing else Part(" ⏎ ", "send")
            return (Part(" ☰ ", "command_palette"), enter)
        if self.mode == "messages":
            return (
                Part(tr("e edit"), "do('edit')"), Part(tr("r again"), "do('regenerate')"),
                Part(tr("y copy"), "do('copy')"), Part(tr("d delete"), "do('delete_chosen')"),
                Part(tr("Enter back"), "compose_line"),
            )
        stop = (Part(tr("Esc stop"), "do('stop')"),) if writing else ()
        return (
            *stop, Part(tr("Ctrl+P commands"), "command_palette"), Part(tr("Tab messages"), "messages"),
            Part(tr("F1 help"), "screen_named('help')"),
        )


def _joined(parts: Sequence[Part], gap: str) -> Content:
    pieces: list[Content] = []
    for part in parts:
        if pieces:
            pieces.append(Content.styled(gap, "$quiet"))
        colour = "$text-warning" if part.alert else "$quiet"
        pieces.append(Content(part.text).stylize(colour).stylize(Style.from_meta({"@click": f"app.{part.action}"})))
    return Content("").join(pieces)
