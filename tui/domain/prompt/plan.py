"""The planner: what the model will read, segment by segment, within the budget and with a stable beginning.

Order by volatility: fixed head, memory, history, tail. The head does not change from turn to turn; history is cut in
blocks, never message by message; what fires by chance or key stands near the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tui.domain.errors import PromptTooLong
from tui.domain.notice import Notice, notice
from tui.domain.prompt.anchoring import NOTE
from tui.domain.prompt.depth import Insert, depth_inserts, ending_segment, post_history_segment, with_inserts
from tui.domain.prompt.forecast import Rendered, forecast, moving_tokens
from tui.domain.prompt.head import INSIDE, TOO_MUCH, example_segments, head_segments, memory_segments
from tui.domain.prompt.history import (
    Fit,
    History,
    cut_before,
    fit_history,
    read_history,
    skip_replies,
    skip_through,
)
from tui.domain.prompt.memory import (
    pin_segments,
    recall_now,
    recall_room,
    source_of,
    standing_recall,
    summary_room,
    told_of,
    why_recalled,
)
from tui.domain.prompt.render import TEMPLATE_CLOCK
from tui.domain.prompt.stops import stops_of
from tui.domain.prompt.texts import Texts, without_moments
from tui.domain.prompt.turn_lore import LoreScanner, TurnLore, scan_exactly, scan_turn
from tui.domain.prompt.types import Anchored, Counter, Plan, PlanState, Recalled, Segment, Turn
from tui.domain.prompt.wrapping import Wrapping

#: From this share of its room on, history is said to be nearly full.
NEARLY_FULL = 0.85
_NO_ROOM = Notice("It fired, but there is no room for it beside the newest message.")
_EXAMPLES_LEFT = Notice("Example dialogue leaves, all of it, when the conversation needs its room.")
_REPLIES_LEFT = Notice("The replies since your last message do not all fit; the oldest of them were left out.")
_SUMMARY_LEFT = Notice("There is no room for this summary beside the newest message.")


def make_plan(
    turn: Turn, count: Counter, count_markup: Counter | None = None, scan: LoreScanner | None = None
) -> Plan:
    """The plan of one turn.

    `count` counts texts (special tokens not read), one message or one field of the head at a time; `count_markup`
    counts the format's literals (special tokens read), by default it is `count`. Both may estimate: then the total is
    one, and the caller compares the rendered prompt with the window and plans again with a smaller budget if need be.
    `scan` looks for lore keys; without it a plain one is used, to which regular expressions never match.
    Raises PromptTooLong when head, newest user turn and reserve do not fit.

    When the beginning of history moves, everything that waited for this moment enters with it: the plan is made again
    with summaries that the program made, and with the time macros of the head resolved anew. Another reply to a message
    has the head that the one before it had.
    """
    if turn.prompt.mode == "compatible":
        return _compatible(turn, count, count_markup, scan)
    if turn.fresh_macros:
        turn = replace(turn, state=replace(turn.state, frozen={}), fresh_macros=False)
        again: Mapping[str, str] = {}
    else:
        again = turn.sibling.frozen if turn.sibling is not None else {}
        turn = replace(turn, state=replace(turn.state, frozen={**turn.state.frozen, **again}))
    plan = _plan(turn, count, count_markup or count, scan, rebase=False)
    if plan.rebase and _waiting(turn, plan):
        frozen = {**without_moments(turn.state.frozen), **again}
        settled = replace(turn, state=replace(turn.state, frozen=frozen))
        plan = _plan(settled, count, count_markup or count, scan, rebase=True)
    return replace(plan, rebase=True) if turn.cut_ahead else plan


def _compatible(
    turn: Turn, count: Counter, count_markup: Counter | None, scan: LoreScanner | None
) -> Plan:
    """SillyTavern's assembly, with the trace and the timers of its scan."""
    # Here and not above: few chats need it, and it would cost every start some hundredths of a second.
    from tui.domain.prompt.compatible.plan import make_compatible_plan

    lore = scan_exactly(turn, count, scan)
    plan = make_compatible_plan(turn, count, count_markup, lore.active)
    state = replace(plan.state, timers=lore.timers)
    return replace(plan, lore=lore.hits, state=state, notices=(*plan.notices, *lore.notices))


