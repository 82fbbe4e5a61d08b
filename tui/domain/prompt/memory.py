"""Memory in a prompt beside summaries: pinned facts in the head, and passages of long ago.

What is recalled stands before the message of the person that called it up, as anchored lore does, and stays there: so
nothing before the newest message changes from turn to turn. When it has used up its share of the window, all of it
leaves at once, and recalling begins anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.domain.chat import Node
from tui.domain.notice import Notice, notice
from tui.domain.prompt.head import HEAD
from tui.domain.prompt.texts import Texts
from tui.domain.prompt.types import Anchored, Counter, Recalled, Segment, Turn
from tui.domain.prompt.wrapping import Wrapping
from tui.domain.recall import Passage, Recollection, text_key

#: In the place of a book's name: what is recalled is anchored as lore is, between lore and note of its message.
RECALL = "recall"
_ORDER = (1 << 31) - 1
#: What a passage must have of the score of the best that is not in the prompt.
_LEAST_OF_BEST = 0.3
#: Passages that would have been recalled, but for the room: so many are told.
_MISSED = 5
_NO_ROOM = Notice("It was found as well, but there is no more room for what is recalled.")


def pin_segments(texts: Texts, count: Counter) -> list[Segment]:
    """The pinned facts, a line each. What people and models wrote in them is no macro."""
    pins = [pin for pin in texts.turn.pins if pin.text.strip()]
    before, after = texts.around(texts.turn.prompt.pins_format, "pins")
    out = []
    for at, pin in enumerate(pins):
        text = f"\n\n{before}" if at == 0 else "\n"
        text += f"- {pin.text.strip()}"
        if at == len(pins) - 1:
            text += after
        out.append(Segment(f"pin:{pin.id}", "system", text, count(text), "memory", block=HEAD))
    return out


def summary_room(turn: Turn, pins: int) -> int:
    """Tokens that summaries may take beside the pinned facts, and what is kept for recalling."""
    return int((turn.limits.whole - turn.limits.recall) * _window(turn)) - pins


def recall_room(turn: Turn, taken: int) -> int:
    """Tokens that what is recalled may take, where pinned facts and summaries have taken so many."""
    window = _window(turn)
    return max(0, min(int(turn.limits.recall * window), int(turn.limits.whole * window) - taken))


def _window(turn: Turn) -> int:
    return max(0, turn.budget.context - turn.budget.reserve)


def standing_recall(turn: Turn) -> tuple[Anchored, ...]:
    """What was recalled on earlier turns and stands in history; what another reply to the same message had. It goes
    with the message that called it up, and when a text that it is taken from was changed, hidden or taken away."""
    if not turn.limits.recall:
        return ()
    newest = _newest(turn.path)
    there = {node.id: text_key(node.current, node.text) for node in turn.path if not node.hidden}
    of_sibling = turn.sibling.anchored if turn.sibling is not None else ()
    known = {a.node: a for a in (*turn.state.anchored, *of_sibling) if a.book == RECALL and a.node in there}
    if newest is not None and newest.id in known and known[newest.id].digest != _digest(newest):
        del known[newest.id]                      # it was edited: what it calls up now is another matter
    return tuple(
        a for a in known.values() if all(_holds(one, there, turn.limits.documents) for one in _noted(a))
    )


def told_of(anchored: Anchored) -> list[Recalled]:
    """The passages of what was recalled, and why each was."""
    return [
        Recalled(
            str(one["kind"]), str(one["source"]), str(one["name"]), float(one["score"]), tuple(one["words"]),
            one["likeness"], segment=source_of(anchored),
        )
        for one in _noted(anchored)
    ]


def source_of(anchored: Anchored) -> str:
    """The source of the segment that something anchored is."""
    return f"recall:{anchored.node}" if anchored.book == RECALL else f"lore:{anchored.book}:{anchored.uid}"


def why_recalled(anchored: Anchored) -> Notice:
    """What brought something back, for its segment."""
    words = dict.fromkeys(word for one in _noted(anchored) for word in one["words"])
    if not words:
        return Notice("Recalled by its meaning.")
    return notice("Recalled for: {words}.", words=", ".join(list(words)[:12]))


def _noted(anchored: Anchored) -> list[dict[str, Any]]:
    found = json.loads(anchored.comment or "[]")
    return [one for one in found if isinstance(one, dict)]


def _holds(noted: Mapping[str, Any], there: Mapping[str, str], documents: Collection[str]) -> bool:
    name, revision = noted["source"], noted["revision"]
    return name in documents if noted["kind"] == "document" else there.get(name) == revision


@dataclass(frozen=True, slots=True)
class Recall:
    """What this turn recalls: `anchored` (None: nothing) beside what stands already, or in the place of it (`anew`);
    `told` are the passages of it, and the next best that found no room."""

    anchored: Anchored | None = None
    anew: bool = False
    told: tuple[Recalled, ...] = ()


def recall_now(
    turn: Turn, texts: Texts, standing: Sequence[Anchored], shown: Collection[str], room: int, wrapping: Wrapping
) -> Recall:
    """The best passages of what is not `shown` (ids of messages) that fit into `room` tokens together with what stands;
    where it leaves room for less than half of what would fit without it, it makes room."""
    newest = _newest(turn.path)
    if newest is None or not turn.recall or any(a.node == newest.id for a in standing):
        return Recall()
    stands = {(one["kind"], one["source"]) for a in standing for one in _noted(a)}
    used = sum(wrapping.count(a.text) + wrapping.turn(a.role) for a in standing)
    found = [r for r in turn.recall if r.passage.kind == "document" or r.passage.source not in shown]
    best = max((r.score for r in found), default=0.0)
    found = [r for r in found if r.score >= _LEAST_OF_BEST * best]
    fresh = [r for r in found if (r.passage.kind, r.passage.source) not in stands]
    if not fresh:
        return Recall()
    chosen = _chosen(turn, texts, newest, fresh, room - used, wrapping)
    if standing:
        alone = _chosen(turn, texts, newest, found, room, wrapping)
        if _passages(chosen) < (_passages(alone) + 1) // 2:
            return replace(alone, anew=True)
    return chosen


def _passages(recall: Recall) -> int:
    return sum(1 for one in recall.told if one.segment)


def _chosen(
    turn: Turn, texts: Texts, newest: Node, found: Sequence[Recollection], room: int, wrapping: Wrapping
) -> Recall:
    before, after = texts.around(turn.prompt.recall_format, "recalled")
    room -= wrapping.turn("system") + wrapping.count(before) + wrapping.count(after)
    taken: list[Recollection] = []
    told: list[Recalled] = []
    for one in found:
        tokens = wrapping.count(_line(one.passage)) + 1         # and the end of the line
        fits = len(taken) < turn.limits.passages and tokens <= room
        if fits:
            taken.append(one)
            room -= tokens
        elif not taken or len(told) - len(taken) >= _MISSED:    # what is weaker than the best never comes without it
            break
        told.append(_told(one, f"recall:{newest.id}" if fits else ""))
    if not taken:
        return Recall(told=tuple(told))
    order = {node.id: at for at, node in enumerate(turn.path)}        # told as the story goes; documents first
    taken.sort(key=lambda r: (order.get(r.passage.source, -1), r.passage.source, r.passage.at))
    passages = [one.passage for one in taken]
    text = before + "\n".join(map(_line, passages)) + after
    noted = json.dumps([_note(one) for one in taken], ensure_ascii=False)
    return Recall(
        Anchored(RECALL, newest.id, newest.id, text, "system", _digest(newest), comment=noted, order=_ORDER),
        told=tuple(told),
    )


def _note(found: Recollection) -> dict[str, Any]:
    passage = found.passage
    return {
        "kind": passage.kind, "source": passage.source, "revision": passage.revision, "name": passage.name,
        "score": round(found.score, 3), "words": list(found.words[:12]), "likeness": found.likeness,
    }


def _told(found: Recollection, segment: str) -> Recalled:
    passage = found.passage
    return Recalled(
        passage.kind, passage.source, passage.name, round(found.score, 3), found.words[:12], found.likeness,
        passage.text, segment, None if segment else _NO_ROOM,
    )


def _line(passage: Passage) -> str:
    about = " · ".join(part for part in (passage.name, passage.heading) if part)
    return f"{about}: {passage.text}" if about else passage.text


def _newest(path: Sequence[Node]) -> Node | None:
    return next((n for n in reversed(path) if n.role == "user" and not n.hidden), None)


def _digest(newest: Node) -> str:
    return hashlib.sha256(newest.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
