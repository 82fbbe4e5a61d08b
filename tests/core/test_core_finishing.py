"""What the program does by itself with a reply that ended."""

from __future__ import annotations

from typing import Any

from core_table import Table
from scripted import SSE, Line, Request, ScriptedServer, as_openai, text_chunk


class Lines:
    """Says each of `replies` in turn: a text and how it ended. `prompts` are what it was given."""

    def __init__(self, *replies: tuple[str, str]) -> None:
        self.replies = list(replies)
        self.prompts: list[str] = []

    async def __call__(self, request: Request, line: Line) -> None:
        self.prompts.append(request.json["prompt"])
        text, reason = self.replies.pop(0)
        await line.send(SSE + text_chunk(text) + text_chunk("", reason) + b"data: [DONE]\n\n")


async def _chat(table: Table, server: ScriptedServer, *replies: tuple[str, str], **settings: Any) -> tuple[str, Lines]:
    as_openai(server, owner="sglang", context=4096)
    lines = Lines(*replies)
    server.on("POST /v1/completions", lines)
    await table.use_server(server.url, template="alpaca")
    await table.call("settings.set", name="read_ahead", value=False)
    for name, value in settings.items():
        await table.call("settings.set", name=name, value=value)
    return await table.new_chat(), lines


async def _until(table: Table, chat: str, text: str) -> dict[str, Any]:
    """Wait until a message on the path reads so, finished."""
    def reads(event: dict[str, Any]) -> bool:
        if event["type"] != "node" or event.get("chat") != chat:
            return False
        shown = [r for r in event["node"]["revisions"] if r["id"] == event["node"]["current"]]
        return shown[0]["text"] == text and shown[0]["finish"] in ("stop", "length")

    return (await table.until(reads))["node"]


async def test_a_reply_that_was_too_long_goes_on_so_often_and_is_then_trimmed(
    table: Table, scripted_server: ScriptedServer,
) -> None:
    chat, lines = await _chat(
        table, scripted_server, ("She came in", "length"), (" and sat. Then she", "length"), ("never", "length"),
        auto_continue=1, trim_sentences=True,
    )
    node, _ = await table.say(chat, "Well?")
    told = await _until(table, chat, "She came in and sat.")
    assert told["id"] == node
    assert [r["text"] for r in told["revisions"]] == [
        "She came in", "She came in and sat. Then she", "She came in and sat."]
    assert len(lines.prompts) == 2
    assert lines.prompts[1].endswith("She came in")


async def test_a_reply_that_is_not_wanted_is_tried_again_and_why_is_told(
    table: Table, scripted_server: ScriptedServer,
) -> None:
    chat, lines = await _chat(
        table, scripted_server, ("No.", "stop"), ("As an AI I cannot do that, sorry.", "stop"),
        ("She laughs and pours the tea.", "stop"), ("never", "stop"),
        auto_swipe=5, auto_swipe_least=10, auto_swipe_words=["as an ai"],
    )
    await table.say(chat, "Well?")
    await _until(table, chat, "She laughs and pours the tea.")
    assert len(lines.prompts) == 3
    why = [e["notice"]["id"] for e in table.heard if e["type"] == "notice"]
    assert [("fewer than" in w, "says" in w) for w in why] == [(True, False), (False, True)]
    tree = await table.call("chats.open", id=chat)
    assert len([n for n in tree["nodes"] if n["role"] == "assistant" and n["parent"] is not None]) == 3


async def test_left_alone_nothing_is_done_and_a_person_can_trim(table: Table, scripted_server: ScriptedServer) -> None:
    chat, lines = await _chat(table, scripted_server, ("Yes. And the", "length"))
    node, _ = await table.say(chat, "Well?")
    assert (await table.node(chat, node))["revisions"][-1]["text"] == "Yes. And the"
    await table.call("node.trim", chat=chat, node=node)
    told = await table.node(chat, node)
    assert [r["text"] for r in told["revisions"]] == ["Yes. And the", "Yes."]
    await table.call("chats.undo", id=chat)
    assert (await table.node(chat, node))["current"] == told["revisions"][0]["id"]
    assert len(lines.prompts) == 1
