"""Regex scripts run over texts in the helper process; one that meets a limit is told, and passed over from then on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tui.domain.notice import Notice
from tui.domain.regex_scripts import RegexScript, Step
from tui.sandbox.child import Gone
from tui.sandbox.host import Sandbox
from tui.sandbox.refusal import Refusal, pattern_refusal

#: A longer text, in characters, is left as it is.
LONGEST_TEXT = 1_000_000
#: Seconds by which the process may be late on a busy machine.
_PATIENCE = 3.0


@dataclass(frozen=True, slots=True)
class Changed:
    """A text after scripts: what it is now, and those that changed it."""

    text: str
    by: tuple[RegexScript, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the texts, in order, and why scripts were passed over, by their id."""

    texts: tuple[Changed, ...]
    troubles: dict[str, Notice]


def run_scripts(sandbox: Sandbox, jobs: Sequence[tuple[str, Sequence[Step]]]) -> Outcome:
    """Every text with its steps done one after the other. Blocks, for at most the sandbox's deadline or so; raises
    nothing. A text whose turn does not come stays as it is."""
    with sandbox.lock:
        return _Run(sandbox, jobs).outcome()


class _Run:
    """Rounds with the process until every text is done or the time is up."""

    def __init__(self, sandbox: Sandbox, jobs: Sequence[tuple[str, Sequence[Step]]]) -> None:
        self._sandbox = sandbox
        self._jobs = jobs
        self._steps: list[Step] = list({id(s): s for _, steps in jobs for s in steps}.values())
        self._numbers = {id(step): number for number, step in enumerate(self._steps)}
        self._done: list[Changed] = [Changed(text) for text, _ in jobs]
        self._troubles: dict[str, Notice] = {}

    def outcome(self) -> Outcome:
        for step in self._steps:
            key = _key(step)
            known = self._sandbox.refused(key)
            if step.pattern.problem is not None:
                self._troubles[step.script.id] = step.pattern.problem
            elif known is not None:
                self._troubles[step.script.id] = known.why
        waiting = [
            at for at, (text, steps) in enumerate(self._jobs)
            if text and len(text) <= LONGEST_TEXT and self._usable(steps)
        ]
        left = self._sandbox.deadline
        while waiting and left > 0:
            waiting, taken = self._round(waiting, left)
            left -= taken
        return Outcome(tuple(self._done), self._troubles)

    def _usable(self, steps: Sequence[Step]) -> list[int]:
        return [self._numbers[id(s)] for s in steps if s.script.id not in self._troubles]

    def _round(self, waiting: list[int], left: float) -> tuple[list[int], float]:
        """Take in as many answers as come in `left` seconds; what remains when a script hung or the process died, and
        the seconds that it took, the start of the process not counted."""
        request = {
            "op": "replace", "each": self._sandbox.per_pattern, "steps": [step.to_json() for step in self._steps],
            "jobs": [[self._jobs[at][0], self._usable(self._jobs[at][1])] for at in waiting],
        }
        child = self._sandbox.ask(request)
        if isinstance(child, Refusal):
            for step in self._steps:
                self._troubles.setdefault(step.script.id, child.why)
            return [], left
        # A search that is stopped in time, by its processor time, is silent for longer only on a machine that is busy.
        silence = self._sandbox.per_pattern * 3 + _PATIENCE
        started = time.monotonic()
        at, working = 0, -1
        try:
            while "done" not in (answer := child.read(time.monotonic() + silence)):
                if "at" in answer:
                    working = int(answer["at"])
                elif "refused" in answer:
                    number, kind, detail = answer["refused"]
                    self._refuse(number, pattern_refusal(kind, detail))
                else:
                    by = tuple(self._steps[number].script for number in answer["done_by"])
                    self._done[waiting[at]] = Changed(str(answer["text"]), by)
                    at += 1
                if time.monotonic() - started > left:
                    self._sandbox.discard()
                    return [], left
        except (TimeoutError, Gone) as error:
            self._sandbox.discard()
            if working >= 0:
                self._refuse(working, pattern_refusal("time" if isinstance(error, TimeoutError) else "failed"))
                return [number for number in waiting[at:] if self._usable(self._jobs[number][1])], 0.0
        return [], time.monotonic() - started

    def _refuse(self, number: int, refusal: Refusal) -> None:
        step = self._steps[number]
        self._troubles[step.script.id] = refusal.why
        self._sandbox.refuse(_key(step), refusal)


def _key(step: Step) -> str:
    """What a script that met a limit is remembered by, apart from keys of lore."""
    return f"script {step.pattern.flags} {step.pattern.source} {step.replace}"
