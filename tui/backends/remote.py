"""A server somewhere as a Backend: one request at a time, stopped at the source, never raising out of a reply."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from tui.backends import failures, koboldcpp, llamaserver, retry, rosters
from tui.backends.address import parse_address
from tui.backends.ahead import ahead_call, read_ahead
from tui.backends.calls import Target, prompt_text, rendered_call, write_call
from tui.backends.chat import echo_of, is_started, messages_for
from tui.backends.dialects import Dialect
from tui.backends.exchange import Rejected
from tui.backends.figures import complete_figures
from tui.backends.gate import Gate, gate_of
from tui.backends.http import Http
from tui.backends.late import late_tokens
from tui.backends.learning import asked_in_words, carried_over, lesson, taught
from tui.backends.loading import loading_told
from tui.backends.models import ServerModel
from tui.backends.patience import IDLE_SECONDS, Limits
from tui.backends.polling import exchange_for
from tui.backends.probe import ProbeResult, probe_over
from tui.backends.reply import Reply, Setting
from tui.backends.services import dialect_at
from tui.backends.tips import came_at_once, tips, trimmed
from tui.backends.tokens import TokenCounter, hidden_markers
from tui.domain.backend import Capabilities, CompletionRequest, Event, Finish, Piece, Status
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError, TraktirError
from tui.domain.notice import Notice, notice
from tui.wire.pace import paced_list

log = logging.getLogger(__name__)

ABORT_SECONDS = 2.0
HEARD_SECONDS = 0.3
MOST_REFUSALS = 10
"""So many settings a server may refuse, one after another; models that think refuse most samplers."""
_QUEUE = 1024


@dataclass(slots=True, eq=False)
class _Run:
    """One reply under way."""

    request: CompletionRequest
    events: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(_QUEUE))
    task: asyncio.Task[None] | None = None
    reply: Reply | None = None
    aborted: bool = False
    lessons: list[Notice] = field(default_factory=list)
    looked_anew: bool = False

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        self.task = asyncio.create_task(work)
        self.task.add_done_callback(self._ended)
        return self.task

    def stop(self) -> None:
        self.aborted = True
        if self.task is not None:
            self.task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that was stopped before it could say so still owes its Finish."""
        if task.cancelled() and not self.events.full():
            self.events.put_nowait(Finish("cut"))


