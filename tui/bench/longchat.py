"""A chat of 10,000 messages beside one of 100: opening it, going to its top and back, searching, and memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

from tui.bench.figures import Figure, Say, figure, known
from tui.bench.pairing import Effort, in_turns
from tui.bench.processes import memory_mb
from tui.bench.stage import TRAKTIR, Stage, own_home
from tui.bench.terminal import Terminal
from tui.bench.texts import FIRST, LAST, RARE
from tui.domain.notice import notice

_SHORT = 100
_TOP, _END, _ESCAPE = "\x1b[H", "\x1b[F", "\x1b"


def measure(effort: Effort, say: Say) -> Iterator[Figure]:
    """Both chats lie in one store; what counts is the ratio of each pair."""
    long = effort.messages
    with own_home() as stage:
        say(notice("A chat of {count} messages is made…", count=long))
        chats = {count: stage.chat(count) for count in (_SHORT, long)}
        say(notice("Opening it: {pairs} pairs…", pairs=effort.pairs))
        pairs = in_turns(
            effort.pairs, lambda: _open(stage, chats[_SHORT], _SHORT), lambda: _open(stage, chats[long], long)
        )
        yield from _opened(pairs, long)
        yield from _moved(stage, chats, effort, say)
        say(notice("Searching: {pairs} times…", pairs=effort.pairs))
        yield figure("chat.search", notice("a word looked for in the chat of {count} messages", count=long), "ms",
                     asyncio.run(_searches(effort.pairs)))
        if (memory := memory_mb(stage.core_pid())) is not None:
            yield figure("chat.memory.core", notice("memory of the core"), "MB", [memory])


def _open(stage: Stage, chat: str, messages: int) -> float:
    """Milliseconds from the start of the terminal program to the chat's last message, with the core up."""
    with Terminal([*TRAKTIR, "--chat", chat], stage.env) as terminal:
        return 1000 * terminal.wait(LAST.format(count=messages))


def _opened(pairs: Sequence[tuple[float, float]], long: int) -> Iterator[Figure]:
    yield figure("chat.open", notice("opening the chat of {count} messages", count=long), "ms", [b for _, b in pairs])
    title = notice("opening the chat of {count} messages, over one of {short}", count=long, short=_SHORT)
    yield figure("chat.open.ratio", title, "×", [b / a for a, b in pairs])


def _moved(stage: Stage, chats: dict[int, str], effort: Effort, say: Say) -> Iterator[Figure]:
    """To the first message and to the last again, in turns in the long and in the short chat."""
    long = effort.messages
    with Terminal([*TRAKTIR, "--chat", chats[_SHORT]], stage.env) as short_one, \
            Terminal([*TRAKTIR, "--chat", chats[long]], stage.env) as long_one:
        for terminal, count in ((short_one, _SHORT), (long_one, long)):
            terminal.wait(LAST.format(count=count))
            terminal.quiet(1.0)
            terminal.type(_ESCAPE)                 # from the line to the messages
            terminal.quiet(0.5)
        before = [memory_mb(terminal.pid) for terminal in (short_one, long_one)]
        say(notice("To the top and back: {pairs} pairs…", pairs=effort.pairs))
        pairs = in_turns(effort.pairs, lambda: _travel(short_one, _SHORT), lambda: _travel(long_one, long))
        for at, (name, title) in enumerate((
            ("top", notice("to the top of {count} messages", count=long)),
            ("back", notice("and back to the end of {count} messages", count=long)),
        )):
            yield figure(f"chat.{name}", title, "ms", [far[at] for _, far in pairs])
        ratios = [sum(far) / sum(near) for near, far in pairs]
        title = notice("to the top and back in {count} messages, over {short}", count=long, short=_SHORT)
        yield figure("chat.travel.ratio", title, "×", ratios)
        after = [memory_mb(terminal.pid) for terminal in (short_one, long_one)]
    for name, title, values in (
        ("opened", notice("memory of the terminal with {count} messages, opened", count=long), before[1:]),
        ("travelled", notice("memory of the terminal with {count} messages, after going to the top and back",
                             count=long), after[1:]),
        ("short", notice("memory of the terminal with {count} messages, opened", count=_SHORT), before[:1]),
    ):
        if numbers := known(values):
            yield figure(f"chat.memory.{name}", title, "MB", numbers)


def _travel(terminal: Terminal, messages: int) -> tuple[float, float]:
    """Milliseconds to the first message, and back to the last."""
    out = []
    for key, wanted in ((_TOP, FIRST), (_END, LAST)):
        began = time.perf_counter()
        terminal.type(key)
        terminal.wait(wanted.format(count=messages))
        out.append(1000 * (time.perf_counter() - began))
        terminal.quiet(0.2)
    return out[0], out[1]


async def _searches(times: int) -> list[float]:
    """Milliseconds of a full text search, from the call to its answer."""
    from tui.client.connection import Connection
    from tui.client.launch import ensure_core

    connection = await Connection.open(await ensure_core())
    try:
        values = []
        for number in range(times + 1):
            began = time.perf_counter()
            await connection.call("chats.search", query=RARE)
            if number:
                values.append(1000 * (time.perf_counter() - began))
        return values
    finally:
        await connection.close()
