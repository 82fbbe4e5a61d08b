"""Turns, as a person takes them, on the real engine and the starter model."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from core_table import Table

from tui.domain.errors import Refused
from tui.domain.operations import node_from_json
from tui.engine.proxy import EmbeddedEngine
from tui.wire.ids import new_id


async def test_a_greeting_stands_first_and_a_reply_comes_and_is_recorded(table: Table) -> None:
    chat = await table.new_chat()
    opened = await table.call("chats.open", id=chat)
    assert len([n for n in opened["nodes"] if n["parent"] is None]) >= 2   # greeting and alternates, as versions
    assert all("{{" not in n["revisions"][0]["text"] for n in opened["nodes"])

    reply, done = await table.say(chat, "Hello! How are you?")
    assert done["error"] is None
    node = node_from_json(await table.node(chat, reply))
    assert node.text.strip()
    assert node.revision.finish in ("stop", "length")
    record = node.revision.generation
    assert record["backend"] == "embedded"
    assert record["template"] == "chatml"
    assert record["prompt_tokens"] + record["completion_tokens"] <= 1024
    assert record["seed"] is not None
    assert not node.text.startswith(("Mira:", " "))


async def test_the_second_turn_reuses_what_the_first_processed(table: Table) -> None:
    chat = await table.new_chat()
    _, first = await table.say(chat, "Good evening!")
    _, second = await table.say(chat, "What do you serve here?")
    assert second["reused"] >= first["prompt_tokens"] - 2
    assert second["expected_reuse"] > 0


async def test_deltas_rebuild_exactly_the_stored_text(table: Table) -> None:
    chat = await table.new_chat()
    reply, _ = await table.say(chat, "Tell me about your cats.")
    text = ""
    for event in table.heard:
        if event["type"] == "node" and event["node"]["id"] == reply and not text:
            text = event["node"]["revisions"][0]["text"]
        elif event["type"] == "delta" and event["node"] == reply:
            assert event["offset"] == len(text)
            text += event["text"]
    assert text.rstrip() == (await table.node(chat, reply))["revisions"][0]["text"]


async def test_regenerating_adds_a_version_and_undo_takes_it_back(table: Table) -> None:
    chat = await table.new_chat()
    first, _ = await table.say(chat, "Hi!")
    user = (await table.node(chat, first))["parent"]
    second = new_id()
    await table.call("turn.reply", chat=chat, parent=user, reply=second, reply_revision=new_id())
    await table.done(second)
    assert (await table.node(chat, second))["parent"] == user
    assert (await table.call("chats.open", id=chat))["chat"]["head"] == second

    undone = await table.call("chats.undo", id=chat)
    assert undone["head"] == first
    assert (await table.node(chat, second))["deleted"]
    redone = await table.call("chats.redo", id=chat)
    assert redone["head"] == second
    assert not (await table.node(chat, second))["deleted"]


async def test_an_edit_keeps_the_earlier_text_and_the_children(table: Table) -> None:
    chat = await table.new_chat()
    reply, _ = await table.say(chat, "Hi!")
    user = (await table.node(chat, reply))["parent"]
    await table.call("node.edit", chat=chat, node=user, revision=new_id(), text="Добрый вечер!")
    node = node_from_json(await table.node(chat, user))
    assert node.text == "Добрый вечер!"
    assert [r.text for r in node.revisions] == ["Hi!", "Добрый вечер!"]
    assert (await table.node(chat, reply))["parent"] == user
    await table.call("chats.undo", id=chat)
    assert node_from_json(await table.node(chat, user)).text == "Hi!"


async def test_deleting_is_a_mark_that_the_path_walks_through(table: Table) -> None:
    chat = await table.new_chat()
    reply, _ = await table.say(chat, "Hi!")
    user = (await table.node(chat, reply))["parent"]
    await table.call("node.delete", chat=chat, nodes=[user])
    tree = await table.core.chats.get(chat)
    assert user not in [n.id for n in tree.path()]
    assert reply in [n.id for n in tree.path()]
    await table.call("chats.undo", id=chat)
    assert user in [n.id for n in (await table.core.chats.get(chat)).path()]


async def test_a_repeated_request_is_the_same_turn(table: Table) -> None:
    chat = await table.new_chat()
    head = (await table.call("chats.open", id=chat))["chat"]["head"]
    request = {
        "chat": chat, "parent": head, "node": new_id(), "revision": new_id(), "text": "Hello", "reply": new_id(),
        "reply_revision": new_id(),
    }
    await table.call("turn.say", **request)
    await table.call("turn.say", **request)
    await table.done(request["reply"])
    await table.call("turn.say", **request)
    await table.call("turn.stop", chat=chat)
    nodes = (await table.call("chats.open", id=chat))["nodes"]
    assert [n["role"] for n in nodes].count("user") == 1
    assert sum(len(n["revisions"]) for n in nodes if n["id"] == request["reply"]) == 1


async def test_a_request_that_names_a_head_that_moved_becomes_a_sibling(table: Table) -> None:
    chat = await table.new_chat()
    old = (await table.call("chats.open", id=chat))["chat"]["head"]
    await table.say(chat, "One.")
    reply = new_id()
    node = new_id()
    await table.call(
        "turn.say", chat=chat, parent=old, node=node, revision=new_id(), text="Another one.", reply=reply,
        reply_revision=new_id(),
    )
    assert (await table.done(reply))["error"] is None
    tree = await table.core.chats.get(chat)
    assert len(tree.versions(tree.nodes[node])) == 2


async def test_stop_keeps_what_came_and_continue_goes_on_from_there(table: Table) -> None:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": "300", "logit_bias": {"<|im_end|>": -100}})
    head = (await table.call("chats.open", id=chat))["chat"]["head"]
    reply = new_id()
    await table.call(
        "turn.say", chat=chat, parent=head, node=new_id(), revision=new_id(), text="Tell me a long story.",
        reply=reply, reply_revision=new_id(),
    )
    await table.until(lambda e: e["type"] == "delta" and e["node"] == reply)
    assert (await table.call("turn.stop", chat=chat))["stopped"]
    cut = node_from_json(await table.node(chat, reply))
    assert cut.revision.finish in ("cut", "stop", "length")
    assert cut.text

    table.heard.clear()
    await table.call("turn.continue", chat=chat, node=reply, revision=new_id())
    await table.done(reply)
    longer = node_from_json(await table.node(chat, reply))
    assert len(longer.revisions) == 2
    assert longer.text.startswith(cut.text.rstrip())
    assert longer.revision.base == len(cut.text.rstrip())


async def test_a_worker_that_is_killed_costs_one_reply(table: Table) -> None:
    chat = await table.new_chat()
    await table.say(chat, "Hi!")
    engine = (await table.core.connection.link()).backend
    assert isinstance(engine, EmbeddedEngine)
    assert engine.pid is not None
    head = (await table.call("chats.open", id=chat))["chat"]["head"]
    reply = new_id()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 300, "logit_bias": {"<|im_end|>": -100}})
    await table.call(
        "turn.say", chat=chat, parent=head, node=new_id(), revision=new_id(), text="Go on.", reply=reply,
        reply_revision=new_id(),
    )
    await table.until(lambda e: e["type"] == "delta" and e["node"] == reply)
    os.kill(engine.pid, signal.SIGKILL)
    done = await table.done(reply)
    assert done["error"] is not None
    partial = node_from_json(await table.node(chat, reply))
    assert partial.text
    assert partial.revision.finish in ("cut", "error")
    _, after = await table.say(chat, "Are you there?")
    assert after["error"] is None


async def test_two_hundred_turns_on_a_small_window_stay_alive_and_within_it(table: Table) -> None:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 16})
    cuts = 0
    for number in range(200):
        _, done = await table.say(chat, f"Turn {number}: what do you think of number {number * 7}?")
        assert done["error"] is None
        assert done["used"] <= 1024
        cuts += bool(done["cut"])
    assert 2 <= cuts <= 40                       # in blocks, not message by message
    path = (await table.core.chats.get(chat)).path()
    assert len(path) == 401                      # nothing left the chat


async def test_a_head_that_does_not_fit_is_refused_with_its_parts(table: Table) -> None:
    chat = await table.new_chat()
    await table.call("chats.set", id=chat, field="persona_text", value="A long life. " * 600)
    _, done = await table.say(chat, "Hi!")
    assert done["error"]["code"] == "prompt_too_long"
    segments = done["error"]["details"]["segments"]
    assert max(segments, key=lambda s: s["tokens"])["source"].startswith("persona")
    await table.call("chats.undo", id=chat)              # the message
    await table.call("chats.undo", id=chat)              # the persona
    with pytest.raises(Refused):
        await table.call("chats.undo", id=chat)


async def test_a_summary_stands_for_its_messages_and_can_be_edited_and_taken_away(table: Table) -> None:
    chat = await table.new_chat()
    for text in ("My name is Alex.", "I lost my ring.", "It was made of copper."):
        await table.say(chat, text)
    path = (await table.core.chats.get(chat)).path()
    made = await table.call("summary.make", chat=chat, id=new_id(), first=path[0].id, last=path[3].id)
    summary = made["summary"]["id"]
    await table.call("summary.edit", chat=chat, summary=summary, text="Alex lost a copper ring.")

    shown = await table.call("prompt.show", chat=chat)
    included = {s["source"]: s for s in shown["segments"] if s["included"]}
    assert f"summary:{summary}" in included
    assert "Alex lost a copper ring." in shown["text"]
    assert f"message:{path[1].id}" not in included
    assert f"message:{path[5].id}" in included

    await table.call("summary.remove", chat=chat, summary=summary)
    shown = await table.call("prompt.show", chat=chat)
    assert "copper ring." not in shown["text"].replace("made of copper.", "")
    assert path[1].text in shown["text"]


async def test_a_reply_that_ends_while_nobody_looks_is_told_once_on_the_next_opening(table: Table) -> None:
    chat = await table.new_chat()
    head = (await table.call("chats.open", id=chat))["chat"]["head"]
    ids = {"node": new_id(), "revision": new_id(), "reply": new_id(), "reply_revision": new_id()}
    await table.call("turn.say", chat=chat, parent=head, text="Hi!", **ids)
    await table.done(ids["reply"])
    away = (await table.call("chats.open", id=chat))["away"]
    assert away["node"] == ids["reply"]
    assert away["tokens"] > 0
    assert (await table.call("chats.open", id=chat))["away"] is None


async def test_drafts_are_kept_per_chat(table: Table, home: Path) -> None:
    one, two = await table.new_chat(), await table.new_chat()
    await table.call("chats.draft", id=one, text="недописанное")
    assert (await table.call("chats.open", id=one))["draft"] == "недописанное"
    assert (await table.call("chats.open", id=two))["draft"] == ""
