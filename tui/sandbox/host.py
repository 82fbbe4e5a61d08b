"""The helper process as the program uses it: patterns searched, templates rendered, and never for longer than told."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tui.domain.notice import Notice
from tui.domain.patterns import parse_pattern
from tui.sandbox.child import Child, Gone
from tui.sandbox.refusal import Refusal, pattern_refusal, start_refusal, template_refusal, together_refusal

#: Seconds for the process to be there and to have read what it needs; a phone takes its time.
_START = 20.0
#: Seconds in which a process that is there takes up the next request; one that does not is replaced.
_AGAIN = 3.0
#: A longer template, in characters, is no chat template.
_TEMPLATE_MAX = 2**20
_REMEMBERED = 10_000
#: For every so many messages a rendering may take its time once more.
_MESSAGES = 100
#: Texts and patterns that go to the process in one round, in characters.
_ROUND = 4_000_000
_NO_PATTERN = Refusal("syntax", Notice("This is no pattern: it is not of the form /…/."))


class Sandbox:
    """One helper process, started when it is first needed. Methods block, may be called from any thread, and raise
    nothing: what cannot be had is a Refusal.

    `deadline` is what one call may take, in seconds of wall-clock time; `per_pattern` and `per_render` what one
    search and one rendering may, in seconds of processor time. Long chats are given longer.
    """

    def __init__(self, *, deadline: float = 2.0, per_pattern: float = 0.2, per_render: float = 1.0) -> None:
        self.deadline = deadline
        self.per_pattern = per_pattern
        self.per_render = per_render
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._refused: dict[str, Refusal] = {}
        self._begun: set[str] = set()                       # what the process has been asked for before

    def search(self, jobs: Sequence[tuple[str, str]]) -> list[bool | Refusal]:
        """For every (pattern `/…/flags`, text): whether it occurs there. A pattern that met a limit is remembered
        and refused from then on without being tried."""
        with self._lock:
            return _Search(self, jobs).run()

    def render(self, template: str, conversations: Sequence[Mapping[str, Any]]) -> list[str | Refusal]:
        """The Jinja `template` over every conversation: its variables (`messages`, `add_generation_prompt`,
        `bos_token`, `eos_token`, …) and `clock`, ISO 8601, which strftime_now tells. After a refusal that would be
        repeated the others are refused as well."""
        if len(template) > _TEMPLATE_MAX:
            return [template_refusal(["memory"])] * len(conversations)
        with self._lock:
            return self._render(template, conversations)

    def renderer(self, template: str, defaults: Mapping[str, Any] | None = None, budget: float = 4.0) -> Renderer:
        """`template` as a function of one conversation, for the pure parts of the program. `defaults` are variables
        that a conversation need not name; `budget` is in seconds, for all calls together."""
        return Renderer(lambda conversation: self.render(template, [conversation])[0], defaults or {}, budget)

    @property
    def lock(self) -> threading.Lock:
        """Held by whoever speaks to the process."""
        return self._lock

    def close(self) -> None:
        """End the process; a later call starts another."""
        with self._lock:
            self.discard()

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._child.pid if self._child is not None and self._child.running else None

    def ask(self, request: Mapping[str, Any]) -> Child | Refusal:
        """A process at work on `request`, started if need be. Only for calls that hold the lock."""
        reason = "?"
        for _ in range(2):
            try:
                if self._child is None or not self._child.running:
                    self.discard()
                    self._child = Child()
                self._child.send({"work": self.deadline, **request})
                begun = request["op"] in self._begun          # one that has begun to work answers at once, or hangs
                self._child.read(time.monotonic() + (_AGAIN if begun else _START))
                self._begun.add(request["op"])
                return self._child
            except (Gone, TimeoutError):
                self.discard()
                reason = f"{sys.executable} -m tui.sandbox.worker"
            except OSError as error:
                return start_refusal(str(error))
        return start_refusal(reason)

    def discard(self) -> None:
        """End the process, if there is one. Only for calls that hold the lock."""
        if self._child is not None:
            self._child.kill()
            self._child = None
            self._begun.clear()

    def refused(self, key: str) -> Refusal | None:
        """Why a pattern is not tried any more, if so."""
        return self._refused.get(key)

    def refuse(self, key: str, refusal: Refusal) -> None:
        """Remember a pattern that met a limit or cannot be compiled."""
        if len(self._refused) < _REMEMBERED:
            self._refused[key] = refusal

    def _render(self, template: str, conversations: Sequence[Mapping[str, Any]]) -> list[str | Refusal]:
        out: list[str | Refusal] = []
        longest = max((len(conversation.get("messages", ())) for conversation in conversations), default=0)
        patience = 1 + longest / _MESSAGES                  # an honest template works longer on a longer chat
        child = self.ask({
            "op": "render", "template": template, "conversations": list(conversations),
            "each": self.per_render * patience, "work": self.deadline * patience,
        })
        if isinstance(child, Refusal):
            return [child] * len(conversations)
        until = time.monotonic() + self.deadline * patience
        try:
            while "done" not in (answer := child.read(until)):
                told = answer.get("text")
                out.append(told if isinstance(told, str) else template_refusal(answer["refused"]))
                if isinstance(out[-1], Refusal) and out[-1].final and len(out) < len(conversations):
                    self.discard()                          # the others would fare the same
                    return out + [out[-1]] * (len(conversations) - len(out))
        except TimeoutError:
            self.discard()
            out += [template_refusal(["time"])] * (len(conversations) - len(out))
        except Gone:
            self.discard()
            out += [template_refusal(["memory"])] * (len(conversations) - len(out))
        return out


class Renderer:
    """A template as a function: a conversation's text, or None. `refusal` is why the last one had none."""

    def __init__(
        self, render: Callable[[Mapping[str, Any]], str | Refusal], defaults: Mapping[str, Any], budget: float,
    ) -> None:
        self._render = render
        self._defaults = defaults
        self._left = budget
        self.refusal: Refusal | None = None

    def __call__(self, conversation: Mapping[str, Any]) -> str | None:
        if self._left <= 0 or (self.refusal is not None and self.refusal.final):
            self.refusal = self.refusal or template_refusal(["time"])
            return None
        started = time.monotonic()
        result = self._render({**self._defaults, **conversation})
        self._left -= time.monotonic() - started
        self.refusal = result if isinstance(result, Refusal) else None
        return result if isinstance(result, str) else None

    def refusal_of(self, conversation: Mapping[str, Any]) -> Refusal | None:
        """Why there is no text of this conversation; None where there is."""
        return self.refusal if self(conversation) is None else None


