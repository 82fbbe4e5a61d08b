"""The stable part of a prompt: system text, card, persona, constant lore, example dialogue, memory."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tui.domain.chat import Summary, summary_applies
from tui.domain.notice import Notice
from tui.domain.prompt.story import Stretch, render_story
from tui.domain.prompt.texts import Texts
from tui.domain.prompt.types import Counter, LoreHit, Segment

HEAD = "head"
_START = re.compile(r"<START>", re.IGNORECASE)
_AROUND_CARD = ("before_char", "after_char", "examples_top", "examples_bottom")
_STALE = Notice("A message it covers has changed since; make the summary again to use it.")
_INSIDE = Notice("Another summary covers the same messages and more.")


def head_segments(texts: Texts, lore: Sequence[LoreHit], count: Counter) -> list[Segment]:
    """The story string filled, one segment a source."""
    turn = texts.turn
    values: dict[str, list[Stretch]] = {
        "system": _one("system", texts.system()),
        "description": _one("card.description", texts.description),
        "personality": _one("card.personality", texts.personality),
        "scenario": _one("card.scenario", texts.scenario),
        "persona": _one("persona", texts.persona),
        "lore_before": _lore(lore, before=True),
        "lore_after": _lore(lore, before=False),
    }
    stretches = render_story(
        turn.prompt.story, values, {"char": turn.card.display_name, "user": turn.user},
        lambda text: texts.stable(text, "story"),
    )
    return [Segment(source, "system", text, count(text), "head", block=HEAD) for source, text in stretches]


def in_head(hit: LoreHit) -> bool:
    """Constant lore that asks for a place around the card (or the examples) stands in the head."""
    return hit.fired and hit.constant and hit.position in _AROUND_CARD


def example_segments(texts: Texts, count: Counter) -> list[Segment]:
    """Example dialogue, one segment a block, each opened by its separator line."""
    turn = texts.turn
    separator = texts.stable(turn.prompt.example_separator or "<START>", "example")
    blocks = [block.strip() for block in _START.split(turn.card.mes_example) if block.strip()]
    out = []
    for at, block in enumerate(blocks):
        body = texts.stable(block, f"example:{at}")
        text = f"\n\n{separator}\n{body}" if separator.strip() else f"\n\n{body}"
        out.append(Segment(f"example:{at}", "system", text, count(text), "head", block=HEAD))
    return out


def memory_segments(texts: Texts, count: Counter) -> tuple[list[Segment], frozenset[str]]:
    """Summaries that hold for the path, in its order, and the ids of the nodes they stand for."""
    turn = texts.turn
    place = {node.id: at for at, node in enumerate(turn.path)}
    state = {s.id: summary_applies(s, turn.path) for s in turn.summaries}
    valid = [s for s in turn.summaries if state[s.id] == "yes" and s.text.strip()]
    covered = {s.id: frozenset(node for node, _ in s.covers) for s in valid}
    standing = [s for s in valid if not _inside_another(s, valid, covered)]
    shown = [s for s in turn.summaries if state[s.id] == "stale" or s.id in covered]
    shown.sort(key=lambda s: min(place[node] for node, _ in s.covers))
    segments = []
    for summary in shown:
        text = "\n\n" + texts.summary(summary.text)
        why = None if summary in standing else _STALE if state[summary.id] == "stale" else _INSIDE
        source, tokens = f"summary:{summary.id}", count(text)
        segments.append(Segment(source, "system", text, tokens, "memory", block=HEAD, included=why is None, why=why))
    return segments, frozenset().union(*(covered[s.id] for s in standing))


def _inside_another(summary: Summary, valid: Sequence[Summary], covered: dict[str, frozenset[str]]) -> bool:
    """Whether a larger summary, or a newer one of the same range, covers this one's messages."""
    mine = covered[summary.id]
    return any(
        mine < covered[other.id]
        or (mine == covered[other.id] and (other.created_ms, other.id) > (summary.created_ms, summary.id))
        for other in valid if other is not summary
    )


def _one(source: str, text: str) -> list[Stretch]:
    return [(source, text)] if text.strip() else []


def _lore(lore: Sequence[LoreHit], before: bool) -> list[Stretch]:
    hits = [h for h in lore if in_head(h) and (h.position == "before_char") == before]
    hits.sort(key=lambda h: h.order)
    return [
        (f"lore:{hit.book}:{hit.uid}", hit.text + ("\n" if at < len(hits) - 1 else "")) for at, hit in enumerate(hits)
    ]

