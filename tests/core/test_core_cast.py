"""Group chats: who speaks, who knows what, whose words are cut. The model is scripted, the rest is the real core."""

from __future__ import annotations

import json
from typing import Any

import pytest
from core_table import Speaker, Table, speaks
from scripted import ScriptedServer, as_koboldcpp

from tui import paths
from tui.domain.errors import NotFound, Refused
from tui.wire.ids import new_id

CARDS = {
    "nell": ("Nell", "{{char}} keeps the lighthouse and never sleeps.", "Evening."),
    "bob": ("Bob", "{{char}} is a fisherman who hates tea.", "Aye."),
    "anna": ("Анна", "{{char}} чинит часы.", "Здравствуй."),
}


@pytest.fixture
async def troupe(table: Table, scripted_server: ScriptedServer) -> Table:
    """A table with three short characters and a server that one sets by `as_koboldcpp`."""
    folder = paths.config_dir() / "characters"
    folder.mkdir(parents=True, exist_ok=True)
    for card, (name, description, greeting) in CARDS.items():
        text = f'name: {name}\ndescription: "{description}"\nfirst_mes: "{greeting}"\n'
        text += f"group_only_greetings: ['{name} is here with the others.']\n" if card == "bob" else ""
        text += 'mes_example: "<START>\\n{{user}}: Tea?\\n{{char}}: Never."\n' if card == "bob" else ""
        (folder / f"{card}.yaml").write_text(text, "utf-8")
    as_koboldcpp(scripted_server, "Yes.")
    await table.use_server(scripted_server.url, kind="koboldcpp")
    await table.call("settings.set", name="read_ahead", value=False)
    await table.call("settings.set", name="persona_name", value="Sam")
    return table


async def make(table: Table, *members: str, **more: Any) -> str:
    chat = new_id()
    await table.call("cast.make", id=chat, members=list(members or CARDS), **more)
    return chat


async def story(table: Table, chat: str) -> list[dict[str, Any]]:
    opened = await table.call("chats.open", id=chat)
    nodes = {n["id"]: n for n in opened["nodes"]}
    out, at = [], opened["chat"]["head"]
    while at:
        out.append(nodes[at])
        at = nodes[at]["parent"]
    return out[::-1]


def text_of(node: dict[str, Any]) -> str:
    return next(str(r["text"]) for r in node["revisions"] if r["id"] == node["current"])


async def lines(table: Table, chat: str) -> list[tuple[str, str]]:
    return [(n["name"], text_of(n)) for n in await story(table, chat)]


async def speak(table: Table, chat: str, speaker: str = "") -> dict[str, Any]:
    path = await story(table, chat)
    reply = new_id()
    await table.call(
        "turn.speak", chat=chat, reply=reply, reply_revision=new_id(), parent=path[-1]["id"] if path else None,
        speaker=speaker,
    )
    return await table.done(reply)


async def over(table: Table, chat: str, count: int) -> None:
    """Wait until the path has so many messages and nothing is written."""
    def finished() -> bool:
        done = [e for e in table.heard if e["type"] == "turn" and e["chat"] == chat and e["state"] == "done"]
        return len(done) >= count and chat not in table.core.turns.writing_in()
    await table.until(lambda e: finished())


def prompts(server: ScriptedServer) -> list[str]:
    return [r.json["prompt"] for r in server.asked("/api/extra/generate/stream")]


async def test_a_group_greets_with_what_is_for_groups_and_each_as_themselves(troupe: Table) -> None:
    chat = await make(troupe)
    assert await lines(troupe, chat) == [
        ("Nell", "Evening."), ("Bob", "Bob is here with the others."), ("Анна", "Здравствуй."),
    ]
    assert [n["extra"]["speaker"] for n in await story(troupe, chat)] == ["nell", "bob", "anna"]
    assert await lines(troupe, await make(troupe, greetings="first")) == [("Nell", "Evening.")]
    assert await lines(troupe, await make(troupe, greetings="none")) == []


async def test_a_list_speaks_in_its_order_and_nobody_who_is_muted(
    troupe: Table, scripted_server: ScriptedServer
) -> None:
    chat = await make(troupe, strategy="list", greetings="none")
    as_koboldcpp(scripted_server, "One.", "Two.", "Three.")
    await troupe.call("cast.member", chat=chat, member="bob", values={"muted": True})
    await troupe.say(chat, "Well?")
    await over(troupe, chat, 2)
    assert await lines(troupe, chat) == [("Sam", "Well?"), ("Nell", "One."), ("Анна", "Two.")]
    await troupe.call("cast.member", chat=chat, member="bob", values={"muted": False})
    await troupe.call("cast.move", chat=chat, member="bob", to=0)
    assert [n["id"] for n in (await troupe.call("cast.get", chat=chat))["next"]] == ["bob", "nell", "anna"]
    await troupe.settled(chat)


