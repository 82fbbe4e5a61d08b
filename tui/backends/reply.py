"""One reply as it comes in: frames become events, stop strings end it, and at the end it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tui.backends import failures
from tui.backends.echo import Echo
from tui.backends.frames import Delta
from tui.backends.rivals import RawToken, TokenText, well_formed
from tui.backends.sampling import Translation
from tui.backends.thoughts import Thoughts
from tui.domain.backend import CompletionRequest, Event, Finish, FinishReason, Reasoning, Text, Token, Tokens, Usage
from tui.domain.errors import BackendError
from tui.domain.notice import Notice
from tui.domain.stopping import StopWatch

_CHARS_PER_TOKEN = 64
_CHARS_ALWAYS = 16_384
_STOP_LIMIT = 256
"""Characters of a stop string that a server names."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a reply is judged by: where it comes from and what its prompt was."""

    address: str
    window: int | None
    prompt_estimate: int
    empty_is_failure: bool
    interruptible: bool = False                   # ends one reply for another, and then names no reason
    echo: str = ""                                # what the server may say again before it goes on


class Reply:
    """Takes deltas, gives events. `ended` turns True when nothing more is wanted from the server."""

    def __init__(
        self, request: CompletionRequest, translation: Translation, setting: Setting, clock: Callable[[], float],
    ) -> None:
        self._request, self._translation, self._setting = request, translation, setting
        self._clock = clock
        self._watch = StopWatch((*request.stop, *request.samplers.stop))
        self._tidy = WholeCharacters()
        self._thoughts = Thoughts(request.prefill)
        self._echo = Echo(setting.echo)
        self._asked_at = clock()
        self._first_at: float | None = None
        self._last_at: float | None = None
        self._chars = self._frames = self.text_frames = 0
        self._shown: list[str] = []
        self._token_text = TokenText()
        self._held_tokens: list[Token] = []
        self._said = self._thought = self._unmarked = self._understood = False
        self._usage = Usage()
        self._speed: float | None = None
        self._seed: int | None = None
        self._finish = ""
        self._stop_string = ""
        self._failure: BackendError | None = None
        self._remarks: tuple[Notice, ...] = ()
        self.ended = False
        self.server_ended = False                 # by its own word, so that there is nothing to stop

    @property
    def begun(self) -> bool:
        """Whether anything of the model has arrived, after which nothing may be tried again."""
        return self._first_at is not None

    @property
    def text(self) -> str:
        """All that was passed on."""
        return "".join(self._shown)

    @property
    def wait(self) -> float | None:
        """Seconds until the first word, None before it."""
        return None if self._first_at is None else self._first_at - self._asked_at

    @property
    def span(self) -> float:
        """Seconds from the first word to the last."""
        return 0.0 if self._first_at is None or self._last_at is None else self._last_at - self._first_at

    @property
    def complete(self) -> bool:
        """Whether the server has named the end, though it may still add figures."""
        return bool(self._finish)

    def take(self, delta: Delta) -> list[Event]:
        """The events of one frame."""
        self._note(delta)
        events: list[Event] = []
        if delta.progress is not None:
            events.append(delta.progress)
        if delta.reasoning:
            events += self._think(self._mark(delta.reasoning))
        if delta.tokens and not delta.reasoning:
            self._held_tokens += [self._token_text.feed(raw) for raw in delta.tokens]
        if delta.text:
            thought, said = self._thoughts.feed(self._echo.feed(self._mark(delta.text)))
            events += self._hear(thought, said) + self._tokens_of(thought, said)
        if delta.failure is not None:
            self._failure = failures.from_frame(delta.failure, self._setting.address)
        elif delta.finish == "error":
            self._failure = failures.from_frame(None, self._setting.address)
        if delta.done or self._failure is not None:
            self.ended = True
        return events

    def flush(self) -> list[Event]:
        """The stream is over: what had been held back is text after all."""
        rest = self._thoughts.feed(self._echo.close())
        thought, said = (a + b for a, b in zip(rest, self._thoughts.close(), strict=True))
        events = self._hear(thought, said) + self._tokens_of(thought, said)
        events += self._pass_on(self._tidy.close())
        shown, hit = self._watch.close()
        if hit:
            self._finish, self._stop_string = "stop", hit
        return events + self._show(shown)

    def remark(self, words: Notice) -> None:
        """Something to be told with the end."""
        self._remarks += (words,)

    def finish(self, broken: BackendError | None = None) -> Finish:
        """The verdict. `broken` is what cut the connection, None when the server closed it."""
        if self._failure is not None:
            return self._end("error", self._failure)
        if self._finish:
            return self._regular_end()
        marked = (self.ended and not self._setting.interruptible) or self._unmarked
        if broken is None and marked and (self._said or self._thought):
            return self._regular_end()
        if broken is None and self._frames and not self._understood:
            return self._end("error", failures.not_understood(self._setting.address))
        if self._said or self._thought:
            return self._end("cut", broken or failures.broken_off(self._setting.address))
        return self._end("error", broken or self._nothing())

    def aborted(self) -> Finish:
        """The verdict on a reply that was stopped from here; one that was complete already stays so."""
        return self._regular_end() if self.server_ended and self._said else self._end("cut", None)

    def _regular_end(self) -> Finish:
        reason: FinishReason = "length" if self._finish == "length" else "stop"
        if self._said or (self._request.prefill and self._finish and not self._setting.empty_is_failure):
            return self._end(reason, None)
        return self._end("error", failures.only_thoughts() if self._thought else self._nothing())

    def _nothing(self) -> BackendError:
        if self._finish == "stop" and (self._stop_string or not self._setting.empty_is_failure):
            return failures.ended_at_once(self._stop_string)
        prompt = self._usage.prompt_tokens or self._setting.prompt_estimate
        return failures.said_nothing(self._setting.address, prompt, self._setting.window)

    def _note(self, delta: Delta) -> None:
        self._frames += 1
        self._understood |= delta.understood
        self._unmarked = delta.unmarked if (delta.text or delta.finish) else self._unmarked
        if delta.usage is not None:
            old = {k: v for k in Usage.__slots__ if (v := getattr(delta.usage, k)) is not None}
            self._usage = replace(self._usage, **old)
        self._speed = delta.speed or self._speed
        self._seed = delta.seed if delta.seed is not None else self._seed
        self._finish = delta.finish or self._finish
        self.server_ended |= bool(delta.finish) or delta.done
        self._stop_string = delta.stop_string[:_STOP_LIMIT] or self._stop_string

    def _mark(self, text: str) -> str:
        """Take note that text came. Returns as much of it as a reply of this length can have."""
        self._last_at = self._clock()
        self.text_frames += 1
        self._first_at = self._first_at if self._first_at is not None else self._last_at
        left = max(0, self._request.max_tokens * _CHARS_PER_TOKEN + _CHARS_ALWAYS - self._chars)
        self._chars += len(text)
        if len(text) > left:
            self._finish, self.ended = "length", True
        return text[:left]

    def late(self, raws: Iterable[RawToken]) -> list[Event]:
        """Tokens that the server told only when the reply was over."""
        tokens = tuple(self._token_text.feed(raw) for raw in raws)
        return [Tokens(tokens)] if tokens and self._said else []

    def _tokens_of(self, thought: str, said: str) -> list[Event]:
        """The tokens of what was said; those of thoughts are nobody's rivals."""
        held, self._held_tokens = self._held_tokens, [] if thought or said else self._held_tokens
        if not said or not held:
            return []
        if thought:
            room = len(said)
            first = len(held)
            while first > 0 and (room := room - len(held[first - 1].text)) >= 0:
                first -= 1
            held = held[first:]
        return [Tokens(tuple(held))] if held else []

    def _hear(self, thought: str, said: str) -> list[Event]:
        return self._think(thought) + (self._pass_on(self._tidy.feed(said)) if said else [])

    def _think(self, thought: str) -> list[Event]:
        if not thought:
            return []
        self._thought = True
        return [Reasoning(well_formed(thought))]

    def _pass_on(self, text: str) -> list[Event]:
        shown, hit = self._watch.feed(text)
        if hit:
            self._finish, self._stop_string, self.ended = "stop", hit, True
        return self._show(shown)

    def _show(self, text: str) -> list[Event]:
        if not text:
            return []
        self._said = True
        self._shown.append(text)
        return [Text(text)]

    def _end(self, reason: FinishReason, error: BackendError | None) -> Finish:
        return Finish(
            reason, self._usage, ttft_ms=self._ttft(),
            tokens_per_second=self._speed or self.speed(self._usage.completion_tokens),
            stop_string=self._stop_string if reason == "stop" else "", seed=self._known_seed(),
            dropped=self._translation.dropped, clamped=self._translation.clamped,
            reasons=self._translation.reasons, error=error, notices=self._remarks,
        )

    def _known_seed(self) -> int | None:
        if self._seed is not None:
            return self._seed
        asked = self._request.samplers.seed
        return asked if asked >= 0 and "seed" not in self._translation.dropped else None

    def _ttft(self) -> float | None:
        return None if self.wait is None else round(self.wait * 1000, 1)

    def speed(self, tokens: int | None) -> float | None:
        """Tokens per second between the first and the last, None where that cannot be told."""
        first, last = self._first_at, self._last_at
        if not tokens or tokens < 2 or first is None or last is None or last <= first:
            return None
        return round((tokens - 1) / (last - first), 2)


class WholeCharacters:
    """Joins surrogate halves that came in two frames, and drops a lone U+FFFD at the very end: the rest of a
    character that the length limit cut through."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        if text and (text[-1] == "\ufffd" or "\ud800" <= text[-1] <= "\udbff"):
            text, self._held = text[:-1], text[-1]
        return well_formed(text)

    def close(self) -> str:
        self._held = ""
        return ""
