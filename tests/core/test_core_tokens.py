"""Tokens with their probabilities: stored beside the text, over it to the letter, and other ways from any of them."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sqlite3
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from core_table import Table

from tui.cli.session import Session
from tui.cli.tokens_shown import print_tokens
from tui.core.app import Core, CoreConfig
from tui.core.token_trace import Known, TokenTrace, lying_over
from tui.domain.backend import (
    Candidate,
    Capabilities,
    CompletionRequest,
    Event,
    Finish,
    Piece,
    Text,
    Token,
    Tokens,
    Usage,
    estimate_tokens,
)
from tui.domain.errors import BadInput, NotFound, Refused, StoreError
from tui.store import reply_tokens
from tui.wire.ids import new_id


def token(text: str, *rivals: str) -> Token:
    others = tuple(Candidate(rival, math.log(0.2 / (n + 1))) for n, rival in enumerate(rivals))
    return Token(text, math.log(0.5), others)


class Teller:
    """A backend that says what it is told to, tokens beside the text; what it was asked is in `prompts`."""

    def __init__(self) -> None:
        self.replies: list[Sequence[Token]] = []
        self.prompts: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.split = 3                            # characters a piece of text

    async def capabilities(self) -> Capabilities:
        return Capabilities("teller", context_length=4096, samplers=frozenset({"logprobs"}), logprobs=20)

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Event]:
        self.prompts.append("".join(piece.text for piece in request.pieces))
        tokens = self.replies.pop(0)
        text = "".join(t.text for t in tokens)
        for at in range(0, len(text), self.split):
            yield Text(text[at:at + self.split])
            if at == 0 and request.samplers.logprobs:
                yield Tokens(tuple(tokens[:2]))
            if at >= len(text) // 2:
                await self.go_on.wait()
        if request.samplers.logprobs:
            yield Tokens(tuple(tokens[2:]))
        yield Finish("stop", Usage(10, 0, len(tokens)))

    async def count_tokens(self, prompts: Sequence[Sequence[Piece]]) -> list[int]:
        return [estimate_tokens("".join(p.text for p in prompt)) for prompt in prompts]

    async def exact_counts(self, prompts: Sequence[Sequence[Piece]]) -> list[int | None]:
        return [None for _ in prompts]

    async def warm(self, request: CompletionRequest) -> int | None:
        return None

    async def abort(self, request_id: str) -> None:
        self.go_on.set()

    async def close(self) -> None:
        return None


@pytest.fixture
def teller(monkeypatch: pytest.MonkeyPatch) -> Teller:
    backend = Teller()
    monkeypatch.setattr("tui.backends.connect.open_backend", lambda endpoint: backend)
    return backend


async def begun(table: Table) -> str:
    await table.use_server("http://127.0.0.1:1")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"logprobs": 5})
    return chat


async def reply(table: Table, teller: Teller, chat: str, *tokens: Token) -> str:
    teller.replies.append(tokens)
    node, end = await table.say(chat, "Well?")
    assert end["error"] is None
    return node


def texts(found: dict[str, Any]) -> list[str]:
    return [t["text"] for t in found["tokens"]]


async def test_tokens_lie_over_the_stored_text(table: Table, teller: Teller) -> None:
    chat = await begun(table)
    node = await reply(table, teller, chat, token("  "), token("Mi"), token("ra: I"), token(" hear", " see", " am"),
                       token(" it"), token("."), token(" \n"))
    text = (await table.node(chat, node))["revisions"][0]["text"]
    found = await table.call("replies.tokens", chat=chat, node=node)
    assert text == "I hear it."
    assert texts(found) == ["I", " hear", " it", "."]
    assert (found["from"], found["to"], found["length"]) == (0, len(text), len(text))
    assert [r["text"] for r in found["tokens"][1]["rivals"]] == [" see", " am"]
    assert found["tokens"][1]["logprob"] == pytest.approx(math.log(0.5), abs=1e-3)


async def test_no_tokens_where_none_were_asked_for_or_the_text_is_a_persons(table: Table, teller: Teller) -> None:
    chat = await begun(table)
    await table.call("samplers.set", chat=chat, values={"logprobs": None})
    node = await reply(table, teller, chat, token("Yes"), token("."))
    assert (await table.call("replies.tokens", chat=chat, node=node))["tokens"] == []
    await table.call("samplers.set", chat=chat, values={"logprobs": 2})
    node = await reply(table, teller, chat, token("Yes"), token("."))
    made = (await table.node(chat, node))["current"]
    await table.call("node.edit", chat=chat, node=node, revision=new_id(), text="Yes!")
    assert (await table.call("replies.tokens", chat=chat, node=node))["tokens"] == []
    assert texts(await table.call("replies.tokens", chat=chat, node=node, revision=made)) == ["Yes", "."]
    with pytest.raises(NotFound):
        await table.call("replies.tokens", chat=chat, node=node, revision="nowhere")


async def test_a_rival_becomes_a_branch_that_goes_on_from_it(table: Table, teller: Teller) -> None:
    chat = await begun(table)
    node = await reply(table, teller, chat, token("I"), token(" hear", " see"), token(" it"), token("."))
    teller.replies.append([token(" them"), token("!")])
    ids = {"reply": new_id(), "reply_revision": new_id()}
    for _ in range(2):                            # asked again, it is the same turn
        await table.call("turn.rival", chat=chat, node=node, token=1, rival=0, **ids)
        assert (await table.done(ids["reply"]))["error"] is None
    assert teller.prompts[-1].endswith("I see")
    assert len(teller.prompts) == 2
    first, other = await table.node(chat, node), await table.node(chat, ids["reply"])
    assert other["parent"] == first["parent"]
    assert other["revisions"][0]["text"] == "I see them!"
    assert first["revisions"][0]["text"] == "I hear it."
    found = await table.call("replies.tokens", chat=chat, node=ids["reply"])
    assert texts(found) == ["I", " see", " them", "!"], "what stood before is known still"
    assert [r["text"] for r in found["tokens"][1]["rivals"]] == [" hear"], "and the way back"
    await table.settled(chat)


async def test_a_rival_that_ends_the_reply_by_itself_is_the_whole_reply(table: Table, teller: Teller) -> None:
    chat = await begun(table)
    node = await reply(table, teller, chat, token("Yes", "No.", ""), token("."))
    teller.replies.append([])
    ids = {"reply": new_id(), "reply_revision": new_id()}
    await table.call("turn.rival", chat=chat, node=node, token=0, rival=0, **ids)
    assert (await table.done(ids["reply"]))["error"] is None
    assert (await table.node(chat, ids["reply"]))["revisions"][0]["text"] == "No."
    for token_at, rival, refusal in ((0, 1, BadInput), (0, 7, NotFound), (9, 0, NotFound), (0, -1, NotFound)):
        with pytest.raises(refusal):
            await table.call("turn.rival", chat=chat, node=node, token=token_at, rival=rival, reply=new_id(),
                             reply_revision=new_id())


async def test_what_is_continued_keeps_its_tokens_where_they_reach_its_end(table: Table, teller: Teller) -> None:
    chat = await begun(table)
    node = await reply(table, teller, chat, token("I"), token(" hear"))
    teller.replies.append([token(" it"), token(".")])
    await table.call("turn.continue", chat=chat, node=node, revision=new_id())
    await table.done(node)
    await table.until(lambda e: e["type"] == "turn" and e["state"] == "done" and len(teller.prompts) == 2)
    while (await table.node(chat, node))["revisions"][-1]["finish"] != "stop":
        await asyncio.sleep(0.01)
    assert texts(await table.call("replies.tokens", chat=chat, node=node)) == ["I", " hear", " it", "."]

    await table.call("node.edit", chat=chat, node=node, revision=new_id(), text="I see")
    teller.replies.append([token(" you"), token(".")])
    revision = new_id()
    await table.call("turn.continue", chat=chat, node=node, revision=revision)
    await table.until(lambda e: e["type"] == "turn" and e["state"] == "done" and len(teller.prompts) == 3)
    while (await table.node(chat, node))["revisions"][-1]["finish"] != "stop":
        await asyncio.sleep(0.01)
    found = await table.call("replies.tokens", chat=chat, node=node)
    assert (texts(found), found["from"]) == ([" you", "."], len("I see")), "nothing is known of what a person wrote"


async def test_tokens_outlive_a_core_that_dies_in_the_middle(home: Path, teller: Teller) -> None:
    """The database is copied while the reply grows: that is what a killed core leaves."""
    core = await Core.start(CoreConfig())
    table = Table(core)
    chat = await begun(table)
    teller.go_on.clear()
    teller.replies.append([token("One"), token(" two"), token(" three"), token(" four")])
    node = new_id()
    await table.call("turn.say", chat=chat, node=new_id(), revision=new_id(), text="Count.", reply=node,
                     reply_revision=new_id(), parent=(await table.call("chats.open", id=chat))["chat"]["head"])
    async with asyncio.timeout(30):
        while not await table.core.store.reply_tokens(chat, node, (await _current(table, chat, node))):
            await asyncio.sleep(0.02)
    await core.store.backup(home / "left.db")
    teller.go_on.set()
    await table.done(node)
    path = core.store.path
    await core.close()
    for beside in path.parent.glob(path.name + "-*"):
        beside.unlink()
    (home / "left.db").replace(path)

    core = await Core.start(CoreConfig())
    try:
        table = Table(core)
        revision = (await table.node(chat, node))["revisions"][0]
        found = await table.call("replies.tokens", chat=chat, node=node)
        assert revision["finish"] == "cut"
        assert "One two three four".startswith(revision["text"])
        assert revision["text"]
        assert texts(found)
        assert revision["text"].startswith("".join(texts(found)))
    finally:
        await core.close()


async def _current(table: Table, chat: str, node: str) -> str:
    tree = await table.core.chats.get(chat)
    return tree.nodes[node].current if node in tree.nodes else ""


async def test_a_backup_of_one_chat_takes_them_along(table: Table, teller: Teller, tmp_path: Path) -> None:
    chat = await begun(table)
    node = await reply(table, teller, chat, token("Yes", "No"), token("."))
    from tui.store import making

    target = tmp_path / "one.db"
    making.single(table.core.store.path, chat, target)
    taken = await table.core.store.take_chat(target, chat)
    tree = await table.core.chats.get(taken)
    assert texts(await table.call("replies.tokens", chat=taken, node=node)) == ["Yes", "."]
    assert node in tree.nodes


def test_pieces_of_characters_and_what_was_dropped() -> None:
    trace = TokenTrace(Known(4))
    trace.feed([token(" "), token("A:"), token(" \ud83d"), token("\ude00 x")])
    assert trace.block() is None, "the shaping has not begun"
    trace.begin(3)
    block = trace.block()
    assert block is not None
    assert block.offset == 4
    assert [t.text for t in block.tokens] == [" ", "\U0001f600 x"]
    trace.feed([token("y")])
    later = trace.block()
    assert later is not None
    assert (later.number, later.offset) == (2, 8)
    assert trace.block() is None
    seen = lying_over("pre: \U0001f600 xy", [block, later])
    assert [t.text for t in seen.tokens] == [" ", "\U0001f600 x", "y"]
    assert seen.place(2) == 8


def test_tokens_that_are_not_the_text_end_where_they_part() -> None:
    block = reply_tokens.TokenBlock(0, 0, (token("One"), token(" zwei"), token(" three")))
    assert [t.text for t in lying_over("One two three", [block]).tokens] == ["One"]
    assert lying_over("", [block]).tokens == ()
    gap = reply_tokens.TokenBlock(5, 3, (token(" two"),))
    assert len(lying_over("One two", [reply_tokens.TokenBlock(0, 0, (token("One"),)), gap]).tokens) == 1


def test_packed_tokens_come_back_and_strange_ones_are_refused() -> None:
    odd = (Token("\udc00\x1b[2J", -math.inf, (Candidate("x", math.nan), Candidate("я", 3.0))), Token("", -0.5))
    back = reply_tokens.unpack(reply_tokens.pack(odd))
    assert back[0].logprob == -999.0
    assert back[0].text == "\ufffd\x1b[2J"
    assert back[0].rivals == (Candidate("x", -999.0), Candidate("я", 0.0))
    assert back[1] == odd[1]
    for bad in (b"", b"no", zlib.compress(b"{}"), zlib.compress(b"[[1,2]]"), zlib.compress(b'[["a",-1,"b"]]'),
                zlib.compress(b" " * (reply_tokens.BLOCK_MOST + 1)), zlib.compress(b'[["a","b"]]')[:-5]):
        with pytest.raises(sqlite3.DataError):
            reply_tokens.unpack(bad)


async def test_a_backup_with_damaged_tokens_is_refused(table: Table, teller: Teller, tmp_path: Path) -> None:
    from tui.store import verify

    chat = await begun(table)
    await reply(table, teller, chat, token("Yes"), token("."))
    copy = tmp_path / "copy.db"
    await table.core.store.backup(copy)
    verify.database(copy, "copy")
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE reply_tokens SET tokens = x'00'")
        connection.commit()
    with pytest.raises(StoreError):
        verify.database(copy, "copy")


async def test_they_are_printed(table: Table, teller: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    chat = await begun(table)
    node = await reply(table, teller, chat, token("I\x1b[2J"), token(" hear", " see"), token("\n."))
    words = argparse.Namespace(id=chat, node=None, json=False)
    assert await print_tokens(cast("Session", table), words) == 0
    printed = capsys.readouterr().out
    assert '" hear" 50.0%' in printed
    assert '" see" 20.0%' in printed
    assert '"\\n." 50.0%' in printed
    assert "\x1b" not in printed
    words = argparse.Namespace(id=chat, node=node, json=True)
    assert await print_tokens(cast("Session", table), words) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows][1:] == [" hear", "\n."]
    assert rows[1]["rivals"][0]["text"] == " see"
    with pytest.raises(NotFound):
        await print_tokens(cast("Session", table), argparse.Namespace(id=chat, node="nowhere", json=True))
    greeting = (await table.call("chats.open", id=chat))["nodes"][0]["id"]
    with pytest.raises(Refused):
        await print_tokens(cast("Session", table), argparse.Namespace(id=chat, node=greeting, json=True))
