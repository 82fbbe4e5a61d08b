"""From the start of `traktir` to the last of 5,000 messages on the terminal and a typed key echoed.

Beside it, in turns (ABBA), a bare Textual application to its first frame; what counts is the ratio of each pair.
Run: python tests/bench/bench_start.py [--pairs 10] [--down]; with --down each run has to start the core as well.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from bench_stage import LAST, TRAKTIR, Terminal, home, long_chat, spread, traktir

_BARE = Path(__file__).with_name("bare_app.py")


def bare(env: Mapping[str, str]) -> float:
    terminal = Terminal([sys.executable, str(_BARE)], env)
    seconds = terminal.wait("BareApp")
    terminal.close()
    return seconds


def program(env: Mapping[str, str], down: bool) -> tuple[float, float, float]:
    """Seconds to the first frame, to the last message, and to the echo of a key pressed then."""
    if down:
        traktir(env, "stop", "--force", check=False)
    terminal = Terminal(TRAKTIR, env)
    first = terminal.wait("─────")
    last = terminal.wait(LAST)
    terminal.type("§")
    echo = terminal.wait("§")
    terminal.quiet()
    terminal.type("\x7f")
    terminal.quiet(1.0)
    terminal.type("\x11")
    terminal.quiet()
    terminal.close()
    return first, last, echo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--down", action="store_true", help="the core does not run yet")
    options = parser.parse_args()
    with home() as env:
        long_chat(env)
        bare(env)
        program(env, options.down)
        bares, runs = [], []
        for pair in range(options.pairs):
            if pair % 2:
                runs.append(program(env, options.down))
                bares.append(bare(env))
            else:
                bares.append(bare(env))
                runs.append(program(env, options.down))
        print("bare Textual, first frame:", spread([1000 * b for b in bares], " ms", 0))
        for name, place in (("first frame", 0), ("last message", 1), ("echo", 2)):
            print(f"traktir, {name}:", spread([1000 * r[place] for r in runs], " ms", 0))
            print("  ratio:", spread([r[place] / b for r, b in zip(runs, bares, strict=True)]))


if __name__ == "__main__":
    main()
