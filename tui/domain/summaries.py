"""Which summaries stand for messages of a path, and which lie inside others: summaries may be nested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tui.domain.chat import Node, Summary, summary_applies


def inside_another(
    summary: Summary, others: Iterable[Summary], covered: Mapping[str, frozenset[str]]
) -> bool:
    """Whether one of `others` covers more than this summary's messages, or the same and is newer. `covered` holds the
    messages of each."""
    mine = covered[summary.id]
    return any(
        mine < covered[other.id]
        or (mine == covered[other.id] and (other.created_ms, other.id) > (summary.created_ms, summary.id))
        for other in others if other is not summary
    )


def standing(summaries: Iterable[Summary], path: Sequence[Node]) -> list[Summary]:
    """The summaries that stand for messages of a path, in its order: they hold for it, and lie inside no other."""
    place = {node.id: at for at, node in enumerate(path)}
    valid = [s for s in summaries if summary_applies(s, path) == "yes" and s.text.strip()]
    covered = {s.id: frozenset(node for node, _ in s.covers) for s in valid}
    out = [s for s in valid if not inside_another(s, valid, covered)]
    return sorted(out, key=lambda s: min(place[node] for node, _ in s.covers))


def copied(
    summaries: Iterable[Summary], path: Sequence[Node], after: Sequence[tuple[str, Node]], new: str
) -> list[Summary]:
    """The summaries that hold for `path`, for a path that is made of copies: `after` tells for each message of that one
    which it was. One that a message came into, or left, holds there no more. Their ids begin with `new`."""
    old = {node.id: at for at, node in enumerate(path)}
    place = {node_id: at for at, (node_id, _) in enumerate(after)}
    found: list[Summary] = []
    for summary in summaries:
        ids = [node for node, _ in summary.covers]
        if summary_applies(summary, path) != "yes" or any(node not in place for node in ids):
            continue
        there, before = sorted(place[node] for node in ids), sorted(old[node] for node in ids)
        if there[-1] - there[0] == before[-1] - before[0] and any(after[at][1].id not in old for at in there):
            covers = tuple((after[at][1].id, after[at][1].current) for at in there)
            found.append(replace(summary, id=f"{new}.s{len(found)}", covers=covers))
    return found


def nested(summaries: Iterable[Summary]) -> dict[str, str]:
    """By summary, the id of the smallest other one that it lies inside; removed ones are left out."""
    living = [s for s in summaries if not s.removed and s.covers]
    covered = {s.id: frozenset(node for node, _ in s.covers) for s in living}
    out = {}
    for summary in living:
        around = [o for o in living if o is not summary and inside_another(summary, [o], covered)]
        if around:
            smallest = min(around, key=lambda o: (len(covered[o.id]), o.created_ms, o.id))
            out[summary.id] = smallest.id
    return out


def uncovered(summaries: Iterable[Summary], path: Sequence[Node]) -> list[tuple[str, str]]:
    """The stretches of visible messages that no summary stands for: the first and the last of each."""
    covered = {node for summary in standing(summaries, path) for node, _ in summary.covers}
    out: list[tuple[str, str]] = []
    open_ = False
    for node in path:
        if node.id in covered:
            open_ = False
        elif not node.hidden and node.text.strip():
            out = [*out[:-1], (out[-1][0], node.id)] if open_ else [*out, (node.id, node.id)]
            open_ = True
    return out