class RemoteBackend:
    """The Backend behind an Endpoint. Connects when first used; `idle_seconds` and `limits` as in `patience`.

    Raises BadInput at once when the address or the key cannot be used.
    """

    def __init__(
        self, endpoint: Endpoint, idle_seconds: float = IDLE_SECONDS, limits: Limits | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.address = parse_address(endpoint.url)
        self._http = Http(endpoint, self.address)
        self._limits = limits or Limits(idle=idle_seconds)
        self._aborts: set[asyncio.Task[None]] = set()
        self._found: ProbeResult | None = None
        self._target: Target | None = None
        self._last: Target | None = None           # what was learnt stays known while the server is looked at anew
        self._counter: TokenCounter | None = None
        self._markers: frozenset[str] = frozenset()
        self._runs: set[_Run] = set()
        self._connecting = asyncio.Lock()

    async def probe(self) -> ProbeResult:
        """Ask the server afresh what it is. Raises BackendError when nothing answers."""
        return await probe_over(self._http, self.endpoint)

    async def load(self, on_status: Callable[[Status], None] | None = None) -> None:
        """Connect, and wait while the server loads its model. Raises BackendError."""

        async def tell(status: Status) -> None:
            if on_status is not None:
                on_status(status)

        await self._wait_until_ready(tell)

    async def capabilities(self) -> Capabilities:
        """What the server told when it was first reached. Raises BackendError, also while it loads its model."""
        return (await self._reach()).capabilities

    async def count_tokens(self, prompts: Sequence[Sequence[Piece]]) -> list[int]:
        """Tokens of each prompt as it would be sent, without BOS. Raises BackendError when nothing answers."""
        target = await self._reach()
        assert self._counter is not None
        special = self._special(target)
        texts = await paced_list(lambda pieces: prompt_text(pieces, special), prompts)
        return await self._counter.count(texts, busy=gate_of(self.address.root).locked())

    async def exact_counts(self, prompts: Sequence[Sequence[Piece]]) -> list[int | None]:
        """As `count_tokens`, with None for what this server's tokenizer cannot be asked about now."""
        target = await self._reach()
        assert self._counter is not None
        special = self._special(target)
        texts = await paced_list(lambda pieces: prompt_text(pieces, special), prompts)
        return await self._counter.exact(texts, busy=gate_of(self.address.root).locked())

    async def warm(self, request: CompletionRequest) -> int | None:
        """Have a llama-server read the prompt into its cache, where it is at nothing else; a reply ends it."""
        gate = gate_of(self.address.root)
        await gate.stop_reading_ahead()
        target = self._target
        if target is None or not target.capabilities.warm or gate.locked():
            return None
        held = [0]
        task = gate.ahead = asyncio.create_task(self._read_ahead(gate, request, target, held))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        return held[0]

    async def _read_ahead(self, gate: Gate, request: CompletionRequest, target: Target, held: list[int]) -> None:
        try:
            async with gate:
                special = await self._learn_markers(target, request)
                await read_ahead(self._http, ahead_call(request, target, special), partial(held.__setitem__, 0))
        except BackendError as error:
            log.info("reading ahead at %s: %s", self.address.shown, error)
        finally:
            gate.ahead = None

    async def abort(self, request_id: str) -> None:
        """Stop that reply here and at the server; it ends with Finish("cut"). Unknown ids are ignored."""
        for run in [r for r in self._runs if r.request.id == request_id and not r.aborted]:
            run.stop()

    async def close(self) -> None:
        """Stop what runs and close the connections."""
        runs = list(self._runs)
        for run in runs:
            run.stop()
        await asyncio.gather(*(run.task for run in runs if run.task is not None), return_exceptions=True)
        await asyncio.gather(*self._aborts, return_exceptions=True)
        if self._target is not None and self._target.capabilities.warm:
            await gate_of(self.address.root).stop_reading_ahead()
        await self._http.close()

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Event]:
        """Stream one reply. Closing the iterator stops the server too."""
        run = _Run(request)
        self._runs.add(run)
        task = run.start(self._produce(run))
        try:
            while True:
                event = await run.events.get()
                yield event
                if isinstance(event, Finish):
                    return
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._runs.discard(run)

    async def _produce(self, run: _Run) -> None:
        """Put the whole reply into the run's queue, whatever happens, with exactly one Finish at its end."""
        try:
            finish = await self._answer(run)
        except asyncio.CancelledError:
            if not run.aborted:
                raise
            for event in run.reply.flush() if run.reply else ():
                await run.events.put(event)
            finish = run.reply.aborted() if run.reply else Finish("cut")
        except TraktirError as error:
            finish = Finish("error", error=error if isinstance(error, BackendError) else _as_backend_error(error))
        except Exception as error:
            log.exception("a reply from %s failed", self.address.shown)
            finish = Finish("error", error=failures.unforeseen(self.address.shown, error))
        await run.events.put(finish)

    async def _answer(self, run: _Run) -> Finish:
        gate = gate_of(self.address.root)
        await gate.stop_reading_ahead()
        if gate.locked():
            await run.events.put(Status(notice("Waiting for another request to this server to finish.")))
        async with gate:
            target = await self._wait_until_ready(run.events.put)
            gate.found = self._found
            special = await self._learn_markers(target, run.request)
            for _ in range(MOST_REFUSALS):
                try:
                    return await self._exchange(run, target, special)
                except Rejected as refusal:
                    better = taught(target, run.request, refusal.error.details, refusal.body)
                    if better is None:
                        better = await self._looked_anew(run, target, refusal)
                    if better is None:
                        return Finish("error", error=refusal.error)
                    asked = better.polled and not target.polled
                    run.lessons += [told] if (told := lesson(target, better)) is not None else []
                    target = self._target = self._last = better
                    await run.events.put(Status(koboldcpp.will_be_asked() if asked else refusal.error.what))
            raise failures.unforeseen(self.address.shown, RuntimeError("one setting after another is rejected"))

    async def _exchange(self, run: _Run, target: Target, special: frozenset[str]) -> Finish:
        key = f"TKTR{uuid.uuid4().hex[:16]}"
        request = _with_seed(run.request) if target.dialect.seeds else run.request
        call, translation = write_call(request, target, special, key)
        if target.rendered and (prompt := await self._rendered(target, request, special)) is not None:
            call = rendered_call(request, target, prompt, special)
        text = _text_of(request, target)
        assert self._counter is not None
        setting = Setting(
            self.address.shown, target.capabilities.context_length,
            await asyncio.to_thread(self._counter.estimate, text),
            target.dialect.empty_is_failure, target.dialect.busy_with_one, echo_of(request, target),
        )
        reply = run.reply = Reply(request, translation, setting, time.monotonic)
        try:
            async with loading_told(self._http, target, lambda: reply.begun, run.events.put, self._limits.poll):
                finish = await exchange_for(call.wire)(
                    self._http, call, reply, run.events.put, request.max_tokens, self._limits).run()
        except asyncio.CancelledError:
            await self._stop_at_source(target, key)
            raise
        if finish.error is not None and finish.error.details.get("kind") == "unreachable":
            self._target = None                                 # another server may come up there
        elif not reply.server_ended:
            await self._stop_at_source(target, key)
        if reply.server_ended and finish.error is None:
            for event in reply.late(await late_tokens(self._http, target, key, request.samplers.logprobs)):
                await run.events.put(event)
        finish = await complete_figures(self._http, target, self._counter, reply, finish, text)
        found = tips(reply, self.address.shown, setting.prompt_estimate, finish.usage)
        if finish.usage.prompt_tokens and not trimmed(setting.prompt_estimate, finish.usage):
            await asyncio.to_thread(self._counter.learn, text, finish.usage.prompt_tokens)
        if came_at_once(reply):
            finish = replace(finish, tokens_per_second=None)
            if call.wire == "koboldcpp":
                self._target = self._last = replace(target, polled=True)
                found = (*found, koboldcpp.will_be_asked())
        if _started_chat(request, target) and not target.hands_over and not run.lessons:
            found = (*found, asked_in_words(self.address.shown))
        return replace(finish, notices=(*finish.notices, *found, *run.lessons))

    async def _rendered(self, target: Target, request: CompletionRequest, special: frozenset[str]) -> str | None:
        """The prompt up to the started reply, by the template of a llama-server that refuses to go on with one."""
        if not _started_chat(request, target):
            return None
        markers = (*target.capabilities.special_tokens, *special)
        return await llamaserver.rendered(self._http, messages_for(request, target, markers)[:-1])

    async def _stop_at_source(self, target: Target, key: str) -> None:
        """The closed connection stops most servers; KoboldCpp is told as well, by the key of this request. Whether it
        hears is waited for only a moment: who leaves, leaves at once."""
        if target.dialect.name != "koboldcpp":
            return
        task = asyncio.create_task(self._send_abort(key))
        self._aborts.add(task)
        task.add_done_callback(self._aborts.discard)
        await asyncio.wait([task], timeout=HEARD_SECONDS)

    async def _send_abort(self, key: str) -> None:
        try:
            async with asyncio.timeout(ABORT_SECONDS):
                await self._http.ask(f"{self.address.root}/api/extra/abort", {"genkey": key}, seconds=ABORT_SECONDS)
        except (BackendError, TimeoutError) as error:
            log.info("abort at %s: %s", self.address.shown, error)

    async def _looked_anew(self, run: _Run, target: Target, refusal: Rejected) -> Target | None:
        """What stands at an address that does not know a request any more, asked once a reply; None where it is the
        same as before. Raises BackendError."""
        if refusal.error.details.get("status") != 404:
            return None
        self._target = None                                     # not the server it was
        if self._last is not None:
            self._last = replace(self._last, polled=False)      # its stream was not what failed
        if run.looked_anew:
            return None
        run.looked_anew = True
        found = await self._wait_until_ready(run.events.put)
        same = (found.dialect.name, found.capabilities.model) == (target.dialect.name, target.capabilities.model)
        return None if same else found

    async def _reach(self) -> Target:
        """The server's description, asked for once. Raises its problem as BackendError."""
        async with self._connecting:
            if self._target is None:
                self._found = found = await self.probe()
                if found.problem is not None:
                    raise found.problem
                dialect = self._dialect_of(found)
                self._counter = TokenCounter(self._http, dialect, found.capabilities.exact_tokens)
                self._target = self._last = carried_over(self._last, Target(
                    self.endpoint, self.address, dialect, found.capabilities,
                    polled=koboldcpp.must_poll(dialect.name, found.version)))
            return self._target

    def _dialect_of(self, found: ProbeResult) -> Dialect:
        return dialect_at(found.dialect, self.address.host)

    async def models(self) -> tuple[ServerModel, ...]:
        """The models of the server, and which of them are loaded. Raises BackendError."""
        return await rosters.list_models(self._http, await self._known_dialect(), self.endpoint)

    async def load_model(self, name: str, on_status: Callable[[Status], Awaitable[None]] | None = None) -> None:
        """Have `name` answer from now on, loaded where the server loads when asked. Waits for replies under way.

        Raises BackendError.
        """
        dialect = await self._known_dialect()
        async with gate_of(self.address.root):
            await rosters.load_model(self._http, dialect, self.endpoint, name, on_status or _unheard)
        if rosters.roster(dialect).named:
            self.endpoint = replace(self.endpoint, model=name)
        self._target = self._found = None

    async def unload_model(self, name: str = "") -> None:
        """Have `name`, or the model in use, taken out of the server's memory. Raises BackendError."""
        dialect = await self._known_dialect()
        used = name or self.endpoint.model or (self._found.model if self._found else "")
        async with gate_of(self.address.root):
            await rosters.unload_model(self._http, dialect, self.endpoint, used)
        self._target = self._found = None

    async def _known_dialect(self) -> Dialect:
        """What kind of server it is, also while no model of it can be used. Raises BackendError."""
        if self._found is None:
            self._found = await self.probe()
        problem = self._found.problem
        if problem is not None and problem.details.get("kind") in {"key_needed", "key_refused", "loading"}:
            self._found = None
            raise problem
        return self._dialect_of(self._found)

    async def _wait_until_ready(self, tell: Callable[[Status], Awaitable[None]]) -> Target:
        for _ in range(retry.LOADING_TRIES):
            try:
                return await self._reach()
            except BackendError as error:
                kind = error.details.get("kind")
                if kind not in {"loading", "model_unloaded"}:
                    raise
                await tell(Status(error.what))
                if kind == "loading":
                    await asyncio.sleep(retry.LOADING_WAIT)
                else:
                    await self._load_chosen(tell)
        return await self._reach()

    async def _load_chosen(self, tell: Callable[[Status], Awaitable[None]]) -> None:
        """The endpoint's model is there, and not in the server's memory."""
        await rosters.load_model(
            self._http, await self._known_dialect(), self.endpoint, self.endpoint.model or self._only_model(), tell)

    def _only_model(self) -> str:
        return self._found.models[0] if self._found and self._found.models else ""

    async def _learn_markers(self, target: Target, request: CompletionRequest) -> frozenset[str]:
        """Have llama-server itself say which strings in foreign text it would take for special tokens."""
        if target.dialect.name == "llamacpp":
            foreign = [p.text for p in request.pieces if not p.markup] + [m.content for m in request.messages]
            suspects = [t for t in foreign if any(c in t for c in "<[{|｜")]
            defused = [prompt_text([Piece(t)], self._special(target)) for t in suspects]
            if defused:
                self._markers |= await hidden_markers(self._http, defused)
        return self._markers

    def _special(self, target: Target) -> tuple[str, ...]:
        return (*target.capabilities.special_tokens, *self._markers)


async def _unheard(_status: Status) -> None:
    """Nobody wants to know."""


def _started_chat(request: CompletionRequest, target: Target) -> bool:
    return not target.capabilities.text_completion and is_started(request)


def _text_of(request: CompletionRequest, target: Target) -> str:
    if target.capabilities.text_completion:
        return "".join(p.text for p in request.pieces)
    return "\n".join(m.content for m in request.messages)


def _with_seed(request: CompletionRequest) -> CompletionRequest:
    """A seed of our own where none is set, so that it is known afterwards."""
    if request.samplers.seed >= 0:
        return request
    return replace(request, samplers=replace(request.samplers, seed=random.getrandbits(31)))


def _as_backend_error(error: TraktirError) -> BackendError:
    return BackendError(error.what, error.remedy, **error.details)
