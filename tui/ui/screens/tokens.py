"""The tokens of a reply: what else might have stood at each place, and going on from there instead."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from tui.domain.errors import Refused
from tui.i18n import tr
from tui.ui.host import host, open_chat_of
from tui.ui.keys import TOKEN_BINDINGS
from tui.ui.profiling import connection_of
from tui.ui.screens.page import Hint, Page
from tui.ui.widgets.tokentext import DOUBTFUL, Shown, TokenText, spelled, visible
from tui.ui.words import IN_USE

#: Cells of a bar in a wide and in a narrow window.
_BAR_WIDE, _BAR_NARROW = 20, 8


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the tokens that might stand at a place. `rival` is its number there, None for the one that came."""

    text: str
    chance: float
    rival: int | None


class RivalList(Widget):
    """The choices at a place: how likely each was in percent and as a bar. A tap chooses one."""

    DEFAULT_CSS = """
    RivalList { height: auto; max-height: 50%; padding: 0 1; }
    Page.-tall RivalList { margin-top: 1; }
    """

    class Tapped(Message):
        """A tap on a choice."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__()
        self._choices: Sequence[Choice] = ()
        self._at = 0

    def show(self, choices: Sequence[Choice], at: int) -> None:
        longer = len(choices) != len(self._choices)
        self._choices, self._at = choices, at
        self.refresh(layout=longer)

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        return len(self._choices)

    def render(self) -> Content:
        height = max(1, self.content_size.height)
        first = max(0, min(self._at - height // 2, len(self._choices) - height))
        shown = list(enumerate(self._choices))[first:first + height]
        return Content("\n").join(self._row(number, choice) for number, choice in shown)

    def on_click(self, event: Click) -> None:
        if (number := event.style.meta.get("rival")) is not None:
            self.post_message(self.Tapped(int(number)))

    def _row(self, number: int, choice: Choice) -> Content:
        width = max(10, self.content_size.width)
        room = _BAR_WIDE if width >= 60 else _BAR_NARROW
        full = round(choice.chance * room)
        lead = f"{IN_USE if choice.rival is None else ' '} {percent(choice.chance):>7} "
        row = Content.assemble(lead, "█" * full, ("·" * (room - full), "dim"), "  ", (spelled(choice.text), "bold"))
        row = row.truncate(width, ellipsis=True).pad_right(max(0, width - min(width, cell_len(row.plain))))
        if number == self._at:
            row = Content.styled(row.plain, "$block-cursor-foreground on $block-cursor-background")
        return row.stylize(Style.from_meta({"rival": number}))


class TokensPage(Page):
    """← → walk, ↑ ↓ choose a rival, Enter goes on from it as a branch."""

    BINDINGS = [*TOKEN_BINDINGS]  # noqa: RUF012

    def __init__(self, node: str, revision: str = "") -> None:
        super().__init__()
        self._node, self._revision = node, revision
        self._tokens: Sequence[Mapping[str, Any]] = ()
        self._at = self._chosen = 0

    def heading(self) -> str:
        return tr("What else might have been said")

    def hints(self) -> Sequence[Hint]:
        if not self._tokens:
            return (self.back_hint(),)
        return (
            Hint("Enter", tr("go on from here"), "choose"), Hint("← →", tr("token"), "walk(1)"),
            Hint("↑ ↓", tr("rival"), "rival_by(1)"), self.back_hint(), Hint("n", tr("next doubtful"), "doubtful(1)"),
        )

    def body(self) -> ComposeResult:
        yield TokenText()
        yield RivalList()

    async def load(self) -> None:
        chat = open_chat_of(self.app)
        found = await self.call("replies.tokens", chat=chat.id, node=self._node, revision=self._revision)
        self._revision, self._tokens = str(found["revision"]), found["tokens"]
        text = next(
            (r.text for r in chat.nodes[self._node].revisions if r.id == self._revision), ""
        ) if self._node in chat.nodes else ""
        self.redraw_hints()
        if not self._tokens:
            self.say(await self._how_to_get_them())
            return
        shown = [Shown(visible(t["text"]), chance(t["logprob"])) for t in self._tokens]
        self.query_one(TokenText).show(text[:found["from"]], shown, text[found["to"]:])
        self._walk_to(0)

    async def _how_to_get_them(self) -> str:
        told = tr("No probabilities were kept with this reply.")
        connection = await self.call("connection.get", **connection_of(open_chat_of(self.app)))
        capabilities = connection.get("capabilities") or {}
        if capabilities and not capabilities.get("logprobs"):
            return told + " " + tr("The backend in use does not tell them.")
        return told + " " + tr("Write /set logprobs 5 in the chat: replies have them from then on.")

    # ------------------------------------------------------------------ walking

    def choices(self) -> list[Choice]:
        """What might stand at the marked place, the likeliest first."""
        token = self._tokens[self._at]
        came = Choice(str(token["text"]), chance(token["logprob"]), None)
        rivals = [Choice(str(r["text"]), chance(r["logprob"]), n) for n, r in enumerate(token["rivals"])]
        return sorted((came, *rivals), key=lambda c: -c.chance)

    def _walk_to(self, at: int) -> None:
        if not self._tokens:
            return
        self._at = max(0, min(at, len(self._tokens) - 1))
        choices = self.choices()
        self._chosen = next(n for n, choice in enumerate(choices) if choice.rival is None)
        self.query_one(TokenText).mark(self._at)
        self._draw_choices(choices)

    def _draw_choices(self, choices: Sequence[Choice]) -> None:
        self.say("")
        self.query_one(RivalList).show(choices, self._chosen)
        self.head(tr("token {n} of {all}", n=self._at + 1, all=len(self._tokens)))

    def action_walk(self, step: int) -> None:
        self._walk_to(self._at + step)

    def action_row(self, step: int) -> None:
        if self._tokens:
            text = self.query_one(TokenText)
            self._walk_to(text.token_in(text.row_of(self._at) + step))

    def action_edge(self, last: bool) -> None:
        self._walk_to(len(self._tokens) - 1 if last else 0)

    def action_doubtful(self, step: int) -> None:
        """The next token (or the one before) that the model itself found unlikely."""
        places = range(self._at + 1, len(self._tokens)) if step > 0 else range(self._at - 1, -1, -1)
        found = next((n for n in places if chance(self._tokens[n]["logprob"]) < DOUBTFUL), None)
        if found is None:
            self.say(tr("There is no doubtful token in that direction."))
        else:
            self._walk_to(found)

    def action_rival_by(self, step: int) -> None:
        if self._tokens:
            choices = self.choices()
            self._chosen = max(0, min(self._chosen + step, len(choices) - 1))
            self._draw_choices(choices)

    @on(TokenText.Tapped)
    def _token_tapped(self, event: TokenText.Tapped) -> None:
        self._walk_to(event.number)

    @on(RivalList.Tapped)
    def _rival_tapped(self, event: RivalList.Tapped) -> None:
        """The first tap chooses, another on the same goes on from it."""
        if event.number == self._chosen:
            self.action_choose()
        elif event.number < len(choices := self.choices()):
            self._chosen = event.number
            self._draw_choices(choices)

    def action_choose(self) -> None:
        if self._tokens:
            self.start(self._go_on())

    async def _go_on(self) -> None:
        choice = self.choices()[self._chosen]
        if choice.rival is None:
            raise Refused("This is what came.", "Choose another with ↑ and ↓.")
        if host(self.app).state.writing:
            raise Refused("A reply is being written already.", "Esc stops it.")
        await host(self.app).actions.take_rival(self._node, self._revision, self._at, choice.rival)
        self.dismiss(None)


def chance(logprob: float) -> float:
    """The probability that a logarithm stands for."""
    return math.exp(min(0.0, float(logprob)))


def percent(value: float) -> str:
    """A probability in percent; what is not nothing never reads as nothing."""
    return f"{100 * value:.1f} %" if value >= 0.001 else "<0.1 %"
