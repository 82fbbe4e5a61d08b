"""The top line: who and what at the left, the profile and a word on the connection at the right; notices pass here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.timer import Timer

from tui.domain.cleantext import clean, clean_line
from tui.i18n import tr
from tui.ui.state import ChatState
from tui.ui.widgets.tapline import Part, TapLine
from tui.ui.widgets.wrapping import wrap

#: Seconds that a notice stays; errors stay three times as long.
NOTICE_S = 5.0
_MOST_ROWS = 4


class TopLine(TapLine):
    """Draws itself from the state; `flash` puts a sentence over it for a few seconds."""

    def __init__(self, state: ChatState, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._state = state
        self._notice: tuple[str, str] | None = None
        self._timer: Timer | None = None

    def flash(self, text: str, level: str = "info") -> None:
        """Show a sentence until its time is over or the next one comes."""
        self._notice = (clean(text), level)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(NOTICE_S * (3 if level == "error" else 1), self.clear)
        self.redraw()

    def clear(self) -> None:
        """Take the notice away."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._notice = None
        self.redraw()

    @property
    def notice(self) -> str:
        """The sentence on show, "" when there is none."""
        return self._notice[0] if self._notice else ""

    def redraw(self) -> None:
        rows = min(_MOST_ROWS, len(self._notice_rows())) if self._notice else 1
        if self.styles.height is None or self.styles.height.value != rows:
            self.styles.height = rows
        super().redraw()

    async def on_click(self, event: events.Click) -> None:
        if self._notice is not None:
            self.clear()
            event.prevent_default()

    def render(self) -> Content:
        if self._notice is None:
            return super().render()
        colour = {"error": "$text-error", "warning": "$warning"}.get(self._notice[1], "$primary")
        return Content.styled("\n".join(self._notice_rows()[:_MOST_ROWS]), colour)

    def left_parts(self, width: int) -> Sequence[Part]:
        name = clean_line(self._state.character, 60)
        title = clean_line(str(self._state.field("title") or ""), 200)
        parts = [Part(name or "Traktir", "screen_named('chats')", "bold $foreground")]
        if name and title and title != name and width - cell_len(name) > 8:
            parts.append(Part(f" · {title}", "screen_named('chats')"))
        return parts

    def right_parts(self, width: int) -> Sequence[Part]:
        wide = width >= 60
        words = connection_words(self._state.connection, wide=wide)
        if not self._state.linked:
            words = tr("core lost, looking for it…") if wide and not self._state.trouble else tr("no core")
        link = Part(clean_line(words, 70 if wide else 12), "screen_named('connection')")
        return (link,) if wide else (*self._versions(), link)

    def _versions(self) -> Sequence[Part]:
        """Where messages have no room for it, the versions of the last reply stand here."""
        node = self._state.last()
        if node is None or len(found := self._state.versions(node)) < 2:
            return ()
        number = next((k for k, n in enumerate(found, 1) if n.id == node.id), 1)
        back = Part(f" ‹{number}/", "do('swipe_back')", "$foreground")
        return (back, Part(f"{len(found)}› ", "do('swipe_on')", "$foreground"))

    def _notice_rows(self) -> list[str]:
        text = self._notice[0] if self._notice else ""
        return [line[a:b] for line in text.split("\n") for a, b in wrap(line, max(10, self.size.width))]


def connection_words(connection: Mapping[str, Any], *, wide: bool) -> str:
    """The profile, the model and its prompt format, and whether it is ready."""
    if not connection:
        return tr("starting…") if wide else "…"
    profile = connection.get("profile") or ""
    profile = str(profile.get("label") or profile.get("id") or "") if isinstance(profile, Mapping) else str(profile)
    if not wide:
        return profile if connection.get("state") != "error" else tr("error!")
    template = connection.get("template") or {}
    word = {
        "ready": tr("warm"), "idle": tr("at rest"), "loading": tr("loading…"), "error": tr("not reachable"),
    }.get(str(connection.get("state")), "")
    model = str(connection.get("model") or "").rsplit("/", 1)[-1].removesuffix(".gguf")
    label = str(template.get("label") or template.get("id") or "") if isinstance(template, Mapping) else ""
    parts = [profile, model if model.casefold() != profile.casefold() else "", label, word]
    return "▸ " + " · ".join(clean_line(p, 28) for p in parts if p)