class _Search:
    """One call of `search`: rounds with the process until all jobs are answered or the time is up."""

    def __init__(self, sandbox: Sandbox, jobs: Sequence[tuple[str, str]]) -> None:
        self._sandbox = sandbox
        self._jobs = jobs
        self._results: list[bool | Refusal | None] = [None] * len(jobs)
        self._patterns = {key: parse_pattern(key) for key in {key for key, _ in jobs}}

    def run(self) -> list[bool | Refusal]:
        waiting = self._untried()
        left, careful = self._sandbox.deadline, False
        while waiting and left > 0:
            waiting = waiting[: self._fitting(waiting)]
            child = self._sandbox.ask(self._request(waiting, careful))
            if isinstance(child, Refusal):
                return [result if result is not None else child for result in self._results]
            started = time.monotonic()
            careful = not self._round(child, waiting, started + left, careful) or careful
            left -= time.monotonic() - started
            waiting = self._untried()
        return [result if result is not None else together_refusal() for result in self._results]

    def _untried(self) -> list[int]:
        """Jobs that have no answer yet; those that need none to be asked for get theirs."""
        waiting = []
        for at in range(len(self._jobs)):
            if self._results[at] is None:
                self._results[at] = self._known(at)
                if self._results[at] is None:
                    waiting.append(at)
        return waiting

    def _fitting(self, waiting: Sequence[int]) -> int:
        """How many of the jobs fit into one round; at least one."""
        room = _ROUND
        seen: set[str] = set()
        for count, at in enumerate(waiting):
            new = set(self._jobs[at]) - seen
            seen |= new
            room -= sum(map(len, new))
            if room < 0:
                return max(1, count)
        return len(waiting)

    def _known(self, at: int) -> Refusal | None:
        key = self._jobs[at][0]
        pattern = self._patterns[key]
        if pattern is None:
            return _NO_PATTERN
        if pattern.problem is not None:
            return Refusal("syntax", pattern.problem)
        if len(self._jobs[at][1]) > _ROUND:
            return pattern_refusal("memory")
        return self._sandbox.refused(key)

    def _request(self, waiting: Sequence[int], careful: bool) -> dict[str, Any]:
        keys: dict[str, int] = {}
        texts: dict[str, int] = {}
        jobs = []
        for at in waiting:
            key, text = self._jobs[at]
            jobs.append([keys.setdefault(key, len(keys)), texts.setdefault(text, len(texts))])
        patterns = [p for key in keys if (p := self._patterns[key]) is not None]
        return {
            "op": "search", "texts": list(texts), "patterns": [[p.python, p.ignore_case] for p in patterns],
            "jobs": jobs, "each": self._sandbox.per_pattern, "careful": careful,
        }

    def _round(self, child: Child, waiting: Sequence[int], until: float, careful: bool) -> bool:
        """Take answers in; False when the process hung or died. Which job it was at is known only if `careful`."""
        answered = 0
        silence = self._sandbox.per_pattern * 3 + 0.2       # a search that is stopped in time is never silent so long
        try:
            while "done" not in (answer := child.read(min(until, time.monotonic() + silence))):
                for told in answer["results"]:
                    self._take(waiting[answered], told)
                    answered += 1
        except (TimeoutError, Gone) as error:
            self._sandbox.discard()
            if careful and answered < len(waiting):
                self._take(waiting[answered], ["time" if isinstance(error, TimeoutError) else "failed", ""])
            return False
        return True

    def _take(self, at: int, told: Any) -> None:
        if isinstance(told, bool):
            self._results[at] = told
            return
        key = self._jobs[at][0]
        refusal = pattern_refusal(told[0], told[1])
        self._results[at] = refusal
        self._sandbox.refuse(key, refusal)
