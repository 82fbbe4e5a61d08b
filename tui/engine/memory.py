"""The model's memory of a prompt: which tokens it holds, what of them a new prompt can keep, and reading the rest."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.engine.bindings import AbortFlag, Context

#: At least this many tokens must follow a removed block unchanged for them to be moved up. Fewer are read again: it
#: is quick, and a short stretch may match by chance where the same words occur twice.
LEAST_MOVED = 256

TellProgress = Callable[[int, int, int], None]


class Aborted(Exception):
    """The abort flag was set."""


@dataclass(frozen=True, slots=True)
class Reused:
    """Tokens of a prompt that the memory had: all of them, and those among them that were moved."""

    tokens: int
    moved: int = 0


class Memory:
    """One context, and the tokens that are in it at any moment."""

    def __init__(self, context: Context, flag: AbortFlag) -> None:
        self.context = context
        self.tokens: list[int] = []
        self._flag = flag
        self._moved = False                       # positions that the next decode is to compute
        flag.attach(context)

    @property
    def full(self) -> bool:
        return len(self.tokens) >= self.context.size

    def read(self, prompt: Sequence[int], tell: TellProgress, *, shift: bool = False) -> Reused:
        """Hold exactly `prompt`, its last token decoded now. Raises Aborted, EngineError.

        The last token goes alone: so a repeated prompt computes its first output exactly as before, and the
        same seed gives the same reply whether the prompt was reused or not.
        """
        moved = self._move_up(prompt[:-1], len(prompt), tell) if shift else Reused(0)
        held = self._keep(_common(self.tokens, prompt[:-1]))
        reused = moved if moved.moved else Reused(held)
        tell(held, len(prompt), reused.tokens)
        self._append(prompt[:-1], len(prompt), reused.tokens, tell)
        self.decode(prompt[-1:])
        tell(len(prompt), len(prompt), reused.tokens)
        return reused

    def warm(self, prompt: Sequence[int], *, shift: bool = False) -> int:
        """Read `prompt` ahead, but for its last token, which `read` decodes. Returns how many of its tokens the
        memory begins with then: fewer than all where it was aborted. A memory that has them already, and more
        behind them, is left alone. Raises EngineError."""
        wanted = prompt[:-1]
        if _common(self.tokens, wanted) < len(wanted):
            with contextlib.suppress(Aborted):    # what was read by then is kept
                if shift:
                    self._move_up(wanted, len(prompt), lambda *_: None)
                reused = self._keep(_common(self.tokens, wanted))
                self._append(wanted, len(prompt), reused, lambda *_: None)
        return _common(self.tokens, prompt)

    def decode(self, tokens: Sequence[int]) -> None:
        """Put `tokens`, at most a batch, behind what is held. Raises Aborted, EngineError."""
        if self._flag.is_set:
            raise Aborted
        result = self.context.decode(tokens)
        if result == 0:
            self._moved = False
            self.tokens.extend(tokens)
            return
        self._take_stock(tokens)
        if result == 2:
            raise Aborted
        raise EngineError(
            notice("llama.cpp could not process the prompt (code {code}).", code=result),
            notice("Try again; if it happens again, load the model with a smaller context."),
        )

    def forget(self) -> None:
        self.context.clear()
        self.tokens = []
        self._moved = False

    def _append(self, wanted: Sequence[int], total: int, reused: int, tell: TellProgress) -> None:
        """Read what is missing at the end of `wanted`, a batch at a time."""
        step = self.context.batch
        for start in range(len(self.tokens), len(wanted), step):
            self.decode(wanted[start:start + step])
            self.context.wait()
            tell(len(self.tokens), total, reused)

    def _take_stock(self, tokens: Sequence[int]) -> None:
        """After a batch that was not finished: what of it llama.cpp kept."""
        if self.context.model.recurrent or self._moved:
            self.forget()
            return
        self.tokens = [*self.tokens, *tokens][:self.context.length]

    def _keep(self, length: int) -> int:
        """Cut the memory back to its first `length` tokens, or to nothing where it refuses."""
        if length < len(self.tokens):
            if length and self.context.cut_back(length):
                del self.tokens[length:]
            else:
                self.forget()
        return len(self.tokens)

    def _move_up(self, wanted: Sequence[int], total: int, tell: TellProgress) -> Reused:
        """Where `wanted` is what is held with blocks gone, or shorter ones in their place: take the blocks out, read
        what replaces them, move the rest up. Returns what was kept so; nothing where it is not like that."""
        start = _common(self.tokens, wanted)
        stretches = kept_stretches(self.tokens, wanted, start)
        if not stretches or not self.context.can_shift:
            return Reused(0)
        if len(stretches) == 1 and stretches[0].place == start:
            if not self.context.cut_out(start, stretches[0].start - start):
                return Reused(0)
            self._moved = True
            self.tokens = list(wanted[:stretches[0].place_end])
            self.context.cut_back(len(self.tokens))
        elif self.context.has_aside:
            self._assemble(wanted, stretches, start, total, tell)
        else:
            return Reused(0)
        moved = sum(s.length for s in stretches)
        return Reused(start + moved, moved)

    def _assemble(
        self, wanted: Sequence[int], stretches: Sequence[Stretch], start: int, total: int, tell: TellProgress,
    ) -> None:
        """Behind `start` put each stretch in its new place, and read what comes between them."""
        self.context.set_aside(start, stretches[0].start, stretches[-1].end)
        del self.tokens[start:]
        try:
            for stretch in stretches:
                self._append(wanted[:stretch.place], total, start, tell)
                self.context.bring_back(stretch.start, stretch.end, stretch.place)
                self._moved = True
                self.tokens += wanted[stretch.place:stretch.place_end]
        finally:
            self.context.drop_aside()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens that a new prompt has as well: where they begin in the memory, where in the prompt (never further down),
    and how many they are."""

    start: int
    place: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length

    @property
    def place_end(self) -> int:
        return self.place + self.length


