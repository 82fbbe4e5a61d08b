"""The one place from which everything that happens is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tui.domain.notice import Notice

Listener = Callable[[dict[str, Any]], None]


class EventHub:
    """Passes events (see `tui.wire`) to listeners, in order, on the event loop. Listeners must not block."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every later event. Returns what ends the subscription."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def emit(self, type: str, /, **data: Any) -> None:  # noqa: A002
        event = {"type": type, **data}
        for listener in tuple(self._listeners):
            listener(event)

    def tell(self, message: Notice, level: str = "info", **data: Any) -> None:
        """A sentence for everybody who is attached."""
        self.emit("notice", level=level, notice=message.to_json(), **data)
