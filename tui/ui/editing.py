"""The composer lent to an old message: its text is changed in place, said otherwise in a branch, or a reply is written
anew from the cursor on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from tui.domain.chat import Node
from tui.domain.errors import Refused
from tui.domain.notice import Notice

if TYPE_CHECKING:
    from tui.ui.screens.chat import ChatScreen


class Editing:
    """Which message the composer holds, and what stood in it before."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._branch = False
        self.node: str | None = None
        #: What the person was writing when the composer was lent away.
        self.set_aside = ""

    def begin(self, node: Node, *, branch: bool = False) -> None:
        """Lend the composer to a message; with `branch` its new text becomes a version beside it."""
        if self.node is None:
            self.set_aside = self._screen.composer.text
        self.node, self._branch = node.id, branch
        self._sign("⑂" if branch else "✎")
        self._screen.composer.focus()
        self._screen.composer.put(node.text)
        self._screen.host.say_notice(Notice(
            "Enter says it otherwise in a branch of its own, Esc leaves it as it was." if branch
            else "Enter keeps the text, Esc leaves it as it was; Ctrl+R: anew from the cursor on." if
            node.role == "assistant" else "Editing: Enter keeps the text, Esc leaves it as it was."
        ))

    def keep(self, text: str) -> None:
        """Take the text as it stands now."""
        node, branch = self._old(), self._branch
        self.leave()
        if node is None or not text.strip() or text == node.text:
            return
        actions = self._screen.host.actions
        self._screen.host.perform(
            actions.branch_edit(node.id, text) if branch else actions.save_edit(node.id, text)
        )

    def rewrite(self) -> None:
        """Have the reply written anew from the cursor on; it begins as it was changed before that. Raises Refused."""
        node, composer = self._old(), self._screen.composer
        at, text = composer.before_cursor, composer.text
        if node is None or node.role != "assistant":
            raise Refused("This is no reply of the model.", "Choose one that is.")
        self.leave()
        self._screen.host.perform(self._screen.host.actions.rewrite(node.id, at, None if text == node.text else text))

    def leave(self) -> None:
        """Give the composer back."""
        if self.node is not None:
            self.node = None
            self._sign("›")
            self._screen.composer.put(self.set_aside)
            self.set_aside = ""

    def _old(self) -> Node | None:
        chat = self._screen.host.state.chat
        return chat.nodes.get(self.node) if chat is not None and self.node is not None else None

    def _sign(self, sign: str) -> None:
        self._screen.query_one("#prompt", Static).update(Content(sign))
