"""Reading ahead, as the server sees it: what the next turn begins with is there, is read once, and gives way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from bench_replay_core import PATIENCE, Player, replay_core, settled
from core_table import Table
from fake_llama_server import FakeLlamaServer
from replay_story import Setting, Story


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.core.warming._PATIENCE", PATIENCE)


@pytest.fixture
async def player(table: Table) -> AsyncIterator[Player]:
    story = Story(Setting(4096, anchored=True, turns=9, summaries=False))
    server = FakeLlamaServer(lambda _: story.prose(250), 4096)
    await server.start()
    playing = Player(table.core, server, story)
    await playing.begin()
    yield playing
    await table.core.close()
    await server.stop()


async def test_what_a_summary_pushed_out_is_back_before_the_next_turn() -> None:
    found = await replay_core(Setting(4096, anchored=True, turns=16))
    assert found.cuts > 0
    assert found.side > 0
    assert found.ahead > 0
    assert (found.promised, found.unexplained, found.under) == (0, 0, 0)


async def test_nothing_is_sent_when_the_server_has_it_all_and_nothing_is_read_twice(player: Player) -> None:
    await player.play()
    sent = len(player.server.served)
    for number in range(3):
        await player.core.call("chats.draft", {"id": player.chat, "text": f"And so {number}"})
        await settled(player.core)
    assert len(player.server.served) == sent
    assert all(s.processed > 64 for s in player.server.served if s.ahead)


async def test_a_message_ends_it_at_once_and_goes_on_from_there(player: Player) -> None:
    await player.play()
    server = player.server
    await player.core.call("chats.set", {"id": player.chat, "field": "scenario", "value": "A longer night. " * 20})
    server.pace = 0.05
    server.started.clear()
    await player.core.call("chats.draft", {"id": player.chat, "text": "Wait"})
    async with asyncio.timeout(5):
        await server.started.wait()
    assert server.served[-1].ahead
    await player.say("Never mind the lamp.")
    ahead, reply = server.served[-2:]
    assert (ahead.ahead, ahead.cut, reply.ahead) == (True, True, False)
    assert reply.cached >= ahead.cached + ahead.processed
