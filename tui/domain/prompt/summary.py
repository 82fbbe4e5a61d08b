"""Summaries as a side job: the same beginning as the replies' prompts, an instruction at the end.

The beginning is then in the backend's cache, and the job costs little more than its own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.domain.backend import ChatMessage, Piece
from tui.domain.chat import Node
from tui.domain.errors import BadInput, PromptTooLong
from tui.domain.lore import Lorebook
from tui.domain.notice import Notice, notice
from tui.domain.prompt.head import memory_segments
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import plan_messages, render_messages
from tui.domain.prompt.stops import stops_of
from tui.domain.prompt.texts import Texts
from tui.domain.prompt.types import Counter, Plan, Turn
from tui.domain.prompt.wrapping import Wrapping

#: How much of a message is quoted, in words and in letters, to say where a summary ends.
_QUOTED, _QUOTED_LETTERS = 12, 80


@dataclass(frozen=True, slots=True)
class SideJob:
    """A prompt that asks for a summary. `covers` is what the answer will stand for: node and revision ids in path
    order. `tokens` counts the whole prompt; `with_head` is True when it begins as the chat's own prompts do."""

    covers: tuple[tuple[str, str], ...]
    messages: tuple[ChatMessage, ...]
    bos: str
    pieces: tuple[Piece, ...]
    tokens: int
    stops: tuple[str, ...]
    with_head: bool


def plan_summary(
    turn: Turn, first: str, last: str, count: Counter, count_markup: Counter | None = None
) -> SideJob:
    """The prompt that asks for a summary of the visible messages from node `first` to node `last`.

    `turn` is the chat's next turn as it would be planned; `budget.reserve` is what the summary may take. Where head,
    history up to `last` and instruction fit, they are the prompt; else the range alone, with summaries in the place of
    what they cover. Raises BadInput when the range is not on the path or holds nothing, PromptTooLong when not even
    the range alone fits (`details["fits"]` then names the last node up to which it would, "" for none).
    """
    ids = [node.id for node in turn.path]
    if first not in ids or last not in ids or ids.index(last) < ids.index(first):
        raise BadInput(notice("The range of messages is not on this path."))
    nodes = [n for n in turn.path[ids.index(first) : ids.index(last) + 1] if not n.hidden and n.text.strip()]
    if not nodes:
        raise BadInput(notice("There is nothing in that range to summarise."))
    counts = _Counts(count, count_markup or count)
    return _shared(turn, nodes, ids.index(last), counts) or _alone(turn, nodes, counts)


@dataclass(frozen=True, slots=True)
class _Counts:
    text: Counter
    markup: Counter


def _shared(turn: Turn, nodes: Sequence[Node], end: int, counts: _Counts) -> SideJob | None:
    """Head and history as the chat's prompts have them, then the instruction; None when history begins elsewhere than
    the range, or does not fit. What follows the range stays, where it fits: so the whole prompt is in the cache, and
    stays there for the next reply."""
    if turn.prompt.mode == "compatible":          # its beginning is another on every turn, so nothing is won
        return None
    following = next((n for n in turn.path[end + 1 :] if not n.hidden and n.text.strip()), None)
    whole = None
    if following is not None:
        whole = _on_history(turn, nodes, len(turn.path), _instruction(turn, following), counts)
    return whole or _on_history(turn, nodes, end + 1, _instruction(turn), counts)


def _instruction(turn: Turn, following: Node | None = None) -> str:
    """What asks for the summary; with `following`, the message before which it ends."""
    asked = Texts(turn).fresh(turn.prompt.summary_prompt, "summary_prompt")
    if following is None:
        return asked
    begins = " ".join(following.text.split()[:_QUOTED])[:_QUOTED_LETTERS]
    return f"{asked} {turn.prompt.summary_until.replace('{{message}}', begins)}"


