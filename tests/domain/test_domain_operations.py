"""The chat as a tree of operations: whatever was done can be undone, and nothing ever leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from chat_steps import operations, steps, visible
from hypothesis import given

from tui.domain.chat import Chat, Node, Revision, Summary, summary_applies
from tui.domain.errors import BadInput, NotFound
from tui.domain.operations import (
    Op,
    apply,
    apply_all,
    node_from_json,
    node_to_json,
    summary_from_json,
    summary_to_json,
)

Steps = list[tuple[str, Any, Any]]


def grow(what: Steps) -> list[tuple[Chat, list[Op]]]:
    """The chats after each step, with the operations that take the step back."""
    chat = Chat("c", 0)
    history: list[tuple[Chat, list[Op]]] = [(chat, [])]
    for number, one in enumerate(what):
        chat, inverses = apply_all(chat, operations(chat, number, one))
        history.append((chat, inverses))
    return history


@given(steps)
def test_undoing_every_step_shows_every_earlier_state_again(what: Steps) -> None:
    history = grow(what)
    chat = history[-1][0]
    for (earlier, _), (_, inverses) in zip(reversed(history[:-1]), reversed(history[1:]), strict=True):
        chat, _redo = apply_all(chat, inverses)
        assert visible(chat) == visible(earlier)


@given(steps)
def test_redoing_what_was_undone_shows_the_last_state_again(what: Steps) -> None:
    history = grow(what)
    chat = history[-1][0]
    redo: list[list[Op]] = []
    for _, inverses in reversed(history[1:]):
        chat, again = apply_all(chat, inverses)
        redo.append(again)
    for ops in reversed(redo):
        chat, _ = apply_all(chat, ops)
    assert visible(chat) == visible(history[-1][0])


@given(steps)
def test_nothing_leaves_the_tree(what: Steps) -> None:
    history = grow(what)
    chat = history[-1][0]
    for _, inverses in reversed(history[1:]):
        chat, _ = apply_all(chat, inverses)
        history.append((chat, []))
    for (before, _), (after, _) in pairwise(history):
        assert texts(before).items() <= texts(after).items()
        for summary in before.summaries.values():
            assert after.summaries[summary.id].texts[: len(summary.texts)] == summary.texts


def texts(chat: Chat) -> dict[tuple[str, str], str]:
    return {(n.id, r.id): r.text for n in chat.nodes.values() for r in n.revisions if r.finish != "streaming"}


@given(steps)
def test_the_tree_survives_the_wire(what: Steps) -> None:
    chat = grow(what)[-1][0]
    for node in chat.nodes.values():
        assert node_from_json(json.loads(json.dumps(node_to_json(node)))) == node
    for summary in chat.summaries.values():
        assert summary_from_json(json.loads(json.dumps(summary_to_json(summary)))) == summary


@given(steps)
def test_the_path_has_no_deleted_message_and_follows_the_parents(what: Steps) -> None:
    chat = grow(what)[-1][0]
    for node in chat.nodes.values():
        path = chat.path(node.id)
        assert not any(step.deleted for step in path)
        assert path == [n for n in chat.path(node.parent) if node.parent is not None] + [node] * (not node.deleted)
    for node in chat.nodes.values():
        leaf = chat.leaf_below(node.id)
        assert leaf == node.id or node.id in ancestors(chat, leaf)
        assert not chat.children(leaf)


def ancestors(chat: Chat, node_id: str) -> set[str]:
    found: set[str] = set()
    at = chat.nodes[node_id].parent
    while at is not None:
        found.add(at)
        at = chat.nodes[at].parent
    return found


def message(node_id: str, parent: str | None, seq: int, role: Any = "assistant", finish: Any = "") -> Node:
    revision = Revision(f"{node_id}-1", node_id, 0, finish=finish)
    return Node(node_id, parent, role, "Mira", 0, seq, (revision,), revision.id)


def tree(*nodes: Node, head: str | None = None) -> Chat:
    return Chat("c", 0, head=head, nodes={node.id: node for node in nodes})


def test_swipes_are_living_siblings_of_the_same_role_in_order_of_creation() -> None:
    first, second, other = message("b", "a", 2), message("c", "a", 1), message("d", "a", 3, role="user")
    gone = replace(message("e", "a", 4), deleted=True)
    chat = tree(message("a", None, 0, role="user"), first, second, other, gone)
    assert [n.id for n in chat.versions(first)] == ["c", "b"]


def test_the_branch_grown_last_is_the_one_to_return_to() -> None:
    first = [message("a", None, 0), message("b", "a", 1), message("c", "a", 2), message("d", "c", 3)]
    assert tree(*first).leaf_below("a") == "d"
    went_on = tree(*first, message("e", "b", 4))
    assert went_on.leaf_below("a") == "e"
    assert went_on.leaf_below("c") == "d"


def test_the_way_back_to_a_branch_leads_through_a_deleted_message() -> None:
    gone = replace(message("b", "a", 1), deleted=True)
    assert tree(message("a", None, 0), gone, message("c", "b", 2)).leaf_below("a") == "c"
    assert tree(message("a", None, 0), gone).leaf_below("a") == "a"


def test_a_failing_operation_changes_nothing() -> None:
    chat = tree(message("a", None, 0), head="a")
    with pytest.raises(NotFound):
        apply_all(chat, [{"op": "set_field", "field": "title", "value": "x"}, {"op": "set_head", "head": "nowhere"}])
    assert chat.fields == {}


@pytest.mark.parametrize(
    ("op", "error"),
    [
        ({"op": "format_disk"}, BadInput),
        ({"op": "mark", "node": "a", "mark": "revisions", "value": ()}, BadInput),
        ({"op": "set_field", "field": "__class__", "value": 1}, BadInput),
        ({"op": "mark", "node": "b", "mark": "deleted", "value": True}, NotFound),
        ({"op": "set_current", "node": "a", "revision": "nope"}, NotFound),
        ({"op": "add_node", "node": node_to_json(message("b", "nowhere", 1))}, NotFound),
        ({"op": "add_node", "node": node_to_json(message("b", "b", 1))}, NotFound),
        ({"op": "add_node", "node": node_to_json(replace(message("b", "a", 1), revisions=()))}, BadInput),
        ({"op": "edit_summary", "summary": "s", "text": ""}, NotFound),
    ],
)
def test_what_makes_no_sense_is_refused(op: Op, error: type[Exception]) -> None:
    with pytest.raises(error):
        apply(tree(message("a", None, 0)), op)


def test_a_finished_text_is_never_overwritten() -> None:
    chat = tree(message("a", None, 0, finish="streaming"))
    finish = {"op": "finish_revision", "node": "a", "revision": "a-1", "text": "whole", "finish": "stop"}
    chat, _ = apply(chat, finish)
    again, _ = apply(chat, finish)
    assert again == chat
    with pytest.raises(BadInput):
        apply(chat, finish | {"text": "other words"})


def test_a_summary_goes_stale_with_an_edit_and_holds_only_where_all_of_it_is_on_the_path() -> None:
    chat = tree(message("a", None, 0), message("b", "a", 1), message("c", "a", 2), head="b")
    summary = Summary("s", (("a", "a-1"), ("b", "b-1")), ("they met",), 0)
    assert summary_applies(summary, chat.path()) == "yes"
    assert summary_applies(summary, chat.path("c")) == "no"
    revision = {"id": "a-2", "text": "x", "created_ms": 0}
    edited, _ = apply(chat, {"op": "add_revision", "node": "a", "revision": revision})
    assert summary_applies(summary, edited.path()) == "stale"
    assert summary_applies(replace(summary, removed=True), chat.path()) == "no"
