"""Commands that forbid the model phrases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.domain.errors import NotFound
from tui.domain.notice import notice
from tui.ui.host import host, link, open_chat_of

if TYPE_CHECKING:
    from textual.app import App


async def ban(app: App[Any], rest: str) -> None:
    """Forbid a phrase in this chat; without one, tell which are forbidden."""
    phrase = rest.strip().strip("\"«»“”").strip()
    phrases = await _banned(app)
    if not phrase:
        _tell(app, phrases)
        return
    if phrase.casefold() not in map(str.casefold, phrases):
        phrases.append(phrase)
        await _keep(app, phrases)
    host(app).say_notice(notice("«{phrase}» will not come any more. Ctrl+R asks again.", phrase=phrase))


async def unban(app: App[Any], rest: str) -> None:
    """Allow a phrase again; without one, all of them. Raises NotFound."""
    phrase = rest.strip().strip("\"«»“”").strip()
    phrases = await _banned(app)
    left = [one for one in phrases if phrase and one.casefold() != phrase.casefold()]
    if phrase and len(left) == len(phrases):
        raise NotFound(notice("«{phrase}» is not forbidden.", phrase=phrase))
    await _keep(app, left)
    _tell(app, left)


async def _banned(app: App[Any]) -> list[str]:
    got = await link(app).call("samplers.get", chat=open_chat_of(app).id)
    return [str(phrase) for phrase in got["samplers"].get("banned_strings") or ()]


async def _keep(app: App[Any], phrases: list[str]) -> None:
    await link(app).call("samplers.set", chat=open_chat_of(app).id, values={"banned_strings": phrases})


def _tell(app: App[Any], phrases: list[str]) -> None:
    if phrases:
        host(app).say_notice(notice("Forbidden: {phrases}.", phrases=", ".join(f"«{one}»" for one in phrases)))
    else:
        host(app).say_notice(notice("No phrase is forbidden."))
