"""The core with a chat of 5,000 messages beside one of 100: how long a client waits for it, whole or its end.

In turns (ABBA), by the clock and by the core's processor time. Run: python tests/bench/bench_core.py [--pairs 10]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from functools import partial

from bench_stage import cpu_s, spread

from tui.bench.pairing import in_turns
from tui.bench.stage import own_home
from tui.client.connection import Connection
from tui.client.launch import ensure_core
from tui.wire.codec import encode

_SHORT, _LONG = 100, 5000


async def timed(connection: Connection, core: int, chat: str, last: int) -> tuple[float, float, int]:
    """Milliseconds by the clock and of the core's processor, and bytes of the answer."""
    began, cpu = time.perf_counter(), cpu_s(core)
    answer = await connection.call("chats.open", id=chat, last=last)
    return (time.perf_counter() - began) * 1000, (cpu_s(core) - cpu) * 1000, len(encode(answer))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    options = parser.parse_args()
    with own_home() as stage, asyncio.Runner() as runner:
        chats = {count: stage.chat(count) for count in (_SHORT, _LONG)}
        stage.stop()
        began = time.perf_counter()
        connection = runner.run(connect())
        print(f"core started and greeted: {(time.perf_counter() - began) * 1000:.0f} ms")
        core = int(connection.hello["pid"])
        for name, last in (("the last 100 messages", 100), ("the whole chat", 0)):
            short, long = (
                partial(lambda chat, end: runner.run(timed(connection, core, chat, end)), chats[count], last)
                for count in (_SHORT, _LONG)
            )
            pairs = in_turns(options.pairs, short, long)
            print(f"{name} of {_LONG}, {pairs[0][1][2] / 1e6:.2f} MB:")
            for at, what in enumerate(("by the clock", "processor of the core")):
                print(f"  {what}:", spread([many[at] for _, many in pairs], " ms", 1))
                print(f"  {what}, over {_SHORT} messages:", spread([b[at] / a[at] for a, b in pairs], " ×", 2))
        runner.run(connection.close())


async def connect() -> Connection:
    return await Connection.open(await ensure_core())


if __name__ == "__main__":
    main()
