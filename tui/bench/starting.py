"""From the start of the program to its first frame and to a chat that can be used, against a bare Textual application.

Usable is: the chat's last message is on the terminal, and a key pressed then is echoed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tui.bench.figures import Figure, Say, figure, known
from tui.bench.pairing import Effort, in_turns
from tui.bench.processes import cpu_s
from tui.bench.stage import BARE, TRAKTIR, Stage, own_home
from tui.bench.terminal import Terminal
from tui.bench.texts import LAST
from tui.domain.notice import notice
from tui.i18n import tr

_MESSAGES = 1000
_FRAME = "─────"
_KEY, _RUB_OUT, _LEAVE = "§", "\x7f", "\x11"


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start, and processor milliseconds: of the terminal's process up to then, and of a core that
    was started for it."""

    first: float
    usable: float
    cpu_ms: float | None
    core_ms: float | None = None


def measure(effort: Effort, say: Say) -> Iterator[Figure]:
    """Start the program in turns with a bare application, with the core up and with the core down."""
    with own_home() as stage:
        say(notice("A chat of {count} messages is made…", count=_MESSAGES))
        stage.chat(_MESSAGES)
        say(notice("Starting with the core up: {pairs} pairs…", pairs=effort.pairs))
        pairs = in_turns(effort.pairs, lambda: _bare(stage), lambda: _program(stage))
        yield from _figures("up", tr("core up"), pairs)
        say(notice("Starting with the core down: {pairs} pairs…", pairs=effort.pairs))
        pairs = in_turns(effort.pairs, lambda: _bare(stage), lambda: _program(stage, down=True))
        yield from _figures("down", tr("core down"), pairs)


def _bare(stage: Stage) -> Started:
    with Terminal(BARE, stage.env) as terminal:
        first = terminal.wait("BareApp")
        return Started(first, first, _ms(cpu_s(terminal.pid)))


def _program(stage: Stage, down: bool = False) -> Started:
    """One start; with `down` of the core as well, which is ended before."""
    if down:
        stage.stop()
    with Terminal(TRAKTIR, stage.env) as terminal:
        first = terminal.wait(_FRAME)
        terminal.wait(LAST.format(count=_MESSAGES))
        terminal.type(_KEY)
        usable = terminal.wait(_KEY)
        own = _ms(cpu_s(terminal.pid))
        core = _ms(cpu_s(stage.core_pid())) if down else None
        terminal.quiet()
        terminal.type(_RUB_OUT)                    # an empty draft: the next start finds the chat as this one did
        terminal.quiet(1.0)
        terminal.type(_LEAVE)
        terminal.quiet()
    return Started(first, usable, own, core)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _figures(state: str, core: str, pairs: Sequence[tuple[Started, Started]]) -> Iterator[Figure]:
    bares, runs = [bare for bare, _ in pairs], [run for _, run in pairs]
    first, usable = [run.first for run in runs], [run.usable for run in runs]
    ratios = [[one / bare.first for one, bare in zip(values, bares, strict=True)] for values in (first, usable)]
    named = f"start.{state}"
    yield figure(f"{named}.bare", notice("{core}: a bare Textual application to its first frame", core=core), "ms",
                 [1000 * bare.first for bare in bares])
    yield figure(f"{named}.first_frame", notice("{core}: first frame", core=core), "ms", [1000 * one for one in first])
    yield figure(f"{named}.first_frame.ratio", notice("{core}: first frame, over the bare one", core=core), "×",
                 ratios[0])
    yield figure(f"{named}.usable", notice("{core}: usable chat", core=core), "ms", [1000 * one for one in usable])
    yield figure(f"{named}.usable.ratio", notice("{core}: usable chat, over the bare first frame", core=core), "×",
                 ratios[1])
    if numbers := known([bare.cpu_ms for bare in bares]):
        title = notice("{core}: processor time of the bare application to its first frame", core=core)
        yield figure(f"{named}.bare.cpu", title, "ms", numbers)
    if numbers := known([run.cpu_ms for run in runs]):
        title = notice("{core}: processor time of the terminal to a usable chat", core=core)
        yield figure(f"{named}.cpu", title, "ms", numbers)
    if numbers := known([run.core_ms for run in runs]):
        title = notice("{core}: processor time of the core to a usable chat", core=core)
        yield figure(f"{named}.core.cpu", title, "ms", numbers)
