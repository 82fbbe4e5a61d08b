"""The conversation in a prompt, and the block cut: when it no longer fits, its oldest part leaves at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from tui.domain.chat import Node
from tui.domain.notice import Notice
from tui.domain.prompt.anchoring import NOTE
from tui.domain.prompt.memory import source_of
from tui.domain.prompt.types import Anchored, Segment, Turn
from tui.domain.prompt.wrapping import Wrapping

_CUT = Notice("Left out to make room; the oldest messages leave in one block.")
_HIDDEN = Notice("Hidden from the model.")
_PRIVATE = Notice("Hidden from the model, or whispered: who speaks does not know of it.")
_EMPTY = Notice("It has no text.")
_SUMMARISED = Notice("A summary stands for it.")


@dataclass(frozen=True, slots=True)
class History:
    """The messages of a path, in order, lore that is anchored in them before the user's message it belongs to.

    Only as many messages are listed as could fit into the window; `older` stands for those before, if there are any.
    `nodes` holds the message that each segment belongs to. `skipped` is the last reply to the newest message of the
    person that is left out, if any.
    """

    segments: tuple[Segment, ...]
    nodes: tuple[str, ...]
    older: Segment | None = None
    skipped: str | None = None

    def start_of(self, node: str | None) -> int:
        """Where the turn of a message begins, its anchored lore included; 0 when the message is not listed."""
        return self.nodes.index(node) if node is not None and node in self.nodes else 0

    def turns(self) -> list[int]:
        """Where the user's turns begin."""
        users = [
            at for at, segment in enumerate(self.segments)
            if segment.role == "user" and segment.included and segment.source.startswith("message:")
        ]
        return [self._begin(at) for at in users]

    def _begin(self, at: int) -> int:
        while at > 0 and self.nodes[at - 1] == self.nodes[at]:
            at -= 1
        return at

    def newest_turn(self) -> int:
        """Where the newest user turn begins; without one, the last message that is included."""
        turns = self.turns()
        shown = [at for at, segment in enumerate(self.segments) if segment.included]
        return turns[-1] if turns else shown[-1] if shown else 0

    def newest_tokens(self) -> int:
        """Tokens of the newest user turn and what follows it, the least that a prompt must hold."""
        return sum(s.tokens for s in self.segments[self.newest_turn():] if s.included)


    def replies(self) -> list[int]:
        """The replies to the newest message of the person that may be left out: all that are, but the last."""
        users = [at for at, s in enumerate(self.segments) if s.included and s.role == "user" and not is_anchored(s)]
        if not users:
            return []
        return [at for at in range(users[-1] + 1, len(self.segments)) if self.segments[at].included][:-1]


def skip_through(history: History, node: str | None) -> History:
    """The replies to the newest message left out as far as `node`, one of them, as in the last prompt."""
    replies = history.replies()
    last = next((at for at in replies if history.nodes[at] == node), None)
    return history if last is None else _skip(history, [at for at in replies if at <= last])


def skip_replies(history: History, room: int) -> History | None:
    """The oldest replies to the newest message left out, so many that the rest takes at most `room` tokens if it can;
    None where there are none to leave out."""
    gone: list[int] = []
    tokens = history.newest_tokens()
    for at in history.replies():
        if tokens <= room:
            break
        gone.append(at)
        tokens -= history.segments[at].tokens
    return _skip(history, gone) if gone else None


def _skip(history: History, gone: Sequence[int]) -> History:
    segments = list(history.segments)
    for at in gone:
        segments[at] = replace(segments[at], included=False, why=_CUT)
    return replace(history, segments=tuple(segments), skipped=history.nodes[gone[-1]])


def read_history(
    turn: Turn, summarised: Collection[str], wrapping: Wrapping, anchored: Sequence[Anchored] = ()
) -> History:
    """The history of a turn. What the newest user message opens always stays, summarised or not.

    Tokens are counted from the end back until they exceed the window: what is older cannot be in the prompt, so a long
    chat costs no more than a short one.
    """
    path, newest = turn.path, last_turn(turn.path)
    standing, thoughts = _by_node(anchored), _thoughts(turn, wrapping)
    back: list[list[tuple[Segment, str]]] = []
    total, at = 0, len(path) - 1
    while at >= 0 and (total <= turn.budget.context or at >= newest):
        node = path[at]
        message = _message(node, node.id in summarised and at < newest, wrapping, thoughts.get(node.id, ""))
        lore = [_lore(a, wrapping) for a in standing.get(node.id, ()) if message.included]
        back.append([(segment, node.id) for segment in (*lore, message)])
        total += sum(segment.tokens for segment in (*lore, message))
        at -= 1
    listed = [pair for group in reversed(back) for pair in group]
    older = _run(path[0].id, path[at].id, _CUT) if at >= 0 else None
    return History(tuple(s for s, _ in listed), tuple(n for _, n in listed), older)


def last_turn(path: Sequence[Node]) -> int:
    """Where the newest user turn begins; without one, the last message."""
    return next((at for at in range(len(path) - 1, -1, -1) if path[at].role == "user"), max(0, len(path) - 1))


