"""Passages that were or would be recalled: where each stands, why it was found, and the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList

from tui.i18n import tr
from tui.ui.host import host, open_chat_of
from tui.ui.remembering import go_to_message, where_words
from tui.ui.screens.page import Hint, Page, notice_text
from tui.ui.screens.reading import Reading
from tui.ui.widgets.listing import Line, Listing
from tui.ui.words import IN_USE, UNUSED


class RecalledPage(Page):
    """One line a passage, the best first. Enter goes to the message; a document's passage is read. `whole` is the text
    that they stand in, where they were recalled."""

    BINDINGS = [Binding("t", "text", show=False)]  # noqa: RUF012 (Textual's own form)

    def __init__(self, asked: str, found: Sequence[Mapping[str, Any]], whole: str = "") -> None:
        super().__init__()
        self._asked, self._found, self._whole = asked, tuple(found), whole

    def heading(self) -> str:
        return tr("Recalled for: {text}", text=self._asked) if self._asked else tr("What was recalled, and why")

    def hints(self) -> Sequence[Hint]:
        text = (Hint("t", tr("text"), "text"),) if self._whole else ()
        return (Hint("Enter", tr("go there"), "choose"), *text, self.back_hint())

    def body(self) -> ComposeResult:
        yield Listing()

    async def load(self) -> None:
        listing = self.query_one(Listing)
        listing.focus()
        if not self._found:
            self.say(tr("Nothing that was said long ago shares a telling word with this."))
        path = open_chat_of(self.app).path(host(self.app).state.head)
        lines = [
            Line(
                str(at), where_words(one, path), reason(one), str(one.get("text") or "") or notice_text(one.get("why")),
                mark=UNUSED if one.get("why") else IN_USE, wrap=True, faint=bool(one.get("why")),
            )
            for at, one in enumerate(self._found)
        ]
        listing.show(lines)

    def action_text(self) -> None:
        if self._whole:
            self.app.push_screen(Reading(self.heading(), self._whole))

    def action_choose(self) -> None:
        self.query_one(Listing).action_select()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        line = self.query_one(Listing).chosen
        if line is None:
            return
        one = self._found[int(line.id)]
        source = str(one.get("source") or "")
        if one.get("kind") == "document":
            self.app.push_screen(Reading(str(one.get("name") or ""), str(one.get("text") or "")))
        elif source in open_chat_of(self.app).nodes:
            go_to_message(self, source)


def reason(one: Mapping[str, Any]) -> str:
    """Why a passage was found: its share of the best score, the words, and its likeness."""
    parts = [f"{round(100 * float(one.get('score') or 0))} %"]
    if words := one.get("words"):
        parts.append(", ".join(map(str, words[:6])))
    if one.get("likeness") is not None:
        parts.append(tr("likeness {n}", n=f"{float(one['likeness']):.2f}"))
    return " · ".join(parts)