async def test_who_is_called_answers_in_any_case_form_and_the_record_says_why(troupe: Table) -> None:
    chat = await make(troupe, greetings="none")
    for member in CARDS:
        await troupe.call("cast.member", chat=chat, member=member, values={"talkativeness": 0.0})
    reply, _ = await troupe.say(chat, "Расскажи Анне о море.")
    node = await troupe.node(chat, reply)
    assert (node["name"], node["extra"]["speaker"]) == ("Анна", "anna")
    record = node["revisions"][-1]["generation"]["speaker"]
    assert record["id"] == "anna"
    assert record["why"]["args"]["word"] == "Анне"
    again = new_id()
    await troupe.call("turn.reply", chat=chat, parent=node["parent"], reply=again, reply_revision=new_id())
    await troupe.done(again)
    assert (await troupe.node(chat, again))["name"] == "Анна", "another version is of the same speaker"


async def test_manual_waits_to_be_asked_and_says_so(troupe: Table) -> None:
    chat = await make(troupe, strategy="manual", greetings="none")
    _, done = await troupe.say(chat, "Bob?")
    assert "by themselves" in done["error"]["what"]["id"]
    assert (await lines(troupe, chat))[-1] == ("Sam", "Bob?")
    await speak(troupe, chat, "bob")
    assert (await lines(troupe, chat))[-1] == ("Bob", "Yes.")
    with pytest.raises(NotFound):
        await speak(troupe, chat, "mira")
    for member in CARDS:
        await troupe.call("cast.member", chat=chat, member=member, values={"muted": True})
    with pytest.raises(Refused, match="muted"):
        await speak(troupe, chat)


async def test_voices_do_not_mix_and_what_was_cut_is_kept_and_told(
    troupe: Table, scripted_server: ScriptedServer
) -> None:
    chat = await make(troupe, greetings="none")
    as_koboldcpp(scripted_server, "Bob: It is late.\n\n**Nell**: I know.\nSam: Good night.", "Nell: I speak now.")
    done = await speak(troupe, chat, "bob")
    assert done["finish"] == "stop"
    assert await lines(troupe, chat) == [("Bob", "It is late.")]
    record = (await story(troupe, chat))[-1]["revisions"][-1]["generation"]
    assert record["voices"]["name"] == "Nell"
    assert record["voices"]["cut"].startswith("**Nell**:")
    told = await troupe.until(lambda e: e["type"] == "notice")
    assert told["notice"]["args"]["name"] == "Nell"
    stops = scripted_server.asked("/api/extra/generate/stream")[-1].json["stop_sequence"]
    assert {"\nSam:", "\nNell:", "\nАнна:"} <= set(stops)
    assert "\nBob:" not in stops
    done = await speak(troupe, chat, "bob")
    assert done["error"]["what"]["args"]["text"].startswith("Nell:")
    assert len(await lines(troupe, chat)) == 1


async def test_cards_joined_make_one_head_for_all_and_the_speaker_is_named_at_the_end(
    troupe: Table, scripted_server: ScriptedServer
) -> None:
    chat = await make(troupe, joining="join", greetings="none")
    for speaker in ("nell", "bob", "anna"):
        await speak(troupe, chat, speaker)
    first, second, third = prompts(scripted_server)
    assert "Nell keeps the lighthouse" in first
    assert "Bob is a fisherman" in first
    assert "Bob: Never." in first
    head = first[:first.rindex("[Write the next reply only as Nell.]")]
    assert second.startswith(head.rstrip().removesuffix("<|im_start|>system"))
    assert third.rstrip().endswith("Анна:")
    assert "[Write the next reply only as Анна.]" in third
    assert "Nell: Yes." in third
    await troupe.call("cast.set", chat=chat, values={"joining": "swap"})
    await speak(troupe, chat, "bob")
    alone = prompts(scripted_server)[-1]
    assert "Bob is a fisherman" in alone
    assert "keeps the lighthouse" not in alone


