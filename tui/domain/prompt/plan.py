"""The planner: what the model will read, segment by segment, within the budget and with a stable beginning.

Order by volatility: fixed head, memory, history, tail. The head does not change from turn to turn; history is cut in
blocks, never message by message; what fires by chance or key stands near the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tui.domain.errors import PromptTooLong
from tui.domain.lore_scan import ScanSettings, scan_lore
from tui.domain.notice import Notice, notice
from tui.domain.prompt.depth import Insert, depth_inserts, post_history_segment, with_inserts
from tui.domain.prompt.forecast import forecast
from tui.domain.prompt.head import example_segments, head_segments, memory_segments
from tui.domain.prompt.history import (
    Fit,
    cut_before,
    fit_history,
    history_segments,
    newest_tokens,
    newest_turn,
)
from tui.domain.prompt.render import TEMPLATE_CLOCK
from tui.domain.prompt.stops import stops_of
from tui.domain.prompt.texts import Texts, turn_seed
from tui.domain.prompt.types import Counter, LoreHit, Matcher, Plan, PlanState, Segment, Turn
from tui.domain.prompt.wrapping import Wrapping

#: From this share of its room on, history is said to be nearly full.
NEARLY_FULL = 0.85
_NO_ROOM = Notice("It fired, but there is no room for it beside the newest message.")
_EXAMPLES_LEFT = Notice("Example dialogue leaves, all of it, when the conversation needs its room.")
_SUMMARY_LEFT = Notice("There is no room for this summary beside the newest message.")


def make_plan(
    turn: Turn, count: Counter, count_markup: Counter | None = None, match: Matcher | None = None
) -> Plan:
    """The plan of one turn.

    `count` counts texts (special tokens not read), one message or one field of the head at a time; `count_markup`
    counts the format's literals (special tokens read), by default it is `count`. Both may estimate: then the total is
    one, and the caller compares the rendered prompt with the window and plans again with a smaller budget if need be.
    `match` tries regular expressions of lore keys; without it those never match.
    Raises PromptTooLong when head, newest user turn and reserve do not fit.
    """
    draft = _draft(turn, count, count_markup or count, match)
    shed = _make_room(draft, turn)
    room = _room(shed, turn)
    fit = fit_history(
        shed.history, room, _tokens(shed.examples), turn.prompt.history_share,
        start=_anchor_index(turn), with_examples=turn.state.examples,
    )
    return _finish(turn, shed, fit)


@dataclass(frozen=True, slots=True)
class _Draft:
    """All segments of a turn before the budget is applied. `left` are those that found no room."""

    texts: Texts
    template: Segment
    head: tuple[Segment, ...]
    examples: tuple[Segment, ...]
    memory: tuple[Segment, ...]
    history: tuple[Segment, ...]
    inserts: tuple[Insert, ...]
    post_history: Segment | None
    prefill: Segment | None
    lore: tuple[LoreHit, ...]
    left: tuple[Segment, ...] = ()


def _draft(turn: Turn, count: Counter, count_markup: Counter, match: Matcher | None) -> _Draft:
    texts = Texts(turn)
    wrapping = Wrapping(turn, count, count_markup)
    memory, summarised = memory_segments(texts, count)
    history = history_segments(turn, summarised, wrapping)
    lore = _scan(turn, texts, count, match)
    head = head_segments(texts, lore, count)
    template = Segment("template", "system", "", wrapping.fixed(bool(head or memory)), "head", name=turn.template.id)
    if "{{date:" in "".join((wrapping.form.preamble, wrapping.form.system_prefix, wrapping.form.system_missing)):
        texts.frozen.value(TEMPLATE_CLOCK, lambda: turn.clock)
    prefill = turn.prefill.rstrip(" ")                      # a blank at the end of a prompt misleads the tokenizer
    return _Draft(
        texts, template, tuple(head), tuple(example_segments(texts, count)), tuple(memory), tuple(history),
        tuple(depth_inserts(texts, lore, wrapping)), post_history_segment(texts, wrapping),
        Segment("prefill", "assistant", prefill, count(prefill), "tail", turn.card.display_name) if prefill else None,
        tuple(lore),
    )


def _scan(turn: Turn, texts: Texts, count: Counter, match: Matcher | None) -> list[LoreHit]:
    """Lore over the visible messages, each with its speaker's name before it."""
    if not turn.books:
        return []
    said = [f"{n.name}: {n.text}" if n.name else n.text for n in turn.path if not n.hidden and n.text.strip()]
    window = max(0, turn.budget.context - turn.budget.reserve)
    settings = ScanSettings(
        turn.prompt.lore.scan_depth, int(window * max(0.0, min(turn.prompt.lore.budget_share, 1.0))), turn_seed(turn),
        sum(1 for n in turn.path if n.role == "assistant"),
    )
    return scan_lore(turn.books, said, count, settings=settings, match=match, resolve=texts.stable)