def _waiting(turn: Turn, plan: Plan) -> bool:
    """Whether a rebase has more to do than to cut."""
    if turn.note_position == "anchored" and turn.note.strip():
        return True
    pending = any(s.source.startswith("summary:") and not s.included for s in plan.segments)
    return pending or without_moments(turn.state.frozen) != turn.state.frozen


def _plan(
    turn: Turn, count: Counter, count_markup: Counter, scan: LoreScanner | None, *, rebase: bool
) -> Plan:
    draft = _draft(turn, count, count_markup, scan, rebase)
    shed = _make_room(draft, turn)
    pinned = turn.prompt.examples == "always"
    fit = fit_history(
        shed.history, _room(shed, turn), 0 if pinned else _tokens(shed.examples), turn.prompt.history_share,
        start=shed.history.start_of(turn.state.anchor), with_examples=turn.state.examples, rebase=rebase,
    )
    return _finish(turn, *_recall(turn, shed, fit), rebase)


@dataclass(frozen=True, slots=True)
class _Draft:
    """All segments of a turn before the budget is applied. `left` are those that found no room; `kept` are the tokens
    that are kept free for what is recalled once it is known where history begins. `recall` stands in history beside the
    lore, `told` says what was found. `summarised` are the messages that summaries stand for."""

    texts: Texts
    wrapping: Wrapping
    template: Segment
    head: tuple[Segment, ...]
    examples: tuple[Segment, ...]
    memory: tuple[Segment, ...]
    history: History
    inserts: tuple[Insert, ...]
    tail: Segment | None
    ending: Segment | None
    lore: TurnLore
    left: tuple[Segment, ...] = ()
    summarised: frozenset[str] = frozenset()
    kept: int = 0
    recall: tuple[Anchored, ...] = ()
    told: tuple[Recalled, ...] = ()


def _draft(turn: Turn, count: Counter, count_markup: Counter, scan: LoreScanner | None, rebase: bool) -> _Draft:
    texts = Texts(turn)
    wrapping = Wrapping(turn, count, count_markup)
    pins = pin_segments(texts, count)
    memory, summarised = memory_segments(texts, count, rebase, summary_room(turn, _tokens(pins)))
    memory = [*pins, *memory]
    lore = scan_turn(turn, texts, count, scan, rebase)
    texts.with_outlets(lore.outlets)
    recall = standing_recall(turn)
    history = _history(turn, summarised, wrapping, (*lore.standing, *recall))
    head = head_segments(texts, lore.hits, count)
    template = Segment("template", "system", "", wrapping.fixed(bool(head or memory)), "head", name=turn.template.id)
    if "{{date:" in "".join((wrapping.form.preamble, wrapping.form.system_prefix, wrapping.form.system_missing)):
        texts.frozen.value(TEMPLATE_CLOCK, lambda: turn.clock)
    return _Draft(
        texts, wrapping, template, tuple(head), tuple(example_segments(texts, count)), tuple(memory), history,
        tuple(depth_inserts(texts, lore.hits, wrapping)), post_history_segment(texts, wrapping),
        ending_segment(texts, wrapping), lore, summarised=summarised, recall=recall,
        kept=_room_to_recall(turn, memory, recall, wrapping) if _has_left(turn, summarised) else 0,
    )


def _history(
    turn: Turn, summarised: Collection[str], wrapping: Wrapping, standing: Sequence[Anchored]
) -> History:
    return skip_through(read_history(turn, summarised, wrapping, standing), turn.state.skipped)


def _has_left(turn: Turn, summarised: Collection[str]) -> bool:
    """Whether there is something to recall."""
    return not turn.side_job and bool(turn.limits.documents or turn.state.anchor is not None or summarised)


def _room_to_recall(
    turn: Turn, memory: Sequence[Segment], recall: Sequence[Anchored], wrapping: Wrapping
) -> int:
    """Tokens that may still be recalled, beside what stands."""
    stands = sum(wrapping.count(a.text) + wrapping.turn(a.role) for a in recall)
    return max(0, recall_room(turn, _tokens(s for s in memory if s.included)) - stands)


