"""The texts of card and person that a prompt is made of; in a group with joined cards, those of all members."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tui.domain.card import Card
from tui.domain.chat import Role
from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.settings import ROLES, CompatibleSettings
from tui.domain.prompt.types import Cast, Turn

_START = "<START>"
_FIELD_NAME = re.compile("<FIELDNAME>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CharacterNote:
    """A card's own note in the chat. `source` tells whose it is."""

    text: str
    depth: int
    role: Role
    source: str = "card.note"


@dataclass(frozen=True, slots=True)
class CardFields:
    """Macros are filled in all of them. `system` and `post_history` are the preset's or, where they override it, the
    card's."""

    description: str
    personality: str
    scenario: str
    persona: str
    mes_example: str
    system: str
    post_history: str
    notes: tuple[CharacterNote, ...]

    @staticmethod
    def of(turn: Turn, settings: CompatibleSettings, filling: Filling) -> CardFields:
        """The fields of a turn; `filling` knows them afterwards."""
        card, cast = turn.card, turn.cast
        scenario, examples = turn.scenario or card.scenario, turn.mes_example or card.mes_example
        description, personality, scenario, examples, persona = (
            filling.field(text.strip(), place) for text, place in (
                (card.description, "card.description"), (card.personality, "card.personality"),
                (scenario, "card.scenario"), (examples, "card.mes_example"), (turn.persona, "persona"),
            )
        )
        if cast is not None and cast.join:
            join = _Join(turn, cast, filling)
            description = join.field("Description", lambda c: c.description)
            personality = join.field("Personality", lambda c: c.personality)
            if not (turn.scenario or "").strip():
                scenario = join.field("Scenario", lambda c: c.scenario)
            if not (turn.mes_example or "").strip():
                examples = join.field("Example Messages", _started)
        filling.know(description, personality, scenario, persona)
        return CardFields(
            description, personality, scenario, persona, examples, _system(turn, settings, filling),
            _post_history(turn, settings, filling), tuple(_notes(turn, filling)),
        )


def _system(turn: Turn, settings: CompatibleSettings, filling: Filling) -> str:
    preferred = turn.card.system_prompt if settings.switches.prefer_character_prompt else ""
    return _instruction(turn.prompt.system, preferred, "system", settings, filling)


def _post_history(turn: Turn, settings: CompatibleSettings, filling: Filling) -> str:
    preferred = turn.card.post_history_instructions if settings.switches.prefer_character_jailbreak else ""
    return _instruction(turn.prompt.post_history, preferred, "post_history", settings, filling)


def _instruction(own: str, preferred: str, place: str, settings: CompatibleSettings, filling: Filling) -> str:
    """The preset's text, or the card's where that is preferred; the card's may quote the preset's."""
    if not settings.switches.sysprompt_enabled:
        return ""
    filled = filling.field(own, place)
    override = preferred.strip()
    return filling.macros(override, f"card.{place}", original=filled).replace("\r", "") if override else filled


def _notes(turn: Turn, filling: Filling) -> list[CharacterNote]:
    """The character's note; where cards are joined those of all members that are not muted."""
    cast = turn.cast
    if cast is None or not cast.join:
        return [_note(turn.card, filling)] if turn.card.depth_prompt.strip() else []
    present = [c for c in cast.members if c.display_name not in cast.muted or c == turn.card]
    return [_note(card, filling, f":{card.display_name}") for card in present if card.depth_prompt.strip()]


def _note(card: Card, filling: Filling, whose: str = "") -> CharacterNote:
    text = filling.field(card.depth_prompt.strip(), f"card.note{whose}", card.display_name)
    role: Role = next((r for r in ROLES if r == card.depth_prompt_role), "system")
    return CharacterNote(text, card.depth_prompt_depth, role, f"card.note{whose}")


def _started(card: Card) -> str:
    text = card.mes_example.strip()
    return text if not text or text.startswith(_START) else f"{_START}\n{text}"


class _Join:
    """Fields of several cards, one after the other, each between the group's prefix and suffix."""

    def __init__(self, turn: Turn, cast: Cast, filling: Filling) -> None:
        self._cast, self._filling = cast, filling
        self._cards = [
            c for c in cast.members if cast.with_muted or c.display_name not in cast.muted or c == turn.card
        ]

    def field(self, name: str, of: Callable[[Card], str]) -> str:
        parts = ((card, of(card).strip()) for card in self._cards)
        return "\n".join(self._around(name, card, text) for card, text in parts if text)

    def _around(self, name: str, card: Card, text: str) -> str:
        return "".join(
            self._filling.field(_FIELD_NAME.sub(name, part), f"cast.{name}.{at}", card.display_name)
            for at, part in enumerate((self._cast.prefix, text, self._cast.suffix))
        )
