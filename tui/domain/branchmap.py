"""The branches of a chat as rows to walk through: each a run of messages without a fork, below what it grows from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.domain.chat import Chat, Node

#: Characters of a message that a row tells.
SNIPPET = 160


@dataclass(frozen=True, slots=True)
class Row:
    """A run of messages. `first` and `last` are its ends, `number` the place of the first on its path (from 1), `count`
    its messages. `depth` counts how often one turned aside to get there: the way that the view takes is at 0, and where
    it leads nowhere below, the way that was grown last. `name`, `role` and `text` are of the first message, `end` the
    text of the last. `version` of `versions` counts the ways from its fork. `here` is the run that the view ends in,
    `on_path` those that lead there. `marks` are chapters and checkpoints in it: node, kind and name, in their order."""

    first: str
    last: str
    number: int
    count: int
    depth: int
    name: str
    role: str
    text: str
    end: str
    version: int
    versions: int
    on_path: bool
    here: bool
    marks: tuple[tuple[str, str, str], ...]


def branch_map(chat: Chat, head: str | None) -> list[Row]:
    """All branches; at a fork first the ways aside, each with what grew from it, the oldest first, then the way on.
    Deleted messages are walked through. Linear in the messages."""
    below = _living(chat)
    path = chat.path(head)
    on_path, end = {node.id for node in path}, path[-1].id if path else None   # the head may be deleted
    rows: list[Row] = []
    todo = _fork(below.get(None, []), 0, 1, on_path)
    while todo:
        start, depth, number, version, versions = todo.pop()
        run = [start]
        while len(ways := below.get(run[-1].id, [])) == 1:
            run.append(ways[0])
        rows.append(_row(run, depth, number, version, versions, on_path, end))
        todo += _fork(ways, depth, number + len(run), on_path)
    return rows


_Start = tuple[Node, int, int, int, int]


def parent_branch(chat: Chat, head: str | None) -> str | None:
    """Where the branch to `head` left the one that it was branched off from: the oldest way on from the nearest fork at
    which it took another. None for the first branch."""
    below = _living(chat)
    above = {node.id: parent for parent, nodes in below.items() for node in nodes}
    path = chat.path(head)
    at = path[-1].id if path else None
    while at is not None:
        oldest = below[above[at]][0].id
        if oldest != at:
            return oldest
        at = above[at]
    return None


def _fork(ways: Sequence[Node], depth: int, number: int, on_path: set[str]) -> list[_Start]:
    """The runs that begin at a fork, the last to be looked at first in the list."""
    if not ways:
        return []
    main = next((node for node in ways if node.id in on_path), ways[-1])
    count = len(ways)
    found = [
        (node, depth if node is main else depth + 1, number, at, count) for at, node in enumerate(ways, start=1)
    ]
    aside = [start for start in found if start[0] is not main]
    return [next(start for start in found if start[0] is main), *aside[::-1]]


def _row(
    run: Sequence[Node], depth: int, number: int, version: int, versions: int, on_path: set[str], head: str | None
) -> Row:
    first, last = run[0], run[-1]
    marks = tuple(
        (node.id, kind, str(node.extra[kind])) for node in run for kind in ("chapter", "checkpoint")
        if node.extra.get(kind)
    )
    return Row(
        first.id, last.id, number, len(run), depth, first.name, first.role, _snippet(first), _snippet(last), version,
        versions, first.id in on_path, any(node.id == head for node in run), marks,
    )


def _snippet(node: Node) -> str:
    return " ".join(node.text[:4 * SNIPPET].split())[:SNIPPET]


def _living(chat: Chat) -> Mapping[str | None, list[Node]]:
    """The living messages below each living one (None: the roots), those below deleted ones included, by age."""
    above: dict[str, str | None] = {}
    out: dict[str | None, list[Node]] = {}
    for node in sorted(chat.nodes.values(), key=lambda n: n.seq):
        if not node.deleted:
            out.setdefault(_alive_above(chat, node, above), []).append(node)
    return out


def _alive_above(chat: Chat, node: Node, known: dict[str, str | None]) -> str | None:
    """The nearest living message above `node`; `known` keeps what was found of deleted ones."""
    passed: list[str] = []
    at = node.parent
    while at is not None and at in chat.nodes and chat.nodes[at].deleted:
        if at in known:
            at = known[at]
            break
        passed.append(at)
        at = chat.nodes[at].parent
    if at is not None and at not in chat.nodes:
        at = None
    for one in passed:
        known[one] = at
    return at