async def test_a_whisper_and_its_answer_are_known_to_those_who_heard_it(
    troupe: Table, scripted_server: ScriptedServer
) -> None:
    chat = await make(troupe, strategy="list", greetings="none")
    await speak(troupe, chat, "nell")
    head, reply, node = (await story(troupe, chat))[-1]["id"], new_id(), new_id()
    as_koboldcpp(scripted_server, "I will keep it to myself.", "What secret?", "Which?")
    await troupe.call(
        "turn.say", chat=chat, parent=head, node=node, revision=new_id(), text="The treasure is under the pier.",
        reply=reply, reply_revision=new_id(), to=["bob"],
    )
    await troupe.done(reply)
    said = (await story(troupe, chat))[-2:]
    assert [n["name"] for n in said] == ["Sam", "Bob"], "only those who heard it answer"
    assert [n["extra"]["seen_by"] for n in said] == [["bob"], ["bob"]]
    await speak(troupe, chat, "anna")
    assert "treasure" not in prompts(scripted_server)[-1]
    assert "keep it to myself" not in prompts(scripted_server)[-1]
    await speak(troupe, chat, "bob")
    assert "treasure" in prompts(scripted_server)[-1]
    await troupe.call("cast.known", chat=chat, node=node)
    await speak(troupe, chat, "anna")
    assert "treasure" in prompts(scripted_server)[-1]
    await troupe.call("chats.undo", id=chat)
    with pytest.raises(NotFound):
        await troupe.call("cast.known", chat=chat, node=node, to=["mira"])


async def test_lore_for_one_is_read_by_that_one_alone(troupe: Table, scripted_server: ScriptedServer) -> None:
    entry = {
        "uid": 0, "key": [], "comment": "", "content": "The eel pie is poisoned.", "constant": True, "position": 0,
        "order": 100, "disable": False, "characterFilter": {"isExclude": False, "names": ["bob"], "tags": []},
    }
    key = {**entry, "uid": 1, "key": ["pie"], "constant": False, "content": "Bob baked it.", "anchored": True}
    book = {"entries": {"0": entry, "1": key}}
    folder = paths.config_dir() / "lorebooks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secrets.json").write_text(json.dumps(book), "utf-8")
    for joining in ("swap", "join"):
        chat = await make(troupe, greetings="first", strategy="manual", joining=joining)
        await troupe.call("chats.set", id=chat, field="lorebooks", value=["secrets"])
        await troupe.say(chat, "Who will have some pie?")
        for speaker in ("bob", "anna", "bob"):
            await speak(troupe, chat, speaker)
            read = prompts(scripted_server)[-1]
            assert ("eel pie is poisoned" in read) is (speaker == "bob"), (joining, speaker)
            assert ("Bob baked it" in read) is (speaker == "bob"), (joining, speaker)


async def test_a_summary_tells_nobody_what_was_whispered(troupe: Table, scripted_server: ScriptedServer) -> None:
    chat = await make(troupe, greetings="none", strategy="manual")
    await speak(troupe, chat, "nell")
    path = await story(troupe, chat)
    secret, reply = new_id(), new_id()
    await troupe.call(
        "turn.say", chat=chat, parent=path[-1]["id"], node=secret, revision=new_id(), text="The code is 4711.",
        reply=reply, reply_revision=new_id(), to=["bob"],
    )
    await troupe.done(reply)
    await speak(troupe, chat, "anna")
    path = await story(troupe, chat)
    made = await troupe.call("summary.make", chat=chat, id=new_id(), first=path[0]["id"], last=path[-1]["id"])
    assert "4711" not in prompts(scripted_server)[-1]
    assert secret not in {node for node, _ in made["summary"]["covers"]}


async def test_a_member_has_a_profile_and_samplers_of_their_own(troupe: Table) -> None:
    other = ScriptedServer()
    await other.start()
    try:
        as_koboldcpp(other, "From elsewhere.")
        text = f"backend:\n  kind: koboldcpp\n  url: {other.url}\ntemplate: chatml\n"
        await troupe.call("presets.save", kind="profiles", id="second", text=text)
        chat = await make(troupe, greetings="none")
        own = {"profile": "second", "samplers": {"temperature": 0.3}}
        await troupe.call("cast.member", chat=chat, member="bob", values=own)
        await speak(troupe, chat, "bob")
        await speak(troupe, chat, "nell")
        assert [line for _, line in await lines(troupe, chat)] == ["From elsewhere.", "Yes."]
        assert other.asked("/api/extra/generate/stream")[0].json["temperature"] == 0.3
        own = (await troupe.call("samplers.get", chat=chat))["own"]
        assert own == {}
    finally:
        await other.stop()


