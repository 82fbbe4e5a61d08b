"""What the model writes into the composer for the person, as it grows there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.domain.cleantext import clean
from tui.domain.errors import Refused
from tui.domain.notice import notice
from tui.i18n import tr
from tui.wire.ids import new_id

if TYPE_CHECKING:
    from tui.ui.app import TraktirApp


class Asides:
    """One text at a time. Who types meanwhile takes over: the model stops, and what was typed stays."""

    def __init__(self, app: TraktirApp) -> None:
        self._app = app
        self._id = ""
        self._begun = ""
        self._put = ""

    @property
    def active(self) -> bool:
        return bool(self._id)

    async def impersonate(self, guidance: str = "", begun: str | None = None) -> None:
        """Have the person's next message written, from `begun` (default: what stands in the composer) on. Raises
        Refused and what the core raises."""
        state = self._app.state
        if state.chat is None:
            raise Refused("No chat is open.", "Press F2 to choose a character.")
        if state.writing or self.active:
            raise Refused("A reply is being written already.", "Esc stops it.")
        composer = self._app.chat.composer
        self._id, self._begun = new_id(), composer.text if begun is None else begun
        self._put = composer.text
        try:
            got = await self._app.link.call(
                "turn.impersonate", chat=state.chat.id, id=self._id, parent=state.head, begun=self._begun,
                guidance=guidance,
            )
            self._show(str(got["text"]))
        finally:
            self._id = ""

    async def suggest(self) -> None:
        """Offer a few things to say; the one that is chosen comes into the composer."""
        from tui.ui.screens.confirm import choose

        state = self._app.state
        if state.chat is None:
            raise Refused("No chat is open.", "Press F2 to choose a character.")
        if state.writing or self.active:
            raise Refused("A reply is being written already.", "Esc stops it.")
        self._id = new_id()
        self._app.say_notice(notice("The model thinks of something to say…"))
        try:
            got = await self._app.link.call("turn.suggest", chat=state.chat.id, id=self._id, parent=state.head)
        finally:
            self._id = ""
        lines = [clean(str(line)) for line in got["suggestions"]]
        chosen = await choose(self._app, tr("What do you say?"), [(line, line) for line in lines])
        if chosen is not None:
            self._app.compose_line(chosen)

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in an event of the core."""
        if event.get("type") != "aside" or event.get("id") != self._id or not event.get("text"):
            return
        if self._app.chat.composer.text != self._put:
            self._app.perform(self._app.actions.stop())
            self._id = ""
            return
        head = self._begun.rstrip()
        self._show(head + str(event["text"]) if head else str(event["text"]).lstrip())

    def _show(self, text: str) -> None:
        composer = self._app.chat.composer
        if composer.text == self._put:            # nobody has typed
            self._put = clean(text)
            composer.put(self._put)
