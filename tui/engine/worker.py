"""The engine's own process: llama.cpp runs here, so that what it prints, blocks or breaks stays here.

Started as `python -m tui.engine.worker` with its protocol on 0 and 1 and its log on 2. Three threads: the main
one computes; a reader takes commands and raises the abort flag; a third counts tokens while the first computes.
It ends with the pipe: two seconds after the core is gone, so is this. In that time what it has read is kept on disk,
as far as that goes.
"""

from __future__ import annotations

import base64
import contextlib
import faulthandler
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from tui.domain.errors import EngineError, TraktirError
from tui.domain.notice import notice
from tui.engine import INSTALL, bindings, protocol
from tui.engine.loading import Loaded, load
from tui.engine.settings import EngineSettings

#: Seconds that a computation gets to hear the abort flag when the core is gone, and that keeping states may take then,
#: before the process just ends.
_GRACE, _LAST_WRITES = 0.5, 1.2

#: Seconds without a request after which the states of conversations that another one followed are kept.
_QUIET = 1.0


class Channel:
    """The way out to the proxy, for any thread. When nobody reads any more the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def tell(self, message: dict[str, Any]) -> None:
        data = memoryview(protocol.encode(message))
        try:
            with self._lock:
                while data:
                    data = data[os.write(self._descriptor, data):]
        except OSError:
            os._exit(0)


class Desk:
    """Who is being served: which requests wait, which one is computed, and which were called off.

    Reading ahead gives way: to a reply, and to another reading ahead.
    """

    def __init__(self, flag: bindings.AbortFlag) -> None:
        self._flag = flag
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._ahead: set[str] = set()             # of those waiting or computed, what is only read ahead
        self._called_off: set[str] = set()
        self._current = ""
        self._closing = False

    def arrive(self, request: str, *, ahead: bool = False) -> None:
        with self._lock:
            self._called_off |= self._ahead
            if self._current in self._ahead:
                self._flag.set()
            self._waiting.add(request)
            if ahead:
                self._ahead.add(request)

    def begin(self, request: str) -> None:
        with self._lock:
            self._waiting.discard(request)
            self._current = request
            if request in self._called_off or self._closing:
                self._flag.set()
            else:
                self._flag.clear()

    def end(self) -> None:
        with self._lock:
            self._called_off.discard(self._current)
            self._ahead.discard(self._current)
            self._current = ""

    def abort(self, request: str) -> None:
        with self._lock:
            if request == self._current:
                self._flag.set()
            elif request in self._waiting:
                self._called_off.add(request)

    def close(self) -> None:
        with self._lock:
            self._closing = True
            self._flag.set()


class Worker:
    """Commands in, events out."""

    def __init__(self, commands: BinaryIO, channel: Channel) -> None:
        self._commands = commands
        self._tell = channel.tell
        self._flag = bindings.AbortFlag()
        self._desk = Desk(self._flag)
        self._work: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._counts: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._left = threading.Event()
        self._finished = threading.Event()

    def run(self) -> None:
        """Serve until the pipe ends; the first command is `load`."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        command = self._work.get()
        loaded = self._load(command) if command else None
        if loaded is not None:
            threading.Thread(target=self._count, args=(loaded,), name="counter", daemon=True).start()
            while (command := self._next(loaded)) is not None:
                match command["do"]:
                    case "keep":
                        loaded.keeper.keep_all(command["within"])
                        self._tell({"is": "kept", "id": command["id"]})
                    case "picture":
                        loaded.eyes.take(command["id"], base64.b64decode(command["data"]))
                    case "drop":
                        loaded.eyes.drop(command["ids"])
                    case "rescale":
                        self._rescale(loaded, command)
                    case "forget":
                        loaded.keeper.forget(command["conversation"])
                    case _:
                        self._serve(loaded, command)
            self._left.set()
            loaded.keeper.keep_all(_LAST_WRITES)
        self._left.set()
        self._finished.set()

    def _next(self, loaded: Loaded) -> dict[str, Any] | None:
        """The next command; while there is none, what is to be kept on disk is written."""
        try:
            return self._work.get(timeout=_QUIET)
        except queue.Empty:
            loaded.keeper.keep_former()
            return self._work.get()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in iter(lambda: self._commands.readline(protocol.MAX_LINE), b""):
                self._take(protocol.decode(line))
        self._desk.close()
        self._work.put(None)
        if self._left.wait(_GRACE):
            self._finished.wait(_LAST_WRITES)
        os._exit(0)

    def _take(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "ping":
                self._tell({"is": "here"})
            case "abort":
                self._desk.abort(command["id"])
            case "count" | "measure":
                self._counts.put(command)
            case "complete" | "warm":
                self._desk.arrive(command["id"], ahead=command["do"] == "warm")
                self._work.put(command)
            case _:
                self._work.put(command)

    def _load(self, command: dict[str, Any]) -> Loaded | None:
        try:
            wrong = bindings.all_differences(bindings.load_library())
            if wrong:
                raise EngineError(
                    notice("The installed llama-cpp-python is not of the version that Traktir was made for."),
                    notice("Install it again: {command}", command=INSTALL),
                    kind="bindings", differences=wrong,
                )
            loaded = load(
                Path(command["path"]), EngineSettings.from_json(command["settings"]),
                extra_bufts=command["extra_bufts"], flag=self._flag, tell=self._tell, kept=command["kept"],
            )
        except TraktirError as error:
            self._tell({"is": "failed", "error": error.to_json()})
            return None
        except (ImportError, OSError, RuntimeError) as error:
            self._tell({"is": "failed", "error": _unloadable(error).to_json()})
            return None
        self._tell({"is": "ready", "facts": loaded.to_json()})
        return loaded

    def _serve(self, loaded: Loaded, command: dict[str, Any]) -> None:
        request = command["id"]
        self._desk.begin(request)
        try:
            pieces = protocol.pieces_from_json(command["pieces"])
            prompt = loaded.tokeniser.prompt(pieces, command["bos"], loaded.eyes.looking(command["sizes"]))
            self._turn_to(loaded, command, prompt)
            if command["do"] == "warm":
                held = loaded.generator.warm(prompt, shift=command["shift"])
                self._tell({"is": "warmed", "id": request, "tokens": held})
            else:
                self._complete(loaded, command, prompt)
        except Exception as error:                    # one request that makes no sense must not end the model
            self._tell({"is": "error", "id": request, "error": told(error).to_json()})
        finally:
            self._desk.end()

    def _rescale(self, loaded: Loaded, command: dict[str, Any]) -> None:
        try:
            loaded.rescale(EngineSettings.from_json(command["settings"]))
        except TraktirError as error:
            self._tell({"is": "said", "notice": error.what.to_json()})

    @staticmethod
    def _turn_to(loaded: Loaded, command: dict[str, Any], prompt: list[int]) -> None:
        """Have the conversation's own sequence at hand, filled from another or from disk where that saves reading."""
        if 0 < len(prompt) < loaded.context.size:
            have = loaded.memory.turn_to(command["conversation"], prompt, shift=command["shift"])
            loaded.keeper.restore(prompt, have)

    def _complete(self, loaded: Loaded, command: dict[str, Any], prompt: list[int]) -> None:
        request = command["id"]

        def text(shown: str) -> None:
            self._tell({"is": "text", "id": request, "text": shown})

        def tokens(told: list[list[Any]]) -> None:
            self._tell({"is": "tokens", "id": request, "tokens": told})

        def progress(processed: int, total: int, cached: int) -> None:
            self._tell({"is": "progress", "id": request, "at": (processed, total, cached)})

        outcome = loaded.generator.run(
            prompt, protocol.samplers_from_json(command["samplers"]), command["max_tokens"], command["stop"],
            text, progress, shift=command["shift"], tell_tokens=tokens,
            negative=self._negative(loaded, command),
        )
        told = loaded.keeper.told()
        notices = [*outcome.notices, told] if told else outcome.notices
        self._tell({
            "is": "finish", "id": request, "outcome": outcome.to_json(),
            "notices": [n.to_json() for n in notices],
        })

    @staticmethod
    def _negative(loaded: Loaded, command: dict[str, Any]) -> list[int]:
        """The other prompt of guidance, empty for none. Pictures are left out of it."""
        pieces = [piece for piece in protocol.pieces_from_json(command.get("negative", ())) if not piece.image]
        return loaded.tokeniser.prompt(pieces, command["bos"], loaded.eyes.looking({})) if pieces else []

    def _count(self, loaded: Loaded) -> None:
        while True:
            command = self._counts.get()
            try:
                self._tell({"is": "counted", "id": command["id"], "counts": _counted(loaded, command)})
            except Exception as error:                # whoever waits must hear of it, and the next ask again
                self._tell({"is": "error", "id": command["id"], "error": told(error).to_json()})


def _counted(loaded: Loaded, command: dict[str, Any]) -> list[int]:
    if command["do"] == "measure":
        return [loaded.eyes.count((width, height)) for width, height in command["sizes"]]
    return [len(loaded.tokeniser.encode(protocol.pieces_from_json(p))) for p in command["prompts"]]


def told(error: Exception) -> TraktirError:
    """`error` for a person; what nobody foresaw goes to the log in full."""
    if isinstance(error, TraktirError):
        return error
    sys.excepthook(type(error), error, error.__traceback__)
    return EngineError(
        notice("The engine failed in a way that nobody foresaw: {reason}", reason=str(error)[:300]),
        notice("The model's log has the details; please report them."), kind="unforeseen",
    )


def _unloadable(error: Exception) -> EngineError:
    again = INSTALL.replace("install", "install --force-reinstall --no-deps", 1)
    return EngineError(
        notice("llama.cpp could not be started: {reason}", reason=str(error)[:300]),
        notice("Install it again: {command}", command=again),
        kind="library",
    )


def private_descriptors() -> tuple[BinaryIO, Channel]:
    """Move the protocol away from 0 and 1, where native code might read and print, and leave null there."""
    commands, events = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return os.fdopen(commands, "rb"), Channel(events)


def no_core_dump() -> None:
    """A crash is told to the person; a dump of the whole model on their disk would not help them."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def main() -> None:
    commands, channel = private_descriptors()
    no_core_dump()
    faulthandler.enable()
    try:
        Worker(commands, channel).run()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(70)
    os._exit(0)


if __name__ == "__main__":
    main()
