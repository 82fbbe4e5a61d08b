"""What stands between messages: notes, lore that fired, post-history instructions. Depth N is before the Nth message
from the end of the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.domain.chat import Role
from tui.domain.prompt.head import in_head, note_in_head
from tui.domain.prompt.history import is_anchored
from tui.domain.prompt.texts import Texts, joined_cards
from tui.domain.prompt.turn_lore import STABLE_DEPTH
from tui.domain.prompt.types import LoreHit, Segment, Turn
from tui.domain.prompt.wrapping import Wrapping

_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_ROLE_ORDER = {"assistant": 0, "user": 1, "system": 2}


@dataclass(frozen=True, slots=True)
class Insert:
    """A segment to be put at a depth. `rank` orders kinds at one place (notes before lore), `order` within a kind."""

    segment: Segment
    depth: int
    rank: int
    order: int

    @property
    def place(self) -> tuple[int, int, int, int]:
        return (-self.depth, _ROLE_ORDER[self.segment.role], self.rank, self.order)


class _Inserts:
    """Collects what stands at a depth."""

    def __init__(self, texts: Texts, wrapping: Wrapping) -> None:
        self.texts = texts
        self.wrapping = wrapping
        self.out: list[Insert] = []

    def add(self, source: str, text: str, role: str, depth: int, rank: int, order: int = 0) -> None:
        if text.strip():
            kind = _ROLES.get(role, "system")
            tokens = self.wrapping.count(text) + self.wrapping.turn(kind)
            segment = Segment(source, kind, text, tokens, "tail", depth=max(0, depth))
            self.out.append(Insert(segment, max(0, depth), rank, order))


def depth_inserts(texts: Texts, lore: Sequence[LoreHit], wrapping: Wrapping) -> list[Insert]:
    """Notes, the persona where it asks for a depth, injected texts, and fired lore that stands neither in the head
    nor in history."""
    inserts = _Inserts(texts, wrapping)
    due = note_due(texts.turn)
    _notes(inserts, due)
    _persona(inserts, due)
    for hit in lore:
        if not hit.fired or hit.anchored or in_head(hit) or hit.position == "outlet":
            continue
        _fired(inserts, hit, due)
    return inserts.out


def note_due(turn: Turn) -> bool:
    """Whether this is a turn of the author's note: every `note_interval` messages of the person."""
    if turn.note_interval <= 1:
        return turn.note_interval == 1
    said = sum(1 for node in turn.path if node.role == "user" and not node.hidden)
    return said > 0 and said % turn.note_interval == 0


def _notes(inserts: _Inserts, due: bool) -> None:
    texts, turn = inserts.texts, inserts.texts.turn
    anchored = turn.note_position == "anchored" and any(n.role == "user" and not n.hidden for n in turn.path)
    if due and not anchored and not note_in_head(turn):
        depth = turn.note_depth if turn.note_position == "at_depth" else STABLE_DEPTH
        inserts.add("note", texts.fresh(turn.note, "note"), turn.note_role, depth, 1)
    cards = joined_cards(turn.cast) if turn.cast is not None and turn.cast.join else [turn.card]
    for at, card in enumerate(cards):
        own, note = card is turn.card, card.depth_prompt
        text = texts.fresh(note, "card.note") if own else texts.of_card(card, note, "card.note")
        source = "card.note" if len(cards) == 1 else f"card.note:{card.display_name}"
        inserts.add(source, text, card.depth_prompt_role, card.depth_prompt_depth, 3, at)
    for injection in sorted(turn.injections, key=lambda i: i.id):
        if injection.position == "at_depth":
            source = f"injection:{injection.id}"
            inserts.add(source, texts.fresh(injection.text, source), injection.role, injection.depth, 5)


def _persona(inserts: _Inserts, due: bool) -> None:
    turn, text = inserts.texts.turn, inserts.texts.persona
    if turn.persona_position == "at_depth":
        inserts.add("persona", text, turn.persona_role, turn.persona_depth, 3)
    elif turn.persona_position in ("note_top", "note_bottom") and due:
        rank = 0 if turn.persona_position == "note_top" else 2
        inserts.add("persona", text, turn.note_role, turn.note_depth, rank)


