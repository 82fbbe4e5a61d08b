"""Beam search: several ways on at once, of which the likeliest whole reply is taken.

A way's score is the sum of its tokens' logarithms of probability (after biases and bans; other samplers play no part),
over their number where ways of different lengths are compared. What all ways begin with is shown while they go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.engine.memory import Memory
from tui.engine.sequences import Held
from tui.engine.shown import Writer
from tui.engine.spelling import Spelling


@dataclass(frozen=True, slots=True)
class Way:
    """A beginning of the reply. `held` has all of it but its last token while it goes on; `stop` is the stop string
    that ended it."""

    tokens: tuple[int, ...]
    score: float
    held: Held
    stop: str = ""
    ended: bool = False

    @property
    def likelihood(self) -> float:
        """The mean logarithm of probability of its tokens."""
        return self.score / max(1, len(self.tokens))


class Search:
    """Looks for the likeliest reply to the prompt that was just read, with `beams` ways at most."""

    def __init__(
        self, memory: Memory, spelling: Spelling, beams: int, biases: Iterable[tuple[int, float]], stops: Sequence[str],
    ) -> None:
        import numpy

        self._np: Any = numpy
        self._memory, self._spelling = memory, spelling
        self._beams = beams
        self._stops = tuple(stop for stop in stops if stop)
        self._vocab = memory.context.model.vocab
        self._all: list[Held] = []
        self._bias = numpy.zeros(self._vocab.size)
        for token, bias in biases:
            self._bias[token] += bias

    def run(self, limit: int, writer: Writer) -> Way:
        """The best way, its text given to `writer`. Afterwards the current sequence holds some way or other: whoever
        goes on has to read the reply into it. Raises Aborted, EngineError."""
        memory = self._memory
        with contextlib.ExitStack() as stack:
            self._all = [memory.current, *(stack.enter_context(memory.scratch()) for _ in range(self._beams - 1))]
            ended: list[Way] = []
            live = self._first()
            shown = 0
            while True:
                live, new = self._parted(live)
                ended = sorted([*ended, *new], key=lambda way: -way.likelihood)[:self._beams]
                if not live or len(live[0].tokens) >= limit or memory.full or self._settled(live, ended):
                    break
                shown = self._show(writer, [*live, *ended], shown)
                live = self._read(live)
        best = max([*live, *ended], key=lambda way: way.likelihood)
        for token in best.tokens[shown:]:
            if writer.write(self._spelling.piece(token)):
                break
        return best

    def _first(self) -> list[Way]:
        logs = self._logs(-1)
        best = self._top(logs)
        for held in self._all[1:]:
            self._memory.copy(self._memory.current, held)
        return [Way((t,), float(logs[t]), held) for t, held in zip(best, self._all, strict=False)]

    def _read(self, live: Sequence[Way]) -> list[Way]:
        """Each way's last token behind it; then the best of all that may follow, each with a sequence of its own."""
        self._memory.decode_many([(way.held, way.tokens[-1]) for way in live])
        found: list[tuple[float, int, int]] = []
        for index, way in enumerate(live):
            logs = self._logs(index)
            found += [(way.score + float(logs[token]), index, token) for token in self._top(logs)]
        return self._follow(live, sorted(found, key=lambda one: (-one[0], one[1], one[2]))[:self._beams])

    def _follow(self, live: Sequence[Way], found: Sequence[tuple[float, int, int]]) -> list[Way]:
        """A way's first follower keeps its sequence, the others get one that nobody needs."""
        parents = {id(live[index].held) for _, index, _ in found}
        spare = [held for held in self._all if id(held) not in parents]
        taken: set[int] = set()
        out = []
        for score, index, token in found:
            held = live[index].held
            if index in taken:
                held = spare.pop()
                self._memory.copy(live[index].held, held)
            taken.add(index)
            out.append(Way((*live[index].tokens, token), score, held))
        return out

    def _parted(self, ways: Sequence[Way]) -> tuple[list[Way], list[Way]]:
        """Those that go on, and those that their last token has ended."""
        live: list[Way] = []
        ended: list[Way] = []
        for way in ways:
            stop = self._stop(way.tokens)
            over = stop or self._vocab.ends_reply(way.tokens[-1])
            (ended if over else live).append(replace(way, stop=stop, ended=bool(over)))
        return live, ended

    def _stop(self, tokens: Sequence[int]) -> str:
        if not self._stops:
            return ""
        text = b"".join(self._spelling.piece(token) for token in tokens).decode("utf-8", "replace")
        name = self._spelling.name(tokens[-1])
        return next((stop for stop in self._stops if stop in text or stop.strip() == name), "")

    def _settled(self, live: Sequence[Way], ended: Sequence[Way]) -> bool:
        """Whether as many have ended as are looked for, and the best of them is likelier than all that go on."""
        return len(ended) >= self._beams and ended[0].likelihood >= max(way.likelihood for way in live)

    def _show(self, writer: Writer, ways: Sequence[Way], shown: int) -> int:
        """Show what all ways have in common, but for what may be a reply's end."""
        shortest = min(len(way.tokens) - (1 if way.ended else 0) for way in ways)
        while shown < shortest and len({way.tokens[shown] for way in ways}) == 1:
            writer.write(self._spelling.piece(ways[0].tokens[shown]))
            shown += 1
        return shown

    def _logs(self, index: int) -> Any:
        np = self._np
        logits = np.ctypeslib.as_array(self._memory.context.logits(index), (self._vocab.size,)).astype("f8")
        logits += self._bias
        logits -= logits.max()
        return logits - np.log(np.exp(logits).sum())

    def _top(self, logs: Any) -> list[int]:
        best = self._np.argpartition(-logs, self._beams - 1)[:self._beams]
        return [int(token) for token in best[self._np.argsort(-logs[best], kind="stable")]]
