"""Keeps texts from spelling the turn marks of formats whose marks are ordinary words (`### Instruction:`, `[/INST]`,
`USER:`). Control tokens are kept apart by the backends; words can only be broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from tui.domain.backend import Piece
from tui.domain.defuse import JOINER
from tui.domain.template import Template

#: Control tokens: a tokenizer reads them in the format's own text only.
_CONTROL = re.compile(r"<[^<>\s]+>|<\|[^<>]*\|>|<[^<>\s]*\|>")
_PLACE = re.compile(r"\{\{[^{}]*\}\}")
#: A mark is broken up when it has this many letters at least, one of them no letter: others occur in any speech.
_SHORTEST = 3


def guarded(pieces: Iterable[Piece], form: Template) -> tuple[Piece, ...]:
    """The pieces with a WORD JOINER in every mark of the format that a text spells: readers see no difference."""
    pattern = _marks(
        (
            form.preamble, form.system_prefix, form.system_suffix, form.note_prefix or "", form.user_prefix,
            form.user_suffix, form.assistant_prefix, form.assistant_suffix, form.generation_prefix or "",
            form.prefill_prefix or "",
        )
    )
    if pattern is None:
        return tuple(pieces)
    return tuple(
        piece if piece.markup else Piece(pattern.sub(lambda m: m[0] + JOINER, piece.text)) for piece in pieces
    )


@lru_cache(maxsize=64)
def _marks(literals: tuple[str, ...]) -> re.Pattern[str] | None:
    """Finds the first letter of each mark that the literals hold."""
    lines = {line.strip() for text in literals for part in _PLACE.split(text) for line in _words(part)}
    marks = sorted((m for m in lines if _is_mark(m)), key=lambda m: (-len(m), m))
    if not marks:
        return None
    return re.compile("|".join(f"{re.escape(m[0])}(?={re.escape(m[1:])})" for m in marks))


def _words(literal: str) -> list[str]:
    """The literal between its control tokens, a line each."""
    return [line for part in _CONTROL.split(literal) for line in part.splitlines()]


def _is_mark(text: str) -> bool:
    return _SHORTEST <= len(text) <= 60 and not text.replace(" ", "").isalnum() and any(c.isalnum() for c in text)
