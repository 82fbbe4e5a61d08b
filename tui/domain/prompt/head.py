"""The stable part of a prompt: system text, card, persona, constant lore, notes, example dialogue, memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tui.domain.chat import Summary, summary_applies
from tui.domain.notice import Notice
from tui.domain.prompt.story import Stretch, render_story
from tui.domain.prompt.texts import Texts, joined_cards
from tui.domain.prompt.types import Counter, LoreHit, PlanState, Segment, Turn
from tui.domain.summaries import inside_another

HEAD = "head"
_START = re.compile(r"<START>", re.IGNORECASE)
_AROUND_CARD = ("before_char", "after_char", "examples_top", "examples_bottom")
_STALE = Notice("A message it covers has changed since; make the summary again to use it.")
#: Why a summary that the program made is not in the prompt yet.
WAITING = Notice("It waits for the next cut of the oldest messages, so that nothing is processed twice for it.")
_NO_EXAMPLES = Notice("The prompt preset leaves example dialogue out.")
#: Why a summary is not in the prompt that lies inside another.
INSIDE = Notice("Another summary covers the same messages and more.")
#: Why a summary is left out that would take memory beyond its share of the window.
TOO_MUCH = Notice("Memory has used up its share of the window; one summary of several would make room.")


def head_segments(texts: Texts, lore: Sequence[LoreHit], count: Counter) -> list[Segment]:
    """The story string filled, one segment a source; before and after it what asks for a place there."""
    turn = texts.turn
    values: dict[str, list[Stretch]] = {
        "system": _one("system", texts.system()),
        "description": _one("card.description", texts.description),
        "personality": _one("card.personality", texts.personality),
        "scenario": _one("card.scenario", texts.scenario),
        "persona": _one("persona", texts.persona) if turn.persona_position == "head" else [],
        "lore_before": _lore(lore, before=True),
        "lore_after": _lore(lore, before=False),
    }
    stretches = render_story(
        turn.prompt.story, values, {"char": turn.card.display_name, "user": turn.user}, texts.story,
    )
    whole = [*_around(texts, "before"), *stretches, *_around(texts, "after")]
    return [Segment(source, "system", text, count(text), "head", block=HEAD) for source, text in whole]


def note_in_head(turn: Turn) -> bool:
    """Whether the author's note stands in the head: it asks for that, and is there on every turn."""
    return turn.note_position in ("before_story", "after_story") and turn.note_interval == 1


def _around(texts: Texts, side: str) -> list[Stretch]:
    """The author's note and injected texts that stand before or after the story, a blank line between."""
    turn = texts.turn
    out: list[Stretch] = []
    if note_in_head(turn) and turn.note_position == f"{side}_story":
        out += _one("note", texts.stable(turn.note, "note"))
    for injection in sorted(turn.injections, key=lambda i: i.id):
        if injection.position == side:
            out += _one(f"injection:{injection.id}", texts.stable(injection.text, f"injection:{injection.id}"))
    return [(source, f"{text}\n\n" if side == "before" else f"\n\n{text}") for source, text in out]


def in_head(hit: LoreHit) -> bool:
    """Lore that fires on every turn and asks for a place around the card (or the examples) stands in the head."""
    return hit.fired and hit.stable and hit.position in _AROUND_CARD


def example_segments(texts: Texts, count: Counter) -> list[Segment]:
    """Example dialogue, one segment a block, each opened by its separator line."""
    turn = texts.turn
    separator = texts.stable(turn.prompt.example_separator or "<START>", "example")
    out = []
    for at, body in enumerate(_example_blocks(texts)):
        text = f"\n\n{separator}\n{body}" if separator.strip() else f"\n\n{body}"
        never = turn.prompt.examples == "never"
        out.append(Segment(f"example:{at}", "system", text, count(text), "head", block=HEAD, included=not never,
                           why=_NO_EXAMPLES if never else None))
    return out


def _example_blocks(texts: Texts) -> list[str]:
    turn = texts.turn
    joined = turn.cast is not None and turn.cast.join and turn.mes_example is None
    cards = joined_cards(turn.cast) if turn.cast is not None and joined else [turn.card]
    out: list[str] = []
    for card in cards:
        own = card.mes_example if turn.mes_example is None or card is not turn.card else turn.mes_example
        blocks = [block.strip() for block in _START.split(own) if block.strip()]
        out += [
            texts.of_card(card, block, f"example:{at}") if joined else texts.stable(block, f"example:{at}")
            for at, block in enumerate(blocks)
        ]
    return out


def memory_segments(
    texts: Texts, count: Counter, rebase: bool = False, room: int | None = None
) -> tuple[list[Segment], frozenset[str]]:
    """Summaries that hold for the path, in its order, and the ids of the nodes they stand for.

    One that the program made by itself waits for the next `rebase`, for it changes the middle of the prompt. Where
    they take more than `room` tokens, the oldest are left out.
    """
    turn = texts.turn
    if not turn.summaries:
        return [], frozenset()
    place = {node.id: at for at, node in enumerate(turn.path)}
    state = {s.id: summary_applies(s, turn.path) for s in turn.summaries}
    waiting = {s.id for s in turn.summaries if not rebase and _waits(s, turn.state)}
    valid = [s for s in turn.summaries if state[s.id] == "yes" and s.text.strip() and s.id not in waiting]
    covered = {s.id: frozenset(node for node, _ in s.covers) for s in valid}
    standing = [s for s in valid if not inside_another(s, valid, covered)]
    shown = [s for s in turn.summaries if state[s.id] == "stale" or s.id in covered or s.id in waiting]
    shown = [s for s in shown if state[s.id] != "no"]
    shown.sort(key=lambda s: min(place[node] for node, _ in s.covers))
    segments = []
    for summary in shown:
        text = "\n\n" + texts.summary(summary.text)
        why = None if summary in standing else _STALE if state[summary.id] == "stale" else INSIDE
        if summary.id in waiting:
            why = WAITING
        source, tokens = f"summary:{summary.id}", count(text)
        segments.append(Segment(source, "system", text, tokens, "memory", block=HEAD, included=why is None, why=why))
    segments, gone = _within(segments, room)
    return segments, frozenset().union(*(covered[s.id] for s in standing if s.id not in gone))


def _within(segments: Sequence[Segment], room: int | None) -> tuple[list[Segment], frozenset[str]]:
    """Summaries, the oldest left out until the others take at most `room` tokens; and the ids of those left out."""
    out, gone = list(segments), set[str]()
    total = sum(s.tokens for s in segments if s.included)
    for at, segment in enumerate(segments):
        if room is None or total <= room:
            break
        if segment.included:
            out[at] = replace(segment, included=False, why=TOO_MUCH)
            gone.add(segment.source.removeprefix("summary:"))
            total -= segment.tokens
    return out, frozenset(gone)


def _waits(summary: Summary, state: PlanState) -> bool:
    return summary.generation.get("by") == "program" and summary.id not in state.memory


def _one(source: str, text: str) -> list[Stretch]:
    return [(source, text)] if text.strip() else []


def _lore(lore: Sequence[LoreHit], before: bool) -> list[Stretch]:
    hits = [h for h in lore if in_head(h) and (h.position == "before_char") == before]
    hits.sort(key=lambda h: h.order)
    return [
        (f"lore:{hit.book}:{hit.uid}", hit.text + ("\n" if at < len(hits) - 1 else "")) for at, hit in enumerate(hits)
    ]

