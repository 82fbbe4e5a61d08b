"""How many tokens a text has, asked of the server where it can tell, else estimated and corrected by experience."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from tui.backends.dialects import Dialect
from tui.backends.frames import whole
from tui.backends.http import Http
from tui.domain.backend import estimate_tokens
from tui.domain.defuse import plausible
from tui.domain.errors import BackendError

CACHE_SIZE = 4096
COUNT_SECONDS = 5.0
MAX_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class CountRoute:
    """Where one kind of server counts: `text` is the key of the text, `result` that of the answer (a number or
    a list). `minus_empty` when it counts BOS too, which the count of nothing then tells."""

    path: str
    text: str
    result: str
    extra: Mapping[str, Any]
    minus_empty: bool = False


ROUTES: Mapping[str, CountRoute] = {
    "llamacpp": CountRoute("/tokenize", "content", "tokens", {"add_special": False, "parse_special": True}),
    "llama_cpp_python": CountRoute("/extras/tokenize/count", "input", "count", {}, minus_empty=True),
    "koboldcpp": CountRoute("/api/extra/tokencount", "prompt", "value", {"special": True}, minus_empty=True),
    "vllm": CountRoute("/tokenize", "prompt", "count", {"add_special_tokens": False}),
    "aphrodite": CountRoute("/tokenize", "prompt", "count", {"add_special_tokens": False}),
}


class TokenCounter:
    """Counts for one server, one question at a time, with memory. `idle` is set while nothing is generated;
    servers that a question would disturb are not asked until then."""

    def __init__(self, http: Http, dialect: Dialect, exact: bool) -> None:
        self._http, self._dialect = http, dialect
        self._route = ROUTES.get(dialect.name) if exact else None
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._bos: int | None = None
        self._ratio = 1.0

    async def count(self, texts: Sequence[str], *, busy: bool) -> list[int]:
        """Tokens of each text without BOS. `busy` is whether a reply is being generated there."""
        async with self._one_at_a_time:
            may_ask = self._route is not None and not (busy and self._dialect.busy_with_one)
            counts: list[int] = []
            for text in texts:
                number = self._recall(text)
                if number is None and may_ask:
                    number = await self._ask(text)
                    may_ask = number is not None
                counts.append(self.estimate(text) if number is None else number)
            return counts

    def estimate(self, text: str) -> int:
        return round(estimate_tokens(text) * self._ratio)

    def learn(self, text: str, tokens: int) -> None:
        """A server's own figure for a prompt corrects later estimates."""
        guess = estimate_tokens(text)
        if guess >= 50 and tokens > 0:
            self._ratio += 0.5 * (max(0.5, min(2.5, tokens / guess)) - self._ratio)

    async def _ask(self, text: str) -> int | None:
        route = self._route
        if not text or route is None:
            return 0
        try:
            base = await self._base(route) if route.minus_empty else 0
            counted = await self._ask_raw(route, text)
        except BackendError:
            return None
        if counted is None or base is None:
            return None
        self._remember(text, max(0, counted - base))
        return max(0, counted - base)

    async def _base(self, route: CountRoute) -> int | None:
        """What the server counts for nothing at all: BOS."""
        if self._bos is None:
            self._bos = await self._ask_raw(route, "")
        return self._bos

    async def _ask_raw(self, route: CountRoute, text: str) -> int | None:
        answer = await self._http.ask(
            self._http.address.root + route.path, {route.text: text, **route.extra}, seconds=COUNT_SECONDS)
        found = answer.field(route.result) if answer.ok else None
        return len(found) if isinstance(found, list) else whole(found)

    def _recall(self, text: str) -> int | None:
        key = _digest(text)
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def _remember(self, text: str, tokens: int) -> None:
        self._known[_digest(text)] = tokens
        if len(self._known) > CACHE_SIZE:
            self._known.popitem(last=False)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


async def hidden_markers(http: Http, texts: Sequence[str]) -> frozenset[str]:
    """Strings in `texts` that this llama-server would read as special tokens: those that it tokenises otherwise
    when it is told to look for such tokens. Empty when it cannot be asked."""
    try:
        parsed, plain = await _both_ways(http, "\n".join(texts))
        found: set[str] = set()
        for piece in sorted(p for p in parsed - plain if plausible(p))[:MAX_CANDIDATES]:
            alone, as_text = await _both_ways(http, piece)
            if alone != as_text:
                found.add(piece)
    except BackendError:
        return frozenset()
    return frozenset(found)


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