async def test_auto_mode_goes_on_by_itself_until_it_is_stopped(troupe: Table) -> None:
    troupe.core.attached = 1
    chat = await make(troupe, strategy="pooled", greetings="none")
    await troupe.call("cast.set", chat=chat, values={"delay": 0})
    await troupe.call("cast.auto", chat=chat, value=True)
    await over(troupe, chat, 3)
    stopped = await troupe.call("turn.stop", chat=chat)
    assert stopped["stopped"]
    assert not (await troupe.call("cast.get", chat=chat))["cast"]["auto"]
    count = len(await story(troupe, chat))
    assert count >= 3
    await speak(troupe, chat, "nell")
    await table_quiet(troupe)
    assert len(await story(troupe, chat)) == count + 1
    names = [name for name, _ in (await lines(troupe, chat))[:3]]
    assert len(set(names)) == 3, "in a pool, all speak before one speaks twice"


async def table_quiet(table: Table) -> None:
    """Let everything that is due run: a call takes several turns of the loop."""
    for _ in range(5):
        await table.call("settings.get")


async def test_a_chat_of_two_becomes_a_group_and_back_by_undo(troupe: Table) -> None:
    chat = await troupe.new_chat("nell")
    assert (await troupe.call("cast.get", chat=chat))["cast"] is None
    await troupe.call("cast.add", chat=chat, member="bob")
    assert [m["id"] for m in (await troupe.call("cast.get", chat=chat))["cast"]["members"]] == ["nell", "bob"]
    with pytest.raises(Refused, match="already"):
        await troupe.call("cast.add", chat=chat, member="bob")
    await speak(troupe, chat, "bob")
    await troupe.call("cast.remove", chat=chat, member="bob")
    with pytest.raises(Refused, match="stay"):
        await troupe.call("cast.remove", chat=chat, member="nell")
    assert (await lines(troupe, chat))[-1][0] == "Bob", "what was said stays"
    await troupe.call("chats.undo", id=chat)
    assert len((await troupe.call("cast.get", chat=chat))["cast"]["members"]) == 2
    await troupe.call("cast.end", chat=chat)
    assert (await troupe.call("cast.get", chat=chat))["cast"] is None
    await troupe.settled(chat)


async def test_the_real_model_reads_what_the_members_share_only_once(troupe: Table) -> None:
    pytest.importorskip("llama_cpp")
    await troupe.call("profiles.use", id="starter")
    shared = {}
    for joining in ("join", "swap"):
        chat = await make(troupe, joining=joining, greetings="first", strategy="list")
        values = {"max_tokens": 8, "temperature": 0, "ignore_eos": False}
        await troupe.call("samplers.set", chat=chat, values=values)
        await troupe.say(chat, "Tell me about the storm that came last night, and who was out on the water then.")
        await over(troupe, chat, 3)
        said = [n for n in await story(troupe, chat) if n["extra"].get("speaker")][1:]
        assert [n["name"] for n in said] == ["Nell", "Bob", "Анна"]
        made = [n["revisions"][-1]["generation"] for n in said]
        shared[joining] = min(g["cached_tokens"] / g["prompt_tokens"] for g in made[1:])
    assert shared["join"] > 0.6 > shared["swap"], shared


async def test_a_server_that_takes_messages_alone_is_told_who_said_what(
    troupe: Table, scripted_server: ScriptedServer
) -> None:
    chats = ScriptedServer()
    await chats.start()
    try:
        speaks(chats, Speaker("Bob: Aye."))
        await troupe.use_server(chats.url, kind="openai")
        chat = await make(troupe, greetings="all", joining="join")
        reply = await troupe.ask(chat, "Bob, will it rain?")
        await troupe.growth(reply, "Aye.")
        await troupe.call("turn.stop", chat=chat)
        (asked,) = chats.asked("/v1/chat/completions")
        said = [m["content"] for m in asked.json["messages"]]
        assert any("Nell: Evening." in text for text in said)
        assert any("Sam: Bob, will it rain?" in text for text in said)
        assert said[-1].endswith("[Write the next reply only as Bob.]")
        assert (await lines(troupe, chat))[-1] == ("Bob", "Aye.")
    finally:
        await chats.stop()
