"""Macros in the texts of a turn, as SillyTavern fills them: anew each time, nothing frozen."""

from __future__ import annotations

import re
from dataclasses import replace

from tui.domain.macros import MacroContext, expand
from tui.domain.prompt.compatible.runs import Run, Runs, text_of_runs
from tui.domain.prompt.texts import Texts
from tui.domain.prompt.types import Turn

_NAME = re.compile(r"\{\{\s*name\s*\}\}", re.IGNORECASE)
_MACRO = re.compile(r"(\{\{[^{}]*\}\}|<(?:USER|BOT|CHAR)>)", re.IGNORECASE)


class Filling:
    """Fills the macros of one turn. With `collapse` each row of line ends in a field becomes one."""

    def __init__(self, turn: Turn, collapse: bool) -> None:
        self._base: MacroContext = replace(Texts(turn).base, frozen=None)
        self._collapse = collapse

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
        whole = self._filled(literal, name)
        runs = tuple(
            Run(self._filled(part, name)) if at % 2 else Run(part, markup=True)
            for at, part in enumerate(_MACRO.split(literal)) if part
        )
        return runs if text_of_runs(runs) == whole else (Run(whole),)

    def _filled(self, text: str, name: str | None) -> str:
        text = self.macros(text, "instruct")
        return text if name is None else _NAME.sub(lambda _: name, text)
