"""The model's memory of prompts: which tokens it holds, what of them a new prompt can keep, and reading the rest.

Several prompts lie side by side in one context, each in a sequence of its own: the replies of a chat, a side job of it,
another chat. What two of them begin with is held once. Beside them are sequences to borrow, for a second prompt that is
read along with a reply (guidance) or for several ways on (a search): see `Memory.scratch` and `Memory.decode_many`.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.engine import sequences
from tui.engine.bindings import AbortFlag
from tui.engine.bindings_memory import Context
from tui.engine.sequences import Held, Mark
from tui.engine.stretches import Stretch, common, kept_stretches

#: Where nothing can be cut: tokens before the end of a prompt at which the last copy before it may be made, and those
#: after which one is made though no message ends. And copies that go along with a state on disk.
_NEAREST, _FARTHEST, _GO_ALONG = 16, 1024, 3

#: Copies that must have room beside each other for any to be made.
_FEWEST = 4

TellProgress = Callable[[int, int, int], None]


class Aborted(Exception):
    """The abort flag was set."""


@dataclass(frozen=True, slots=True)
class Reused:
    """Tokens of a prompt that the memory had: all of them, and those among them that were moved."""

    tokens: int
    moved: int = 0


class Memory:
    """One context, and the tokens that are in its sequences at any moment. `current` is the one that a reply is made
    in; `prompts` of the context's sequences are for prompts, one is for moving, the others are lent.

    `ends_message` tells of a token whether it stands between messages. `on_loss` hears of a sequence before its place
    is given to another.
    """

    def __init__(
        self, context: Context, flag: AbortFlag, *, prompts: int = 1,
        ends_message: Callable[[int], bool] = lambda token: False,
    ) -> None:
        self.context = context
        self.held = [Held(number) for number in range(prompts)]
        self.current = self.held[0]
        #: Cells that the pictures of the current prompt take beyond their positions.
        self.beyond = 0
        self.on_loss: Callable[[Held], None] = lambda held: None
        self._read = 0
        self._seconds = 0.0
        self._flag = flag
        self._ends_message = ends_message
        self._clock = itertools.count(1)
        spare = list(range(prompts, context.shape.sequences))
        self._aside = spare.pop(0) if spare and context.can_shift else -1
        self._scratch = [Held(number) for number in spare]
        flag.attach(context)

    @property
    def tokens(self) -> list[int]:
        """What the current sequence holds."""
        return self.current.tokens

    @property
    def full(self) -> bool:
        return len(self.tokens) + self.beyond >= self.context.size

    @property
    def prefill(self) -> float:
        """Tokens a second that are read, as measured in whole batches; 0 before there was one."""
        return self._read / self._seconds if self._seconds else 0.0

    def turn_to(self, name: str, prompt: Sequence[int], *, shift: bool = False) -> int:
        """Make that sequence the current one which is best for `prompt`, a prompt of the conversation `name`. Where
        another one begins with more of it, that is shared. Returns how many tokens of the prompt are there then."""
        wanted, cuts, vision = prompt[:-1], self.context.cuts, self.context.vision
        self.beyond = vision.beyond(prompt) if vision is not None else 0
        target = sequences.choose(self.held, name)
        if target.tokens and target.name != name:
            self.on_loss(target)
            self.forget(target)
        target.name, target.used = name, next(self._clock)
        self.current = target
        start = common(target.tokens, wanted)
        if not (shift and kept_stretches(target.tokens, wanted, start)):
            giver = sequences.donor(self.held, target, wanted, cuts=cuts)
            if giver is not None:
                self.copy(giver, target)
                self._keep(target, common(target.tokens, wanted))
        return target.usable(wanted, cuts=cuts)

    def read(self, prompt: Sequence[int], tell: TellProgress, *, shift: bool = False) -> Reused:
        """Hold exactly `prompt` in the current sequence, its last token decoded now. Raises Aborted, EngineError.

        The last token goes alone: so a repeated prompt computes its first output exactly as before, and the
        same seed gives the same reply whether the prompt was reused or not.
        """
        held = self.current
        moved = self._move_up(held, prompt[:-1], len(prompt), tell) if shift else Reused(0)
        kept = self._keep(held, common(held.tokens, prompt[:-1]))
        reused = moved if moved.moved else Reused(kept)
        tell(kept, len(prompt), reused.tokens)
        self._append(held, prompt[:-1], len(prompt), reused.tokens, tell)
        held.begun = len(held.tokens)
        self.decode(prompt[-1:])
        tell(len(prompt), len(prompt), reused.tokens)
        return reused

    def warm(self, prompt: Sequence[int], *, shift: bool = False) -> int:
        """Read `prompt` ahead, but for its last token, which `read` decodes. Returns how many of its tokens the
        memory begins with then: fewer than all where it was aborted. A memory that has them already, and more
        behind them, is left alone. Raises EngineError."""
        held, wanted = self.current, prompt[:-1]
        if common(held.tokens, wanted) < len(wanted):
            with contextlib.suppress(Aborted):    # what was read by then is kept
                if shift:
                    self._move_up(held, wanted, len(prompt), lambda *_: None)
                reused = self._keep(held, common(held.tokens, wanted))
                self._append(held, wanted, len(prompt), reused, lambda *_: None)
        return common(held.tokens, prompt)

    def decode(self, tokens: Sequence[int], held: Held | None = None) -> None:
        """Put `tokens`, at most a batch, behind what a sequence (the current one) holds; the last gives an output.
        Raises Aborted, EngineError."""
        held = held or self.current
        if self._flag.is_set:
            raise Aborted
        try:
            while (
                (result := self.context.decode(tokens, held.number, len(held.tokens))) == 1 and self._make_room([held])
            ):
                pass
        except EngineError:                       # a picture that cannot be opened: what came before it may be there
            if not (self.context.cuts and self.context.cut_back(held.number, len(held.tokens))):
                self._fall_back(held, len(held.tokens))
            raise
        self._decoded(result, {held: list(tokens)})

    def decode_many(self, entries: Sequence[tuple[Held, int]]) -> None:
        """Put one token after another behind what its sequence holds, all in one batch; each gives an output:
        `context.logits(i)` is what entry i foretells. Raises Aborted, EngineError.

        Guidance: `with memory.scratch(negative) as other:` and then, token by token,
        `memory.decode_many([(memory.current, token), (other, token)])`. A search: borrow a sequence for each way on,
        `memory.copy(memory.current, way)` (no memory is taken), decode all ways together, copy the best over the
        others as they part, and at the end `memory.copy(best, memory.current)`.
        """
        if self._flag.is_set:
            raise Aborted
        new: dict[Held, list[int]] = {}
        batch: list[tuple[int, int, int, bool]] = []
        for held, token in entries:
            batch.append((token, len(held.tokens) + len(new.setdefault(held, [])), held.number, True))
            new[held].append(token)
        while (result := self.context.decode_many(batch)) == 1 and self._make_room(list(new)):
            pass
        self._decoded(result, new)

    @contextlib.contextmanager
    def scratch(self, prompt: Sequence[int] = (), tell: TellProgress = lambda *_: None) -> Iterator[Held]:
        """Lend a sequence beside the current one, with `prompt` read into it, whose last token gives the output of the
        last decode; empty without. What it shares with any other is not read again. It is empty again afterwards.
        Raises Aborted, EngineError (none is free: a context has few where each costs memory)."""
        if not self._scratch:
            raise EngineError(
                notice("This model can hold no more prompts side by side."),
                notice("Use fewer beams, or no negative prompt."), kind="sequences",
            )
        held = self._scratch.pop()
        try:
            if prompt:
                giver = sequences.donor(self.held, held, prompt[:-1], cuts=self.context.cuts)
                if giver is not None:
                    self.copy(giver, held)
                kept = self._keep(held, common(held.tokens, prompt[:-1]))
                self._append(held, prompt[:-1], len(prompt), kept, tell)
                self.decode(prompt[-1:], held)
            yield held
        finally:
            self.forget(held)
            self._scratch.append(held)

    @property
    def lendable(self) -> int:
        """How many sequences `scratch` can lend at once."""
        return len(self._scratch)

    def copy(self, source: Held, target: Held) -> None:
        """Let `target` hold what `source` holds. Nothing is read and, but for a running state, no memory taken."""
        self.context.copy(source.number, target.number)
        target.take(source)

    def forget(self, held: Held | None = None) -> None:
        """Empty a sequence (the current one)."""
        held = held or self.current
        self.context.drop(held.number)
        held.empty()

    def forget_all(self) -> None:
        self.context.clear()
        for held in (*self.held, *self._scratch):
            held.empty()

    def _decoded(self, result: int, new: dict[Held, list[int]]) -> None:
        """Take in how a batch went. Raises Aborted, EngineError."""
        for held, tokens in new.items():
            if result == 0:
                held.moved = False
                held.tokens.extend(tokens)
            else:
                self._take_stock(held, tokens)
        if result == 2:
            raise Aborted
        if result:
            raise EngineError(
                notice("llama.cpp could not process the prompt (code {code}).", code=result),
                notice("Try again; if it happens again, load the model with a smaller context."),
            )

    def _make_room(self, needed: Sequence[Held]) -> bool:
        """Let go of the prompt that is missed least, but for those `needed` now. False when there is none."""
        others = [held for held in self.held if held.tokens and held not in needed and held is not self.current]
        if not others:
            return False
        victim = sequences.least_missed(others)
        self.on_loss(victim)
        self.forget(victim)
        return True

    def _append(self, held: Held, wanted: Sequence[int], total: int, reused: int, tell: TellProgress) -> None:
        """Read what is missing at the end of `wanted`, a batch at a time."""
        marks = self._marks(wanted, len(held.tokens))
        while len(held.tokens) < len(wanted):
            start = len(held.tokens)
            end = min(start + self.context.batch, len(wanted), *(m for m in marks if m > start))
            began = time.perf_counter()
            self.decode(wanted[start:end], held)
            self.context.wait()
            if end - start == self.context.batch:
                self._read, self._seconds = self._read + end - start, self._seconds + time.perf_counter() - began
            if end in marks:
                self._mark(held)
            tell(len(held.tokens), total, reused)
        if self._may_lose and held.tokens and all(m.length != len(held.tokens) for m in held.marks):
            self._mark(held)

    def _marks(self, wanted: Sequence[int], start: int) -> list[int]:
        """Where copies are made while `wanted` is read from `start` on, before its end: at ends of messages, each about
        twice as far from the end as the one after it. To go back to any place then costs reading about as much again
        as is behind it. Nowhere for a memory that can be cut."""
        return [] if self.context.cuts else self._ends(wanted, start)

    def _ends(self, wanted: Sequence[int], start: int) -> list[int]:
        found: list[int] = []
        away = _NEAREST
        for at in range(len(wanted) - away, start, -1):
            long = len(wanted) - at >= max(4 * away, _FARTHEST)    # no message has ended for a while
            if long or (len(wanted) - at >= away and self._ends_message(wanted[at - 1])):
                found.append(at)
                away = 2 * (len(wanted) - at)
        return sorted(found)

    def copies(self, held: Held) -> list[Mark]:
        """Copies of what cannot be cut to go along with a state, the last ones: those that there are, and for a sliding
        window, of which a state holds only the end, some made now."""
        if self.context.cuts and self.context.model.sliding_window and self._scratch:
            lent = self._scratch[-1]
            for length in [*self._ends(held.tokens[:held.begun], 0), held.begun][-_GO_ALONG:]:
                self.copy(held, lent)
                if 0 < length < len(held.tokens) and self.context.cut_back(lent.number, length):
                    self._shorten(lent, length)
                    self._mark(lent)
                    held.marks = [*(m for m in held.marks if m.length != length), *lent.marks[-1:]]
            self.forget(lent)
        return sorted(held.marks, key=lambda mark: mark.length)[-_GO_ALONG:]

    @property
    def _may_lose(self) -> bool:
        """Whether the past of a sequence may be gone when it is wanted: always where nothing can be cut; and where
        windows slide over several sequences, llama.cpp gives cells that they have left to others, though there are
        empty ones."""
        several = self.context.shape.sequences > 1
        return not self.context.cuts or (several and self.context.model.sliding_window > 0)

    def _mark(self, held: Held) -> None:
        """Make a copy of what cannot be cut, as it is now, unless it is so large that one alone would fill the room
        for them."""
        size = self.context.state_size(held.number, partial=True)
        data = bytearray(size if size <= sequences.MARK_BYTES // _FEWEST else 0)
        if data and self.context.state(held.number, data, partial=True) == len(data):
            held.add_mark(Mark(len(held.tokens), data))
            sequences.thin_out([*self.held, *self._scratch])

    def _take_stock(self, held: Held, tokens: Sequence[int]) -> None:
        """After a batch that was not finished: what of it llama.cpp kept."""
        if held.moved:
            self.forget(held)
        elif self.context.cuts:
            held.tokens = [*held.tokens, *tokens][:self.context.length(held.number)]
        else:
            self._fall_back(held, len(held.tokens))

    def _keep(self, held: Held, length: int) -> int:
        """Cut a sequence back to its first `length` tokens; where it refuses, to the last copy made before, or to
        nothing."""
        if length < len(held.tokens):
            if length and self.context.cut_back(held.number, length):
                self._shorten(held, length)
            else:
                if length and not self.context.model.sliding_window:
                    self.context.cuts = False     # it refuses: from now on copies are made
                self._fall_back(held, length)
        return len(held.tokens)

    def _fall_back(self, held: Held, length: int) -> None:
        """Go back to the last copy made at `length` tokens or before; to nothing where there is none."""
        mark = held.mark(length)
        if (
            mark is not None and self.context.set_state(held.number, mark.data, partial=True)
            and self.context.cut_back(held.number, mark.length)
        ):
            self._shorten(held, mark.length)
        else:
            self.forget(held)

    @staticmethod
    def _shorten(held: Held, length: int) -> None:
        del held.tokens[length:]
        held.marks = [mark for mark in held.marks if mark.length <= length]
        held.kept = min(held.kept, length)

    def _move_up(self, held: Held, wanted: Sequence[int], total: int, tell: TellProgress) -> Reused:
        """Where `wanted` is what is held with blocks gone, or shorter ones in their place: take the blocks out, read
        what replaces them, move the rest up. Returns what was kept so; nothing where it is not like that."""
        start = common(held.tokens, wanted)
        stretches = kept_stretches(held.tokens, wanted, start)
        if not stretches or not self.context.can_shift or not self.context.cuts:
            return Reused(0)
        if len(stretches) == 1 and stretches[0].place == start:
            self._own_from(held, start)
            if not self.context.cut_out(held.number, start, stretches[0].start - start):
                return Reused(0)
            held.moved, held.kept = True, min(held.kept, start)
            held.tokens = list(wanted[:stretches[0].place_end])
            self.context.cut_back(held.number, len(held.tokens))
        elif self._aside >= 0:
            self._own_from(held, start)
            self._assemble(held, wanted, stretches, start, total, tell)
        else:
            return Reused(0)
        moved = sum(s.length for s in stretches)
        return Reused(start + moved, moved)

    def _own_from(self, held: Held, start: int) -> None:
        """Have nothing from `start` on shared with another sequence: to move it would move it there too."""
        for other in self.held:
            if other is not held and common(other.tokens, held.tokens) > start:
                self._keep(other, start)

    def _assemble(
        self, held: Held, wanted: Sequence[int], stretches: Sequence[Stretch], start: int, total: int,
        tell: TellProgress,
    ) -> None:
        """Behind `start` put each stretch in its new place, and read what comes between them."""
        self.context.set_aside(held.number, self._aside, start, stretches[0].start, stretches[-1].end)
        self._shorten(held, start)
        try:
            for stretch in stretches:
                self._append(held, wanted[:stretch.place], total, start, tell)
                self.context.bring_back(held.number, self._aside, stretch.start, stretch.end, stretch.place)
                held.moved = True
                held.tokens += wanted[stretch.place:stretch.place_end]
        finally:
            self.context.drop(self._aside)