def _room(draft: _Draft, turn: Turn) -> int:
    """Tokens for examples and history beside everything else."""
    fixed = [draft.template, *draft.head, *(s for s in draft.memory if s.included), *(i.segment for i in draft.inserts)]
    fixed += [s for s in (draft.post_history, draft.prefill) if s is not None]
    return turn.budget.context - turn.budget.reserve - _tokens(fixed)


def _make_room(draft: _Draft, turn: Turn) -> _Draft:
    """If the newest user turn does not fit, let go of fired lore (lowest order first), then of the oldest
    summaries; if it still does not, refuse."""
    needed = newest_tokens(draft.history)
    while _room(draft, turn) < needed:
        lore = [i for i in draft.inserts if i.segment.source.startswith("lore:")]
        if lore:
            draft = _without_lore(draft, min(lore, key=lambda i: i.order))
        elif any(s.included for s in draft.memory):
            at = next(i for i, s in enumerate(draft.memory) if s.included)
            gone = replace(draft.memory[at], included=False, why=_SUMMARY_LEFT)
            draft = replace(draft, memory=(*draft.memory[:at], gone, *draft.memory[at + 1 :]))
        else:
            raise _too_long(draft, turn)
    return draft


def _without_lore(draft: _Draft, gone: Insert) -> _Draft:
    source = gone.segment.source
    return replace(
        draft,
        inserts=tuple(i for i in draft.inserts if i is not gone),
        left=(*draft.left, replace(gone.segment, included=False, why=_NO_ROOM)),
        lore=tuple(
            replace(hit, fired=False, why=_NO_ROOM) if f"lore:{hit.book}:{hit.uid}" == source else hit
            for hit in draft.lore
        ),
    )


def _too_long(draft: _Draft, turn: Turn) -> PromptTooLong:
    newest = draft.history[newest_turn(draft.history) :] if draft.history else ()
    tail = [i.segment for i in draft.inserts] + [s for s in (draft.post_history, draft.prefill) if s is not None]
    segments = [draft.template, *draft.head, *(s for s in newest if s.included), *tail]
    needed = _tokens(segments)
    budget = turn.budget
    return PromptTooLong(
        notice(
            "The prompt does not fit: its fixed part and the newest message take {needed} tokens, and {reserve} are "
            "kept for the reply, but the model's window is {context} tokens.",
            needed=needed, reserve=budget.reserve, context=budget.context,
        ),
        Notice("Shorten its largest part (F5 lists them), set a shorter reply length, or use a larger context."),
        segments=[s.to_json() for s in segments], needed=needed, context=budget.context, reserve=budget.reserve,
    )


def _anchor_index(turn: Turn) -> int:
    """Where history began last time; 0 when that message is not on this path."""
    return next((at for at, node in enumerate(turn.path) if node.id == turn.state.anchor), 0)


def _finish(turn: Turn, draft: _Draft, fit: Fit) -> Plan:
    before = _anchor_index(turn)
    history = cut_before(draft.history, fit.start)
    cut = tuple(
        turn.path[at].id for at in range(before, fit.start) if draft.history[at].included
    )
    examples = draft.examples if fit.examples else tuple(
        replace(s, included=False, why=_EXAMPLES_LEFT) for s in draft.examples
    )
    segments = [draft.template, *draft.head, *examples, *draft.memory, *draft.left]
    segments += with_inserts(history, draft.inserts, draft.post_history)
    segments += [draft.prefill] if draft.prefill else []
    last = forecast(segments, turn.state.rendered, turn.template.system_placement == "last_user")
    anchor = turn.path[fit.start].id if fit.start else None
    state = PlanState(anchor, dict(draft.texts.frozen.used), fit.examples, last.rendered)
    return Plan(
        last.segments, state, draft.lore, stops_of(turn), _tokens(s for s in last.segments if s.included), last.reuse,
        cut, tuple(_notices(draft, fit, cut)), last.first_change,
    )


def _notices(draft: _Draft, fit: Fit, cut: Sequence[str]) -> list[Notice]:
    out = []
    if cut:
        out.append(notice(
            "The oldest {count} messages no longer fit and were left out. /summarise keeps what happened in them.",
            count=len(cut),
        ))
    elif fit.fill >= NEARLY_FULL:
        out.append(notice(
            "The conversation fills {percent} % of its room; its oldest part will soon be left out. "
            "/summarise keeps what happened in it.", percent=min(100, int(fit.fill * 100)),
        ))
    if any(s.why == _SUMMARY_LEFT for s in draft.memory):
        out.append(Notice("Not all summaries fit into the prompt; shorten them or use a larger context."))
    return out


def _tokens(segments: Iterable[Segment]) -> int:
    return sum(segment.tokens for segment in segments)
