"""Bytes of tokens to text that may be shown, and the tokens told beside it."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from tui.engine.stopping import StopScanner

#: The text of a token, its logarithm of probability, and the likeliest others with theirs.
Told = list[Any]


class Writer:
    """Whole characters, nothing of a stop string; a token is told once its text is shown."""

    def __init__(
        self, stops: Sequence[str], tell: Callable[[str], None], tell_tokens: Callable[[list[Told]], None],
    ) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._scanner = StopScanner(stops)
        self._names = {stop.strip(): stop for stop in stops if stop.strip()}
        self._tell, self._tell_tokens = tell, tell_tokens
        self._waiting: deque[tuple[int, int, Told]] = deque()    # where each begins and ends in the text
        self._written = self._shown = 0           # characters
        self.stop_string = ""

    def write(self, piece: bytes, likelihood: tuple[float, list[Told]] | None = None) -> bool:
        """Take one token's bytes, with its logarithm of probability and its rivals where they are told. True when a
        stop string is complete."""
        text = self._decoder.decode(piece)
        start, self._written = self._written, self._written + len(text)
        if likelihood is not None:
            self._waiting.append((start, self._written, [text, *likelihood]))
        if text:
            self._show(self._scanner.feed(text))
            self.stop_string = self._scanner.hit
        return bool(self.stop_string)

    def stops_at(self, name: str) -> bool:
        """Whether a control token that shows as nothing is one of the stop strings by its spelling."""
        if name in self._names:
            self.stop_string = self._names[name]
            return True
        return False

    def close(self) -> None:
        """Give out what was held back. Bytes of a character that never came whole are dropped, and so are the tokens
        of which nothing is shown."""
        if not self._scanner.hit:
            self._show(self._scanner.rest())
        self._release(lambda start, _: start < self._shown)
        self._waiting.clear()

    def _show(self, text: str) -> None:
        if text:
            self._shown += len(text)
            self._tell(text)
            self._release(lambda start, end: start < self._shown and end <= self._shown)

    def _release(self, may: Callable[[int, int], bool]) -> None:
        tokens: list[Told] = []
        while self._waiting and may(*self._waiting[0][:2]):
            tokens.append(self._waiting.popleft()[2])
        if tokens:
            self._tell_tokens(tokens)
