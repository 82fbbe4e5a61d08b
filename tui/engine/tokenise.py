"""Prompt pieces to tokens, so that only the template's own text can become control tokens.

Control tokens are looked for inside markup alone. All that lies between two of them, content and plain markup
together, is tokenised as one stretch, as llama.cpp itself does after cutting a text at its control tokens: the
result is what the whole text would give, except that content stays text whatever it spells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Protocol

from tui.domain.backend import Piece
from tui.engine.bindings import ATTR_CONTROL, ATTR_LSTRIP, ATTR_RSTRIP, ATTR_UNKNOWN

#: Stretches of text whose tokens are remembered: a chat brings the same messages at every turn.
_REMEMBERED = 4096


#: From a picture's id to the tokens that stand for it; None where the model does not see it.
See = Callable[[str], "Sequence[int] | None"]


def blind(picture: str) -> None:
    """Sees nothing."""


class TokenSource(Protocol):
    """What is needed of a vocabulary."""

    size: int
    bos: int
    adds_bos: bool

    def tokenize(self, text: str, *, special: bool = False) -> list[int]: ...
    def text(self, token: int) -> str: ...
    def attributes(self, token: int) -> int: ...


class Tokeniser:
    """Counts and encodes prompts for one vocabulary. Threads may share it."""

    def __init__(self, vocab: TokenSource) -> None:
        self._vocab = vocab
        self._control: dict[str, int] = {}
        self._strips: dict[int, int] = {}
        for token in range(vocab.size):
            attributes = vocab.attributes(token)
            if attributes & (ATTR_CONTROL | ATTR_UNKNOWN) and (text := vocab.text(token)):
                self._control.setdefault(text, token)
                self._strips[token] = attributes & (ATTR_LSTRIP | ATTR_RSTRIP)
        self._longest_first = sorted(self._control, key=len, reverse=True)
        self._cut = lru_cache(_REMEMBERED)(self._cut_anew)
        self._plain = lru_cache(_REMEMBERED)(self._plain_anew)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The strings that this vocabulary reads as control tokens, longest first."""
        return tuple(self._longest_first)

    def control_token(self, text: str) -> int | None:
        """The id of the control token spelled `text`."""
        return self._control.get(text)

    def is_control(self, token: int) -> bool:
        """Whether that is a control token; those of a template stand between messages."""
        return token in self._strips

    def prompt(self, pieces: Iterable[Piece], bos: str = "", see: See = blind) -> list[int]:
        """Tokens of a whole prompt, with BOS exactly once: the vocabulary's own where it asks for one, else
        the format's literal `bos` where that is a control token; one that `pieces` begin with stands for both.
        `see` as in `encode`; a picture is never the last of a prompt, whose last token foretells the reply."""
        tokens = self.encode(pieces, see)
        if tokens and tokens[-1] < 0:
            tokens += self._plain("\n")
        first = self._vocab.bos if self._vocab.adds_bos else self._control.get(bos)
        if first is not None and first >= 0 and tokens[:1] != [first]:
            tokens.insert(0, first)
        return tokens

    def plain(self, text: str) -> list[int]:
        """Tokens of `text` as content: never a control token."""
        return list(self._plain(text)) if text else []

    def encode(self, pieces: Iterable[Piece], see: See = blind) -> list[int]:
        """Tokens of `pieces`, without BOS. `see` gives what stands for a picture, None where its text does."""
        tokens: list[int] = []
        unseen: list[Piece] = []
        for piece in pieces:
            seen = see(piece.image) if piece.image else None
            if seen is None:
                unseen.append(piece)
            else:
                tokens += [*self._encoded(unseen), *seen]
                unseen = []
        return tokens + self._encoded(unseen)

    def _encoded(self, pieces: Iterable[Piece]) -> list[int]:
        tokens: list[int] = []
        for part in self._stretches(pieces):
            if isinstance(part, int):
                tokens.append(part)
            elif part:
                tokens += self._plain(part)
        return tokens

    def _stretches(self, pieces: Iterable[Piece]) -> list[str | int]:
        """Control tokens and the text between them, with the white space gone that a token swallows."""
        out: list[str | int] = [""]
        for text, markup in _joined(pieces):
            parts = self._cut(text) if markup else (text,)
            for part in parts:
                if isinstance(part, str) and isinstance(out[-1], str):
                    out[-1] += part
                else:
                    out.append(part)
        for index, part in enumerate(out):
            if isinstance(part, str):
                out[index] = self._stripped(part, out[index - 1] if index else "", out[index + 1:index + 2])
        return out

    def _stripped(self, text: str, before: str | int, after: Sequence[str | int]) -> str:
        if isinstance(before, int) and self._strips[before] & ATTR_RSTRIP:
            text = text.lstrip(_SPACE)
        if after and isinstance(after[0], int) and self._strips[after[0]] & ATTR_LSTRIP:
            text = text.rstrip(_SPACE)
        return text

    def _cut_anew(self, text: str) -> tuple[str | int, ...]:
        """`text` cut at its control tokens, the longest taken first as llama.cpp does."""
        parts: list[str | int] = [text]
        for control in self._longest_first:
            if control in text:
                parts = [new for part in parts for new in _cut_at(part, control, self._control[control])]
        return tuple(parts)

    def _plain_anew(self, text: str) -> tuple[int, ...]:
        """Tokens of content. SentencePiece merging may arrive at the spelling of a control token by itself:
        then that spelling is broken after its first character and each side is read alone."""
        tokens = self._vocab.tokenize(text)
        if not any(token in self._strips for token in tokens):
            return tuple(tokens)
        control = next((c for c in self._longest_first if c in text), "")
        at = text.find(control) + 1
        if len(control) < 2:
            return tuple(token for token in tokens if not self._vocab.attributes(token) & ATTR_CONTROL)
        return self._plain(text[:at]) + self._plain(text[at:])


#: What C's isspace takes for white space.
_SPACE = " \t\n\v\f\r"


def _joined(pieces: Iterable[Piece]) -> Iterable[tuple[str, bool]]:
    """Neighbouring pieces of one kind as one, so that a control token split over two literals is still found."""
    texts: list[str] = []
    kind = False
    for piece in pieces:
        if texts and piece.markup is not kind:
            yield "".join(texts), kind
            texts = []
        kind = piece.markup
        texts.append(piece.text)
    if texts:
        yield "".join(texts), kind


def _cut_at(part: str | int, control: str, token: int) -> list[str | int]:
    if isinstance(part, int):
        return [part]
    out: list[str | int] = []
    for index, text in enumerate(part.split(control)):
        if index:
            out.append(token)
        if text:
            out.append(text)
    return out
