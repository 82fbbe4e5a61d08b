"""What a long chat costs: tokens processed in each turn over the tokens that are new in it.

300 turns at each window, with lore that comes and goes, an author's note that the person edits, and summaries; the
prompts go to a cache that keeps the longest common prefix, token by token, as llama-server does.
Run: python tests/bench/bench_replay.py [--sweep] [--turns 300]; with --core the same chat goes through the real core
to a played llama-server. `sliding` is the compatible mode: the newest messages that fit, as SillyTavern assembles them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from replay_story import FORMAT, Setting, Story, added, count, tokens

from tui.domain.prompt.plan import make_plan
from tui.domain.prompt.render import render_plan, text_of
from tui.domain.prompt.types import Plan


class PrefixCache:
    """A server with one slot: what the new prompt and the last content have in common is not processed again."""

    def __init__(self) -> None:
        self.held: list[str] = []

    def process(self, prompt: Sequence[str]) -> int:
        """Tokens of `prompt` that must be processed."""
        same = 0
        for old, new in zip(self.held, prompt, strict=False):
            if old != new:
                break
            same += 1
        self.held = list(prompt)
        return len(prompt) - min(same, len(prompt) - 1)

    def generated(self, text: Sequence[str]) -> None:
        self.held += text


@dataclass(frozen=True)
class Result:
    """`ratio`: tokens processed over tokens new, after the window was full for the first time. `kept`: mean share of
    its room that history fills. `missed`: turns in which more was processed than the plan forecast."""

    ratio: float
    kept: float
    cuts: int
    missed: int


def replay(setting: Setting) -> Result:
    """Play a setting to its end. Raises AssertionError when a prompt breaks what every prompt must keep."""
    story, cache = Story(setting), PrefixCache()
    processed: list[int] = []
    new: list[int] = []
    kept: list[float] = []
    cuts = missed = 0
    full = False
    for turn in story.turns():
        plan = make_plan(turn, count)
        bos, pieces = render_plan(plan, turn)
        prompt = tokens(text_of(pieces, bos))
        _check(plan.tokens, prompt, turn.path[-1].text, setting)
        work = cache.process(prompt)
        missed += len(prompt) - work < plan.expected_reuse - 64
        said = story.reply(plan)
        cache.generated(tokens(said))
        full = full or plan.rebase or not _has(plan, turn.path[0].text)
        cuts += plan.rebase
        if full:
            processed.append(work)
            new.append(added(turn.path[-1].text, "user") + added(said, "assistant"))
            history = sum(s.tokens for s in plan.segments if s.included and s.volatility == "history")
            other = plan.tokens - history
            kept.append(history / (setting.context - setting.reserve - other))
    return Result(sum(processed) / sum(new), mean(kept), cuts, missed)


def _has(plan: Plan, text: str) -> bool:
    return any(s.included and s.volatility == "history" and text in s.text for s in plan.segments)


def _check(planned: int, prompt: Sequence[str], newest: str, setting: Setting) -> None:
    text = " ".join(prompt)
    assert len(prompt) + setting.reserve <= setting.context, "over the budget"
    assert " ".join(tokens(newest)) in text, "the newest message is missing"
    assert planned >= len(prompt), "the plan counted too little"
    opened, closed = text.count("<|im_start|>"), text.count("<|im_end|>")
    assert opened == closed + 1, "a turn is cut"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", action="store_true", help="try other low-water marks too")
    parser.add_argument("--core", action="store_true", help="through the real core, over HTTP")
    parser.add_argument("--turns", type=int, default=300)
    args = parser.parse_args()
    if args.core:
        from bench_replay_core import main as through_core

        through_core(args.turns)
        return
    marks = (0.5, 0.6, 0.7, 0.8, 0.9) if args.sweep else (0.7,)
    print(f"format {FORMAT.id}: tokens processed / tokens new in a turn, mean history kept")
    print(f"{'window':>7} {'lore':>9} {'low water':>10} {'ratio':>7} {'history':>8} {'cuts':>5} {'missed':>7}")
    for context in (4096, 8192, 16384):
        for anchored in (True, False):
            for mark in marks:
                found = replay(Setting(context, anchored, mark, turns=args.turns))
                kind = "anchored" if anchored else "depth 4"
                print(f"{context:>7} {kind:>9} {mark:>10.0%} {found.ratio:>7.2f} {found.kept:>8.2f} {found.cuts:>5} "
                      f"{found.missed:>7}")
        found = replay(Setting(context, False, summaries=False, sliding=True, turns=args.turns))
        print(f"{context:>7} {'sliding':>9} {'-':>10} {found.ratio:>7.2f} {found.kept:>8.2f} {'-':>5} "
              f"{found.missed:>7}")


if __name__ == "__main__":
    main()