def _recall(turn: Turn, draft: _Draft, fit: Fit) -> tuple[_Draft, Fit]:
    """What is recalled of that which is not in the prompt, in the room that is kept for it or still free."""
    told = tuple(one for anchored in draft.recall for one in told_of(anchored))
    if not turn.recall or turn.side_job or not draft.history.nodes:
        return replace(draft, told=told), fit
    kept = list(zip(draft.history.nodes, draft.history.segments, strict=True))[fit.start:]
    shown = {node for node, s in kept if s.included and s.source.startswith("message:")}
    used = _tokens(s for _, s in kept if s.included)
    if fit.examples and turn.prompt.examples != "always":
        used += _tokens(draft.examples)
    free = _room(draft, turn) + draft.kept - used
    stands = [a for a in draft.recall if any(node == a.node for node, _ in kept)]
    taken = sum(s.tokens for node, s in kept if s.source.startswith("recall:"))
    room = min(recall_room(turn, _tokens(s for s in draft.memory if s.included)), free + taken)
    found = recall_now(turn, draft.texts, stands, shown, room, draft.wrapping)
    if found.anchored is None:
        return replace(draft, told=(*told, *found.told)), fit
    recall = (*(() if found.anew else stands), found.anchored)
    told = (*(one for a in recall[:-1] for one in told_of(a)), *found.told)
    first = draft.history.nodes[fit.start]
    history = _history(turn, draft.summarised, draft.wrapping, (*draft.lore.standing, *recall))
    start = history.start_of(first) if fit.start else 0
    return replace(draft, recall=recall, told=told, history=history), replace(fit, start=start)


def _room(draft: _Draft, turn: Turn) -> int:
    """Tokens for history, and for examples that leave when it needs their room, beside everything else."""
    fixed = [draft.template, *draft.head, *(s for s in draft.memory if s.included), *(i.segment for i in draft.inserts)]
    fixed += [s for s in (draft.tail, draft.ending) if s is not None]
    if turn.prompt.examples == "always":
        fixed += draft.examples
    return turn.budget.context - turn.budget.reserve - draft.kept - _tokens(fixed)


def _make_room(draft: _Draft, turn: Turn) -> _Draft:
    """If the newest user turn does not fit, let go of the oldest of several replies to it, at once down to the mark
    of a cut; then of the room for what is recalled, then of fired lore (lowest order first), then of the oldest
    summaries; if it still does not, refuse. Pinned facts stay."""
    while (room := _room(draft, turn)) < draft.history.newest_tokens():
        shorter = skip_replies(draft.history, int(room * turn.prompt.history_share))
        if shorter is not None:
            draft = replace(draft, history=shorter)
            continue
        lore = [i for i in draft.inserts if i.segment.source.startswith("lore:")]
        newest = draft.history.nodes[draft.history.newest_turn()] if draft.history.nodes else ""
        anchored = [a for a in (*draft.lore.standing, *draft.recall) if a.node == newest and a.book != NOTE]
        if draft.kept:
            draft = replace(draft, kept=0)
        elif lore:
            draft = _without_insert(draft, min(lore, key=lambda i: i.order))
        elif anchored:
            draft = _without_anchored(draft, min(anchored, key=lambda a: a.order))
        elif (at := _oldest_summary(draft)) is not None:
            gone = replace(draft.memory[at], included=False, why=_SUMMARY_LEFT)
            draft = replace(draft, memory=(*draft.memory[:at], gone, *draft.memory[at + 1 :]))
        else:
            raise _too_long(draft, turn)
    return draft


def _oldest_summary(draft: _Draft) -> int | None:
    found = (at for at, s in enumerate(draft.memory) if s.included and s.source.startswith("summary:"))
    return next(found, None)


def _without_insert(draft: _Draft, gone: Insert) -> _Draft:
    source = gone.segment.source
    return replace(
        draft,
        inserts=tuple(i for i in draft.inserts if i is not gone),
        left=(*draft.left, replace(gone.segment, included=False, why=_NO_ROOM)),
        lore=draft.lore.without(source, _NO_ROOM),
    )


def _without_anchored(draft: _Draft, gone: Anchored) -> _Draft:
    source = source_of(gone)
    segments, nodes = draft.history.segments, draft.history.nodes
    at = next(i for i, s in enumerate(segments) if s.source == source)
    history = replace(
        draft.history, segments=(*segments[:at], *segments[at + 1 :]), nodes=(*nodes[:at], *nodes[at + 1 :])
    )
    return replace(
        draft, history=history, left=(*draft.left, replace(segments[at], included=False, why=_NO_ROOM)),
        lore=draft.lore.without(source, _NO_ROOM), recall=tuple(a for a in draft.recall if a is not gone),
    )


