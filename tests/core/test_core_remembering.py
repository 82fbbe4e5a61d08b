"""Pinned facts, nested summaries, chapters, documents and a story carried on, on a real core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from core_table import Speaker, Table, speaks
from scripted import Line, Request, ScriptedServer, answer

from tui.domain.errors import BadInput, NotFound, Refused
from tui.wire.ids import new_id


async def _talk(table: Table, server: ScriptedServer, *replies: str, summaries: tuple[str, ...] = ()) -> str:
    """A chat with a turn a reply; then the server has `summaries` to say."""
    speakers = [Speaker(text) for text in (*replies, *summaries, "Yes.")]
    for speaker in speakers:
        speaker.go_on.set()
    speaks(server, *speakers)
    await table.use_server(server.url)
    chat = await table.new_chat()
    for number in range(len(replies)):
        await table.say(chat, f"Question {number}?")
    return chat


async def _shown(table: Table, chat: str, text: str = "") -> list[dict[str, Any]]:
    shown = await table.call("prompt.show", chat=chat, text=text)
    return [s for s in shown["segments"] if s["included"]]


async def _ids(table: Table, chat: str) -> list[str]:
    return [n.id for n in (await table.core.chats.get(chat)).path()]


async def test_a_pinned_fact_stands_in_the_prompt_is_edited_and_undone(
    table: Table, scripted_server: ScriptedServer
) -> None:
    chat = await _talk(table, scripted_server, "I cannot swim.")
    node = (await _ids(table, chat))[-1]
    await table.call("pins.add", chat=chat, id="p1", text=" Mira cannot swim. ", node=node)
    await table.call("pins.add", chat=chat, id="p1", text="again", node=node)              # a repeated request
    await table.call("pins.edit", chat=chat, pin="p1", text="Mira fears water.")
    segment = next(s for s in await _shown(table, chat) if s["source"] == "pin:p1")
    assert "- Mira fears water." in segment["text"]
    assert segment["volatility"] == "memory"
    await table.call("chats.undo", id=chat)
    fields = (await table.call("chats.open", id=chat))["chat"]["fields"]
    assert fields["pins"] == [{"id": "p1", "text": "Mira cannot swim.", "node": node}]
    await table.call("pins.remove", chat=chat, pin="p1")
    assert not [s for s in await _shown(table, chat) if s["source"].startswith("pin:")]
    with pytest.raises(NotFound):
        await table.call("pins.remove", chat=chat, pin="p1")
    for text in ("  ", "x" * 3000):
        with pytest.raises(BadInput):
            await table.call("pins.add", chat=chat, id="p2", text=text)
    await table.settled(chat)


async def test_sillytaverns_assembly_has_the_pinned_facts_too(table: Table, scripted_server: ScriptedServer) -> None:
    chat = await _talk(table, scripted_server, "a")
    await table.call("presets.save", kind="prompts", id="exact", text="label: exact\nmode: compatible\n")
    await table.call("chats.set", id=chat, field="prompt", value="exact")
    await table.call("pins.add", chat=chat, id="p1", text="Mira fears {{random::water::fire}}.")
    shown = await table.call("prompt.show", chat=chat, text="Come!")
    assert "- Mira fears { {random::water::fire}}." in shown["text"]


async def test_a_summary_of_summaries_takes_their_place_and_is_unfolded_again(
    table: Table, scripted_server: ScriptedServer
) -> None:
    chat = await _talk(table, scripted_server, *"abcd", summaries=("First.", "Second.", "Both."))
    ids = await _ids(table, chat)
    one, two, both = new_id(), new_id(), new_id()
    with pytest.raises(Refused, match="no two summaries"):
        await table.call("summary.fold", chat=chat, id=both)
    await table.call("summary.make", chat=chat, id=one, first=ids[0], last=ids[1])
    await table.call("summary.make", chat=chat, id=two, first=ids[3], last=ids[4])
    made = (await table.call("summary.fold", chat=chat, id=both))["summary"]
    assert [node for node, _ in made["covers"]] == ids[:5]
    asked = scripted_server.asked("/v1/chat/completions")[-1].json["messages"]
    assert "First." in str(asked)
    assert "Second." in str(asked)
    standing = [s["source"] for s in await _shown(table, chat) if s["source"].startswith("summary:")]
    assert standing == [f"summary:{both}"]
    await table.call("summary.remove", chat=chat, summary=both)                 # unfolded: the inner ones stand
    standing = [s["source"] for s in await _shown(table, chat) if s["source"].startswith("summary:")]
    assert standing == [f"summary:{one}", f"summary:{two}"]
    await table.call("summary.remove", chat=chat, summary=one)                  # and their messages
    assert f"message:{ids[0]}" in [s["source"] for s in await _shown(table, chat)]


async def test_a_summary_is_written_anew_of_what_its_messages_say_now(
    table: Table, scripted_server: ScriptedServer
) -> None:
    chat = await _talk(table, scripted_server, *"abc", summaries=("Old.", "New."))
    ids = await _ids(table, chat)
    old, new = new_id(), new_id()
    await table.call("summary.make", chat=chat, id=old, first=ids[0], last=ids[2])
    await table.call("node.edit", chat=chat, node=ids[1], revision=new_id(), text="I was never there.")
    made = (await table.call("summary.redo", chat=chat, summary=old, id=new))["summary"]
    asked = str(scripted_server.asked("/v1/chat/completions")[-1].json["messages"])
    assert "I was never there." in asked
    assert "Old." not in asked
    assert made["texts"] == ["New."]
    assert [s["source"] for s in await _shown(table, chat) if s["source"].startswith("summary:")] == [f"summary:{new}"]
    await table.call("chats.undo", id=chat)                                     # one step: the old one is back
    summaries = {s["id"]: s["removed"] for s in (await table.call("chats.open", id=chat))["summaries"]}
    assert summaries == {old: False, new: True}


async def test_chapters_are_noted_on_messages(table: Table, scripted_server: ScriptedServer) -> None:
    chat = await _talk(table, scripted_server, *"ab")
    ids = await _ids(table, chat)
    await table.call("chapters.set", chat=chat, node=ids[1], title="  The \n storm ")
    assert (await table.node(chat, ids[1]))["extra"] == {"chapter": "The storm"}
    await table.call("chapters.set", chat=chat, node=ids[1])
    assert (await table.node(chat, ids[1]))["extra"] == {}
    await table.call("chats.undo", id=chat)
    assert (await table.node(chat, ids[1]))["extra"] == {"chapter": "The storm"}
    with pytest.raises(NotFound):
        await table.call("chapters.set", chat=chat, node="nobody", title="X")


async def test_a_document_is_read_from_where_it_matters_and_nowhere_else(
    table: Table, scripted_server: ScriptedServer
) -> None:
    chat = await _talk(table, scripted_server, "a")
    text = "# Harbour\n\nThe harbour master Grimwald demands three barrels of herring.\n\n# Mill\n\nThe mill stands."
    got = await table.call("documents.add", chat=chat, id="d1", name="town.md", text=text)
    assert got == {"id": "d1", "passages": 2}
    again = await table.call("documents.add", chat=chat, id="d2", name="copy.md", text=text)
    assert again["id"] == "d1"                                                   # the same text is there once
    shown = await table.call("prompt.show", chat=chat, text="What does the harbour master want?")
    recalled = [s for s in shown["segments"] if s["source"].startswith("recall:")]
    assert len(recalled) == 1
    assert "Grimwald" in recalled[0]["text"]
    assert "The mill stands" not in recalled[0]["text"]
    told = [r for r in shown["recalled"] if r["segment"]]
    assert [(r["kind"], r["source"], r["words"]) for r in told] == [("document", "d1", ["harbour", "master"])]
    assert not [s for s in await _shown(table, chat, "How are you?") if s["source"].startswith("recall:")]
    found = (await table.call("recall.search", chat=chat, text="herring?"))["found"]
    assert found[0]["heading"] == "Harbour"
    assert (await table.call("documents.text", chat=chat, document="d1"))["text"] == text
    await table.call("documents.remove", chat=chat, document="d1")
    shown = await table.call("prompt.show", chat=chat, text="What does the harbour master want?")
    assert shown["recalled"] == []


async def test_what_a_turn_recalled_is_kept_with_it_and_stays_in_the_prompt(
    table: Table, scripted_server: ScriptedServer
) -> None:
    chat = await _talk(table, scripted_server, "a", "b")
    await table.call(
        "documents.add", chat=chat, id="d1", name="town.txt", text="The harbour master Grimwald demands herring."
    )
    reply, done = await table.say(chat, "Who is the harbour master?")
    assert done["error"] is None
    asked = str(scripted_server.asked("/v1/chat/completions")[-1].json["messages"])
    assert "Grimwald" in asked
    plan = (await table.call("node.generation", chat=chat, node=reply))["plan"]
    assert [r["source"] for r in plan["recalled"]] == ["d1"]
    _, done = await table.say(chat, "I see.")
    assert "Grimwald" in str(scripted_server.asked("/v1/chat/completions")[-1].json["messages"])
    await table.call("settings.set", name="recall", value=False)
    _, done = await table.say(chat, "I see.")
    assert "Grimwald" not in str(scripted_server.asked("/v1/chat/completions")[-1].json["messages"])


async def test_a_story_is_carried_into_a_new_chat(table: Table, scripted_server: ScriptedServer) -> None:
    chat = await _talk(table, scripted_server, "a", "b", "Look, a ship!", summaries=("They met by the sea.",))
    await table.call("pins.add", chat=chat, id="p1", text="Mira cannot swim.")
    await table.call("chats.set", id=chat, field="note", value="Keep it slow.")
    await table.call("documents.add", chat=chat, id="d1", name="town.txt", text="The harbour is deep.")
    new = new_id()
    await table.call("chats.carry", chat=chat, id=new, title="")
    opened = await table.call("chats.open", id=new)
    fields = opened["chat"]["fields"]
    old = (await table.call("chats.open", id=chat))["chat"]["fields"]
    assert fields["title"] == f"{old['title']} (2)"
    assert (fields["character"], fields["note"], fields["pins"]) == (old["character"], "Keep it slow.", old["pins"])
    path = (await table.core.chats.get(new)).path()
    assert [(n.role, n.text) for n in path] == [("system", "They met by the sea."), ("assistant", "Look, a ship!")]
    shown = await _shown(table, new, "How deep is the harbour?")
    texts = [s["text"] for s in shown]
    assert sum("They met by the sea." in text for text in texts) == 1            # as a summary, and not twice
    assert [s["source"].partition(":")[0] for s in shown if "met by the sea" in s["text"]] == ["summary"]
    assert any("The harbour is deep." in text for text in texts)
    _, done = await table.say(new, "I see it.")
    assert done["error"] is None
    await table.settled(new)
    third = new_id()
    await table.call("chats.carry", chat=new, id=third)
    assert (await table.call("chats.open", id=third))["chat"]["fields"]["title"] == f"{old['title']} (3)"


async def test_there_must_be_something_to_carry(table: Table) -> None:
    chat = await table.new_chat()
    with pytest.raises(Refused, match="too little"):
        await table.call("chats.carry", chat=chat, id=new_id())


def _meaning(text: str) -> list[float]:
    """A vector that knows what some words mean: water, fire, anything else."""
    meanings = (("sea", "harbour", "drown", "swim"), ("fire", "burn", "smoke", "ash"))
    return [0.01 + sum(text.lower().count(word) for word in words) for words in meanings] + [0.5]


async def _embeds(request: Request, line: Line) -> None:
    rows = [{"index": at, "embedding": _meaning(text)} for at, text in enumerate(request.json["input"])]
    await answer({"object": "list", "data": rows})(request, line)


async def test_what_is_like_in_meaning_is_recalled_without_a_word_in_common(
    table: Table, scripted_server: ScriptedServer
) -> None:
    chat = await _talk(table, scripted_server, "a")
    text = "\n\n".join(("The smithy was all fire and smoke. " * 12, "They rode for days over the plain. " * 12))
    await table.call("documents.add", chat=chat, id="d1", name="town.txt", text=text)
    asked = "Did ash burn there?"
    assert (await table.call("recall.search", chat=chat, text=asked))["found"] == []
    await table.call("settings.set", name="embedding_server", value=scripted_server.url)
    scripted_server.on("POST /v1/embeddings", _embeds)
    found = (await table.call("recall.search", chat=chat, text=asked))["found"]
    smithy = next(r for r in found if "smithy" in r["text"])
    assert smithy["words"] == []
    assert smithy["likeness"] > 0.8
    shown = await table.call("prompt.show", chat=chat, text=asked)
    assert any("smithy" in s["text"] for s in shown["segments"] if s["source"].startswith("recall:"))
    requests = len(scripted_server.asked("/v1/embeddings"))
    await table.call("recall.search", chat=chat, text=asked)
    assert len(scripted_server.asked("/v1/embeddings")) == requests                # they are kept


async def test_an_embedding_server_that_fails_leaves_recall_to_the_words(
    table: Table, scripted_server: ScriptedServer
) -> None:
    chat = await _talk(table, scripted_server, "a")
    await table.call("documents.add", chat=chat, id="d1", name="town.txt", text="Grimwald keeps the harbour.")
    await table.call("settings.set", name="embedding_server", value=scripted_server.url)
    found = (await table.call("recall.search", chat=chat, text="The harbour?"))["found"]
    assert [r["words"] for r in found] == [["harbour"]]
    told = [e for e in table.heard if "by its words alone" in str(e)]
    assert len(told) == 1
    _, done = await table.say(chat, "Who keeps the harbour?")
    assert done["error"] is None


async def test_vectors_of_a_long_text_are_made_afterwards_and_outlive_the_core(
    table: Table, scripted_server: ScriptedServer
) -> None:
    chat = await _talk(table, scripted_server, "a")
    text = "\n\n".join(f"{n}. " + ("The sea was calm. " * 30 if n % 2 else "A fire burnt. " * 30) for n in range(60))
    await table.call("documents.add", chat=chat, id="d1", name="log.txt", text=text)
    await table.call("settings.set", name="embedding_server", value=scripted_server.url)
    scripted_server.on("POST /v1/embeddings", _embeds)
    await table.call("recall.search", chat=chat, text="Who can swim?")
    await table.core.vectors.settled()
    found = (await table.call("recall.search", chat=chat, text="Who can swim?"))["found"]
    assert len(found) >= 10
    assert all("sea" in r["text"] for r in found[:10])
    requests = len(scripted_server.asked("/v1/embeddings"))
    table.core.vectors._known.clear()                                              # as after a start
    await table.call("recall.search", chat=chat, text="Who can swim?")
    assert len(scripted_server.asked("/v1/embeddings")) == requests


async def test_the_starter_model_itself_makes_vectors(table: Table, starter: Path) -> None:
    chat = await table.new_chat()
    await table.call("documents.add", chat=chat, id="d1", name="town.txt", text="The harbour is deep.")
    await table.call("settings.set", name="embedding_model", value="starter")
    found = (await table.call("recall.search", chat=chat, text="The harbour is deep."))["found"]
    assert found[0]["likeness"] == pytest.approx(1.0, abs=1e-3)
