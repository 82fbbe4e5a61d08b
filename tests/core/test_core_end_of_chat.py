"""A long chat opened with its end alone: what a terminal draws before it has the rest."""

from __future__ import annotations

from core_table import Table

from tui.domain.chat import Chat, Node, Revision
from tui.domain.operations import node_from_json
from tui.ui.state import ChatState


def _node(number: int, parent: int | None, seq: int | None = None, *, deleted: bool = False) -> Node:
    revision = Revision(f"r{number}", f"text {number}", number)
    role = "user" if number % 2 else "assistant"
    above = None if parent is None else f"n{parent}"
    seq = number if seq is None else seq
    return Node(f"n{number}", above, role, "X", number, seq, (revision,), revision.id, deleted)


def _chat() -> Chat:
    """A path of messages 0 to 49, the 45th deleted, with a second version of the last one (n149)."""
    nodes = [_node(k, k - 1 if k else None, deleted=k == 45) for k in range(50)] + [_node(149, 48, 149)]
    return Chat("c", 1, 1, "n49", {"title": "Long"}, {n.id: n for n in nodes})


async def test_the_end_holds_the_last_messages_with_their_versions_and_counts_the_others(table: Table) -> None:
    await table.core.chats.add(_chat())
    end = await table.call("chats.open", id="c", last=10)
    assert [n.id for n in sorted(map(node_from_json, end["nodes"]), key=lambda n: n.seq)] == [
        *(f"n{k}" for k in range(39, 50)), "n149",
    ]
    assert end["before"] == 39
    for last in (0, -3, 49, 5000):
        whole = await table.call("chats.open", id="c", last=last)
        assert (len(whole["nodes"]), whole["before"]) == (51, 0)


async def test_a_terminal_numbers_and_swipes_the_same_with_the_end_as_with_the_whole(table: Table) -> None:
    await table.core.chats.add(_chat())
    end, whole = ChatState(), ChatState()
    end.load(await table.call("chats.open", id="c", last=10))
    whole.load(await table.call("chats.open", id="c"))
    assert [end.entry(k) for k in range(10)] == [whole.entry(k) for k in range(39, 49)]
    assert end.entry(9).versions == 2

    end.load(await table.call("chats.open", id="c"))               # the rest has come
    assert [end.entry(k) for k in range(49)] == [whole.entry(k) for k in range(49)]
