"""What display scripts make of messages: asked of the core, since only there patterns may run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.domain.errors import TraktirError

if TYPE_CHECKING:
    from tui.ui.app import TraktirApp

#: Messages at the end that are asked about when one was added or changed.
_LAST = 40


class Rewriting:
    """Keeps `ChatState.displayed` up to date, as long as any script changes what is shown."""

    def __init__(self, app: TraktirApp) -> None:
        self._app = app
        self._chat = ""
        self._active = False
        self._asking = False
        self._again = False

    def look(self) -> None:
        """Another chat is in front, or scripts have changed."""
        self._app.perform(self._ask(0))

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event of the core."""
        chat = self._app.state.chat
        if event.get("type") == "regex":
            self.look()
        elif self._active and chat is not None and event.get("chat") == chat.id:
            done = event.get("type") == "turn" and event.get("state") == "done"
            if done or event.get("type") in ("node", "head"):
                self._soon()

    def _soon(self) -> None:
        """Ask about the end of the chat; one question at a time."""
        if self._asking:
            self._again = True
        else:
            self._asking = True
            self._app.perform(self._follow())

    async def _follow(self) -> None:
        try:
            while True:
                self._again = False
                await self._ask(_LAST)
                if not self._again:
                    return
        finally:
            self._asking = False

    async def _ask(self, last: int) -> None:
        state = self._app.state
        if state.chat is None:
            return
        chat = state.chat.id
        try:
            told = await self._app.link.call("regex.display", chat=chat, head=state.head, last=last)
        except TraktirError:                      # the chat is read as it is written
            return
        if state.chat is None or state.chat.id != chat:
            return
        before = state.displayed
        kept = before if last and told["active"] else {}
        path = {n.current for n in list(state.path)[-last:]} if last else set()
        state.displayed = {k: v for k, v in kept.items() if k not in path} | dict(told["texts"])
        self._active = bool(told["active"])
        if state.displayed != before:
            self._app.redraw_path()