def _fired(inserts: _Inserts, hit: LoreHit, due: bool) -> None:
    turn, source = inserts.texts.turn, f"lore:{hit.book}:{hit.uid}"
    if hit.position in ("note_top", "note_bottom"):
        if due:
            rank = 0 if hit.position == "note_top" else 2
            inserts.add(source, hit.text, turn.note_role, turn.note_depth, rank, hit.order)
    else:
        inserts.add(source, hit.text, hit.role, hit.depth or 0, 4, hit.order)


def post_history_segment(texts: Texts, wrapping: Wrapping) -> Segment | None:
    """Post-history instructions; their place is just before the newest user message."""
    text = texts.post_history()
    if not text.strip():
        return None
    return Segment("post_history", "system", text, wrapping.count(text) + wrapping.turn("system"), "tail")


def ending_segment(texts: Texts, wrapping: Wrapping) -> Segment | None:
    """What the prompt ends with: a reply begun, or what asks for something else than a reply."""
    turn = texts.turn
    if turn.kind == "quiet" or (turn.kind == "impersonate" and (turn.as_messages or turn.instruction.strip())):
        text = texts.instruction() if turn.kind == "quiet" else texts.impersonation()
        tokens = wrapping.count(text) + wrapping.turn("system")
        return Segment("instruction", "system", text, tokens, "tail") if text.strip() else None
    prefill = turn.prefill.rstrip(" ")                      # a blank at the end of a prompt misleads the tokenizer
    if not prefill:
        return _nudge(texts, wrapping)
    role: Role = "user" if turn.kind == "impersonate" else "assistant"
    name = turn.user if turn.kind == "impersonate" else turn.card.display_name
    return Segment("prefill", role, prefill, wrapping.count(prefill), "tail", name)


def _nudge(texts: Texts, wrapping: Wrapping) -> Segment | None:
    """In a group: whose reply comes, said at the end, where it costs nothing of what is cached."""
    turn = texts.turn
    text = texts.nudge() if turn.cast is not None and turn.kind != "impersonate" and not turn.side_job else ""
    if not text.strip():
        return None
    return Segment("cast", "system", text, wrapping.count(text) + wrapping.turn("system"), "tail")


def with_inserts(history: Sequence[Segment], inserts: Sequence[Insert], tail: Segment | None) -> list[Segment]:
    """History with everything in its place. Segments of one role at one depth are one turn, a line each. Depths count
    messages; lore that is anchored to one stands with it."""
    shown = [
        _with_lore(history, at) for at, segment in enumerate(history)
        if segment.included and segment.source.startswith("message:")
    ]
    before: dict[int, list[Segment]] = {}
    for insert in sorted(inserts, key=lambda i: i.place):
        back = len(shown) - insert.depth
        at = len(history) if insert.depth <= 0 or not shown else shown[max(0, back)]
        before.setdefault(at, []).append(insert.segment)
    if tail is not None:
        newest = [at for at, s in enumerate(history) if s.included and s.role == "user" and not is_anchored(s)][-1:]
        at = _with_lore(history, newest[0]) if newest else shown[-1] if shown else len(history)
        before.setdefault(at, []).append(tail)
    out: list[Segment] = []
    for at in range(len(history) + 1):
        out += _as_turns(before.get(at, []))
        out += history[at : at + 1]
    return out


def _with_lore(history: Sequence[Segment], at: int) -> int:
    """Where the lore begins that is anchored to the message at `at`; `at` itself without any."""
    while at > 0 and history[at - 1].included and is_anchored(history[at - 1]):
        at -= 1
    return at


def _as_turns(segments: Sequence[Segment]) -> list[Segment]:
    """Neighbours of one role and depth made one block, with line ends between them."""
    out: list[Segment] = []
    for segment in segments:
        if segment.depth is not None:
            block = f"depth:{segment.depth}:{segment.role}"
            if out and out[-1].block == block and out[-1].included:
                out[-1] = replace(out[-1], text=out[-1].text + "\n")
            segment = replace(segment, block=block)
        out.append(segment)
    return out