def is_anchored(segment: Segment) -> bool:
    """Whether a segment of history stands with the message after it."""
    return segment.source == NOTE or segment.source.startswith(("lore:", "recall:"))


def _message(node: Node, summarised: bool, wrapping: Wrapping, thoughts: str) -> Segment:
    why = (_PRIVATE if "seen_by" in node.extra else _HIDDEN) if node.hidden else None if node.text.strip() else _EMPTY
    if why is None and summarised:
        why = _SUMMARISED
    text = thoughts + node.text
    tokens = wrapping.count(text) + wrapping.turn(node.role, node.name) if why is None else 0
    source = f"message:{node.id}"
    return Segment(source, node.role, text, tokens, "history", node.name, included=why is None, why=why)


def _thoughts(turn: Turn, wrapping: Wrapping) -> Mapping[str, str]:
    """What stands before the text of the newest replies whose thoughts stay in the prompt, by message."""
    tags = wrapping.form.reasoning
    if turn.reasoning_added <= 0 or not tags.start:
        return {}
    thinking = (n for n in reversed(turn.path) if n.role == "assistant" and n.revision.reasoning.strip())
    newest = islice(thinking, turn.reasoning_added)
    return {n.id: f"{tags.start}{n.revision.reasoning}{tags.end}\n\n" for n in newest}


def _lore(anchored: Anchored, wrapping: Wrapping) -> Segment:
    tokens = wrapping.count(anchored.text) + wrapping.turn(anchored.role)
    source = NOTE if anchored.book == NOTE else source_of(anchored)
    return Segment(source, anchored.role, anchored.text, tokens, "history")


def _by_node(anchored: Sequence[Anchored]) -> Mapping[str, list[Anchored]]:
    out: dict[str, list[Anchored]] = {}
    for item in sorted(anchored, key=lambda a: a.order):
        out.setdefault(item.node, []).append(item)
    return out


@dataclass(frozen=True, slots=True)
class Fit:
    """`start`: index of the first segment of history that is kept. `examples`: whether example dialogue stays.
    `fill`: share of the room that history takes (0..1)."""

    start: int
    examples: bool
    fill: float


def fit_history(
    history: History, room: int, examples: int, share: float, *, start: int, with_examples: bool, rebase: bool = False
) -> Fit:
    """Where history begins so that it fits into `room` tokens, starting from where it began last time.

    Nothing moves while it fits. When it does not, the example dialogue (`examples` tokens) goes first, all of it;
    then the beginning moves to the first user turn from which on everything fits into `share` of the room. When all
    that was cut would again fill no more than half of the room (the window has grown, messages were hidden), it comes
    back; half, so that lore which comes and goes does not move the beginning to and fro. With a `rebase` the beginning
    moves even if everything would fit, down to the same mark: all of it is processed anyway.
    """
    low = int(room * max(0.1, min(share, 1.0)))
    rest = _sums(history.segments)
    if (start or not with_examples) and history.older is None and rest[0] + examples <= min(low, room // 2):
        start, with_examples = 0, True
    if with_examples and rest[start] + examples > room:
        with_examples = False
    if rest[start] > (low if rebase else room):
        newest = history.newest_turn()
        start = next((at for at in history.turns() if start < at <= newest and rest[at] <= low), newest)
    taken = rest[start] + (examples if with_examples else 0)
    return Fit(start, with_examples, taken / room if room > 0 else 1.0)


def cut_before(history: History, start: int) -> list[Segment]:
    """The messages before `start` marked as left out. A run of messages left out for one reason becomes one segment
    `messages:FIRST:LAST` without their texts, for there may be thousands."""
    listed = [
        replace(s, included=False, why=_CUT) if at < start and s.why is not _SUMMARISED else s
        for at, s in enumerate(history.segments)
    ]
    lore = [s for s in listed[:start] if is_anchored(s)]
    messages = [s for at, s in enumerate(listed) if at >= start or not is_anchored(s)]
    if history.older is not None:
        messages.insert(0, history.older)
    out: list[Segment] = []
    for why, group in groupby(messages, key=lambda s: s.why):
        run = list(group)
        out += run if why is None else [_left_out(run, why)]
    return [*lore, *out]


def _left_out(segments: Sequence[Segment], why: Notice) -> Segment:
    first, last = replace(segments[0], included=False, why=why), segments[-1]
    if len(segments) == 1:
        return first
    run = _run(_ends(segments[0].source)[0], _ends(last.source)[1], why)
    return replace(run, role=first.role, tokens=sum(s.tokens for s in segments))


def _run(first: str, last: str, why: Notice) -> Segment:
    return Segment(f"messages:{first}:{last}", "user", "", 0, "history", included=False, why=why)


def _ends(source: str) -> tuple[str, str]:
    """The first and the last message that a segment stands for."""
    kind, _, rest = source.partition(":")
    first, _, last = rest.partition(":") if kind == "messages" else (rest, "", rest)
    return first, last


def _sums(segments: Sequence[Segment]) -> list[int]:
    """Tokens from each segment to the end; one more entry, 0, for none."""
    sums = [0] * (len(segments) + 1)
    for at in range(len(segments) - 1, -1, -1):
        sums[at] = sums[at + 1] + (segments[at].tokens if segments[at].included else 0)
    return sums
