"""The order of the samplers' steps: each can be moved, left out and taken in again."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList

from tui.domain.samplers import DEFAULT_ORDER, STEPS
from tui.i18n import tr
from tui.ui.screens.page import Hint, Page
from tui.ui.widgets.listing import Line, Listing
from tui.ui.words import IN_USE


class StepOrder(Page):
    """Dismisses with the new order, with an empty list for the preset's, or with None."""

    BINDINGS = [  # noqa: RUF012
        Binding("u,shift+up,alt+up", "move(-1)", show=False),
        Binding("d,shift+down,alt+down", "move(1)", show=False),
        Binding("space,x", "in_or_out", show=False),
        Binding("enter", "keep", show=False, priority=True),
        Binding("ctrl+s", "keep", show=False),
        Binding("delete", "preset", show=False),
    ]

    def __init__(self, order: Sequence[str]) -> None:
        super().__init__()
        self._order = list(order)

    def heading(self) -> str:
        return tr("The order in which the steps act.").rstrip(".")

    def hints(self) -> Sequence[Hint]:
        return (
            Hint("Enter", tr("keep"), "keep"), Hint("u", tr("up"), "move(-1)"), Hint("d", tr("down"), "move(1)"),
            Hint("Space", tr("in or out"), "in_or_out"), self.back_hint(),
            Hint("Del", tr("the preset's value"), "preset"),
        )

    def body(self) -> ComposeResult:
        yield Listing()

    async def load(self) -> None:
        self.query_one(Listing).focus()
        self._draw("")

    def _draw(self, at: str) -> None:
        lines = [Line(step, f"{n:2}  {step}", mark=IN_USE) for n, step in enumerate(self._order, 1)]
        out = [step for step in (*DEFAULT_ORDER, *sorted(STEPS - set(DEFAULT_ORDER))) if step not in self._order]
        if out:
            lines += [Line("", tr("Left out")), *(Line(step, f"    {step}", faint=True) for step in out)]
        listing = self.query_one(Listing)
        listing.show(lines)
        if at:
            listing.go_to(at)

    @property
    def _step(self) -> str:
        line = self.query_one(Listing).chosen
        return line.id if line is not None else ""

    def action_move(self, by: int) -> None:
        step = self._step
        if step in self._order:
            at = self._order.index(step)
            self._order.insert(max(0, at + by), self._order.pop(at))
            self._draw(step)

    def action_in_or_out(self) -> None:
        step = self._step
        if step in self._order and len(self._order) > 1:
            self._order.remove(step)
        elif step and step not in self._order:
            self._order.append(step)
        self._draw(step)

    def action_keep(self) -> None:
        self.dismiss(self._order)

    def action_preset(self) -> None:
        self.dismiss([])

    @on(OptionList.OptionSelected)
    def _tapped(self, event: OptionList.OptionSelected) -> None:
        """A tap takes a step in or out."""
        event.stop()
        self.action_in_or_out()
