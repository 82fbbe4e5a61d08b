"""Keeps the states of prompts beyond the life of the worker: when to write one, and when to take one back. Worker
side."""

from __future__ import annotations

import contextlib
import errno
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.domain.backend import SIDE
from tui.domain.notice import Notice, notice
from tui.engine.memory import Memory
from tui.engine.opening import available_memory
from tui.engine.sequences import Held, Mark
from tui.engine.state_files import StateFolder, TooLarge, Unfit
from tui.engine.stretches import common

#: Tokens that a state must hold to be written, those it must hold beyond what was written before, and those that must
#: come back from disk for it to be worth a look.
LEAST_KEPT, LEAST_NEW, LEAST_RESTORED = 256, 32, 256

#: Bytes a second at which a file is believed to be read and proven, until one was.
_READ_SPEED = 3e8

#: Tokens a second that a model is believed to read where it was not measured.
_PREFILL = 500.0


@dataclass(frozen=True, slots=True)
class _Writing:
    folder: StateFolder
    name: str
    tokens: tuple[int, ...]
    prefill: float
    parts: tuple[tuple[int, bytearray], ...]


@dataclass(frozen=True, slots=True)
class _Forgetting:
    folder: StateFolder
    name: str


class Keeper:
    """Writes states on a thread of its own; what llama.cpp has is copied before, on the caller's. `say` hears what a
    person should know. Without a folder nothing is kept."""

    def __init__(self, memory: Memory, folder: StateFolder | None, say: Callable[[Notice], None]) -> None:
        self._memory = memory
        self._folder = folder
        self._say = say
        self._said: set[str] = set()
        self._restored: dict[str, Notice] = {}
        self._read_speed = _READ_SPEED
        self._jobs: queue.SimpleQueue[_Writing | _Forgetting | threading.Event] = queue.SimpleQueue()
        #: Why nothing can be kept, for the person.
        self.trouble: Notice | None = None
        if folder is not None:
            try:
                folder.prepare()
            except OSError as error:
                self._folder, self.trouble = None, _unwritable(error)
        if self._folder is not None:
            memory.on_loss = self.keep
            threading.Thread(target=self._write_all, name="keeper", daemon=True).start()

    def restore(self, prompt: Sequence[int], have: int) -> None:
        """Take what is on disk for the current conversation where it has more of `prompt` than the `have` tokens in
        memory, and reading those from disk is quicker than from the prompt."""
        held, folder = self._memory.current, self._folder
        if folder is None or not _lasts(held.name):
            return
        try:
            header = folder.look(held.name)
            if header is None:
                return
            wanted = prompt[:-1]
            shared = common(header.tokens, wanted)
            context = self._memory.context
            if shared < len(header.tokens) and not (context.cuts and not context.model.sliding_window):
                shared = max((n for n, _ in header.parts[1:] if n <= shared), default=0)
            gain = shared - have
            prefill = self._memory.prefill or header.prefill or _PREFILL
            if gain < LEAST_RESTORED or header.size / self._read_speed >= gain / prefill:
                return
            self._take(held, folder)
        except Unfit as unfit:
            print(f"a kept state was refused: {unfit}", file=sys.stderr)
            self._restored[held.name] = unfit.says

    def _take(self, held: Held, folder: StateFolder) -> None:
        """Raises Unfit where llama.cpp refuses it, or reports another length than was written."""
        memory, began = self._memory, time.perf_counter()
        with folder.take(held.name) as (header, parts):
            memory.forget(held)
            taken = memory.context.set_state(held.number, parts[0])
            if not taken:                         # no room beside the others, perhaps
                for other in memory.held:
                    self.keep(other)
                    memory.forget(other)
                taken = memory.context.set_state(held.number, parts[0])
            if not taken or memory.context.length(held.number) != len(header.tokens):
                memory.forget(held)
                folder.remove(held.name)
                raise Unfit("llama.cpp refused it")
            held.tokens, held.kept = list(header.tokens), len(header.tokens)
            for (length, _), data in zip(header.parts[1:], parts[1:], strict=True):
                held.add_mark(Mark(length, bytearray(data)))
        seconds = time.perf_counter() - began
        self._read_speed = header.size / max(seconds, 1e-6)
        self._restored[held.name] = notice(
            "{tokens} tokens came from disk in {ms} ms.", tokens=len(held.tokens), ms=round(seconds * 1000),
        )

    def turn_to(self, folder: StateFolder | None) -> None:
        """Keep what is read from now on as `folder` has it: the model is not what it was. What was read is let go."""
        for held in self._memory.held:
            self.keep(held)
        if self._folder is not None:              # else nothing is kept, or nothing can be
            self._folder = folder
        self._memory.forget_all()

    def forget(self, name: str) -> None:
        """Let go of a conversation, or ("") of all, in memory and on disk."""
        for held in self._memory.held:
            if held.tokens and name in ("", held.name):
                self._memory.forget(held)
        if self._folder is not None:              # after what is still to be written of it
            self._jobs.put(_Forgetting(self._folder, name))

    def told(self) -> Notice | None:
        """What happened for the current conversation since this was last asked."""
        return self._restored.pop(self._memory.current.name, None)

    def keep_former(self) -> None:
        """Write what is not written yet of conversations that another one has followed."""
        for held in self._memory.held:
            if held is not self._memory.current:
                self.keep(held)

    def keep_all(self, within: float) -> None:
        """Write all that is not written yet, the latest first, and wait for it, at most so many seconds."""
        for held in sorted(self._memory.held, key=lambda h: -h.used):
            self.keep(held)
        done = threading.Event()
        if self._folder is not None:
            self._jobs.put(done)
            done.wait(within)

    def keep(self, held: Held) -> None:
        """Have a state written, where it is worth it. Copies it now; a thread does the rest."""
        memory = self._memory
        worth = len(held.tokens) >= LEAST_KEPT and len(held.tokens) - held.kept >= LEAST_NEW
        if self._folder is None or held.moved or not worth or not _lasts(held.name):
            return
        size = memory.context.state_size(held.number)
        free = available_memory()
        if not size or (free and size > free // 2):
            return
        whole = bytearray(size)
        if memory.context.state(held.number, whole) != size:
            return
        parts = ((len(held.tokens), whole), *((mark.length, mark.data) for mark in memory.copies(held)))
        held.kept = len(held.tokens)
        self._jobs.put(_Writing(self._folder, held.name, tuple(held.tokens), memory.prefill, parts))

    def _write_all(self) -> None:
        while True:
            job = self._jobs.get()
            if isinstance(job, threading.Event):
                job.set()
                continue
            if isinstance(job, _Forgetting):
                with contextlib.suppress(OSError):
                    job.folder.forget(job.name)
                continue
            try:
                job.folder.put(job.name, job.tokens, job.prefill, job.parts)
            except TooLarge:
                self._tell_once(notice(
                    "What the model has read of a chat is too large to be kept on disk ({mb} MB); it will be read "
                    "again after a restart. The setting kv_quota_mb limits it.",
                    mb=round(sum(len(data) for _, data in job.parts) / 1e6),
                ))
            except OSError as error:
                self._tell_once(_unwritable(error))

    def _tell_once(self, told: Notice) -> None:
        if told.id not in self._said:
            self._said.add(told.id)
            self._say(told)


def _lasts(name: str) -> bool:
    """Whether the states of a conversation are kept: those with a name that are not side jobs."""
    return bool(name) and not name.endswith(SIDE)


def _unwritable(error: OSError) -> Notice:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return notice("The disk is full: what the model has read is not kept, and will be read again after a restart.")
    return notice(
        "What the model has read cannot be kept on disk ({reason}); it will be read again after a restart.",
        reason=error.strerror or str(error)[:100],
    )