def _too_long(draft: _Draft, turn: Turn) -> PromptTooLong:
    newest = draft.history.segments[draft.history.newest_turn() :]
    tail = [i.segment for i in draft.inserts] + [s for s in (draft.tail, draft.ending) if s is not None]
    pinned = draft.examples if turn.prompt.examples == "always" else ()
    stays = [s for s in (*draft.memory, *newest) if s.included]
    segments = [draft.template, *draft.head, *pinned, *stays, *tail]
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


def _finish(turn: Turn, draft: _Draft, fit: Fit, rebase: bool) -> Plan:
    history = cut_before(draft.history, fit.start)
    cut = (*turn.cut_ahead, *_cut_now(turn, draft.history, fit.start))
    gradual = turn.prompt.examples == "gradual"
    examples = draft.examples if fit.examples or not gradual else tuple(
        replace(s, included=False, why=_EXAMPLES_LEFT) for s in draft.examples
    )
    segments = [draft.template, *draft.head, *examples, *draft.memory, *draft.left]
    why = {source_of(a): why_recalled(a) for a in draft.recall}
    history = [replace(s, why=why[s.source]) if s.included and s.source in why else s for s in history]
    segments += with_inserts(history, draft.inserts, draft.tail)
    segments += [draft.ending] if draft.ending else []
    last = forecast(segments, turn.state.rendered, turn.template.system_placement == "last_user")
    moving = moving_tokens(last.segments, turn.cuttable)
    return Plan(
        last.segments, _next_state(turn, draft, fit, last.rendered), draft.lore.hits, stops_of(turn),
        _tokens(s for s in last.segments if s.included), last.reuse, cut,
        tuple(_notices(turn, draft, fit, cut, moving)), last.first_change,
        rebase=rebase or _rebased(turn, draft.history, fit), moving=moving, globals=draft.texts.globals(),
        recalled=draft.told,
    )


def _next_state(turn: Turn, draft: _Draft, fit: Fit, rendered: Rendered) -> PlanState:
    nodes = draft.history.nodes
    first = nodes[fit.start] if fit.start < len(nodes) and (fit.start or draft.history.older) else None
    kept = set(nodes[fit.start :])
    return PlanState(
        first, dict(draft.texts.frozen.used), fit.examples, rendered,
        anchored=tuple(a for a in (*draft.lore.standing, *draft.recall) if a.node in kept), timers=draft.lore.timers,
        variables=draft.texts.variables(),
        memory=tuple(
            s.source.removeprefix("summary:") for s in draft.memory
            if s.source.startswith("summary:") and (s.included or s.why in (TOO_MUCH, INSIDE))
        ),
        skipped=draft.history.skipped,
    )


def _rebased(turn: Turn, history: History, fit: Fit) -> bool:
    moved = fit.start != history.start_of(turn.state.anchor) or history.skipped != turn.state.skipped
    return moved or fit.examples != turn.state.examples


def _cut_now(turn: Turn, history: History, start: int) -> tuple[str, ...]:
    """Messages that were in the last prompt, and are in this one no more."""
    if not start:
        return ()
    ids = [node.id for node in turn.path]
    first = ids.index(turn.state.anchor) if turn.state.anchor in ids else 0
    end = ids.index(history.nodes[start])
    shown = {n: s.included for n, s in zip(history.nodes, history.segments, strict=True)}
    return tuple(
        node.id for node in turn.path[first:end]
        if shown.get(node.id, not node.hidden and bool(node.text.strip()))
    )


def _notices(turn: Turn, draft: _Draft, fit: Fit, cut: Sequence[str], moving: int) -> list[Notice]:
    out = [*draft.lore.notices]
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
    if draft.history.skipped not in (None, turn.state.skipped):
        out.append(_REPLIES_LEFT)
    if any(s.why in (_SUMMARY_LEFT, TOO_MUCH) for s in draft.memory):
        out.append(Notice("Not all summaries fit into the prompt; shorten them or use a larger context."))
    if banned := draft.texts.banned():
        words = ", ".join(banned)[:200]
        out.append(notice("A text asks that words not be written ({words}); no backend is told so yet.", words=words))
    if moving and not turn.cuttable:
        out.append(notice(
            "This model's cache cannot be cut in the middle: what stands at a depth has the whole prompt processed "
            "again on every turn, {tokens} tokens. Anchored lore and notes in the head cost nothing.", tokens=moving,
        ))
    return out


def _tokens(segments: Iterable[Segment]) -> int:
    return sum(segment.tokens for segment in segments)
