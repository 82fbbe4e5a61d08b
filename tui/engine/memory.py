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
        """Where `wanted` is what is held with one block gone, or a shorter one in its place: take the block out, read
        what replaces it, move the rest up. Returns what was kept so; nothing where it is not like that."""
        start = _common(self.tokens, wanted)
        block = replaced_block(self.tokens, wanted, start)
        if block is None or not self.context.can_shift or (block.inserted and not self.context.has_aside):
            return Reused(0)
        end = start + block.inserted + block.moved
        if block.inserted:
            self.context.set_aside(start, start + block.gone, start + block.gone + block.moved)
            del self.tokens[start:]
            try:
                self._append(wanted[:start + block.inserted], total, start, tell)
            except BaseException:
                self.context.drop_aside()
                raise
            self.context.bring_back(block.inserted - block.gone)
        elif self.context.cut_out(start, block.gone):
            self.context.cut_back(end)
        else:
            return Reused(0)
        self._moved = True
        self.tokens = list(wanted[:end])
        return Reused(start + block.moved, block.moved)


@dataclass(frozen=True, slots=True)
class Block:
    """What a prompt lost at one place: `gone` tokens, for which it has `inserted` others; then `moved` are the same."""

    gone: int
    inserted: int
    moved: int


def replaced_block(have: Sequence[int], want: Sequence[int], start: int) -> Block | None:
    """How `want` differs from `have` at `start`, up to which both are equal; None where less than LEAST_MOVED tokens
    are the same after it, or where more came than went. A change of a few words is none: what follows was read with
    the old ones. Of several places where `have` goes on so, the one with the longest match."""
    hay, width = array("i", have[start:]).tobytes(), array("i").itemsize
    for offset in range(0, len(want) - start - LEAST_MOVED + 1, LEAST_MOVED // 2):
        found = _longest(hay, width, have[start:], want[start + offset:])
        if found is None:
            continue
        gone, moved = found
        inserted = offset
        while inserted and gone and have[start + gone - 1] == want[start + inserted - 1]:
            gone, inserted, moved = gone - 1, inserted - 1, moved + 1
        if inserted and (gone < LEAST_MOVED or inserted >= gone):
            return None
        return Block(gone, inserted, moved) if gone else None
    return None


def _longest(hay: bytes, width: int, have: Sequence[int], want: Sequence[int]) -> tuple[int, int] | None:
    """Where `have` (`hay` are its bytes) goes on as `want` begins, for LEAST_MOVED tokens or more, and for how many."""
    needle = array("i", want[:LEAST_MOVED]).tobytes()
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
