"""The bottom line: context, reuse, speed, lore; in words what needs attention; every part opens where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from tui.domain.cleantext import clean_line
from tui.i18n import tr
from tui.ui.state import ChatState
from tui.ui.widgets.tapline import Part, TapLine, divided
from tui.ui.words import thousands

_ALERT = "$warning"


def attention(turn: Mapping[str, Any]) -> list[Part]:
    """What the last turn did that a person would want to know, in words."""
    parts: list[Part] = []
    loop = turn.get("loop")
    if isinstance(loop, Mapping) and loop.get("alarm"):
        parts.append(Part(tr("loop {n}%: Ctrl+L", n=round(100 * float(loop["share"]))), "do('unloop')", _ALERT))
    cut, offer = turn.get("cut") or 0, turn.get("offer")
    if cut:
        words = tr("messages cut: {n}, summary offered", n=cut) if offer else tr("messages cut: {n}", n=cut)
        parts.append(Part(words, "screen_named('memory')", _ALERT))
    elif offer:
        parts.append(Part(tr("nearly full, summary offered"), "screen_named('memory')", _ALERT))
    if dropped := turn.get("dropped"):
        names = ", ".join(clean_line(str(n), 24) for n in dropped[:3])
        parts.append(Part(tr("server does not know {names}", names=names), "screen_named('presets')", _ALERT))
    if clamped := turn.get("clamped"):
        moved = ", ".join(f"{clean_line(str(n), 24)} {v:g}" for n, v in list(clamped.items())[:3])
        parts.append(Part(tr("brought into range: {names}", names=moved), "screen_named('inspector')", _ALERT))
    miss = turn.get("miss")
    if isinstance(miss, Mapping):
        parts.append(Part(miss_words(miss), "screen_named('difference')", _ALERT))
    return parts


def miss_words(miss: Mapping[str, Any]) -> str:
    """Why the backend processed again what was to be in its cache, in a few words."""
    from tui.ui.screens.segments import source_words  # what screens need is not loaded before one is needed

    if not miss.get("first_change"):
        return tr("the backend forgot the prompt")
    source = clean_line(source_words({"source": str(miss["first_change"])}), 32)
    return tr("processed anew from: {source}", source=source)


def numbers(turn: Mapping[str, Any], *, wide: bool) -> list[Part]:
    """Context used of total, reused, speed, lore, as far as they are known."""
    parts: list[Part] = []
    used, context = turn.get("used"), turn.get("context")
    if used and context:
        about = "≈" if turn.get("counts") == "estimate" else ""
        words = tr("{used} of {total}", used=thousands(used), total=thousands(context))
        parts.append(Part(about + (words if wide else f"{round(100 * used / context)}%"), "screen_named('inspector')"))
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


class StatusLine(TapLine):
    """Draws itself from the state. `unseen`: there is new text below the view; `mode`: where the keys go."""

    def __init__(self, state: ChatState, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._state = state
        self.unseen = False
        self.mode = ""

    def left_parts(self, width: int) -> Sequence[Part]:
        parts = [Part(tr("↓ new text"), "to_end", _ALERT)] if self.unseen else []
        if queued := self._state.queued:
            parts.append(Part(tr("versions to come: {n}", n=queued), "do('stop')", "$primary"))
        parts += attention(self._state.turn) + numbers(self._state.turn, wide=self.size.width >= 60)
        while len(parts) > 1 and sum(cell_len(p.text) for p in divided(parts)) > width:
            parts.pop()
        return divided(parts)

    def right_parts(self, width: int) -> Sequence[Part]:
        writing = self._state.writing
        if width < 60:
            enter = Part(" ■ ", "do('stop')", "$primary") if writing else Part(" ⏎ ", "send", "$primary")
            return (Part(" ☰ ", "command_palette", "$primary"), enter)
        if self.mode == "messages":
            return divided((
                Part(tr("e edit"), "do('edit')"), Part(tr("r again"), "do('regenerate')"),
                Part(tr("y copy"), "do('copy')"), Part(tr("d delete"), "do('delete_chosen')"),
                Part(tr("Enter back"), "compose_line"),
            ))
        if self.mode == "panel":
            return divided((
                Part(tr("Enter open")), Part(tr("Tab back"), "compose_line"), Part(tr("Esc close")),
            ))
        stop = (Part(tr("Esc stop"), "do('stop')", "$primary"),) if writing else ()
        return divided((
            *stop, Part(tr("Ctrl+P commands"), "command_palette"), Part(tr("Tab messages"), "messages"),
            Part(tr("F1 help"), "screen_named('help')"),
        ))
