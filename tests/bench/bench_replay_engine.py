"""What a long chat costs the embedded engine: tokens it processed in each turn over the tokens that are new in it.

The starter model in windows far beyond its training: what it says means nothing, what it processes does. Each chat
begins as long as its window. Without and with the option to move the rest of the memory up after a cut (`cache_shift`).
Run: python tests/bench/bench_replay_engine.py [--turns 40] [--windows 4096 8192 16384]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_stage import CHECKOUT
from replay_story import FORMAT, Setting, Story

from tui.domain.backend import CompletionRequest, Finish, Piece, Text
from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import render_plan
from tui.domain.prompt.types import Counter, Plan, Turn
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings

_MODEL = CHECKOUT / "tui" / "engine" / "starter" / "starter.gguf"
_ENDS = ("<|im_end|>", "<|endoftext|>")


class Counts:
    """The engine's own counts, asked for in batches as the core does."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self._known: dict[tuple[str, bool], int] = {}
        self._missing: set[tuple[str, bool]] = set()

    def counter(self, markup: bool) -> Counter:
        def count(text: str) -> int:
            key = (text, markup)
            if text and key not in self._known:
                self._missing.add(key)
            return self._known.get(key, len(text) // 4)

        return count

    async def plan(self, turn: Turn) -> Plan:
        """The plan by exact counts."""
        while True:
            plan = make_plan(turn, self.counter(False), self.counter(True))
            if not self._missing:
                return plan
            await self.learn([*self._missing])

    async def learn(self, keys: Sequence[tuple[str, bool]]) -> None:
        found = await self._engine.count_tokens([(Piece(text, markup),) for text, markup in keys])
        self._known.update(zip(keys, found, strict=True))
        self._missing.clear()

    async def added(self, said: str, answered: str) -> int:
        """Tokens of a turn's two messages as they stand in a prompt."""
        form = FORMAT
        ends = (form.user_prefix, form.user_suffix, form.assistant_prefix, form.assistant_suffix)
        pieces = [(Piece(end, True),) for end in ends] + [(Piece(text),) for text in (said, answered)]
        return sum(await self._engine.count_tokens(pieces))


@dataclass(frozen=True)
class Result:
    """`ratio`: tokens processed over tokens new. `dearest`: tokens processed in the dearest turn. `seconds` a turn."""

    ratio: float
    dearest: int
    cuts: int
    moved: int
    seconds: float


async def replay(setting: Setting, shift: bool, folder: Path) -> Result:
    """Play a setting on the engine. Raises AssertionError when a prompt does not fit."""
    engine = EmbeddedEngine(
        _MODEL, settings=EngineSettings(n_ctx=setting.context, n_threads=1, cache_shift=shift),
        state_dir=folder / "state", log_path=folder / "engine.log",
    )
    await engine.load()
    story, counts = Story(setting), Counts(engine)
    story.begin(setting.context // (setting.user + setting.reply))
    processed: list[int] = []
    new: list[int] = []
    cuts = moved = 0
    began = time.perf_counter()
    for number, turn in enumerate(story.turns()):
        plan = await counts.plan(turn)
        bos, pieces = render_plan(plan, turn)
        said, finish = await _complete(engine, plan, bos, pieces, setting)
        used = finish.usage
        assert used.prompt_tokens is not None
        assert used.prompt_tokens + setting.reserve <= setting.context + 1, "over the budget"
        if number:                                # the first turn reads everything, whatever one does
            processed.append(used.prompt_tokens - (used.cached_tokens or 0))
            new.append(await counts.added(turn.path[-1].text, said))
            cuts += plan.rebase
            moved += used.shifted
        story.reply(plan, said)
    await engine.close()
    seconds = (time.perf_counter() - began) / len(processed)
    return Result(sum(processed) / sum(new), max(processed), cuts, moved, seconds)


async def _complete(
    engine: EmbeddedEngine, plan: Plan, bos: str, pieces: Sequence[Piece], setting: Setting
) -> tuple[str, Finish]:
    request = CompletionRequest(
        id="replay", pieces=tuple(pieces), bos=bos, max_tokens=setting.reply,
        samplers=Samplers(temperature=0.8, seed=3, logit_bias=dict.fromkeys(_ENDS, -100.0)),
    )
    events = [event async for event in engine.complete(request)]
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.error is None, finish
    return "".join(event.text for event in events if isinstance(event, Text)).strip(), finish


async def measure(windows: Sequence[int], turns: int) -> None:
    print(f"{'window':>7} {'lore':>9} {'shift':>6} {'ratio':>6} {'dearest':>8} {'cuts':>5} {'moved':>7} {'s/turn':>7}")
    for context in windows:
        for anchored in (True, False):
            for shift in (False, True):
                with TemporaryDirectory() as folder:
                    setting = Setting(context, anchored, turns=turns, reply=180, user=60)
                    found = await replay(setting, shift, Path(folder))
                kind = "anchored" if anchored else "depth 4"
                print(f"{context:>7} {kind:>9} {'yes' if shift else 'no':>6} {found.ratio:>6.2f} {found.dearest:>8} "
                      f"{found.cuts:>5} {found.moved:>7} {found.seconds:>7.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--windows", type=int, nargs="+", default=[4096, 8192, 16384])
    options = parser.parse_args()
    asyncio.run(measure(options.windows, options.turns))


if __name__ == "__main__":
    main()
