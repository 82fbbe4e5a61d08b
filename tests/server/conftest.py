"""A core that does what the test says, and its place in a short directory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tui.domain.errors import NotFound
from tui.domain.notice import notice


class ScriptedCore:
    """Stands where the core stands: answers calls with themselves, emits what it is told to."""

    def __init__(self) -> None:
        self.attached = 0
        self.is_busy = False
        self.closed = False
        self.variables: dict[str, str] = {}
        self.wants: list[str] = []
        self._listeners: list[Callable[[dict[str, Any]], None]] = []

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        if method == "fail.inside":
            raise ZeroDivisionError("the inside")
        if method == "chats.open":
            return {"chat": {"id": params["id"]}, "nodes": []}
        if method != "echo":
            raise NotFound(notice("There is no method called {name}.", name=method), method=method)
        return dict(params)

    def emit(self, **event: Any) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def subscribe(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def busy(self) -> bool:
        return self.is_busy

    def environment(self, values: Mapping[str, str]) -> None:
        self.variables.update(values)

    def wanted_variables(self) -> list[str]:
        return self.wants

    def status(self) -> dict[str, Any]:
        return {"writing_in": []}

    async def close(self) -> None:
        self.emit(type="turn", chat="c", node="n", state="done", finish="cut")
        self.closed = True


@pytest.fixture
def core() -> ScriptedCore:
    return ScriptedCore()


@pytest.fixture(autouse=True)
def short_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Sockets of a test lie in a directory of its own, with a short name."""
    with tempfile.TemporaryDirectory(prefix="tk", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)
    monkeypatch.setattr(tempfile, "tempdir", None)
