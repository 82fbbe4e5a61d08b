"""What macros stand for in one text, and what is noted while they are resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tui.domain.macro_variables import Variables

MAX_BANNED = 200
MAX_BANNED_LENGTH = 500


@dataclass(slots=True)
class Frozen:
    """Values of time, random, chat and variable macros, resolved once for the stable part of a prompt. `known` are
    those of earlier turns; `used` collects what this one needed, old and new."""

    known: Mapping[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)

    def value(self, key: str, make: Callable[[], str]) -> str:
        self.used[key] = found = self.known[key] if key in self.known else make()
        return found


@dataclass(slots=True)
class Collected:
    """What texts ask for beside their own words: `banned`, the words of `{{banned "word"}}`, each once, in order."""

    banned: list[str] = field(default_factory=list)

    def ban(self, word: str) -> None:
        """Notes a word; empty ones, very long ones and those beyond the 200th are left out."""
        fits = 0 < len(word) <= MAX_BANNED_LENGTH and len(self.banned) < MAX_BANNED
        if fits and word not in self.banned:
            self.banned.append(word)


@dataclass(frozen=True, slots=True)
class MacroContext:
    """What macros stand for. None: that macro is left as it is written.

    `clock` is ISO 8601 (without an offset it counts as UTC where one is asked for), `idle_since` likewise the moment
    of the person's last message ("" if there is none). `seed` is for `{{random}}` and `{{roll}}`, `pick_seed` (the
    chat's) for `{{pick}}`, `place` names the text: dice in different places fall differently.
    `facts` are further values by lower-case macro name, under any of its names; given at all, known names that it
    lacks are empty. `variables` are read and written; `collected` receives banned words.
    """

    user: str = ""
    char: str = ""
    persona: str | None = None
    description: str | None = None
    personality: str | None = None
    scenario: str | None = None
    original: str | None = None
    summary: str | None = None
    last_message: str | None = None
    last_user_message: str | None = None
    last_char_message: str | None = None
    clock: str = ""
    seed: int = 0
    place: str = ""
    frozen: Frozen | None = None
    pick_seed: int | str = 0
    idle_since: str | None = None
    greetings: Sequence[str] = ()
    facts: Mapping[str, str] | None = None
    outlets: Mapping[str, str] | None = None
    variables: Variables | None = None
    collected: Collected | None = None