def _on_history(turn: Turn, nodes: Sequence[Node], end: int, instruction: str, counts: _Counts) -> SideJob | None:
    """The instruction after the messages before `end`."""
    cost = counts.text(instruction) + Wrapping(turn, counts.text, counts.markup).turn("user")
    budget = replace(turn.budget, reserve=turn.budget.reserve + cost)
    card = replace(turn.card, depth_prompt="", post_history_instructions="")
    prompt = replace(turn.prompt, post_history="")
    bare = replace(
        turn, path=turn.path[:end], card=card, prompt=prompt, budget=budget, note="", prefill="",
        books=_constant(turn), side_job=True,
    )
    try:
        plan = make_plan(bare, counts.text, counts.markup)
    except PromptTooLong:
        return None
    kept = [s.source for s in plan.segments if s.included and s.source.startswith("message:")]
    if plan.cut or not kept or kept[0] != f"message:{nodes[0].id}":
        return None
    return _job(bare, nodes, (*plan_messages(plan, bare), ChatMessage("user", instruction, turn.user)), plan, cost)


def _job(turn: Turn, nodes: Sequence[Node], messages: tuple[ChatMessage, ...], plan: Plan, cost: int) -> SideJob:
    bos, pieces = _written(turn, messages)
    return SideJob(_covers(nodes), messages, bos, pieces, plan.tokens + cost, stops_of(turn), True)


def _alone(turn: Turn, nodes: Sequence[Node], counts: _Counts) -> SideJob:
    """The range and the instruction, nothing else."""
    instruction = Texts(turn).fresh(turn.prompt.summary_prompt, "summary_prompt")
    wrapping = Wrapping(turn, counts.text, counts.markup)
    room = turn.budget.context - turn.budget.reserve - wrapping.fixed(False)
    room -= counts.text(instruction) + wrapping.turn("user")
    body, fits = [], ""
    for message, node, tokens in _body(turn, nodes, wrapping):
        room -= tokens
        if room < 0:
            raise _too_long(turn, fits)
        body.append(message)
        fits = node
    messages = (*body, ChatMessage("user", instruction, turn.user))
    bos, pieces = _written(turn, messages)
    used = turn.budget.context - turn.budget.reserve - room
    return SideJob(_covers(nodes), messages, bos, pieces, used, stops_of(turn), False)


def _body(turn: Turn, nodes: Sequence[Node], wrapping: Wrapping) -> list[tuple[ChatMessage, str, int]]:
    """Messages of the range with the node each ends at and its tokens; what earlier summaries inside the range cover
    is said in their words."""
    segments, covered = memory_segments(Texts(replace(turn, path=nodes)), wrapping.count)
    around = wrapping.turn("user")
    out = [(ChatMessage("user", s.text.strip()), nodes[0].id, s.tokens + around) for s in segments if s.included]
    for node in nodes:
        if node.id not in covered:
            message = ChatMessage(node.role, node.text, node.name)
            out.append((message, node.id, wrapping.count(node.text) + wrapping.turn(node.role, node.name)))
    return out


def _written(turn: Turn, messages: Sequence[ChatMessage]) -> tuple[str, tuple[Piece, ...]]:
    return render_messages(
        turn.template, messages, mode=turn.mode, clock=turn.clock, char=turn.card.display_name, user=turn.user,
        group=turn.group,
    )


def _too_long(turn: Turn, fits: str) -> PromptTooLong:
    sentence = "The range is too long to be summarised at once in a window of {context} tokens."
    return PromptTooLong(
        notice(sentence, context=turn.budget.context),
        Notice("Summarise a shorter range first; its summary then stands for it in the next."), fits=fits, segments=[],
    )


def _covers(nodes: Sequence[Node]) -> tuple[tuple[str, str], ...]:
    return tuple((node.id, node.current) for node in nodes)


def _constant(turn: Turn) -> tuple[Lorebook, ...]:
    """The books with nothing but what stands in every prompt."""
    return tuple(replace(book, entries=tuple(e for e in book.entries if e.constant)) for book in turn.books)
