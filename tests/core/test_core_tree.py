"""The tree as a person changes it: whatever was done is undone and done again, and nothing is ever gone."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from chat_steps import visible
from core_table import Table
from scripted import ScriptedServer, as_koboldcpp

from tui.domain.branchmap import branch_map
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import NotFound, Refused, TraktirError
from tui.domain.notice import notice
from tui.domain.operations import node_to_json
from tui.wire.ids import new_id


def message(node: str, parent: str | None, seq: int, **more: Any) -> Node:
    said = Revision(f"{node}-r", f"what {node} says", seq)
    return Node(node, parent, "user" if seq % 2 else "assistant", "Ann" if seq % 2 else "Mira", seq, seq, (said,),
                said.id, **more)


async def a_story(table: Table, count: int = 8, **extra: dict[str, Any]) -> str:
    """A chat with one branch of `count` messages m0, m1, …; `extra` is noted on them."""
    chat = await table.new_chat()
    tree = await table.core.chats.get(chat)
    gone = [{"op": "mark", "node": n, "mark": "deleted", "value": True} for n in tree.nodes]
    made = [
        {"op": "add_node", "node": node_to_json(
            message(f"m{at}", f"m{at - 1}" if at else None, 100 + at, extra=extra.get(f"m{at}", {})))}
        for at in range(count)
    ]
    head = {"op": "set_head", "head": f"m{count - 1}"}
    await table.core.chats.commit(chat, [*gone, *made, head], notice("moving"), undoable=False)
    return chat


async def tree_of(table: Table, chat: str) -> Chat:
    return await table.core.chats.get(chat)


async def act(table: Table, chat: str, dice: random.Random) -> None:
    """One thing that a person may do, somewhere."""
    tree = await tree_of(table, chat)
    path = tree.path()
    node = dice.choice([n for n in tree.nodes.values() if not n.deleted or not path])
    what = dice.choice(
        ["edit", "text", "branch", "branch", "move", "move", "delete", "delete range", "hide", "show", "checkpoint"]
    ) if path else "branch"
    first = dice.randrange(max(1, len(path)))
    some = [n.id for n in path[first:first + dice.randint(1, 3)]]
    if what == "edit":
        await table.call("node.edit", chat=chat, node=node.id, revision=new_id(), text=f"edited {dice.random()}")
    elif what == "text":
        await table.call("node.current", chat=chat, node=node.id, revision=dice.choice(node.revisions).id)
    elif what == "branch":
        await table.call(
            "node.branch", chat=chat, node=node.id, id=new_id(), revision=new_id(), text=f"otherwise {dice.random()}"
        )
    elif what == "move":
        await table.call("node.move", chat=chat, node=dice.choice(path).id, by=dice.choice([-2, -1, 1, 2]), id=new_id())
    elif what == "delete":
        await table.call("node.delete", chat=chat, nodes=[node.id])
    elif what == "delete range":
        await table.call("node.delete", chat=chat, nodes=some)
    elif what in ("hide", "show"):
        await table.call("node.hide", chat=chat, nodes=some, value=what == "hide")
    else:
        await table.call("node.checkpoint", chat=chat, node=node.id, name=dice.choice(["the mill", "dawn", None]))


@pytest.mark.parametrize("seed", range(6))
async def test_all_that_was_done_is_undone_and_done_again_and_nothing_is_gone(
    table: Table, home: Path, seed: int
) -> None:
    dice, chat = random.Random(seed), await a_story(table)
    states = [visible(await tree_of(table, chat))]
    said = texts(await tree_of(table, chat))
    done = 0
    for _ in range(60):
        with contextlib.suppress(Refused, NotFound):
            before = await tree_of(table, chat)
            await act(table, chat, dice)
            after = await tree_of(table, chat)
            if after is not before:
                done += 1
                states.append(visible(after))
                assert said.items() <= (said := texts(after)).items()
                mapped = branch_map(after, after.head)
                assert sum(r.count for r in mapped) == sum(not n.deleted for n in after.nodes.values())
                assert sum(r.here for r in mapped) == (1 if after.path() else 0)
    assert done >= 20, "it did next to nothing"
    for state in reversed(states[:-1]):
        await table.call("chats.undo", id=chat)
        assert visible(await tree_of(table, chat)) == state
    with pytest.raises(TraktirError, match="nothing to undo"):
        await table.call("chats.undo", id=chat)
    for state in states[1:]:
        await table.call("chats.redo", id=chat)
        assert visible(await tree_of(table, chat)) == state
    assert said.items() <= texts(await tree_of(table, chat)).items()
    assert stored(home, said), "a text is not in the store any more"


def texts(tree: Chat) -> dict[tuple[str, str], str]:
    return {(n.id, r.id): r.text for n in tree.nodes.values() for r in n.revisions}


def stored(home: Path, said: dict[tuple[str, str], str]) -> bool:
    """Whether every text is in the database, read past the program."""
    found: set[str] = set()
    for file in home.rglob("*.db"):
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as base, \
                contextlib.suppress(sqlite3.DatabaseError):
            found |= {text for (text,) in base.execute("SELECT text FROM revisions")}
    return set(said.values()) <= found


async def test_said_otherwise_is_a_branch_and_the_old_one_stays(table: Table) -> None:
    chat = await a_story(table, 5, m2={"speaker": "mira", "seen_by": ["mira"], "checkpoint": "dawn"})
    await table.call("node.branch", chat=chat, node="m2", id="other", revision="r", text="Otherwise.")
    tree = await tree_of(table, chat)
    assert [n.id for n in tree.path()] == ["m0", "m1", "other"]
    assert tree.path()[-1].text == "Otherwise."
    assert [n.id for n in tree.path("m4")] == ["m0", "m1", "m2", "m3", "m4"]
    assert tree.nodes["m2"].text == "what m2 says"
    assert [n.id for n in tree.versions(tree.nodes["m2"])] == ["m2", "other"]
    assert dict(tree.nodes["other"].extra) == {"speaker": "mira", "seen_by": ["mira"]}, "a whisper stays one"


async def test_a_message_moves_as_a_branch_of_copies(table: Table) -> None:
    chat = await a_story(table, 6, m4={"checkpoint": "dawn", "speaker": "mira"})
    moved = await table.call("node.move", chat=chat, node="m4", by=-2, id="mv")
    tree = await tree_of(table, chat)
    assert [n.text.split()[1] for n in tree.path()] == ["m0", "m1", "m4", "m2", "m3", "m5"]
    assert tree.nodes[moved["node"]].text == "what m4 says"
    assert tree.nodes[moved["node"]].extra == {"speaker": "mira"}
    assert [n.id for n in tree.path("m5")] == [f"m{n}" for n in range(6)], "the old order is a branch of its own"
    again = await table.call("node.move", chat=chat, node="m4", by=-2, id="mv", head="m5")
    assert (await tree_of(table, chat)).nodes.keys() == tree.nodes.keys(), "asked twice, it is done once"
    assert again == moved
    with pytest.raises(TraktirError, match="further"):
        await table.call("node.move", chat=chat, node="m0", by=-1, id="x", head="m5")


async def test_what_is_remembered_of_a_story_stays_remembered_when_a_message_moves(table: Table) -> None:
    chat = await a_story(table, 9)
    covers = [[f"m{n}", f"m{n}-r"] for n in (3, 4, 5)]
    summary = {"id": "s", "covers": covers, "texts": ["They met."], "created_ms": 1, "removed": False, "generation": {}}
    await table.core.chats.commit(chat, [{"op": "add_summary", "summary": summary}], notice("moving"))
    await table.call("node.move", chat=chat, node="m8", by=-6, id="mv")
    from tui.domain.summaries import standing

    tree = await tree_of(table, chat)
    there = standing(tree.summaries.values(), tree.path())
    assert [s.text for s in there] == ["They met."]
    assert [tree.nodes[n].text for n, _ in there[0].covers] == [f"what m{n} says" for n in (3, 4, 5)]
    await table.call("chats.undo", id=chat)
    assert [s.id for s in standing((await tree_of(table, chat)).summaries.values(),
                                   (await tree_of(table, chat)).path())] == ["s"]


async def test_a_reply_in_the_middle_is_written_anew_from_a_place_in_it_by_the_real_engine(table: Table) -> None:
    pytest.importorskip("llama_cpp")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"seed": 5, "temperature": 0.9, "max_tokens": 24})
    first, done = await table.say(chat, "Tell me a long story of the sea.")
    assert done["error"] is None
    await table.say(chat, "And then?")
    old = (await tree_of(table, chat)).path()
    text = old[2].text
    at = text.index(" ", len(text) // 3)
    told = await table.call("turn.rewrite", chat=chat, node=first, at=at, reply="other", reply_revision="r")
    assert told == {"reply": "other", "kept": at}
    assert (await table.done("other"))["error"] is None
    tree = await tree_of(table, chat)
    assert tree.nodes["other"].text.startswith(text[:at])
    assert len(tree.nodes["other"].text) > at, "the model went on"
    assert [n.id for n in tree.versions(tree.nodes["other"])] == [first, "other"]
    assert [n.id for n in tree.path(old[-1].id)] == [n.id for n in old], "what followed stays in its branch"
    assert tree.nodes[first].text == text
    again = await table.call("chats.parent", id=chat, head="other")
    assert again == {"node": first, "leaf": old[-1].id}
    table.heard.clear()
    await table.call("turn.continue", chat=chat, node=first, revision="on")
    await table.done(first)
    inner = (await tree_of(table, chat)).nodes[first]
    assert [r.kind for r in inner.revisions] == ["original", "continue"]
    assert inner.text.startswith(text.rstrip())


async def test_line_breaks_before_the_place_stay_and_a_reply_from_its_beginning_is_all_new(
    table: Table, scripted_server: ScriptedServer
) -> None:
    as_koboldcpp(scripted_server, "Anew.")
    await table.call("connection.use", kind="koboldcpp", url=scripted_server.url, template="chatml")
    chat = await a_story(table, 3)
    await table.call("node.edit", chat=chat, node="m2", revision="e", text="She opens.  \n\nHe screams.")
    texts = ((14, "She opens.  \n\nAnew."), (10, "She opens.Anew."), (0, "Anew."),
             (99, "She opens.  \n\nHe screams.Anew."))
    for at, wanted in texts:
        reply = new_id()
        await table.call("turn.rewrite", chat=chat, node="m2", at=at, reply=reply, reply_revision=new_id())
        await table.done(reply)
        assert (await tree_of(table, chat)).nodes[reply].text == wanted
