"""Phrases that must not come, on backends that know no such ban: the stream is cut where one begins, and the reply is
gone on with from there, by prefill, with another seed and a livelier choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from tui.core.planning import Prepared
from tui.domain.backend import CompletionRequest, Event, Finish, Text, Tokens, estimate_tokens
from tui.domain.notice import notice
from tui.domain.phrases import PhraseWatch, gone_back
from tui.domain.samplers import Samplers

#: Times that a phrase is gone back from at one place, and in one reply. Then it is let through, and that is said.
MOST_HERE, MOST_IN_ALL = 6, 30

#: Tokens that are made with changed samplers to get past a place; then the reply goes on with its own.
DETOUR = 12

Fill = Callable[[CompletionRequest, Prepared], Awaitable[CompletionRequest]]


def must_be_watched(prepared: Prepared) -> bool:
    """Whether there are phrases that the backend does not keep out by itself, and that can be kept out from here."""
    there = prepared.link.capabilities
    return bool(prepared.samplers.banned_strings) and "banned_strings" not in there.samplers and there.prefill


class Detours:
    """One reply around its phrases. `written` tells all its text so far, what it began with included; `replan` plans
    the reply anew from such a text; `over` whether the person has stopped it."""

    def __init__(
        self, prepared: Prepared, fill: Fill, written: Callable[[], str],
        replan: Callable[[str], Awaitable[Prepared]], over: Callable[[], bool],
    ) -> None:
        self._prepared = prepared
        self._fill = fill
        self._written = written
        self._replan = replan
        self._over = over
        self._watch = PhraseWatch(prepared.samplers.banned_strings)
        self._tries: Counter[int] = Counter()     # by the length of what was written
        self._let_through = False
        self._spent = 0                           # tokens of the requests before
        self._ttft: float | None = None

    async def events(self, request_id: str) -> AsyncIterator[Event]:
        """What the backend tells, as if it had known the ban; ends with the one Finish."""
        prepared, tries = self._prepared, 0
        while True:
            request = await self._fill(self._request(prepared, request_id, tries), prepared)
            met, finish = "", Finish("cut")
            async for event in prepared.link.backend.complete(request):
                if isinstance(event, Finish):
                    finish = event
                elif isinstance(event, Text):
                    free, hit = self._watch.feed(event.text) if not met else ("", "")
                    if free:
                        yield Text(free)
                    if hit:
                        met = hit
                        await prepared.link.backend.abort(request_id)
                elif not isinstance(event, Tokens) and not met:
                    yield event
            self._take(finish)
            tries = self._next(met, finish, request)
            if tries < 0 or self._over():
                break
            prepared = await self._replan(self._written())
        if rest := self._watch.rest():
            yield Text(rest)
        yield self._ended(finish)

    def _next(self, met: str, finish: Finish, request: CompletionRequest) -> int:
        """How often it was tried at the place where the reply goes on now; -1 where it is over."""
        if met:
            place = len(self._written())
            self._tries[place] += 1
            if self._tries[place] >= MOST_HERE or self._tries.total() >= MOST_IN_ALL:
                self._let_through = True
                self._watch.open()
            return self._tries[place]
        left = self._prepared.samplers.max_tokens - self._spent
        return 0 if finish.reason == "length" and request.max_tokens == DETOUR and left > 0 else -1

    def _request(self, prepared: Prepared, request_id: str, tries: int) -> CompletionRequest:
        request = prepared.request(request_id)
        left = max(1, self._prepared.samplers.max_tokens - self._spent)
        if not tries or self._let_through:
            return replace(request, max_tokens=left)
        return replace(request, max_tokens=min(left, DETOUR), samplers=livelier(request.samplers, tries))

    def _take(self, finish: Finish) -> None:
        made = finish.usage.completion_tokens
        self._ttft = self._ttft if self._ttft is not None else finish.ttft_ms
        if made is None:
            begun = len(self._prepared.turn.prefill)
            self._spent = max(self._spent, estimate_tokens(self._written()[begun:]))
        else:
            self._spent += made

    def _ended(self, finish: Finish) -> Finish:
        usage = replace(finish.usage, completion_tokens=self._spent)
        reasons = {name: why for name, why in finish.reasons.items() if name != "banned_strings"}
        dropped = tuple(name for name in finish.dropped if name != "banned_strings")
        if self._prepared.samplers.logprobs:
            dropped = (*(name for name in dropped if name != "logprobs"), "logprobs")
            reasons["logprobs"] = notice("Not while phrases are kept out of a reply from here.")
        told = gone_back(self._watch.met, let_through=self._let_through)
        return replace(
            finish, usage=usage, ttft_ms=self._ttft, dropped=dropped, reasons=reasons,
            notices=(*finish.notices, *told),
        )


def livelier(samplers: Samplers, tries: int) -> Samplers:
    """Samplers that find another way on: another seed, and from the second try on more heat; a model that always takes
    the likeliest word must be heated at once."""
    heat = max(samplers.temperature, 0.8) + 0.2 * (tries - 1) if tries > 1 or samplers.temperature < 0.3 else None
    seed = samplers.seed if samplers.seed < 0 else (samplers.seed + tries) % (2**32 - 1)
    return replace(samplers, seed=seed, temperature=min(2.0, heat) if heat is not None else samplers.temperature)
