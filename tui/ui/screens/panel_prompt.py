"""The panel at the right of the story: what the model sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.widgets import OptionList

from tui.domain.chat import Chat
from tui.domain.errors import TraktirError
from tui.i18n import tr
from tui.ui.host import host, link
from tui.ui.screens.inspector import plan_of
from tui.ui.screens.lorelines import lore_lines
from tui.ui.screens.memory_lines import summary_lines
from tui.ui.screens.note import note_of
from tui.ui.screens.page import sentence
from tui.ui.screens.panels import SidePanel
from tui.ui.screens.planfacts import plan_size
from tui.ui.screens.reading import Reading
from tui.ui.screens.segments import gathered, lore_names, segment_lines, segment_text, source_words
from tui.ui.state import Change
from tui.ui.widgets.listing import Line, Listing


class PromptPanel(SidePanel):
    """What the next turn sends, the lore that fires, the summaries and the note. Enter opens what a line stands for."""

    def __init__(self) -> None:
        super().__init__("right")
        self._segments: list[Mapping[str, Any]] = []

    def body(self) -> ComposeResult:
        yield Listing()

    @property
    def listing(self) -> Listing:
        return self.query_one(Listing)

    def take_focus(self) -> None:
        self.listing.focus()

    async def fill(self) -> None:
        chat, head = host(self.app).state.chat, host(self.app).state.head
        if chat is None:
            self.listing.show([Line("empty", tr("No chat is open."), faint=True)])
            return
        if not self.listing.lines:
            self.listing.show([Line("", tr("Planning…"))])
        shown, problem = await plan_of(link(self.app), chat.id, head)
        path = chat.path(head)
        self._segments = gathered(shown.get("segments") or ())
        lines = _prompt_lines(shown, self._segments, [node.id for node in path], problem)
        lines += _lore_lines(shown.get("lore") or ()) + _memory_lines(chat, head) + _note_lines(chat)
        self.listing.show(lines)

    def changed(self, changes: set[Change]) -> None:
        if not host(self.app).state.writing and changes & {"path", "fields", "turn", "connection"}:
            self.fill_soon()

    def failed(self, error: TraktirError) -> None:
        self.listing.show([Line("problem", sentence(error), wrap=True)])

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        kind, _, rest = (self.listing.chosen or Line("", "")).id.partition(":")
        if kind == "plan":
            self._read(self._segments[int(rest) - 1])
        elif kind == "lore":
            host(self.app).open_screen("inspector", view="lore")
        elif kind in ("memory", "note"):
            host(self.app).open_screen(kind)

    def _read(self, segment: Mapping[str, Any]) -> None:
        chat = host(self.app).state.chat
        if chat is None or str(segment.get("source")).startswith(("messages:", "examples:")):
            host(self.app).open_screen("inspector")
            return
        ids = [node.id for node in chat.path(host(self.app).state.head)]
        self.app.push_screen(Reading(source_words(segment, ids), segment_text(segment)))


def _prompt_lines(
    shown: Mapping[str, Any], segments: Sequence[Mapping[str, Any]], ids: Sequence[str], problem: str
) -> list[Line]:
    size = plan_size(shown, reuse=False)           # a panel is too narrow for both; each line tells its own
    lines = [Line("", tr("Prompt: {size}", size=size) if size else tr("Prompt"))]
    if problem:
        lines.append(Line("problem", problem, wrap=True))
    names = lore_names(shown.get("lore") or ())
    return lines + [replace(line, id=f"plan:{line.id}", wrap=False) for line in segment_lines(segments, ids, names)]


def _lore_lines(hits: Sequence[Mapping[str, Any]]) -> list[Line]:
    fired = [hit for hit in hits if hit.get("fired")]
    lines = [replace(line, id=f"lore:{line.id}") for line in lore_lines(fired)]
    if len(hits) > len(fired):
        lines.append(Line("lore:others", tr("{n} entries did not fire", n=len(hits) - len(fired)), faint=True))
    return [Line("", tr("Lore")), *lines] if lines else []


def _memory_lines(chat: Chat, head: str | None) -> list[Line]:
    lines = [
        replace(line, id=f"memory:{line.id}") for line in summary_lines(chat, chat.path(head)) if not line.faint
    ]
    return [Line("", tr("Memory")), *(lines or [Line("memory:none", tr("No summaries yet."), faint=True)])]


def _note_lines(chat: Chat) -> list[Line]:
    note = note_of(chat)
    line = Line("note", note or tr("None; Enter writes one."), wrap=True, faint=not note)
    return [Line("", tr("Author's note")), line]
