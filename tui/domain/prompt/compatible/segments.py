"""Writes an assembly down as a plan: one segment a source, the literals of the format with what they enclose."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby

from tui.domain.backend import Piece
from tui.domain.chat import Role
from tui.domain.errors import PromptTooLong
from tui.domain.notice import Notice, notice
from tui.domain.prompt.compatible.chat_messages import Message
from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.history import Formatted
from tui.domain.prompt.compatible.runs import Flow, Run, Runs
from tui.domain.prompt.forecast import forecast, moving_tokens
from tui.domain.prompt.types import Counter, LoreHit, Plan, Segment, Turn, Volatility

LEFT_OUT = Notice("Left out to make room; the oldest messages leave one by one.")


class Sheet:
    """The segments of one plan in the order in which they are written. Carriage returns go and, with `collapse`, rows
    of line ends become one."""

    def __init__(self, turn: Turn, count: Counter, collapse: bool) -> None:
        self._turn, self._count = turn, count
        self._flow = Flow(collapse)
        self._segments: list[Segment] = []
        self._examples = False
        self._dropped: list[str] = []
        self._anchor: str | None = None

    def story(self, runs: Runs) -> None:
        self._add(runs, "system", "head", block="head")

    def examples(self, lines: Sequence[Runs]) -> None:
        self._examples = bool(lines)
        for line in lines:
            self._add(line, "system", "head")

    def examples_left(self, lines: Sequence[Runs], why: Notice) -> None:
        """Lines of the examples that found no room."""
        for line in lines:
            source, text = _source(line), "".join(r.text for r in line if r.source != "template")
            self._segments.append(Segment(source, "system", text, 0, "head", included=False, why=why))

    def template(self, runs: Runs, role: Role = "system") -> None:
        """Text of the format's own."""
        self._add(runs, role, "head")

    def message(self, message: Formatted) -> None:
        item = message.item
        volatility: Volatility = "history" if item.node else "tail"
        self._add(message.runs, item.role, volatility, item.name, f"message:{len(self._segments)}")

    def left_out(self, shown: Collection[str]) -> None:
        """Names the nodes that stand in the prompt; the visible ones before them found no room."""
        visible = [node for node in self._turn.path if not node.hidden]
        first = next((at for at, node in enumerate(visible) if node.id in shown), len(visible))
        self._dropped = [node.id for node in visible[:first]]
        self._anchor = visible[first].id if self._dropped and first < len(visible) else None
        if self._dropped:
            ends = ":".join(dict.fromkeys((self._dropped[0], self._dropped[-1])))
            source = f"messages:{ends}" if ":" in ends else f"message:{ends}"
            self._segments.append(Segment(source, visible[0].role, "", 0, "history", included=False, why=LEFT_OUT))

    def chat_message(self, message: Message) -> None:
        """One message of a chat completion; its segments share a block."""
        volatility: Volatility = "history" if message.node else "tail" if message.tail else "head"
        self._add(message.runs, message.role, volatility, message.name, f"message:{len(self._segments)}")

    def opener(self, runs: Runs) -> None:
        """What follows the last message."""
        self._add(runs, "user" if self._turn.kind == "impersonate" else "assistant", "tail")

    def too_long(self, needed: int) -> PromptTooLong:
        """The refusal of a prompt that does not fit; the segments so far are what it cannot do without."""
        budget = self._turn.budget
        return PromptTooLong(
            notice(
                "The prompt does not fit: its fixed part and the newest message take {needed} tokens, and {reserve} "
                "are kept for the reply, but the model's window is {context} tokens.",
                needed=needed, reserve=budget.reserve, context=budget.context,
            ),
            Notice("Shorten its largest part (F5 lists them), set a shorter reply length, or use a larger context."),
            segments=[s.to_json() for s in self._segments], needed=needed, context=budget.context,
            reserve=budget.reserve,
        )

    def plan(self, lore: tuple[LoreHit, ...], stops: tuple[str, ...], filling: Filling) -> Plan:
        """All of it as a plan. Its state is the turn's, with where history now begins and what macros set."""
        state = self._turn.state
        last = forecast(self._segments, state.rendered)
        gone = set(self._dropped)
        at = next((n for n, node in enumerate(self._turn.path) if node.id == state.anchor), 0)
        cut = tuple(node.id for node in self._turn.path[at:] if node.id in gone)
        after = replace(
            state, anchor=self._anchor, frozen={}, examples=self._examples, rendered=last.rendered,
            variables=filling.variables,
        )
        tokens = sum(s.tokens for s in last.segments if s.included)
        return Plan(
            last.segments, after, lore, stops, tokens, last.reuse, cut, tuple(_told(filling)), last.first_change,
            rebase=bool(cut), globals=filling.globals, moving=moving_tokens(last.segments, self._turn.cuttable),
        )

    def _add(self, runs: Sequence[Run], role: Role, volatility: Volatility, name: str = "", block: str = "") -> None:
        """A turn, as one segment for each source in it. Literals stand with the text before them, the first with
        that behind them."""
        for source, part in _by_source(runs):
            pieces = tuple(
                Piece(text, run.markup) for run in part if (text := self._flow.passed(run.text))
            )
            if pieces:
                text = "".join(run.text for run in part if run.source != "template")
                tokens = self._count("".join(piece.text for piece in pieces))
                self._segments.append(Segment(source, role, text, tokens, volatility, name, block, pieces=pieces))


def _told(filling: Filling) -> list[Notice]:
    if not filling.banned:
        return []
    words = ", ".join(filling.banned)[:200]
    return [notice("A text asks that words not be written ({words}); no backend is told so yet.", words=words)]


def _by_source(runs: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """The runs by neighbours of one source; the format's literals and the line ends of a story belong to a
    neighbour."""
    out: list[tuple[str, list[Run]]] = []
    for source, group in groupby(runs, key=lambda run: run.source):
        part = list(group)
        glue = source == "template" or (source == "story" and not "".join(run.text for run in part).strip())
        if out and (glue or out[-1][0] == source):
            out[-1][1].extend(part)
        elif out and out[-1][0] == "template":
            out[-1] = (source, [*out[-1][1], *part])
        else:
            out.append((source, part))
    return out


def _source(runs: Sequence[Run]) -> str:
    return next((run.source for run in runs if run.source != "template"), "template")
