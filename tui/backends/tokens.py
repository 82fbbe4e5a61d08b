"""How many tokens a text has, asked of the server where it can tell, else estimated and corrected by experience."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

from tui.backends.dialects import Dialect
from tui.backends.frames import whole
from tui.backends.http import Http
from tui.domain.defuse import plausible
from tui.domain.errors import BackendError
from tui.domain.estimate import Calibration, ScriptCounts, estimate, features

CACHE_SIZE = 4096
COUNT_SECONDS = 5.0
MAX_CANDIDATES = 20
MARKER_CHARS, MARKER_OVERLAP = 20_000, 120
MAX_QUESTIONS = 256
"""Requests for one call: what is left over is counted at a later one."""
REST_SECONDS = 30.0
"""How long a server is not asked again that left a question unanswered."""
BATCH_TEXTS, BATCH_CHARS = 256, 100_000
"""Texts and characters in one request, where it takes several texts."""
_SEPARATOR = -1
#: An answer has no more tokens than its text has bytes, and its size is in keeping.
_ANSWER_ALWAYS, _ANSWER_BYTES = 64 << 10, 16
_MORE_THAN_BYTES = 16


@dataclass(frozen=True, slots=True)
class CountRoute:
    """Where one kind of server counts: `text` is the key of the text, `result` that of the answer (a number or
    a list). `minus_empty` when it counts BOS too, which the count of nothing then tells.

    `batch`: a request may hold several texts. list: as a list, answered by a list of counts. separated: as one
    prompt of several texts with a token id between them that no text can have, which comes back in its place.
    `together`: how many questions may be under way at once.
    """

    path: str
    text: str
    result: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    minus_empty: bool = False
    batch: Literal["", "list", "separated"] = ""
    together: int = 1


_NO_BOS = {"add_special_tokens": False}
ROUTES: Mapping[str, CountRoute] = {
    "llamacpp": CountRoute(
        "/tokenize", "content", "tokens", {"add_special": False, "parse_special": True}, batch="separated"),
    "llama_cpp_python": CountRoute("/extras/tokenize/count", "input", "count", minus_empty=True),
    "koboldcpp": CountRoute("/api/extra/tokencount", "prompt", "value", {"special": True}, minus_empty=True),
    "textgen": CountRoute("/v1/internal/token-count", "text", "length", minus_empty=True),
    "tabby": CountRoute(
        "/v1/token/encode", "text", "length", {"add_bos_token": False, "encode_special_tokens": True}, together=4),
    "vllm": CountRoute("/tokenize", "prompt", "count", _NO_BOS, together=4),
    "aphrodite": CountRoute("/tokenize", "prompt", "count", _NO_BOS, together=4),
    "sglang": CountRoute("/tokenize", "prompt", "count", _NO_BOS, batch="list"),
}


async def can_count(http: Http, dialect: str) -> bool:
    """Whether a server of this kind answers where such servers count. Raises BackendError."""
    route = ROUTES[dialect]
    answer = await http.ask(http.address.root + route.path, {route.text: "a", **route.extra}, seconds=COUNT_SECONDS)
    return answer.ok and _count(answer.field(route.result)) is not None


class TokenCounter:
    """Counts for one server, one call at a time, with memory. Servers that a question would disturb are not asked
    while they generate."""

    def __init__(self, http: Http, dialect: Dialect, exact: bool) -> None:
        self._http, self._dialect = http, dialect
        self._route = ROUTES.get(dialect.name) if exact else None
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._bos: int | None = None
        self._batches = self._route is not None and self._route.batch != ""
        self._calibration = Calibration()
        self._rest_until = 0.0

    async def count(self, texts: Sequence[str], *, busy: bool) -> list[int]:
        """Tokens of each text without BOS; an estimate where the server could not be asked. `busy` is whether a
        reply is being generated there."""
        counts = await self.exact(texts, busy=busy)
        return [self.estimate(t) if n is None else n for t, n in zip(texts, counts, strict=True)]

    async def exact(self, texts: Sequence[str], *, busy: bool) -> list[int | None]:
        """As `count`, None for each text that could not be asked about."""
        async with self._one_at_a_time:
            route = self._route
            wanted = [t for t in dict.fromkeys(texts) if t and _digest(t) not in self._known]
            found: dict[str, int] = {}
            disturbs = (busy and self._dialect.busy_with_one) or time.monotonic() < self._rest_until
            if route is not None and wanted and not disturbs:
                found = await self._ask_all(route, wanted)
            counts = [found.get(t, self._recall(t)) if t else 0 for t in texts]
            for text, tokens in found.items():
                self._remember(text, tokens)
            return counts

    def estimate(self, text: str) -> int:
        return estimate(text, self._calibration)

    def learn(self, text: str, tokens: int) -> None:
        """A server's own figure for a text corrects later estimates."""
        self._calibration = self._calibration.learned(features(text), tokens)

    async def _ask_all(self, route: CountRoute, texts: Sequence[str]) -> dict[str, int]:
        """What the server told of `texts`, as many as may be asked about, up to its first refusal."""
        found: dict[str, int] = {}
        try:
            if self._batches:
                for batch in _batches(texts):
                    counts = await self._ask_batch(route, batch)
                    if counts is None:
                        self._batches = False     # an older server, or one that only looks like it
                        break
                    found |= zip(batch, counts, strict=True)
            if not self._batches:
                found |= await self._ask_singly(route, [t for t in texts if t not in found][:MAX_QUESTIONS])
        except BackendError:
            self._rest_until = time.monotonic() + REST_SECONDS
        total = await asyncio.to_thread(lambda: sum(map(features, found), ScriptCounts()))
        self._calibration = self._calibration.learned(total, sum(found.values()))
        return found

    async def _ask_singly(self, route: CountRoute, texts: Sequence[str]) -> dict[str, int]:
        base = await self._base(route) if route.minus_empty else 0
        found: dict[str, int] = {}
        for start in range(0, len(texts), route.together):
            some = texts[start:start + route.together]
            answers = await asyncio.gather(*(self._ask_raw(route, t) for t in some), return_exceptions=True)
            for text, answer in zip(some, answers, strict=True):
                if isinstance(answer, BackendError):
                    self._rest_until = time.monotonic() + REST_SECONDS
                if isinstance(answer, BaseException) or answer is None or base is None:
                    return found
                tokens = _believable(answer - base, text)
                if tokens is None:
                    return found
                found[text] = tokens
        return found

    async def _ask_batch(self, route: CountRoute, texts: Sequence[str]) -> list[int] | None:
        """The count of each text by one request; None where the answer is not one for so many."""
        prompt: list[Any] = list(texts)
        if route.batch == "separated":
            prompt = [part for text in texts for part in (text, _SEPARATOR)]
        answer = await self._post(route, prompt)
        if answer is None or not isinstance(answer, list):
            return None
        counts = _between(answer) if route.batch == "separated" else [whole(n) for n in answer]
        if len(counts) != len(texts):
            return None
        known = [n for n, t in zip(counts, texts, strict=True) if n is not None and _believable(n, t) is not None]
        return known if len(known) == len(texts) else None

    async def _base(self, route: CountRoute) -> int | None:
        """What the server counts for nothing at all: BOS."""
        if self._bos is None:
            self._bos = await self._ask_raw(route, "")
        return self._bos

    async def _ask_raw(self, route: CountRoute, text: str) -> int | None:
        return _count(await self._post(route, text))

    async def _post(self, route: CountRoute, text: Any) -> Any:
        size = sum(len(part.encode("utf-8", "surrogatepass")) for part in _strings(text))
        answer = await self._http.ask(
            self._http.address.root + route.path, {route.text: text, **route.extra}, seconds=COUNT_SECONDS,
            limit=_ANSWER_ALWAYS + size * _ANSWER_BYTES, max_parts=_ANSWER_ALWAYS + size * 2)
        return answer.field(route.result) if answer.ok else None

    def _recall(self, text: str) -> int | None:
        key = _digest(text)
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def _remember(self, text: str, tokens: int) -> None:
        self._known[_digest(text)] = tokens
        if len(self._known) > CACHE_SIZE:
            self._known.popitem(last=False)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) >= BATCH_TEXTS or size + len(text) > BATCH_CHARS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _between(tokens: Sequence[Any]) -> list[int | None]:
    """How many tokens stand before each separator, the last of which ends the list."""
    counts: list[int | None] = []
    since = 0
    for token in tokens:
        if token == _SEPARATOR:
            counts.append(since)
            since = 0
        else:
            since += 1
    return counts if since == 0 else [None]