def kept_stretches(have: Sequence[int], want: Sequence[int], start: int) -> list[Stretch]:
    """What `want` has of `have` behind `start`, up to which both are equal, in stretches of LEAST_MOVED or more, in
    order. Empty where nothing was, or where new text came though no block of LEAST_MOVED went: what follows a change
    of a few words was read with the old ones, and is read again."""
    found: list[Stretch] = []
    have_at = want_at = offset = start
    while offset + LEAST_MOVED <= len(want):
        match = _longest(have[have_at:], want[offset:])
        if match is None:
            offset += LEAST_MOVED // 2
            continue
        at, place, length = have_at + match[0], offset, match[1]
        while at > have_at and place > want_at and have[at - 1] == want[place - 1]:
            at, place, length = at - 1, place - 1, length + 1
        if place > at:
            break
        found.append(Stretch(at, place, length))
        have_at, want_at = at + length, place + length
        offset = want_at
    if not found:
        return []
    read_between = found[-1].place - start - sum(s.length for s in found[:-1])
    went = found[-1].start - found[-1].place
    return found if went and (not read_between or went >= LEAST_MOVED) else []


def _longest(have: Sequence[int], want: Sequence[int]) -> tuple[int, int] | None:
    """Where `have` goes on as `want` begins, for LEAST_MOVED tokens or more, and for how many."""
    hay, needle, width = array("i", have).tobytes(), array("i", want[:LEAST_MOVED]).tobytes(), array("i").itemsize
    best: tuple[int, int] | None = None
    at = hay.find(needle)
    while at >= 0:
        if at % width == 0:
            moved = _common(have[at // width:], want)
            best = (at // width, moved) if best is None or moved > best[1] else best
        at = hay.find(needle, at + 1)
    return best


def _common(have: Sequence[int], want: Sequence[int]) -> int:
    """Length of the prefix that both begin with."""
    for index, (a, b) in enumerate(zip(have, want, strict=False)):
        if a != b:
            return index
    return min(len(have), len(want))
