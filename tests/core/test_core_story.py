"""What a long story leaves in the prompt: 300 messages in a window of 4,096 tokens, and questions in other words for
what was said far back. The summariser is scripted and knows nothing of the facts."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from core_table import Table
from fake_llama_server import FakeLlamaServer
from long_story import Story, digest, tell

from tui.domain.operations import summary_from_json
from tui.domain.summaries import nested
from tui.wire.ids import new_id

WINDOW, REPLY, SHARE = 4096, 200, 0.25
_KINDS = {"message": "message", "pin": "pinned", "summary": "summary", "recall": "recalled"}
_ASKED = "Pause the roleplay."


@dataclass
class Told:
    """The character's side of the story, line by line, and the summariser's."""

    story: Story
    at: int = 1

    def speak(self, prompt: str) -> str:
        turns = [part.partition("\n")[2].removesuffix("<|im_end|>\n") for part in prompt.split("<|im_start|>")[1:]]
        if any(turn.startswith(_ASKED) for turn in turns[-2:]):
            return digest([turn for turn in turns[:-2] if not turn.startswith("Write ")])
        line = self.story.lines[self.at] if self.at < len(self.story.lines) else self.story.goodbye
        self.at += 2
        return line


async def _play(table: Table, server: FakeLlamaServer, story: Story) -> str:
    """Play the whole story, and pin what the person pins when it is said."""
    await table.use_server(server.url, kind="llamacpp")
    await table.call("settings.set", name="auto_summary", value=True)
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": REPLY})
    pinned = {place: fact.pinned for place, fact in zip(story.places, story.facts, strict=True) if fact.pinned}
    for at in range(0, len(story.lines), 2):
        reply, done = await table.say(chat, story.lines[at])
        assert done["error"] is None, done["error"]
        await _settled(table)
        table.heard.clear()
        for place in (at, at + 1):
            if place in pinned:
                await table.call("pins.add", chat=chat, id=new_id(), text=pinned[place], node=reply)
    return chat


async def _settled(table: Table) -> None:
    """Wait for the summary that the program makes by itself."""
    while tasks := [task for task in table.core.afterwards._tasks if not task.done()]:
        await tasks[0]


async def _found(table: Table, chat: str, story: Story) -> tuple[Counter[str], float]:
    """Where the answer to each question stands in the prompt, counted; and the largest share that memory took."""
    places: Counter[str] = Counter()
    most = 0.0
    for fact in story.facts:
        shown = await table.call("prompt.show", chat=chat, text=fact.asked)
        segments: list[dict[str, Any]] = [s for s in shown["segments"] if s["included"]]
        holding = {s["source"].split(":")[0] for s in segments if fact.held in s["text"]}
        places[next((word for kind, word in _KINDS.items() if kind in holding), "nowhere")] += 1
        memory = sum(s["tokens"] for s in segments if s["source"].split(":")[0] in ("pin", "summary", "recall"))
        most = max(most, memory / (shown["context"] - shown["reserve"]))
        assert shown["tokens"] + shown["reserve"] <= WINDOW
    return places, most


async def _forget(table: Table, chat: str) -> None:
    """Memory off: nothing recalled, nothing pinned, no summaries."""
    await table.call("settings.set", name="recall", value=False)
    opened = await table.call("chats.open", id=chat)
    for pin in opened["chat"]["fields"]["pins"]:
        await table.call("pins.remove", chat=chat, pin=pin["id"])
    for summary in opened["summaries"]:
        await table.call("summary.remove", chat=chat, summary=summary["id"])


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_facts_of_a_long_story_are_in_the_prompt_when_they_are_asked_for(
    table: Table, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tell(language)
    told = Told(story)
    server = FakeLlamaServer(told.speak, WINDOW)
    await server.start()
    try:
        await table.call("settings.set", name="read_ahead", value=False)
        chat = await _play(table, server, story)
        path = (await table.core.chats.get(chat)).path()
        assert len(path) > len(story.lines)
        summaries = (await table.call("chats.open", id=chat))["summaries"]
        with_memory, share = await _found(table, chat, story)
        await _forget(table, chat)
        without, _ = await _found(table, chat, story)
    finally:
        await table.core.close()
        await server.stop()
    asked = len(story.facts)
    found, before = asked - with_memory["nowhere"], asked - without["nowhere"]
    with capsys.disabled():
        print(
            f"\n[{language}] {len(path)} messages, {len(summaries)} summaries: {found}/{asked} found "
            f"({dict(with_memory)}), memory takes {share:.1%} at most; without memory {before}/{asked}"
        )
    assert share <= SHARE
    inside = nested(summary_from_json(s) for s in summaries)
    assert inside, "older summaries were never summed up in one"
    assert found >= 0.8 * asked
    assert before <= 0.2 * asked
    assert with_memory["pinned"] >= 1
    assert with_memory["recalled"] >= 1
