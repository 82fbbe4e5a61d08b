"""The embedded engine beside llama.cpp itself: reading a prompt, writing a reply, and what each floor above adds.

Four ways with one file, the same threads, batch and samplers, in turns: a bare loop of llama.cpp's calls, our worker
through its proxy, the whole program as a client sees it, and llama-cpp-python's high-level class.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tui.bench.contenders import Bare, Contender, HighLevel, Run, Task, Worker
from tui.bench.figures import Figure, Say, figure, known
from tui.bench.pairing import Effort, in_rounds
from tui.bench.random_model import shape_for, write_random_model
from tui.bench.stage import Stage, own_home
from tui.bench.texts import RUSSIAN
from tui.bench.wholestack import WholeStack
from tui.domain.notice import notice
from tui.engine.settings import EngineSettings
from tui.i18n import mark, tr_notice
from tui.resources import starter_model

#: What the whole program may cost over the bare loop, as a ratio; and how much later its first token may come, in
#: milliseconds, when the prompt is in memory.
MOST_RATIO, MOST_LATER_MS = 1.02, 15.0
#: Tokens of a short reply: one alone may be a space, which is not shown.
_FEW = 4
#: Characters of the message that is new in each round.
_MESSAGE = 700


@dataclass(frozen=True, slots=True)
class Round:
    """What one way did with a message: read it and wrote a little, answered it once more as shortly, and then at
    length. The two last have the prompt in memory; what the longer took more is for its tokens alone."""

    new: Run
    again: Run
    long: Run

    @property
    def read_ms(self) -> float:
        return (self.new.first_ms - self.again.first_ms) / max(1, self.new.read - self.again.read)

    @property
    def token_ms(self) -> float | None:
        more = self.long.written - self.again.written
        return (self.long.all_ms - self.again.all_ms) / more if more > 0 else None

    @property
    def token_cpu_ms(self) -> float | None:
        more = self.long.written - self.again.written
        if more <= 0 or self.long.cpu_ms is None or self.again.cpu_ms is None:
            return None
        return (self.long.cpu_ms - self.again.cpu_ms) / more


#: Names for programs, titles for people, in the order in which they run (and back in every other round).
_TITLES = {
    "bare": notice("a bare loop"), "worker": notice("our worker"), "stack": notice("the whole program"),
    "library": notice("the library's high-level class"),
}


def measure(effort: Effort, say: Say, model: Path | None) -> Iterator[Figure]:
    """All ways in turns, with the whole chain of samplers and without. `model` None measures with the starter model
    where it is to be quick, else with one of random weights made for it. Raises TraktirError."""
    with own_home() as stage, asyncio.Runner() as runner:
        file = model or _made(stage, effort, say)
        with contextlib.ExitStack() as stack:
            field = _Field(stage, runner, file, effort, say, stack)
            yield from _figures("engine", field.rounds(chain=True))
            yield from _figures("engine.greedy", field.rounds(chain=False), aims=False)


def _made(stage: Stage, effort: Effort, say: Say) -> Path:
    from tui.engine.bindings import uses_gpu

    if effort.quick:
        return starter_model()
    path = stage.folder / "random-weights.gguf"
    parameters = write_random_model(path, shape_for(uses_gpu()), starter_model())
    say(notice("Made a model of {count} million random weights.", count=round(parameters / 1e6)))
    return path


class _Field:
    """Everybody with the model in memory."""

    def __init__(
        self, stage: Stage, runner: asyncio.Runner, file: Path, effort: Effort, say: Say, stack: contextlib.ExitStack,
    ) -> None:
        threads = EngineSettings().threads()
        say(notice("{model} is loaded four times…", model=file.name))
        bare = Bare(file, threads)
        self._whole = WholeStack(stage, runner, file, threads, bare.ends)
        self._ways: dict[str, Contender] = {
            "bare": bare, "worker": Worker.load(runner, file, stage.folder, threads, bare.ends),
            "library": HighLevel(file, threads),
        }
        stack.callback(self._whole.close)
        for way in self._ways.values():
            stack.callback(way.close)
        self._effort, self._said = effort, 0
        say(notice("Replies of {tokens} tokens with {threads} threads: {pairs} rounds with the chain of samplers, as "
                   "many without…", tokens=effort.tokens, threads=threads, pairs=effort.pairs))

    def rounds(self, *, chain: bool) -> list[dict[str, Round]]:
        """In each round all get the same prompt, which is new from its last message on."""
        task, said = Task("", self._effort.tokens, chain), ""

        def prepare() -> None:
            nonlocal task, said
            self._said += 1
            said = f"{self._said}. {RUSSIAN[:_MESSAGE]}"
            task = Task(self._whole.prompt(said, chain=chain), self._effort.tokens, chain)

        def way(name: str) -> Callable[[], Round]:
            return lambda: self._round(name, task, said)

        return in_rounds(self._effort.pairs, prepare, {name: way(name) for name in _TITLES})

    def _round(self, name: str, task: Task, said: str) -> Round:
        tasks = (Task(task.prompt, _FEW, task.chain), Task(task.prompt, _FEW, task.chain), task)
        if name == "stack":
            return Round(*(self._whole.say(said, one) for one in tasks))
        return Round(*(self._ways[name].run(one) for one in tasks))


def _figures(prefix: str, rounds: Sequence[dict[str, Round]], *, aims: bool = True) -> Iterator[Figure]:
    for part in _PARTS:
        for name, who in _TITLES.items():
            if values := known([part.of(found[name]) for found in rounds]):
                yield figure(f"{prefix}.{part.name}.{name}", notice(part.of_one, who=tr_notice(who)), "ms", values)
        for name in ("worker", "stack", "library") if part.of_two else ():
            pairs = [(part.of(found["bare"]), part.of(found[name])) for found in rounds]
            if ratios := [there / bare for bare, there in pairs if bare and there]:
                aim = MOST_RATIO if aims and name == "stack" and part.name != "cpu" else None
                title = notice(part.of_two, who=tr_notice(_TITLES[name]))
                yield figure(f"{prefix}.{part.name}.{name}.ratio", title, "×", ratios, aim)
    later = [found["stack"].again.first_ms - found["bare"].again.first_ms for found in rounds]
    yield figure(f"{prefix}.later", notice("the first token of the whole program comes later, the prompt in memory"),
                 "ms", later, MOST_LATER_MS if aims else None)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is compared: its name, its titles for one way and for its ratio to the bare loop, and where it is found."""

    name: str
    of_one: str
    of_two: str
    of: Callable[[Round], float | None]


_PARTS = (
    _Part("read", mark("reading, a token of the prompt: {who}"),
          mark("reading, a token of the prompt: {who}, over the bare loop"), lambda found: found.read_ms),
    _Part("write", mark("writing, a token: {who}"), mark("writing, a token: {who}, over the bare loop"),
          lambda found: found.token_ms),
    _Part("cpu", mark("writing, processor time a token: {who}"),
          mark("writing, processor time a token: {who}, over the bare loop"), lambda found: found.token_cpu_ms),
    _Part("again", mark("the first token, the prompt in memory: {who}"), "", lambda found: found.again.first_ms),
)
