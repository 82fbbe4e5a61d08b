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
    """Tokens of a prompt that the memory had: all of them, and those among them that had to be moved."""

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
        moved = self._move_up(prompt[:-1]) if shift else 0
        reused = self._keep(_common(self.tokens, prompt[:-1]))
        tell(reused, len(prompt), reused)
        self._append(prompt[:-1], len(prompt), reused, tell)
        self.decode(prompt[-1:])
        tell(len(prompt), len(prompt), reused)
        return Reused(reused, min(moved, reused))

    def warm(self, prompt: Sequence[int], *, shift: bool = False) -> int:
        """Read `prompt` ahead, but for its last token, which `read` decodes. Returns how many of its tokens the
        memory begins with then: fewer than all where it was aborted. A memory that has them already, and more
        behind them, is left alone. Raises EngineError."""
        wanted = prompt[:-1]
        if _common(self.tokens, wanted) < len(wanted):
            if shift:
                self._move_up(wanted)
            reused = self._keep(_common(self.tokens, wanted))
            with contextlib.suppress(Aborted):    # what was read by then is kept
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

    def _move_up(self, wanted: Sequence[int]) -> int:
        """Where `wanted` is what is held with one block gone, take the block out. Returns the tokens that moved."""
        start = _common(self.tokens, wanted)
        gone, moved = removed_block(self.tokens, wanted, start)
        if not gone or not self.context.cut_out(start, gone):
            return 0
        self._moved = True
        del self.tokens[start:start + gone]
        return moved


def removed_block(have: Sequence[int], want: Sequence[int], start: int) -> tuple[int, int]:
    """The block that is gone from `have` at `start`, up to which both are equal: its length, and how many tokens
    behind it `want` goes on with (at least LEAST_MOVED); (0, 0) where there is none. Of several the longest match."""
    needle = array("i", want[start:start + LEAST_MOVED])
    if len(needle) < LEAST_MOVED:
        return 0, 0
    hay, pattern, width = array("i", have[start:]).tobytes(), needle.tobytes(), needle.itemsize
    best = (0, 0)
    at = hay.find(pattern)
    while at >= 0:
        if at % width == 0 and (moved := _common(have[start + at // width:], want[start:])) > best[1]:
            best = (at // width, moved)
        at = hay.find(pattern, at + 1)
    return best


def _common(have: Sequence[int], want: Sequence[int]) -> int:
    """Length of the prefix that both begin with."""
    for index, (a, b) in enumerate(zip(have, want, strict=False)):
        if a != b:
            return index
    return min(len(have), len(want))
