"""A disk that refuses in the middle of a reply: nothing is lost that was said, and it is told."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import machine
import pytest
from core_table import Speaker, Table, speaks
from machine import fill
from scripted import ScriptedServer

from tui.core.app import Core, CoreConfig
from tui.domain.errors import StoreError
from tui.domain.operations import node_from_json
from tui.wire.ids import new_id


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own."""
    with machine.small_disk(tmp_path / "disk") as place:
        yield place


@pytest.fixture
async def small_table(small_disk: Path) -> AsyncIterator[Table]:
    core = await Core.start(CoreConfig(data=small_disk))
    yield Table(core)
    await core.close()


async def test_a_reply_outlives_a_full_disk(
    small_table: Table, small_disk: Path, scripted_server: ScriptedServer
) -> None:
    table = small_table
    speaker = Speaker("The cellar is full", ", and " + "so are the barrels, " * 2000 + "every one.")
    later = Speaker("Room again.")
    later.go_on.set()
    speaks(scripted_server, speaker, later)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    reply = await table.ask(chat, "How is the cellar?")
    await table.growth(reply)
    ballast = fill(small_disk)
    speaker.go_on.set()
    done = await table.done(reply)
    assert done["error"]["code"] == "store"
    assert "memory" in done["error"]["remedy"]["id"]
    assert any(e["type"] == "notice" and e["level"] == "error" for e in table.heard)
    assert table.shown(reply).rstrip().endswith("every one.")
    node = node_from_json(await table.node(chat, reply))
    assert (node.text[-10:], node.revision.finish) == ("every one.", done["finish"])

    with pytest.raises(StoreError):                       # the next turn waits for room
        await table.ask(chat, "And now?")
    ballast.unlink()
    answer, end = await table.say(chat, "And now?")
    assert end["error"] is None
    assert table.shown(answer) == "Room again."
    await table.settled(chat)


async def test_a_reply_that_could_not_even_begin_on_disk_is_saved_when_there_is_room(
    small_table: Table, small_disk: Path, scripted_server: ScriptedServer
) -> None:
    table = small_table
    speaker = Speaker("x" * 60_000, " end.")
    speaks(scripted_server, speaker)
    await table.use_server(scripted_server.url)
    chat = await table.new_chat()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (os.statvfs(small_disk).f_bavail * 4096 - 60_000))
    reply = await table.ask(chat, "Well?")
    await table.growth(reply)
    ballast.unlink()
    speaker.go_on.set()
    assert (await table.done(reply))["error"] is None
    assert (await table.node(chat, reply))["revisions"][0]["finish"] in ("stop", "length")
    await table.settled(chat)
    assert any("takes writes again" in str(e.get("notice")) for e in table.heard)


async def test_a_message_that_cannot_be_stored_is_refused_and_changes_nothing(
    small_table: Table, small_disk: Path
) -> None:
    table = small_table
    chat = await table.new_chat()
    before = await table.core.chats.get(chat)
    ballast = fill(small_disk)
    with pytest.raises(StoreError):
        await table.call(
            "turn.say", chat=chat, parent=before.head, node=new_id(), revision=new_id(), text="word " * 50_000,
            reply=new_id(), reply_revision=new_id(),
        )
    assert await table.core.chats.get(chat) == before
    assert not table.core.busy()
    opened = await table.call("chats.open", id=chat, head=next(iter(before.nodes)))    # it can still be read
    assert len(opened["nodes"]) == len(before.nodes)
    ballast.unlink()
    await table.call("chats.set", id=chat, field="title", value="Room again")      # takes what waited along
    await table.settled(chat)
