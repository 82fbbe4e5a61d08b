"""A reply on its way from the engine's pipe through the core to a client, beside a bare pipe-to-SSE echo.

Like with like: both read lines from a pipe (the engine's worker is played by `played_worker.py`) and write server-sent
events. `traktir bench core` measures the same with a server in the worker's place. In turns (ABBA).
Run: python tests/bench/bench_delivery.py [--pairs 10]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench_stage import spread

from tui.bench.delivery import CoreChat, through_echo
from tui.bench.pairing import Effort, in_turns
from tui.bench.stage import Stage, own_home
from tui.client.launch import find_core

_PLAYED = Path(__file__).with_name("played_worker.py")


@contextlib.contextmanager
def played_core(stage: Stage) -> Iterator[None]:
    """A core in `stage`'s home whose engine is played."""
    command = [sys.executable, str(_PLAYED), "--core"]
    with subprocess.Popen(
        command, env=stage.env, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
    ) as process:
        try:
            deadline = time.monotonic() + 30
            while asyncio.run(find_core()) is None and time.monotonic() < deadline:
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    effort = Effort(pairs=parser.parse_args().pairs)
    with own_home() as stage, played_core(stage):
        chat = CoreChat(stage, "starter")
        pairs = in_turns(effort.pairs, lambda: through_echo(stage, effort), lambda: chat.deliver(effort))
    print("a piece that comes alone, from its writing to its arrival:")
    print("  echo:", spread([bare.late_ms for bare, _ in pairs], " ms", 3))
    print("  core:", spread([core.late_ms for _, core in pairs], " ms", 3))
    print("  core over echo (aim 2):", spread([core.late_ms / bare.late_ms for bare, core in pairs], " ×", 2))
    print("a reply that comes at once, a piece:")
    print("  echo:", spread([bare.piece_ms for bare, _ in pairs], " ms", 3))
    print("  core:", spread([core.piece_ms for _, core in pairs], " ms", 3))
    for name, cpu in (("echo", [b.cpu_ms for b, _ in pairs]), ("core", [c.cpu_ms for _, c in pairs])):
        print(f"  {name}, processor:", spread([ms for ms in cpu if ms is not None], " ms", 3))


if __name__ == "__main__":
    main()
