"""The map of the branches: every living message is in exactly one run, and the way to the view is marked."""

from __future__ import annotations

from typing import Any

from chat_steps import operations, steps
from hypothesis import given, settings

from tui.domain.branchmap import branch_map
from tui.domain.chat import Chat, Node, Revision
from tui.domain.operations import apply_all


def message(name: str, parent: str | None, seq: int, **more: Any) -> Node:
    return Node(name, parent, "user", "Ann", seq, seq, (Revision("r", f"text of {name}", seq),), "r", **more)


def chat(*nodes: Node, head: str | None = None) -> Chat:
    return Chat("c", 1, head=head, nodes={n.id: n for n in nodes})


def test_runs_forks_and_where_one_is() -> None:
    tree = chat(
        message("a", None, 0), message("b", "a", 1), message("c", "b", 2), message("d", "c", 3),
        message("e", "b", 4, extra={"checkpoint": "the mill"}), message("f", "e", 5), message("g", "e", 6),
        message("h", None, 7), head="f",
    )
    rows = branch_map(tree, "f")
    assert [(r.first, r.last, r.number, r.count, r.depth) for r in rows] == [
        ("h", "h", 1, 1, 1), ("a", "b", 1, 2, 0), ("c", "d", 3, 2, 1), ("e", "e", 3, 1, 0), ("g", "g", 4, 1, 1),
        ("f", "f", 4, 1, 0),
    ]
    assert [r.first for r in rows if r.on_path] == ["a", "e", "f"]
    assert [r.first for r in rows if r.here] == ["f"]
    assert rows[3].marks == (("e", "checkpoint", "the mill"),)
    assert [(r.version, r.versions) for r in rows] == [(2, 2), (1, 2), (1, 2), (2, 2), (2, 2), (1, 2)]


def test_deleted_messages_are_walked_through() -> None:
    tree = chat(
        message("a", None, 0), message("x", "a", 1, deleted=True), message("y", "x", 2, deleted=True),
        message("b", "y", 3), message("c", "x", 4), head="b",
    )
    assert [(r.first, r.depth) for r in branch_map(tree, "b")] == [("a", 0), ("c", 1), ("b", 0)]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(steps)
def test_every_living_message_is_in_one_run(what: list[tuple[str, Any, Any]]) -> None:
    tree = Chat("c", 0)
    for number, one in enumerate(what):
        tree = apply_all(tree, operations(tree, number, one))[0]
    living = [n for n in tree.nodes.values() if not n.deleted]
    rows = branch_map(tree, tree.head)
    assert sum(r.count for r in rows) == len(living)
    assert sum(r.here for r in rows) <= 1
    assert all(r.depth == 0 for r in rows if r.on_path)
