"""The core with a chat of 5,000 messages: how long a client waits for it, whole or its end, and how large it is.

Run: python tests/bench/bench_core.py [--times 9]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import Any

from bench_stage import home, long_chat, spread, traktir

from tui.client.connection import Connection
from tui.client.launch import ensure_core
from tui.wire.codec import encode


async def timed(connection: Connection, **params: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = await connection.call("chats.open", **params)
    return (time.perf_counter() - began) * 1000, answer


async def measure(chat: str, times: int) -> None:
    began = time.perf_counter()
    connection = await Connection.open(await ensure_core())
    print(f"core started and greeted: {(time.perf_counter() - began) * 1000:.0f} ms")
    for name, params in (("end of 100 messages", {"last": 100}), ("whole chat", {})):
        values = []
        for number in range(times + 1):
            took, answer = await timed(connection, id=chat, **params)
            if number:
                values.append(took)
            else:
                print(f"{name}, first time: {took:.0f} ms, {len(encode(answer)) / 1e6:.2f} MB")
        print(f"{name}:", spread(values, " ms", 1))
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=9)
    options = parser.parse_args()
    with home() as env:
        chat = long_chat(env)
        traktir(env, "stop")
        os.environ.update(env)
        asyncio.run(measure(chat, options.times))


if __name__ == "__main__":
    main()
