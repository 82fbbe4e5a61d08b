"""Requests whose text is asked after instead of streamed: the AI Horde, and KoboldCpp where a stream does not come
through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from tui.backends import failures, horde, retry
from tui.backends.exchange import Exchange, Rejected
from tui.backends.frames import Delta, read_koboldcpp
from tui.backends.http import Answer
from tui.domain.backend import Finish, Status
from tui.domain.errors import BackendError
from tui.domain.notice import Notice, notice

log = logging.getLogger(__name__)

SUBMIT_SECONDS = 30.0
CANCEL_SECONDS = 2.0
MOST_LAPSES = 5
"""Questions in a row that may go unanswered: a phone changes networks."""
LOOK_SECONDS = 0.5
"""How often KoboldCpp is asked after its text."""


class HordeExchange(Exchange):
    """A request left at the Horde and asked after until it is done, in no less than `Limits.poll` seconds each. Who
    leaves takes it back, and keeps what there is of it."""

    async def _once(self) -> Finish:
        address = self._http.address.shown
        try:
            answer = await self._http.ask(self._call.url, self._call.body, seconds=SUBMIT_SECONDS)
            if not answer.ok:
                raise Rejected(horde.refused(answer, address, self._http.key_given), answer.headers, answer.data)
            for said in horde.remarks(answer):
                await self._emit(Status(notice("{address} says: “{said}”.", address=address, said=said)))
            job = horde.job(answer)
            broken = await self._wait_for(job) if job else failures.not_understood(address, answer.text[:120])
        except BackendError as error:
            broken = error
        for event in self._reply.flush():
            await self._emit(event)
        return self._reply.finish(broken)

    async def _wait_for(self, job: str) -> BackendError | None:
        """Ask after the job until it is done. Returns what went wrong, if anything did."""
        url, taken = f"{self._http.address.root}/api/v2/generate/text/status/{job}", False
        try:
            problem = await self._ask_after(url)
            taken = problem is None or problem.details.get("kind") == "expired"
            return problem
        finally:
            if not taken:
                await self._take_back(url)

    async def _ask_after(self, url: str) -> BackendError | None:
        address, told, lapses, wait = self._http.address.shown, None, 0, self._limits.poll
        while True:
            await asyncio.sleep(wait)
            if asyncio.get_running_loop().time() > self._patience.deadline(begun=False):
                return failures.not_reached(TimeoutError(), address)
            wait = self._limits.poll
            try:
                answer = await self._http.ask(url)
            except BackendError as error:
                lapses += 1
                if lapses > MOST_LAPSES or error.details.get("kind") in {"redirect", "protocol", "tls", "address"}:
                    return error
                continue
            if answer.status == 429 or answer.status >= 500:
                lapses += 1
                if lapses > MOST_LAPSES:
                    return horde.refused(answer, address, self._http.key_given)
                wait = self._pause(answer)
                continue
            if answer.status == 404:
                return horde.expired(address)
            if not answer.ok or not isinstance(answer.data, dict):
                return self._not_a_status(answer)
            lapses, now = 0, horde.progress(answer.data)
            over, problem = await self._judge(now)
            if over:
                return problem
            told = await self._tell(now, told)

    def _pause(self, answer: Answer) -> float:
        """How long the Horde wants to be left alone, at least twice the usual."""
        asked = retry.retry_after(answer.headers.get("retry-after", ""), 0.0) or 0.0
        return min(retry.LONGEST_WAIT, max(asked, self._limits.poll * 2))

    def _not_a_status(self, answer: Answer) -> BackendError:
        if answer.ok:
            return failures.not_understood(self._http.address.shown, answer.text[:120])
        return horde.refused(answer, self._http.address.shown, self._http.key_given)

    async def _judge(self, now: horde.Progress) -> tuple[bool, BackendError | None]:
        """Whether it is over, and what went wrong."""
        address = self._http.address.shown
        if now.faulted:
            return True, horde.failed(address)
        if not now.possible and not now.writing and not now.done:
            return True, horde.impossible(address, self._call.body.get("models", ()))
        if not now.done:
            return False, None
        if now.censored:
            return True, horde.censored(address)
        await self._hear(Delta(text=now.text or "", finish="stop", done=True, seed=now.seed))
        self._reply.remark(horde.made_by(now))
        return True, None

    async def _tell(self, now: horde.Progress, told: Notice | None) -> Notice:
        standing = horde.standing(now, self._http.address.shown)
        if standing != told:
            await self._emit(Status(standing))
        return standing

    async def _take_back(self, url: str) -> None:
        """Withdraw the request; what a worker had written by then is kept."""
        with suppress(BackendError):
            answer = await _within(self._http.ask(url, method="DELETE", seconds=CANCEL_SECONDS), CANCEL_SECONDS)
            if answer is not None and isinstance(answer.data, dict) and not self._reply.begun:
                left = horde.progress(answer.data)
                if left.text and not left.censored:
                    await self._hear(Delta(text=left.text))


class KoboldPolling(Exchange):
    """A reply of KoboldCpp's without a stream: it is asked now and then what it has written so far."""

    async def _once(self) -> Finish:
        whole = asyncio.create_task(self._http.ask(self._call.url, self._call.body, seconds=self._limits.first))
        try:
            broken = await self._follow(whole)
        except BackendError as error:
            broken = error
        finally:
            whole.cancel()
            await asyncio.gather(whole, return_exceptions=True)
        for event in self._reply.flush():
            await self._emit(event)
        return self._reply.finish(broken)

    async def _follow(self, whole: asyncio.Task[Answer]) -> BackendError | None:
        heard = ""
        while not self._reply.ended:
            await asyncio.wait([whole], timeout=min(LOOK_SECONDS, self._limits.poll))
            if whole.done():
                break
            heard = await self._hear_more(await self._so_far(), heard)
        if self._reply.ended:
            return None
        answer = whole.result()
        if not answer.ok:
            raise Rejected(
                failures.from_status(answer.status, answer.data, answer.text, self._http.address.shown,
                                     self._http.key_given), answer.headers, answer.data)
        if not isinstance(answer.data, dict):
            return failures.not_understood(self._http.address.shown, answer.text[:120])
        end = read_koboldcpp(answer.data)
        await self._hear_more(end.text, heard)
        await self._hear(Delta(finish=end.finish or "stop", done=True, understood=end.understood))
        return None

    async def _hear_more(self, text: str, heard: str) -> str:
        """Pass on what is new. What KoboldCpp took back again, an end that was trimmed, is not taken back here."""
        if len(text) <= len(heard) or not text.startswith(heard):
            return heard
        await self._hear(Delta(text=text[len(heard):]))
        return text

    async def _so_far(self) -> str:
        try:
            answer = await self._http.ask(
                f"{self._http.address.root}/api/extra/generate/check", {"genkey": self._call.body.get("genkey", "")})
        except BackendError as error:
            log.info("asking %s after its text: %s", self._http.address.shown, error)
            return ""
        return read_koboldcpp(answer.data).text if answer.ok and isinstance(answer.data, dict) else ""


async def _within(work: Coroutine[Any, Any, Answer], seconds: float) -> Answer | None:
    """The answer, None where it takes longer: who leaves does not wait for it, but it goes out."""
    task = asyncio.create_task(work)
    _going_out.add(task)
    task.add_done_callback(_went_out)
    done, _ = await asyncio.wait([task], timeout=seconds)
    return task.result() if done else None


_going_out: set[asyncio.Task[Answer]] = set()


def _went_out(task: asyncio.Task[Answer]) -> None:
    _going_out.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.info("taking a request back: %s", error)


def exchange_for(wire: str) -> type[Exchange]:
    """What carries a request on that wire."""
    return {"horde": HordeExchange, "koboldcpp_poll": KoboldPolling}.get(wire, Exchange)
