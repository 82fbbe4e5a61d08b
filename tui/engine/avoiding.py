"""A reply in which phrases must not come: where one did, back to the token in which it began, and another way on."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.domain.phrases import gone_back
from tui.domain.samplers import Samplers
from tui.engine import sampling
from tui.engine.bans import MOST_HERE, MOST_IN_ALL, Gate, Held
from tui.engine.memory import Memory
from tui.engine.sampling import Chooser
from tui.engine.shown import Writer
from tui.engine.spelling import Spelling
from tui.engine.tokenise import Tokeniser
from tui.engine.vision import words

if TYPE_CHECKING:
    from tui.engine.generate import Outcome


class Avoiding:
    """Samples a reply behind `prompt`, which is in memory. Going back reads the token before the place once more, and
    begins the chain anew with all that was written and a seed of its own: the same seed makes the same reply."""

    def __init__(
        self, memory: Memory, tokeniser: Tokeniser, spelling: Spelling, prompt: Sequence[int], samplers: Samplers,
        seed: int, likelihood: Callable[[int], Any],
    ) -> None:
        self._memory = memory
        self._tokeniser = tokeniser
        self._spelling = spelling
        self._prompt = list(prompt)
        self._samplers = samplers
        self._seed = seed
        self._likelihood = likelihood
        self._vocab = memory.context.model.vocab
        self._gate = Gate(samplers.banned_strings)
        self._made: list[int] = []                # the reply's tokens, the last perhaps not yet in memory
        self._forbidden: defaultdict[int, set[int]] = defaultdict(set)
        self._returns = 0
        self._let_through = False

    def sample(self, chain: Chooser, limit: int, writer: Writer, outcome: Outcome, started: float) -> None:
        """Until something ends the reply. `chain` stays the caller's. Raises Aborted, EngineError."""
        own = chain
        try:
            while True:
                token = self._choose(own)
                outcome.last_token = time.perf_counter() - started
                outcome.first_token = outcome.first_token or outcome.last_token
                self._made.append(token)
                ended = self._vocab.ends_reply(token)
                gone = 0 if ended else self._gate.take(token, self._spelling.piece(token), self._likelihood(token))
                if gone:
                    own = self._back(gone, own, chain)
                    continue
                if self._written(writer, ended, outcome, limit):
                    return
                self._memory.decode((token,))
        finally:
            outcome.completion_tokens = len(self._made)
            outcome.notices += gone_back(self._gate.met, let_through=self._let_through)
            if own is not chain:
                own.free()

    def _choose(self, chain: Chooser) -> int:
        logits = self._memory.context.logits()
        for token in self._forbidden.get(len(self._made), ()):
            logits[token] = float("-inf")
        return chain.sample()

    def _written(self, writer: Writer, ended: bool, outcome: Outcome, limit: int) -> bool:
        """Show what is free to be shown. Whether the reply is over."""
        full = len(self._made) >= limit or self._memory.full
        last = ended or full
        for one in self._gate.rest() if last else self._gate.free():
            if self._put(writer, one):
                outcome.reason, outcome.stop_string = "stop", writer.stop_string
                return True
        if ended:
            outcome.reason = "stop"
        elif full:
            outcome.reason, outcome.window_full = "length", len(self._made) < limit
        return last

    def _put(self, writer: Writer, one: Held) -> bool:
        return writer.write(one.piece, one.likelihood) or writer.stops_at(self._spelling.name(one.token))

    def _back(self, gone: int, own: Chooser, given: Chooser) -> Chooser:
        """Forget the last `gone` tokens, forbid the first of them at its place, and be ready to choose another."""
        place = len(self._made) - gone
        self._forbidden[place].add(self._made[place])
        for later in [p for p in self._forbidden if p > place]:
            del self._forbidden[later]            # after another word it may be right
        del self._made[place:]
        self._returns += 1
        if self._returns >= MOST_IN_ALL or len(self._forbidden[place]) >= MOST_HERE:
            self._let_through = True
            self._gate.open()
        self._memory.read([*self._prompt, *self._made], lambda *_: None)
        if own is not given:
            own.free()
        samplers = replace(self._samplers, seed=(self._seed + self._returns) % (2**32 - 1))
        chain = sampling.build(samplers, self._memory.context, self._tokeniser, words(self._prompt)).chain
        for token in self._made:
            chain.accept(token)
        return chain
