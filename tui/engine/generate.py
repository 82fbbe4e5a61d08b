"""One reply: have the prompt in memory, sample until something ends it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.domain.errors import EngineError
from tui.domain.notice import Notice, notice
from tui.domain.samplers import Samplers
from tui.engine import sampling
from tui.engine.avoiding import Avoiding
from tui.engine.grammar import DeadEnd
from tui.engine.guidance import Guidance, guided
from tui.engine.memory import Aborted, Memory, TellProgress
from tui.engine.sampling import Chooser, Sampling
from tui.engine.search import Search
from tui.engine.shown import Told, Writer
from tui.engine.spelling import Spelling
from tui.engine.tokenise import Tokeniser
from tui.engine.vision import words


@dataclass(slots=True)
class Outcome:
    """How a reply ended, as the Finish event tells it. Times in seconds since the request was taken up."""

    reason: str = "error"
    stop_string: str = ""
    window_full: bool = False
    prompt_tokens: int = 0
    cached_tokens: int = 0
    shifted: int = 0
    completion_tokens: int = 0
    first_token: float | None = None
    last_token: float | None = None
    seed: int | None = None
    clamped: dict[str, float] = field(default_factory=dict)
    dropped: dict[str, Notice] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        speed = None
        if self.first_token is not None and self.last_token is not None and self.last_token > self.first_token:
            speed = (self.completion_tokens - 1) / (self.last_token - self.first_token)
        return {
            "reason": self.reason, "stop_string": self.stop_string, "window_full": self.window_full,
            "prompt_tokens": self.prompt_tokens, "cached_tokens": self.cached_tokens, "shifted": self.shifted,
            "completion_tokens": self.completion_tokens, "seed": self.seed, "clamped": self.clamped,
            "dropped": {name: reason.to_json() for name, reason in self.dropped.items()},
            "ttft_ms": None if self.first_token is None else self.first_token * 1000,
            "tokens_per_second": speed,
        }


class Generator:
    """Makes replies in the current sequence of a memory."""

    def __init__(self, memory: Memory, tokeniser: Tokeniser) -> None:
        self._context = memory.context
        self._memory = memory
        self._tokeniser = tokeniser
        self._vocab = memory.context.model.vocab
        self._spelling = Spelling(self._vocab)

    def run(
        self, prompt: Sequence[int], samplers: Samplers, max_tokens: int, stops: Sequence[str],
        tell_text: Callable[[str], None], tell_progress: TellProgress, *, shift: bool = False,
        tell_tokens: Callable[[list[Told]], None] = lambda _: None, negative: Sequence[int] = (),
    ) -> Outcome:
        """Make one reply. `max_tokens` 0 only reads the prompt; `shift` as in CompletionRequest; `negative` is the
        other prompt of guidance. Raises EngineError."""
        started = time.perf_counter()
        outcome = Outcome(prompt_tokens=len(prompt) + self._memory.beyond)
        self._check(prompt)
        try:
            reused = self._memory.read(prompt, tell_progress, shift=shift)
            outcome.cached_tokens, outcome.shifted = reused.tokens, reused.moved
        except Aborted:
            outcome.reason = "cut"
            return outcome
        chosen = sampling.build(samplers, self._context, self._tokeniser, words(prompt))
        outcome.seed, outcome.clamped = chosen.seed, dict(chosen.clamped)
        outcome.dropped = dict(chosen.dropped)
        writer = Writer(stops, tell_text, tell_tokens)
        try:
            if max_tokens <= 0:
                outcome.reason = "length"
            elif samplers.beams > 1:
                self._search(prompt, samplers, max_tokens, stops, writer, outcome, started)
            elif samplers.banned_strings:
                self._avoiding(prompt, samplers, chosen).sample(chosen.chain, max_tokens, writer, outcome, started)
            else:
                with self._guided(samplers, negative, outcome) as guidance:
                    advance = guidance.advance if guidance is not None else self._advance
                    limit = min(max_tokens, self._context.size - (len(negative) if guidance is not None else 0))
                    self._sample(chosen.chain, limit, writer, outcome, started, advance, samplers.logprobs)
        except Aborted:
            outcome.reason = "cut"
        except DeadEnd:
            outcome.reason = "stop"
            outcome.notices.append(notice("The grammar allows nothing more that is not forbidden otherwise."))
        finally:
            chosen.chain.free()
            writer.close()
        return outcome

    def warm(self, prompt: Sequence[int], *, shift: bool = False) -> int:
        """Read the prompt ahead of its reply. Returns how many of its tokens are held then. Raises EngineError."""
        self._check(prompt)
        return self._memory.warm(prompt, shift=shift)

    def prove(self) -> None:
        """A small decode and a sampled token, with a batch of several tokens and one of a single token: the two
        go through different kernels. Raises EngineError; a crash here ends the process, and that is its use."""
        text = self._vocab.tokenize("The door of the tavern opens, and warm light falls out into the street.")
        prompt = ([self._vocab.bos] if self._vocab.adds_bos else []) + text
        limit = max(2, min(self._context.size - 2, self._context.batch, len(prompt)))
        self.run(prompt[:limit], Samplers(temperature=0), 2, (), lambda _: None, lambda *_: None)
        self._memory.forget_all()

    def _check(self, prompt: Sequence[int]) -> None:
        if not prompt:
            raise EngineError(notice("The prompt is empty: there is nothing to continue."))
        if len(prompt) + self._memory.beyond >= self._context.size:
            raise _too_long(len(prompt) + self._memory.beyond, self._context.size)

    def _sample(
        self, chain: Chooser, limit: int, writer: Writer, outcome: Outcome, started: float,
        advance: Callable[[int], None], rivals: int,
    ) -> None:
        while True:
            token = chain.sample()
            outcome.last_token = time.perf_counter() - started
            outcome.first_token = outcome.first_token or outcome.last_token
            outcome.completion_tokens += 1
            if self._vocab.ends_reply(token):
                outcome.reason = "stop"
                return
            likelihood = self._likelihood(token, rivals) if rivals > 0 else None
            if writer.write(self._spelling.piece(token), likelihood) or writer.stops_at(self._spelling.name(token)):
                outcome.reason, outcome.stop_string = "stop", writer.stop_string
                return
            if outcome.completion_tokens >= limit:
                outcome.reason = "length"
                return
            if self._memory.full:
                outcome.reason, outcome.window_full = "length", True
                return
            advance(token)

    def _search(
        self, prompt: Sequence[int], samplers: Samplers, limit: int, stops: Sequence[str], writer: Writer,
        outcome: Outcome, started: float,
    ) -> None:
        """The likeliest reply instead of one that is drawn."""
        beams = min(samplers.beams, self._memory.lendable + 1)
        if beams < samplers.beams:
            outcome.clamped["beams"] = float(beams)
        biases = sampling.biases(samplers, self._tokeniser, self._vocab)
        search = Search(self._memory, self._spelling, beams, biases, stops)
        best = search.run(min(limit, self._context.size - len(prompt)), writer)
        outcome.first_token = outcome.last_token = time.perf_counter() - started
        outcome.completion_tokens = len(best.tokens)
        outcome.reason, outcome.stop_string = ("stop" if best.ended else "length"), best.stop
        outcome.notices.append(
            notice("Of all samplers only biases and bans of tokens have a part in a search by beams."))
        self._memory.read([*prompt, *best.tokens[:-1]], lambda *_: None)

    def _avoiding(self, prompt: Sequence[int], samplers: Samplers, chosen: Sampling) -> Avoiding:
        return Avoiding(
            self._memory, self._tokeniser, self._spelling, prompt, samplers, chosen.seed,
            lambda token: self._likelihood(token, samplers.logprobs) if samplers.logprobs else None,
        )

    @contextlib.contextmanager
    def _guided(
        self, samplers: Samplers, negative: Sequence[int], outcome: Outcome,
    ) -> Iterator[Guidance | None]:
        """Guidance, where it is asked for and can be given."""
        if samplers.guidance_scale == 1:
            yield None
        elif not negative or len(negative) >= self._context.size - 1:
            outcome.dropped["guidance_scale"] = notice("There is no other prompt that would fit.")
            yield None
        elif not self._memory.lendable:
            outcome.dropped["guidance_scale"] = notice("This model can hold no more prompts side by side.")
            yield None
        else:
            with guided(self._memory, negative, samplers.guidance_scale) as guidance:
                yield guidance

    def _advance(self, token: int) -> None:
        """Read a token of the reply, so that the memory foretells the next. Raises Aborted, EngineError."""
        self._memory.decode((token,))

    def _likelihood(self, token: int, rivals: int) -> tuple[float, list[Told]]:
        from tui.engine.steps.likelihood import likelihoods

        own, others = likelihoods(self._context.logits(), self._vocab.size, token, rivals)
        return own, [[self._spelling.shown(other), logprob] for other, logprob in others]


def _too_long(tokens: int, window: int) -> EngineError:
    return EngineError(
        notice("The prompt has {tokens} tokens, but the model's window holds {window}.", tokens=tokens, window=window),
        notice("Shorten the prompt, or load the model with a larger context."),
        kind="too_long", tokens=tokens, window=window,
    )
