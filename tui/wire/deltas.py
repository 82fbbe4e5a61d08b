"""Pieces of a growing text: put together so that order and repetition of what arrives do no harm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: The two texts that a delta may hold, each with the key of its offset.
_TEXTS = (("offset", "text"), ("reasoning_offset", "reasoning"))
_GROWING = frozenset(key for pair in _TEXTS for key in pair)


def apply_delta(text: str, offset: int, piece: str) -> str | None:
    """`text` with `piece` standing at `offset` (in code points); applying the same piece again changes nothing.

    None where the piece would leave a gap (something before it was missed): fetch a snapshot, or wait for the rest.
    """
    if offset < 0 or offset > len(text):
        return None
    return text[:offset] + piece + text[offset + len(piece):]


def join_deltas(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any] | None:
    """One delta event that does what both do in turn; None if they are not neighbours in the same text."""
    if first.get("type") != "delta" or second.get("type") != "delta" or first.keys() != second.keys():
        return None
    if any(first[key] != second[key] for key in first if key not in _GROWING):
        return None
    joined = dict(first)
    for offset, text in _TEXTS:
        if offset in first and second[offset] != first[offset] + len(first.get(text, "")):
            return None
        if text in first:
            joined[text] = first[text] + second[text]
    return joined


def coalesce(events: Iterable[tuple[int, Mapping[str, Any]]]) -> list[tuple[int, Mapping[str, Any]]]:
    """Numbered events with neighbouring deltas joined; a joined one has the number of its last part."""
    out: list[tuple[int, Mapping[str, Any]]] = []
    for number, event in events:
        joined = join_deltas(out[-1][1], event) if out else None
        if joined is None:
            out.append((number, event))
        else:
            out[-1] = (number, joined)
    return out
