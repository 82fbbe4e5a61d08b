"""The tokens of replies with their probabilities, in blocks as they came. Only added to; read when somebody asks."""

from __future__ import annotations

import math
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.backend import Candidate, Token
from tui.store import applying
from tui.store.text import clean, dump, load

#: Bytes that one block may unpack to: a copy may come from a stranger.
BLOCK_MOST = 16 * 1024 * 1024
#: The logarithm that stands for "never".
_NEVER = -999.0


@dataclass(frozen=True, slots=True)
class TokenBlock:
    """Tokens that follow each other. `number` counts those before it, `offset` the characters of the text."""

    number: int
    offset: int
    tokens: tuple[Token, ...]


def add(connection: sqlite3.Connection, chat_id: str, node: str, revision: str, block: TokenBlock) -> None:
    """Keep a block; one of the same number stays as it is, so that a repeated write changes nothing."""
    if not block.tokens:
        return
    chat = applying.chat_key(connection, chat_id)
    connection.execute(
        "INSERT OR IGNORE INTO reply_tokens (chat, node, revision, number, offset, tokens) VALUES (?, ?, ?, ?, ?, ?)",
        (chat, clean(node), clean(revision), block.number, block.offset, pack(block.tokens)),
    )


def read(connection: sqlite3.Connection, chat_id: str, node: str, revision: str) -> list[TokenBlock]:
    """The blocks of a text in order; none where nothing was asked for or told."""
    chat = applying.chat_key(connection, chat_id)
    rows = connection.execute(
        "SELECT number, offset, tokens FROM reply_tokens WHERE chat = ? AND node = ? AND revision = ? ORDER BY number",
        (chat, clean(node), clean(revision)),
    )
    return [TokenBlock(number, offset, unpack(packed)) for number, offset, packed in rows]


def pack(tokens: Iterable[Token]) -> bytes:
    """Small: a list [text, logarithm, rival, logarithm, …] a token, squeezed. Ten thousandths are exact enough."""
    rows = [
        [token.text, _rounded(token.logprob), *(x for r in token.rivals for x in (r.text, _rounded(r.logprob)))]
        for token in tokens
    ]
    return zlib.compress(dump(rows).encode(), 6)


def unpack(packed: bytes) -> tuple[Token, ...]:
    """What `pack` made. Raises sqlite3.DataError for what it did not make."""
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(packed, BLOCK_MOST)
        if not unpacking.eof:
            raise ValueError("cut short, or larger than it may be")
        rows = load(data.decode())
        if not isinstance(rows, list):
            raise ValueError("not a list")
        return tuple(_token(row) for row in rows)
    except (zlib.error, ValueError, TypeError, IndexError, RecursionError) as error:
        raise sqlite3.DataError(f"tokens of a reply: {error}") from error


def _token(row: Sequence[Any]) -> Token:
    text, logprob, *rest = row
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return Token(_text(text), float(logprob), tuple(Candidate(_text(t), float(p)) for t, p in pairs))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _rounded(logprob: float) -> float:
    """JSON has no infinities, and a probability is at most 1."""
    return _NEVER if math.isnan(logprob) else round(min(0.0, max(_NEVER, logprob)), 4)
