"""What tokens put into a text, looked up once each."""

from __future__ import annotations

from tui.engine.bindings import Vocab


class Spelling:
    """The pieces of a vocabulary."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        self._pieces: dict[int, bytes] = {}

    def piece(self, token: int) -> bytes:
        """Its bytes; none for a control token."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._vocab.piece(token)
        return piece

    def name(self, token: int) -> str:
        """The spelling of a token that shows as nothing; empty for every other."""
        return "" if self.piece(token) else self._vocab.text(token)

    def shown(self, token: int) -> str:
        return self.piece(token).decode("utf-8", "replace") or self.name(token)
