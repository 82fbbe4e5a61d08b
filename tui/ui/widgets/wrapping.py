"""Breaking a line of text into rows by the cells that it takes."""

from __future__ import annotations

import re

from rich.cells import cell_len, get_character_cell_size

#: Letters that take one cell each, without asking a table: Latin, Greek, Cyrillic, and the usual signs.
_NARROW = re.compile("[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u0588\u2010-\u2027\u2030-\u203a\u20ac\u2116]*")
_WORD = re.compile(r"\S+\s*|\s+")


def wrap(text: str, width: int, hang: int = 0) -> list[tuple[int, int]]:
    """Offsets (start, end) of the rows of `text` in `width` cells; rows after the first have `hang` cells less.

    Breaks fall behind white space, or inside a word that is longer than a row. Blanks at a row's end may stick out
    and are cut off; an empty text has one row.
    """
    first, later = max(1, width), max(1, width - hang)
    single = _NARROW.fullmatch(text) is not None
    if len(text) <= first and single:
        return [(0, len(text))]
    rows: list[tuple[int, int]] = []
    start = used = 0
    room = first
    for found in _WORD.finditer(text):
        word = found[0]
        solid = len(word.rstrip()) if single else cell_len(word.rstrip())
        whole = len(word) if single else cell_len(word)
        if used + solid > room and used:
            rows.append((start, found.start()))
            start, used, room = found.start(), 0, later
        if solid > room:
            start, used, room = _split(rows, text, start, found.end(), room, later)
        else:
            used += whole
    rows.append((start, len(text)))
    return [(a, a + len(text[a:b].rstrip()) if b < len(text) else b) for a, b in rows]


def _split(
    rows: list[tuple[int, int]], text: str, start: int, end: int, room: int, later: int
) -> tuple[int, int, int]:
    """Cut a word longer than a row into rows. Returns where its last row begins, its cells, and the room there."""
    at, used = start, 0
    for index in range(start, end):
        size = get_character_cell_size(text[index])
        if used + size > room and index > at:
            rows.append((at, index))
            at, used, room = index, 0, later
        used += size
    return at, used, room
