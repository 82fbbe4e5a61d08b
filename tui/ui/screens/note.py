"""The author's note of a chat: its text, where and how often it stands, as whose words; and the chat's own scenario."""

from __future__ import annotations

from collections.abc import Sequence

from tui.domain.chat import Chat
from tui.domain.errors import BadInput
from tui.i18n import tr
from tui.ui.host import open_chat_of
from tui.ui.screens.formpage import FormPage
from tui.ui.widgets.form import Field
from tui.ui.words import UNUSED


class NotePage(FormPage):
    """An instruction that stays near the end of the prompt, wherever the story goes."""

    def heading(self) -> str:
        return tr("Author's note")

    async def fetch(self) -> None:
        self.say(tr("The model reads this note at every turn. It belongs to this chat."))

    def fields(self) -> Sequence[Field | str]:
        values = open_chat_of(self.app).fields
        role = str(values.get("note_role") or "system")
        place = str(values.get("note_position") or "at_depth")
        return (
            Field(
                "note",
                tr("Text"),
                str(values.get("note") or ""),
                tr("for example: Keep it short. It is raining."),
                "text",
            ),
            Field("note_position", tr("Where it stands"), place, kind="choice", choices=position_choices()),
            Field(
                "note_depth",
                tr("Depth"),
                str(values.get("note_depth", 4)),
                tr("how many messages stand below it; 0 puts it last"),
                mark="" if place == "at_depth" else UNUSED,
            ),
            Field(
                "note_interval",
                tr("How often"),
                str(values.get("note_interval", 1)),
                tr("with every so many of my messages: 1 always, 0 never"),
            ),
            Field("note_role", tr("As whose words"), role, kind="choice", choices=role_choices()),
            tr("The scenario of this chat"),
            Field(
                "scenario",
                tr("Scenario"),
                str(values.get("scenario") or ""),
                tr("in place of the card's; empty: the card's own"),
                "text",
            ),
        )

    async def change(self, item: Field, value: str) -> None:
        chat = open_chat_of(self.app)
        await self.call("chats.set", id=chat.id, field=item.id, value=note_value(item.id, value))


def role_choices() -> tuple[tuple[str, str], ...]:
    return (("system", tr("the system's")), ("user", tr("mine")), ("assistant", tr("the character's")))


def position_choices() -> tuple[tuple[str, str], ...]:
    return (
        ("at_depth", tr("at a depth, moving with the conversation")),
        ("anchored", tr("before my message, and staying there")),
        ("before_story", tr("before the character")),
        ("after_story", tr("after the character")),
    )


def note_value(name: str, text: str) -> object:
    """The value of a note's field as the core takes it. Raises BadInput."""
    if name not in ("note_depth", "note_interval", "persona_depth"):
        return text.strip() or None
    if not text.strip():
        return None
    if not text.strip().isdecimal() or int(text) > 999:
        if name == "note_interval":
            raise BadInput("How often is a number of my messages, from 0 to 999.", field=name)
        raise BadInput("The depth is a number of messages, from 0 to 999.", field=name)
    return int(text)


def note_of(chat: Chat) -> str:
    """The note as one text, "" where there is none."""
    return str(chat.fields.get("note") or "")
