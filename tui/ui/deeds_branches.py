"""Commands of branches and of places to come back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.domain.errors import BadInput, NotFound, Refused
from tui.domain.notice import notice
from tui.ui.host import host, open_chat_of

if TYPE_CHECKING:
    from textual.app import App


async def checkpoint(app: App[Any], rest: str) -> None:
    """Name the chosen or last message."""
    await host(app).actions.checkpoint(rest.strip())


async def rewrite(app: App[Any], rest: str) -> None:
    """Have the chosen or last reply written anew from the words typed on. Raises BadInput, Refused, NotFound."""
    words = rest.strip()
    if not words:
        raise BadInput(notice("/rewrite takes the words from which on the reply shall be another."))
    node = open_chat_of(app).nodes[host(app).actions.target_id()]
    if node.role != "assistant":
        raise Refused("This is no reply of the model.", "Choose one that is.")
    at = node.text.casefold().rfind(words.casefold())
    if at < 0 or len(node.text.casefold()) != len(node.text):
        at = node.text.rfind(words)
    if at < 0:
        raise NotFound(notice("The reply does not hold “{words}”.", words=words[:60]))
    await host(app).actions.rewrite(node.id, at)
