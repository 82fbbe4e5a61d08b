"""Token counts for the planner: what the model's tokenizer said, asked in batches, kept in the store; an estimate
where there is no tokenizer, corrected by what each reply reports."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Literal, Protocol

from tui.domain.backend import Backend, Capabilities, PictureCounter, Piece
from tui.domain.errors import StoreError
from tui.domain.estimate import DEFAULT, Calibration, ScriptCounts, features
from tui.domain.picture_marks import SIGN, Mark, cut
from tui.domain.pictures import estimated_tokens
from tui.wire.pace import paced_list

#: Texts whose counts are remembered here; an entry is some hundred bytes.
_REMEMBERED = 20_000
#: Texts of one answer that the estimate learns from.
_SAMPLE = 64

_log = logging.getLogger(__name__)
_Key = tuple[str, bool]


class Shelf(Protocol):
    """What is needed of the store."""

    async def token_counts(self, keys: Sequence[bytes]) -> dict[bytes, int]: ...
    async def keep_token_counts(self, counts: Mapping[bytes, int]) -> None: ...
    async def get_value(self, key: str) -> Any: ...
    async def set_value(self, key: str, value: Any) -> None: ...


class TokenCounts:
    """Counts of one tokenizer. The planner is synchronous, so what is not known yet is guessed and noted as
    missing; `learn` asks for it, and the plan is made again. Without a tokenizer nothing is ever missing."""

    def __init__(
        self, shelf: Shelf | None = None, *, tokenizer: str = "", exact: bool = True, model: str = "",
        calibration: Calibration = DEFAULT,
    ) -> None:
        self.tokenizer = tokenizer
        self._shelf = shelf
        self._asks = exact
        self._model = model
        self._calibration = calibration
        self._known: OrderedDict[_Key, int] = OrderedDict()
        self._features: OrderedDict[_Key, ScriptCounts] = OrderedDict()
        self._missing: dict[_Key, None] = {}
        self._guesses: dict[_Key, int] = {}
        self._pictures: dict[tuple[int, int], int] = {}
        self._sizes: dict[tuple[int, int], None] = {}
        self._pictures_guessed = False
        self._guessed = False
        self._writing: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, shelf: Shelf, capabilities: Capabilities, address: str) -> TokenCounts:
        """The counts for the model behind `address` (of a server or file), with what was learnt of it before."""
        model = f"{capabilities.dialect}:{capabilities.model}"
        try:
            kept = await shelf.get_value(_calibration_key(model))
        except StoreError as error:
            _log.warning("token counts: %s", error)
            kept = None
        return cls(
            shelf, tokenizer=tokenizer_name(capabilities, address), exact=capabilities.exact_tokens, model=model,
            calibration=Calibration.from_json(kept) if isinstance(kept, dict) else DEFAULT,
        )

    @property
    def exact(self) -> bool:
        """Whether all counts of the last plan are the tokenizer's own."""
        return self._asks and not self._guessed and not self._pictures_guessed

    @property
    def kind(self) -> Literal["exact", "estimate"]:
        return "exact" if self.exact else "estimate"

    @property
    def error(self) -> float | None:
        """How far off the estimates were of late, as a share; None where nothing is estimated."""
        return None if self.exact else round(self._calibration.error, 3)

    def counter(self, *, markup: bool) -> Callable[[str], int]:
        """A counter for plain text, or for the template's own literals."""

        def count(text: str) -> int:
            if not text:
                return 0
            if SIGN in text:
                return sum(count(part) if isinstance(part, str) else self._picture(part) for part in cut(text))
            key = (text, markup)
            if not self._asks:
                return self._estimate(key)
            known = self._known.get(key, self._guesses.get(key))
            if known is not None:
                return known
            self._missing[key] = None
            return len(text.encode("utf-8", "surrogatepass")) // 4 + 1

        return count

    def _picture(self, mark: Mark) -> int:
        """Tokens of a picture: the model's own figure where it tells one, else a guess by its size."""
        size = (mark.width, mark.height)
        if size not in self._pictures:
            if self._asks:
                self._sizes[size] = None
            return estimated_tokens(*size)
        return self._pictures[size]

    async def _look(self, backend: Backend) -> bool:
        """Find out what the pictures take that were not known. Returns whether there were any."""
        sizes, self._sizes = list(self._sizes), {}
        if not sizes:
            return False
        if isinstance(backend, PictureCounter):
            self._pictures |= zip(sizes, await backend.picture_tokens(sizes), strict=True)
        else:
            self._pictures |= {size: estimated_tokens(*size) for size in sizes}
            self._pictures_guessed = True
        return True

    async def learn(self, backend: Backend) -> bool:
        """Find out everything that was missing: from the store by one query, then from the backend. What neither
        knows is estimated for this plan. Returns whether there was anything. Raises BackendError."""
        looked = await self._look(backend)
        missing, self._missing = list(self._missing), {}
        if not missing:
            if looked:
                return True
            self._guessed, self._guesses = bool(self._guesses), {}
            return False
        digests = dict(zip(missing, await paced_list(self._digest, missing), strict=True))
        kept = await self._kept(list(digests.values()))
        found = {key: kept[digests[key]] for key in missing if digests[key] in kept}
        rest = [key for key in missing if key not in found]
        if rest:
            answers = await backend.exact_counts([(Piece(text, markup),) for text, markup in rest])
            told = {key: n for key, n in zip(rest, answers, strict=True) if n is not None}
            self._take_in(told)
            self._write(self._keep({digests[key]: n for key, n in told.items()}))
            found |= told
        guessed = [key for key in rest if key not in found]
        self._guesses |= zip(guessed, await paced_list(self._estimate, guessed), strict=True)
        self._known |= found
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True

    async def whole(self, backend: Backend, pieces: Sequence[Piece]) -> int:
        """Tokens of a whole prompt without BOS, which need not be the sum of its parts. Raises BackendError."""
        stretches, seen = self._parted(pieces)
        if seen and not self._asks:
            self._guessed = True
        if self._asks:
            told = await backend.exact_counts(stretches)
            if None not in told:
                return sum(n for n in told if n is not None) + seen
        self._guessed = True
        return self._calibration.tokens(await asyncio.to_thread(self._features_of, chain(*stretches))) + seen

    def _parted(self, pieces: Iterable[Piece]) -> tuple[list[list[Piece]], int]:
        """A prompt in the stretches between its pictures, and what those take."""
        stretches: list[list[Piece]] = [[]]
        seen = 0
        for piece in pieces:
            if SIGN not in piece.text:
                stretches[-1].append(piece)
                continue
            for part in cut(piece.text):
                if isinstance(part, str):
                    stretches[-1].append(replace(piece, text=part))
                else:
                    seen += self._picture(part)
                    stretches.append([])
        return stretches, seen

    async def reported(self, pieces: Iterable[Piece], prompt_tokens: int) -> None:
        """A reply's own figure for its prompt, BOS included, corrects the estimates where there are any."""
        if self.exact:
            return
        stretches, seen = self._parted(pieces)
        counted = await asyncio.to_thread(self._features_of, chain(*stretches))
        better = self._calibration.learned(counted, max(1, prompt_tokens - 1 - seen))
        if better is not self._calibration:
            self._calibration = better
            self._write(self._keep_calibration(better))

    async def settle(self) -> None:
        """Wait until all that was learnt is in the store."""
        await asyncio.gather(*self._writing)

    def _estimate(self, key: _Key) -> int:
        found = self._features.get(key)
        if found is None:
            found = self._features[key] = features(key[0], markup=key[1])
            if len(self._features) > _REMEMBERED:
                self._features.popitem(last=False)
        return self._calibration.tokens(found)

    @staticmethod
    def _features_of(pieces: Iterable[Piece]) -> ScriptCounts:
        return sum((features(p.text, markup=p.markup) for p in pieces), ScriptCounts())

    def _take_in(self, told: Mapping[_Key, int]) -> None:
        """Let the estimate learn from some of what the tokenizer said, for texts that it cannot be asked about."""
        sample = list(told.items())[:_SAMPLE]
        counts = self._features_of(Piece(*key) for key, _ in sample)
        self._calibration = self._calibration.learned(counts, sum(n for _, n in sample))

    def _digest(self, key: _Key) -> bytes:
        text, markup = key
        head = f"{self.tokenizer}\0{int(markup)}\0".encode()
        return hashlib.sha256(head + text.encode("utf-8", "surrogatepass")).digest()[:16]

    async def _kept(self, digests: Sequence[bytes]) -> Mapping[bytes, int]:
        if self._shelf is None or not self.tokenizer:
            return {}
        try:
            return await self._shelf.token_counts(digests)
        except StoreError as error:               # the backend can be asked again
            _log.warning("token counts: %s", error)
            return {}

    async def _keep(self, counts: Mapping[bytes, int]) -> None:
        if self._shelf is not None and self.tokenizer and counts:
            await self._shelf.keep_token_counts(counts)

    async def _keep_calibration(self, calibration: Calibration) -> None:
        if self._shelf is not None and self._model:
            await self._shelf.set_value(_calibration_key(self._model), calibration.to_json())

    def _write(self, work: Coroutine[Any, Any, None]) -> None:
        """Have it written beside the work; what cannot be written is only not remembered."""
        task = asyncio.create_task(_forgiving(work))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)


def tokenizer_name(capabilities: Capabilities, address: str) -> str:
    """What counts are kept under: the vocabulary itself where it is known, else all that tells one server's model
    from another."""
    if capabilities.tokenizer:
        return capabilities.tokenizer
    told = (
        capabilities.dialect, address, capabilities.model, capabilities.bos_token, capabilities.eos_token,
        capabilities.chat_template, *capabilities.special_tokens,
    )
    return hashlib.sha256("\0".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _calibration_key(model: str) -> str:
    return f"calibration:{model[:200]}"


async def _forgiving(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except StoreError as error:
        _log.warning("what was learnt of tokens could not be kept: %s", error)
