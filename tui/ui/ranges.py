"""Message ranges as people type them: `3..20`, `3-20`, `7`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tui.domain.chat import Node
from tui.domain.errors import BadInput
from tui.domain.notice import notice

_RANGE = re.compile(r"#?(\d{1,9})\s*(?:\.\.+|…|-|–|—|\s)?\s*#?(\d{1,9})?")


def parse_range(text: str, length: int) -> tuple[int, int]:
    """First and last message number (from 1) in a chat of `length` messages. Raises BadInput."""
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise BadInput(notice("{text} is not a range of messages.", text=text.strip()[:40]), "Write it like 1..20.")
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    first, last = min(first, last), max(first, last)
    if first < 1 or last > length:
        raise BadInput(notice("This chat has messages 1 to {n}.", n=length))
    return first, last


def nodes_of(text: str, path: Sequence[Node]) -> tuple[str, str]:
    """Ids of the first and last message of a range typed, "" for both where nothing is typed. Raises BadInput."""
    if not text.strip():
        return "", ""
    first, last = parse_range(text, len(path))
    return path[first - 1].id, path[last - 1].id


def offered(turn: Mapping[str, Any], path: Sequence[Node]) -> tuple[int, int] | None:
    """Message numbers that the last turn offers to summarise, because they left the prompt or soon will."""
    offer = turn.get("offer")
    ids = [node.id for node in path]
    if not isinstance(offer, Mapping) or offer.get("first") not in ids or offer.get("last") not in ids:
        return None
    return ids.index(str(offer["first"])) + 1, ids.index(str(offer["last"])) + 1


def number_range(covers: Sequence[tuple[str, str]], path: Sequence[Node]) -> tuple[int, int] | None:
    """Which message numbers of the path a summary's nodes are; None when they are not on it."""
    numbers = {node.id: number for number, node in enumerate(path, start=1)}
    found = [numbers[node] for node, _ in covers if node in numbers]
    return (min(found), max(found)) if found and len(found) == len(covers) else None
