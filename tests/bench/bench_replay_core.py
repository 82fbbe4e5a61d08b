"""The replay through the real core, in a home of its own, against a llama-server that is played and that accounts for
its prefix cache token by token: with reading ahead, summaries that the program asks for by itself, and its store.

Run: python tests/bench/bench_replay.py --core [--turns 300]
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from fake_llama_server import FakeLlamaServer, Served
from replay_story import PLACES, Setting, Story, added, note

from tui.core.app import Core, CoreConfig
from tui.wire.ids import new_id

#: How the core asks for a summary, and how it says it in the shipped prompt preset.
_SUMMARY = "Pause the roleplay."
_FAR_OFF = 64
#: Seconds of quiet before anything is read ahead, instead of the usual ones: long enough for a reply to be stored.
PATIENCE = 0.05


@dataclass
class Tally:
    """What the turns cost, in tokens, from the first cut on. `waited` is processed while the person waits, `ahead`
    while nobody does, `side` for summaries."""

    new: int = 0
    waited: int = 0
    ahead: int = 0
    side: int = 0
    cuts: int = 0
    promised: int = 0                             # turns in which less was reused than forecast, by more than 64 tokens
    unexplained: int = 0                          # of these, those for which no cause was named
    under: int = 0                                # turns in which more was reused than forecast, by more than 64
    kept: list[float] = field(default_factory=list)
    worst: int = 0                                # the longest that was waited for in one turn

    @property
    def ratio(self) -> float:
        return (self.waited + self.ahead + self.side) / self.new

    @property
    def waited_ratio(self) -> float:
        return self.waited / self.new


class Player:
    """One person, one chat, one server."""

    def __init__(self, core: Core, server: FakeLlamaServer, story: Story) -> None:
        self.core, self.server, self.story = core, server, story
        self.chat, self.head = new_id(), ""
        self.tally = Tally()
        self._done: dict[str, asyncio.Future[dict[str, Any]]] = {}
        core.subscribe(self._hear)

    def _hear(self, told: dict[str, Any]) -> None:
        if told["type"] == "turn" and told.get("state") == "done" and told.get("node") in self._done:
            self._done[str(told["node"])].set_result(told)

    async def begin(self) -> None:
        setting, card = self.story.setting, self.story.card
        call = self.core.call
        await call("presets.save", {"kind": "prompts", "id": "replay", "text": (
            f"label: replay\nsystem: Stay in character.\nhistory_share: {setting.low_water}\n"
            f"lore:\n  anchored: {str(setting.anchored).lower()}\n  scan_depth: 2\n")})
        await call("presets.save", {"kind": "profiles", "id": "replay", "text": (
            f"backend:\n  kind: auto\n  url: {self.server.url}\ntemplate: auto\nprompt: replay\n")})
        await call("profiles.use", {"id": "replay"})
        await call("lorebooks.save", {"id": "places", "text": json.dumps(_book(self.story))})
        data = {"name": card.name, "description": card.description, "personality": card.personality,
                "scenario": card.scenario, "mes_example": card.mes_example, "first_mes": self.story.path[0].text}
        taken = await call("import", {"name": "keeper.json", "data_base64": _base64(
            json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}))})
        made = await call("chats.create", {"id": self.chat, "character": taken["files"][0]["id"]})
        self.head = made["chat"]["head"]
        await call("samplers.set", {"chat": self.chat, "values": {"max_tokens": setting.reserve}})
        await call("chats.set", {"id": self.chat, "field": "lorebooks", "value": ["places"]})
        await call("chats.set", {"id": self.chat, "field": "note_position",
                                 "value": "anchored" if setting.anchored else "at_depth"})
        await call("settings.set", {"name": "auto_summary", "value": setting.summaries})

    async def play(self) -> Tally:
        """All turns. Raises AssertionError when a prompt breaks what every prompt must keep."""
        full, first = False, None
        for number in range(self.story.setting.turns):
            if number % 100 == 0:
                await self.core.call("chats.set", {"id": self.chat, "field": "note", "value": note(number)})
            before, said = len(self.server.served), self.story.spoken()
            done = await self.say(said)
            await settled(self.core)
            served = self.server.served[before:]
            plan = await self.core.store.plan(self.chat, self.head)
            assert plan is not None
            anchor = (await self.core.store.plan_state(self.chat, [self.head]) or {}).get("anchor")
            cut, first = anchor != first, anchor      # the plan does not say it where the cut was made ahead
            full = full or cut
            self.tally.cuts += cut
            reply = next(s for s in served if not s.ahead and _SUMMARY not in s.text)
            self._check(served, reply, said)
            self._book_forecast(done, reply)
            if full:
                self._book(served, reply, plan, said)
        return self.tally

    async def say(self, text: str) -> dict[str, Any]:
        node, reply = new_id(), new_id()
        self._done[reply] = asyncio.get_running_loop().create_future()
        await self.core.call("turn.say", {
            "chat": self.chat, "parent": self.head, "node": node, "revision": new_id(), "text": text, "reply": reply,
            "reply_revision": new_id()})
        done = await self._done[reply]
        assert done["error"] is None, done["error"]
        self.head = reply
        return done

    def _check(self, served: list[Served], reply: Served, newest: str) -> None:
        setting = self.story.setting
        for one in served:
            assert one.prompt + (0 if one.ahead else 200) <= setting.context, "over the window"
        assert reply.prompt + setting.reserve <= setting.context, "over the budget"
        assert newest in reply.text, "the newest message is missing"
        assert reply.text.count("<|im_start|>") == reply.text.count("<|im_end|>") + 1, "a turn is cut"
        ahead = [s for s in served if s.ahead]
        assert len(ahead) <= 2, f"{len(ahead)} prompts were read ahead in one turn"

    def _book_forecast(self, done: dict[str, Any], reply: Served) -> None:
        assert done["reused"] == reply.cached
        if done["expected_reuse"] > reply.cached + _FAR_OFF:
            self.tally.promised += 1
            self.tally.unexplained += not (done["miss"] and done["miss"]["first_change"])
        self.tally.under += reply.cached > done["expected_reuse"] + _FAR_OFF

    def _book(
        self, served: list[Served], reply: Served, plan: dict[str, Any], said: str
    ) -> None:
        tally, setting = self.tally, self.story.setting
        tally.new += added(said, "user") + reply.generated + added("", "assistant")
        tally.waited += reply.processed
        tally.worst = max(tally.worst, reply.processed)
        tally.ahead += sum(s.processed for s in served if s.ahead)
        tally.side += sum(s.processed for s in served if not s.ahead and s is not reply)
        included = [s for s in plan["segments"] if s["included"]]
        history = sum(s["tokens"] for s in included if s["volatility"] == "history")
        other = sum(s["tokens"] for s in included) - history
        tally.kept.append(history / (setting.context - setting.reserve - other))


async def settled(core: Core) -> None:
    """Wait until the core has nothing more to do by itself: no summary, nothing to read ahead."""
    while True:
        tasks = [t for t in (*core.afterwards._tasks, core.warming._task) if t is not None and not t.done()]
        if not tasks:
            return
        await asyncio.wait(tasks)


def _book(story: Story) -> dict[str, Any]:
    return {"name": "places", "entries": {str(e.uid): {
        "uid": int(e.uid), "key": list(e.keys), "content": e.content, "comment": PLACES[int(e.uid)], "position": 4,
        "depth": 4, "role": 0, "order": 100, "disable": False,
    } for e in story.book.entries}}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def replay_core(setting: Setting) -> Tally:
    """Play a setting to its end through a core of its own."""
    story = Story(setting)

    def speak(prompt: str) -> str:
        return story.prose(40 if _SUMMARY in prompt else setting.reply)

    server = FakeLlamaServer(speak, setting.context)
    await server.start()
    with tempfile.TemporaryDirectory(prefix="tt-") as home, patch.dict(os.environ, TRAKTIR_HOME=home):
        core = await Core.start(CoreConfig())
        try:
            player = Player(core, server, story)
            await player.begin()
            return await player.play()
        finally:
            await core.close()
            with contextlib.suppress(OSError):
                await server.stop()


def main(turns: int) -> None:
    print("the real core against a played llama-server: tokens processed / tokens new in a turn, from the first cut on")
    print(f"{'window':>7} {'lore':>9} {'ratio':>7} {'waited':>7} {'ahead':>7} {'side':>7} {'longest':>8} "
          f"{'history':>8} {'cuts':>5} {'over':>5} {'no cause':>9} {'under':>6}")
    with patch("tui.core.warming._PATIENCE", PATIENCE):
        for context in (4096, 8192, 16384):
            for anchored in (True, False):
                found = asyncio.run(replay_core(Setting(context, anchored, turns=turns)))
                kind = "anchored" if anchored else "depth 4"
                print(f"{context:>7} {kind:>9} {found.ratio:>7.2f} {found.waited_ratio:>7.2f} "
                      f"{found.ahead / found.new:>7.2f} {found.side / found.new:>7.2f} {found.worst:>8} "
                      f"{mean(found.kept):>8.2f} {found.cuts:>5} {found.promised:>5} {found.unexplained:>9} "
                      f"{found.under:>6}", flush=True)
    print("over: turns in which less was reused than forecast (by more than 64 tokens); no cause: of these, without a\n"
          "segment named; under: turns in which more was reused than forecast")
