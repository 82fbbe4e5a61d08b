"""Who the person is in the story: for this chat, and by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.i18n import tr
from tui.ui.host import host
from tui.ui.screens.formpage import FormPage
from tui.ui.screens.note import note_value, role_choices
from tui.ui.widgets.form import Field
from tui.ui.words import UNUSED


class PersonaPage(FormPage):
    """Name and description. What a chat does not have of its own is taken from the default."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: Mapping[str, Any] = {}
        self._persona = ""

    def heading(self) -> str:
        return tr("Who you are in the story")

    async def fetch(self) -> None:
        self._settings = (await self.call("settings.get"))["settings"]
        chat = host(self.app).state.chat
        told = await self.call("personas.list", chat=chat.id if chat is not None else "")
        chosen = told["current"] or told["default"]
        self._persona = next((str(p["name"]) for p in told["personas"] if p["id"] == chosen), "")

    def fields(self) -> Sequence[Field | str]:
        fields: list[Field | str] = []
        if (chat := host(self.app).state.chat) is not None:
            default = tr("empty: as in all chats")
            fields += [
                tr("In this chat"),
                Field("persona", tr("Name"), str(chat.fields.get("persona") or ""), default),
                Field("persona_text", tr("Description"), str(chat.fields.get("persona_text") or ""), default, "text"),
                *placing(chat.fields),
            ]
        return [
            *fields,
            Field("personas", tr("Your personas…"), kind="action", shown=self._persona,
                  hint=tr("Several, each for a chat, for a character, or by default.")),
            tr("In all chats"),
            Field("persona_name", tr("Name"), str(self._settings.get("persona_name") or "")),
            Field(
                "persona_description",
                tr("Description"),
                str(self._settings.get("persona_description") or ""),
                tr("what the characters can know of you: looks, past, manner"),
                "text",
            ),
        ]

    async def act(self, item: Field) -> None:
        from tui.ui.screens.personas import PersonasPage

        await self.app.push_screen_wait(PersonasPage())
        await self.fetch()

    async def change(self, item: Field, value: str) -> None:
        chat = host(self.app).state.chat
        if item.id in ("persona_name", "persona_description"):
            await self.call("settings.set", name=item.id, value=value.strip())
            await self.fetch()
        elif chat is not None:
            await self.call("chats.set", id=chat.id, field=item.id, value=note_value(item.id, value))


def placing(values: Mapping[str, Any]) -> Sequence[Field]:
    """Where the description stands; how deep and as whose words matter only at a depth."""
    place = str(values.get("persona_position") or "head")
    unused = "" if place == "at_depth" else UNUSED
    role, depth = str(values.get("persona_role") or "system"), str(values.get("persona_depth", 2))
    return (
        Field("persona_position", tr("Where it stands"), place, kind="choice", choices=(
            ("head", tr("with the character")), ("note_top", tr("above the author's note")),
            ("note_bottom", tr("below the author's note")), ("at_depth", tr("at a depth")), ("none", tr("nowhere")),
        )),
        Field("persona_depth", tr("Depth"), depth, tr("how many messages stand below it; 0 puts it last"), mark=unused),
        Field("persona_role", tr("As whose words"), role, kind="choice", choices=role_choices(), mark=unused),
    )
