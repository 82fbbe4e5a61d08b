"""A reply that goes round in circles: the real model at temperature 0, the core that notices, and the way out."""

from __future__ import annotations

from typing import Any

import pytest
from core_table import Table

from tui.domain.loops import LoopWatch
from tui.wire.ids import new_id

pytest.importorskip("llama_cpp")

#: The starter model cannot find an end to this one, and says the same sentence again and again.
_ROUND = {"temperature": 0, "ignore_eos": True, "dry_multiplier": 0, "repetition_penalty": 1, "max_tokens": 220}
_QUESTION = "It is raining."


async def _looping(table: Table) -> tuple[str, str, dict[str, Any]]:
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values=_ROUND)
    node, done = await table.say(chat, _QUESTION)
    return chat, node, done


async def test_a_loop_is_told_kept_in_the_record_and_left_on_demand(table: Table) -> None:
    chat, node, done = await _looping(table)
    assert done["loop"]["alarm"]
    told = await table.node(chat, node)
    text, record = told["revisions"][-1]["text"], told["revisions"][-1]["generation"]
    assert record["loop"] == done["loop"]
    reply = new_id()
    answer = await table.call("turn.unloop", chat=chat, node=node, reply=reply, reply_revision=new_id())
    after = await table.done(reply)
    assert after["error"] is None
    new = await table.node(chat, reply)
    other = new["revisions"][-1]["text"]
    kept = text[:LoopWatch([]).measure(text).start].rstrip()
    assert 0 < answer["kept"] == len(kept) < len(text)
    assert other.startswith(kept)
    assert not LoopWatch([]).measure(other).alarm
    assert (new["parent"], new["revisions"][-1]["generation"]["unlooped"]) == (told["parent"], 1)
    samplers = new["revisions"][-1]["generation"]["samplers"]
    assert samplers["dry_multiplier"] >= 0.8
    assert samplers["xtc_probability"] >= 0.5
    own = (await table.call("samplers.get", chat=chat))["own"]
    assert own["dry_multiplier"] == 0, "the chat's own values stay as they were"


async def test_unasked_it_is_stopped_at_once_and_written_anew(table: Table) -> None:
    await table.call("settings.set", name="rewrite_loops", value=True)
    chat, node, done = await _looping(table)
    assert done["finish"] == "cut"
    stopped = await table.node(chat, node)
    instead = await table.until(lambda e: e["type"] == "turn" and e.get("instead") == node)
    done = await table.done(instead["node"])
    assert done["error"] is None
    other = await table.node(chat, instead["node"])
    text, left = other["revisions"][-1]["text"], stopped["revisions"][-1]["text"]
    assert len(left) < 900, "it was not let run to its end"
    assert other["parent"] == stopped["parent"]
    assert text.startswith(left[:20])
    assert not (done["loop"] or {"alarm": False})["alarm"]
