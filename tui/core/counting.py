"""Token counts for the planner: a cache of what the model's tokenizer said, asked in batches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from tui.domain.backend import Backend, Piece, estimate_tokens

#: Texts whose counts are remembered; an entry is some hundred bytes.
_REMEMBERED = 20_000


class TokenCounts:
    """Counts of one tokenizer. The planner is synchronous, so what is not known yet is estimated and noted as
    missing; `learn` asks the backend for it, and the plan is made again."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, bool], int] = OrderedDict()
        self._missing: dict[tuple[str, bool], None] = {}

    def counter(self, *, markup: bool) -> Callable[[str], int]:
        """A counter for plain text, or for the template's own literals."""

        def count(text: str) -> int:
            if not text:
                return 0
            key = (text, markup)
            known = self._known.get(key)
            if known is not None:
                return known
            self._missing[key] = None
            return estimate_tokens(text)

        return count

    async def learn(self, backend: Backend) -> bool:
        """Ask for everything that was missing. Returns whether there was anything. Raises BackendError."""
        missing, self._missing = list(self._missing), {}
        if not missing:
            return False
        counts = await backend.count_tokens([(Piece(text, markup),) for text, markup in missing])
        for key, number in zip(missing, counts, strict=True):
            self._known[key] = number
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True
