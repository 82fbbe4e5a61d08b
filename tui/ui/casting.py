"""What a person does in a group chat: let somebody speak, whisper, let all know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.domain.errors import Refused
from tui.domain.notice import notice
from tui.wire.ids import new_id

if TYPE_CHECKING:
    from tui.ui.app import TraktirApp


async def speak(app: TraktirApp, speaker: str = "") -> None:
    """Let a member of the group speak after the end of the view; "" is whoever the strategy gives. Raises Refused."""
    chat = app.state.chat
    if chat is None:
        raise Refused("No chat is open.", "Press F2 to open one.")
    if app.state.writing:
        raise Refused("A reply is being written already.", "Esc stops it.")
    reply = new_id()
    app.state.expected.add(reply)
    await app.link.call(
        "turn.speak", chat=chat.id, reply=reply, reply_revision=new_id(), parent=app.state.head, speaker=speaker
    )


async def whisper(app: TraktirApp, text: str, to: list[str]) -> None:
    """Say something to some members alone."""
    saying = app.actions.saying(text)
    app.state.expected |= {saying.node, saying.reply}
    await app.link.call(
        "turn.say", chat=saying.chat, node=saying.node, parent=saying.parent, revision=saying.revision, text=text,
        reply=saying.reply, reply_revision=saying.reply_revision, to=to,
    )


async def reveal(app: TraktirApp) -> None:
    """Let all know of the chosen message, else of the last that was whispered. Raises Refused."""
    chosen, chat = app.chosen(), app.state.chat
    whispered = [n for n in ([chosen] if chosen is not None else reversed(app.state.path)) if "seen_by" in n.extra]
    if chat is None or not whispered:
        raise Refused("Nothing was whispered here.")
    await app.link.call("cast.known", chat=chat.id, node=whispered[0].id)
    app.say_notice(notice("All know of it now."))
