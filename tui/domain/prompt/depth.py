"""What stands between messages: notes, lore that fired, post-history instructions. Depth N is before the Nth message
from the end of the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.domain.chat import Role
from tui.domain.prompt.head import in_head
from tui.domain.prompt.history import newest_turn
from tui.domain.prompt.texts import Texts
from tui.domain.prompt.types import LoreHit, Segment
from tui.domain.prompt.wrapping import Wrapping

#: Where triggered lore goes that asks for a place in the head: the head must not change from turn to turn.
STABLE_DEPTH = 4
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


def depth_inserts(texts: Texts, lore: Sequence[LoreHit], wrapping: Wrapping) -> list[Insert]:
    """Author's note, character's note and fired lore that does not stand in the head."""
    turn = texts.turn
    out: list[Insert] = []

    def add(source: str, text: str, role: str, depth: int, rank: int, order: int = 0) -> None:
        if text.strip():
            kind = _ROLES.get(role, "system")
            tokens = wrapping.count(text) + wrapping.turn(kind)
            segment = Segment(source, kind, text, tokens, "tail", depth=depth)
            out.append(Insert(segment, depth, rank, order))

    note_depth = max(0, turn.note_depth)
    add("note", texts.fresh(turn.note, "note"), turn.note_role, note_depth, 1)
    card = turn.card
    own_note = texts.fresh(card.depth_prompt, "card.note")
    add("card.note", own_note, card.depth_prompt_role, max(0, card.depth_prompt_depth), 3)
    for hit in lore:
        if not hit.fired or in_head(hit):
            continue
        source = f"lore:{hit.book}:{hit.uid}"
        if hit.position in ("note_top", "note_bottom"):
            add(source, hit.text, turn.note_role, note_depth, 0 if hit.position == "note_top" else 2, hit.order)
        elif hit.position == "at_depth":
            add(source, hit.text, hit.role, hit.depth or 0, 4, hit.order)
        else:
            add(source, hit.text, "system", STABLE_DEPTH, 4, hit.order)
    return out


def post_history_segment(texts: Texts, wrapping: Wrapping) -> Segment | None:
    """Post-history instructions; their place is just before the newest user message."""
    text = texts.post_history()
    if not text.strip():
        return None
    return Segment("post_history", "system", text, wrapping.count(text) + wrapping.turn("system"), "tail")


def with_inserts(history: Sequence[Segment], inserts: Sequence[Insert], tail: Segment | None) -> list[Segment]:
    """History with everything in its place. Segments of one role at one depth are one turn, a line each."""
    shown = [at for at, segment in enumerate(history) if segment.included]
    before: dict[int, list[Segment]] = {}
    for insert in sorted(inserts, key=lambda i: i.place):
        back = len(shown) - insert.depth
        at = len(history) if insert.depth <= 0 or not shown else shown[max(0, back)]
        before.setdefault(at, []).append(insert.segment)
    if tail is not None:
        at = newest_turn(history) if shown else len(history)
        before.setdefault(at, []).append(tail)
    out: list[Segment] = []
    for at in range(len(history) + 1):
        out += _as_turns(before.get(at, []))
        out += history[at : at + 1]
    return out


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
