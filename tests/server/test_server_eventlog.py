"""The ring of events."""

from __future__ import annotations

import asyncio
from typing import Any

from tui.server.eventlog import EventLog
from tui.wire.codec import decode


def _delta(offset: int, text: str) -> dict[str, Any]:
    return {"type": "delta", "chat": "c", "node": "n", "revision": "r", "offset": offset, "text": text}


def _after(log: EventLog, number: int) -> list[tuple[int, dict[str, Any]]]:
    return [(n, decode(data)) for n, data in log.after(number)]


async def test_what_came_after_an_id_is_told_again() -> None:
    log = EventLog("E")
    for n in range(3):
        log.append({"type": "chats", "n": n})
    assert log.number("E:1") == 1
    assert _after(log, 1) == [(2, {"type": "chats", "n": 1}), (3, {"type": "chats", "n": 2})]
    assert _after(log, 3) == []


async def test_ids_of_another_life_or_of_the_future_are_unknown() -> None:
    log = EventLog("E")
    log.append({"type": "chats"})
    for strange in ("F:1", "E:2", "E:-1", "E:", "", "E:1x", "E:²", "E:" + "9" * 40):
        assert log.number(strange) is None, strange


async def test_the_ring_is_bounded_by_count_and_by_bytes() -> None:
    few = EventLog("E", max_events=3)
    for n in range(10):
        few.append({"type": "chats", "n": n})
    assert few.number("E:6") is None
    assert [n for n, _ in _after(few, 7)] == [8, 9, 10]
    small = EventLog("E", max_bytes=10_000)
    for n in range(10):
        small.append({"type": "node", "n": n, "text": "x" * 3000})
    assert small.number("E:5") is None
    assert [n for n, _ in _after(small, 8)] == [9, 10]


async def test_an_event_larger_than_the_ring_still_arrives() -> None:
    log = EventLog("E", max_bytes=1000)
    log.append({"type": "node", "text": "x" * 5000})
    assert _after(log, 0)[0][1]["text"] == "x" * 5000


async def test_deltas_are_joined_from_wherever_the_reader_stands() -> None:
    log = EventLog("E")
    for n, letter in enumerate("abcd"):
        log.append(_delta(n, letter))
    log.append({"type": "turn", "state": "done"})
    assert _after(log, 0) == [(4, _delta(0, "abcd")), (5, {"type": "turn", "state": "done"})]
    assert _after(log, 2)[0] == (4, _delta(2, "cd"))


async def test_an_event_is_kept_as_it_was_when_it_happened() -> None:
    log, fields = EventLog("E"), {"title": "old"}
    log.append({"type": "chat", "fields": fields})
    fields["title"] = "new"
    assert _after(log, 0)[0][1]["fields"] == {"title": "old"}


async def test_everybody_who_waits_is_woken() -> None:
    log = EventLog("E")
    waits = [asyncio.create_task(log.news.wait(60)) for _ in range(3)]
    await asyncio.sleep(0)
    waits[0].cancel()
    log.append({"type": "chats"})
    assert await asyncio.gather(*waits[1:]) == [True, True]
    assert await log.news.wait(0) is False         # who comes later waits for the next
