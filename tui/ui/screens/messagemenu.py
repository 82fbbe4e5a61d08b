"""What can be done with a message: every key of the messages as a line to choose, where there are no keys at hand."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from tui.i18n import tr
from tui.ui.keys import KEYS, Key
from tui.ui.screens.choosing import ChoicePage
from tui.ui.screens.page import Hint
from tui.ui.widgets.listing import Line

#: Keys that lead away from the message, or here.
_NOT_HERE = frozenset({"slash", "back", "message-menu"})


class MessageMenu(ChoicePage):
    """Acts on the message that is chosen in the story, else on the last one, as the keys do."""

    BINDINGS = [Binding("f7", "back", id="message.close", show=False)]  # noqa: RUF012

    def heading(self) -> str:
        return tr("This message")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("do it"), "choose"), self.back_hint())

    async def load(self) -> None:
        self.focus_search()
        self.picker.show(Line(key.id, tr(key.label), key.shown) for key in message_keys())

    def chosen(self, line: Line) -> None:
        action = next(key.action for key in message_keys() if key.id == line.id)
        self.dismiss(None)
        self.app.call_later(self.app.run_action, action)   # once the story is in front again


def message_keys() -> list[Key]:
    """The keys of the messages that do something with one."""
    return [
        key for key in KEYS if key.place == "messages" and key.action.startswith("app.") and key.id not in _NOT_HERE
    ]
