"""Which chat is in view first, where the terminal is opened."""

from __future__ import annotations

from tui.domain.errors import NotFound
from tui.domain.notice import notice
from tui.ui.actions import Actions
from tui.ui.link import Link


async def open_first(link: Link, actions: Actions, chat: str | None, character: str | None) -> bool:
    """Open the chat that was named, or the last one of the character that was, or the last of all.

    False where there is no chat yet to be opened. Raises TraktirError.
    """
    if chat is not None:
        await actions.open_chat(chat)
        return True
    if character is not None:
        await _open_character(link, actions, character)
        return True
    found = (await link.call("chats.list", limit=1))["chats"]
    if found:
        await actions.open_chat(str(found[0]["id"]))
    return bool(found)


async def _open_character(link: Link, actions: Actions, name: str) -> None:
    """The last chat with a character, or a new one."""
    characters = (await link.call("characters.list"))["characters"]
    wanted = name.casefold()
    found = next((c for c in characters if wanted in (c["id"].casefold(), c["name"].casefold())), None)
    if found is None:
        raise NotFound(notice("There is no character called {name}.", name=name[:40]), "Press F2 to see them.")
    chats = (await link.call("chats.list", character=found["id"], limit=1))["chats"]
    if chats:
        await actions.open_chat(str(chats[0]["id"]))
    else:
        await actions.new_chat(str(found["id"]))