def _believable(tokens: int, text: str) -> int | None:
    """`tokens`, unless no tokenizer can have counted that many, or so few, of `text`."""
    most = len(text.encode("utf-8", "surrogatepass")) + _MORE_THAN_BYTES
    return tokens if (not text.strip() or tokens > 0) and 0 <= tokens <= most else None


def _strings(text: Any) -> Iterator[str]:
    return (part for part in (text if isinstance(text, list) else [text]) if isinstance(part, str))


def _count(told: Any) -> int | None:
    return len(told) if isinstance(told, list) else whole(told)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


async def hidden_markers(http: Http, texts: Sequence[str]) -> frozenset[str]:
    """Strings in `texts` that this llama-server would read as special tokens: those that it tokenises otherwise
    when it is told to look for such tokens. Empty when it cannot be asked."""
    try:
        suspects: set[str] = set()
        for part in _parts("\n".join(texts)):
            parsed, plain = await _both_ways(http, part)
            suspects |= {p for p in parsed - plain if plausible(p)}
        found: set[str] = set()
        for piece in sorted(suspects)[:MAX_CANDIDATES]:
            alone, as_text = await _both_ways(http, piece)
            if alone != as_text:
                found.add(piece)
    except BackendError:
        return frozenset()
    return frozenset(found)


def _parts(text: str) -> Iterator[str]:
    """In portions that overlap by more than a marker's length, so that no answer takes long to read."""
    return (text[at:at + MARKER_CHARS + MARKER_OVERLAP] for at in range(0, len(text), MARKER_CHARS))


async def _both_ways(http: Http, text: str) -> tuple[set[str], set[str]]:
    """The pieces of `text` with special tokens looked for and without."""
    sets = []
    for special in (True, False):
        body = {"content": text, "add_special": False, "with_pieces": True, "parse_special": special}
        answer = await http.ask(f"{http.address.root}/tokenize", body, seconds=COUNT_SECONDS)
        sets.append(_pieces(answer.field("tokens")))
    return sets[0], sets[1]


def _pieces(tokens: Any) -> set[str]:
    entries = tokens if isinstance(tokens, list) else []
    return {e["piece"] for e in entries if isinstance(e, dict) and isinstance(e.get("piece"), str)}
