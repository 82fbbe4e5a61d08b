"""Macros in the texts of a turn, as SillyTavern fills them: anew each time, nothing frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tui.domain.macro_context import Collected
from tui.domain.macro_variables import Variables
from tui.domain.macros import MacroContext, expand
from tui.domain.prompt.compatible.runs import Run, Runs
from tui.domain.prompt.compatible.settings import CompatibleSettings
from tui.domain.prompt.facts import idle_since, turn_facts
from tui.domain.prompt.texts import newest_text, turn_seed
from tui.domain.prompt.types import LoreHit, Turn

_NAME = re.compile(r"\{\{\s*name\s*\}\}", re.IGNORECASE)
_MACRO = re.compile(r"(\{\{[^{}]*\}\}|<(?:USER|BOT|CHAR)>)", re.IGNORECASE)
#: Macros that act on the text around them, and what is left of nested ones.
_SHAPING = re.compile(r"\{\{\s*(?:[#/]|(?:if|else|trim)\b)|\{\{[^{}]*\{\{", re.IGNORECASE)


class Filling:
    """Fills the macros of one turn. What they set (variables, banned words) is kept."""

    def __init__(self, turn: Turn, settings: CompatibleSettings, lore: Sequence[LoreHit]) -> None:
        self._variables = Variables(dict(turn.state.variables), dict(turn.globals))
        self._collected = Collected()
        self._collapse = settings.switches.collapse_newlines
        path = turn.path
        self._base = MacroContext(
            user=turn.user, char=turn.card.display_name, clock=turn.clock, seed=turn_seed(turn), pick_seed=turn.seed,
            last_message=newest_text(path), last_user_message=newest_text(path, "user"),
            last_char_message=newest_text(path, "assistant"), idle_since=idle_since(turn),
            greetings=turn.card.greetings, facts={**turn_facts(turn), **_format_facts(turn, settings), **turn.facts},
            outlets=_outlets(lore), variables=self._variables, collected=self._collected,
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """The chat's macro variables as they are now."""
        return self._variables.local

    @property
    def globals(self) -> Mapping[str, str] | None:
        """The variables of all chats, if any of them was changed."""
        return self._variables.shared if self._variables.changed(shared=True) else None

    @property
    def banned(self) -> tuple[str, ...]:
        """Words that texts ask never to be written."""
        return tuple(self._collected.banned)

    def know(self, description: str, personality: str, scenario: str, persona: str) -> None:
        """From now on these macros stand for these texts."""
        self._base = replace(
            self._base, description=description, personality=personality, scenario=scenario, persona=persona
        )

    def macros(
        self, text: str, place: str, char: str | None = None, original: str | None = None, summary: str | None = None
    ) -> str:
        """The text with its macros filled. `char` may be another member of the group; `original` and `summary` are
        what those macros stand for."""
        if "{{" not in text and "<" not in text:
            return text
        who = self._base.char if char is None else char
        return expand(text, replace(self._base, place=place, char=who, original=original, summary=summary))

    def field(self, text: str, place: str, char: str | None = None) -> str:
        """A text of the card or the person: macros, then line ends as the settings want them."""
        text = self.macros(text, place, char)
        if self._collapse:
            text = re.sub(r"\n+", "\n", text)
        return text.replace("\r", "")

    def sequence(self, literal: str, name: str | None = None, macro: bool = True) -> Runs:
        """A literal of the format: what it says itself is markup, names and other values in it are not. `name` is
        what `{{name}}` stands for (None: it stays)."""
        if not macro or _MACRO.search(literal) is None:
            return (Run(literal, markup=True),) if literal else ()
        if _SHAPING.search(literal):
            return (Run(self._filled(literal, name)),)
        return tuple(
            Run(self._filled(part, name)) if at % 2 else Run(part, markup=True)
            for at, part in enumerate(_MACRO.split(literal)) if part
        )

    def _filled(self, text: str, name: str | None) -> str:
        text = self.macros(text, "instruct")
        return text if name is None else _NAME.sub(lambda _: name, text)


def _outlets(lore: Sequence[LoreHit]) -> dict[str, str]:
    """Lore for named places, the highest order first."""
    found: dict[str, list[str]] = {}
    for hit in sorted(lore, key=lambda h: -h.order):
        if hit.fired and hit.text and hit.position == "outlet" and hit.outlet:
            found.setdefault(hit.outlet, []).append(hit.text)
    return {name: "\n".join(texts) for name, texts in found.items()}


def _format_facts(turn: Turn, settings: CompatibleSettings) -> dict[str, str]:
    """What macros tell of the instruct and context template."""
    form, context, tags = settings.instruct, settings.context, settings.reasoning
    return {
        "instructuserprefix": form.input_sequence, "instructusersuffix": form.input_suffix,
        "instructassistantprefix": form.output_sequence, "instructassistantsuffix": form.output_suffix,
        "instructsystemprefix": form.system_sequence, "instructsystemsuffix": form.system_suffix,
        "instructfirstassistantprefix": form.first_output_sequence or form.output_sequence,
        "instructlastassistantprefix": form.last_output_sequence or form.output_sequence,
        "instructfirstuserprefix": form.first_input_sequence or form.input_sequence,
        "instructlastuserprefix": form.last_input_sequence or form.input_sequence,
        "instructsysteminstructionprefix": form.last_system_sequence, "instructstop": form.stop_sequence,
        "instructuserfiller": form.user_alignment_message, "instructstorystringprefix": form.story_string_prefix,
        "instructstorystringsuffix": form.story_string_suffix, "chatstart": context.chat_start,
        "exampleseparator": context.example_separator, "reasoningprefix": tags.prefix,
        "reasoningsuffix": tags.suffix, "reasoningseparator": tags.separator,
    }
