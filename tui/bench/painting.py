"""The terminal while a reply streams into a chat: processor time and bytes beyond idleness, and the echo of keys."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tui.bench.figures import Figure, Say, figure
from tui.bench.median import percentile
from tui.bench.pairing import Effort, in_turns
from tui.bench.player import BEGUN
from tui.bench.processes import cpu_s
from tui.bench.stage import TRAKTIR, Stage, own_home, player
from tui.bench.terminal import Terminal
from tui.bench.texts import LAST
from tui.domain.notice import notice
from tui.i18n import tr

RATES = (5, 20, 100)
SIZES = ((100, 40), (48, 18))
#: Bytes a second that a slow line to the terminal brings.
SLOW_LINE = 32 * 1024
_MESSAGES = 200
_KEYS = "αβγδεζηθικλμνξοπρστυφχψω"
#: Most per cent of a processor and KB a second at 100 tokens a second, and most ms to a key's echo.
_MOST_CPU, _MOST_KB, _MOST_ECHO = 25.0, 15.0, 100.0


@dataclass(frozen=True, slots=True)
class Used:
    """Per cent of a processor, and KB of 1000 bytes a second."""

    cpu: float | None
    kb: float


@dataclass(frozen=True, slots=True)
class Setting:
    """How the terminal is opened."""

    name: str
    title: str
    size: tuple[int, int]
    ssh: bool


def settings() -> list[Setting]:
    """A wide and a narrow terminal, here and over ssh."""
    here = [Setting(f"{w}x{h}", f"{w}×{h}", (w, h), False) for w, h in SIZES]
    away = [
        Setting(f"{w}x{h}.ssh", tr("{width}×{height} over ssh", width=w, height=h), (w, h), True) for w, h in SIZES
    ]
    return [*here, *away]


def measure(effort: Effort, say: Say) -> Iterator[Figure]:
    """All rates on all terminals, and keys pressed on a slow line while a reply streams."""
    with own_home() as stage, player(stage) as address:
        stage.profile("bench", address)
        for setting in settings():
            say(notice("A reply streams at {rates} tokens a second, terminal {terminal}: {pairs} pairs each…",
                       rates=", ".join(map(str, _rates(setting))), terminal=setting.title, pairs=effort.pairs))
            with _opened(stage, setting) as terminal:
                for rate in _rates(setting):
                    yield from _streamed(terminal, setting, rate, effort)
        for setting in settings():
            say(notice("{count} keys on a line of 32 KB/s while a reply streams, terminal {terminal}…",
                       count=effort.keys, terminal=setting.title))
            with _opened(stage, setting, SLOW_LINE) as terminal:
                yield from _echoed(terminal, setting, effort)


def _rates(setting: Setting) -> Sequence[int]:
    return RATES[-1:] if setting.ssh else RATES


@contextmanager
def _opened(stage: Stage, setting: Setting, bytes_a_second: int = 0) -> Iterator[Terminal]:
    """The terminal on a new chat whose replies the played server writes; a reply does not outlast it."""
    chat = stage.chat(_MESSAGES)
    stage.traktir("chats", "set", chat, "profile=bench")
    env: Mapping[str, str] = stage.over_ssh() if setting.ssh else stage.env
    with Terminal([*TRAKTIR, "--chat", chat], env, setting.size, bytes_a_second) as terminal:
        terminal.wait(LAST.format(count=_MESSAGES))
        terminal.quiet(1.0)
        try:
            yield terminal
        finally:
            stage.call("turn.stop", chat=chat)


def _streamed(terminal: Terminal, setting: Setting, rate: int, effort: Effort) -> Iterator[Figure]:
    pairs = in_turns(effort.pairs, lambda: _used(terminal, effort.seconds), lambda: _reply(terminal, rate, effort))
    cpu = [busy.cpu - idle.cpu for idle, busy in pairs if busy.cpu is not None and idle.cpu is not None]
    last = rate == RATES[-1]
    named, args = f"ui.{setting.name}.{rate}", {"terminal": setting.title, "rate": rate}
    if cpu:
        title = notice("{terminal}, {rate} tokens/s: processor beyond idle", **args)
        yield figure(f"{named}.cpu", title, "%", cpu, _MOST_CPU if last else None)
    title = notice("{terminal}, {rate} tokens/s: bytes beyond idle", **args)
    yield figure(f"{named}.bytes", title, "KB/s", [busy.kb - idle.kb for idle, busy in pairs],
                 _MOST_KB if last and setting.ssh else None)


def _reply(terminal: Terminal, rate: int, effort: Effort) -> Used:
    """What the middle of a reply takes: from its first words on, for as long as idleness is watched."""
    _ask(terminal, rate, int(rate * (effort.seconds + 0.5)) + 1)
    used = _used(terminal, effort.seconds)
    terminal.quiet(1.0)
    return used


def _ask(terminal: Terminal, rate: int, pieces: int) -> None:
    terminal.type(f"play {rate} {pieces} words\r")
    terminal.wait(BEGUN)


def _used(terminal: Terminal, seconds: float) -> Used:
    began, cpu = time.perf_counter(), cpu_s(terminal.pid)
    count = terminal.drain(seconds)
    spent, after = time.perf_counter() - began, cpu_s(terminal.pid)
    return Used(None if cpu is None or after is None else 100 * (after - cpu) / spent, count / spent / 1000)


def _echoed(terminal: Terminal, setting: Setting, effort: Effort) -> Iterator[Figure]:
    """Milliseconds from each key to its echo; each is pressed a while after the one before."""
    rate = RATES[-1]
    _ask(terminal, rate, rate * (effort.keys // 4 + 10))
    values = []
    for number in range(effort.keys):
        key = _KEYS[number % len(_KEYS)]
        began = time.perf_counter()
        terminal.type(key)
        terminal.wait(key)
        values.append((time.perf_counter() - began) * 1000)
        terminal.drain(0.1 + number % 7 * 0.011)   # not in step with the drawing
        if number % 24 == 23:
            terminal.type("\x7f" * 24)             # a line that stays short
            terminal.drain(0.3)
    named, args = f"ui.{setting.name}.echo", {"terminal": setting.title}
    yield figure(f"{named}.median", notice("{terminal}, 100 tokens/s at 32 KB/s: a key's echo", **args), "ms", values)
    title = notice("{terminal}, 100 tokens/s at 32 KB/s: 95 of 100 keys are echoed within", **args)
    yield figure(f"{named}.p95", title, "ms", [percentile(values, 0.95)], _MOST_ECHO if setting.ssh else None)
