"""Where the last whole sentence of a text ends."""

from __future__ import annotations

import re

#: What ends a sentence, with the marks that may close it: quotes, brackets, the asterisks of an action.
_END = re.compile(
    "(?:[.!?\u2026\u3002\uff01\uff1f~]+[\"'\u201d\u2019\u00bb\u300d)\\]*_`]*|[\u201d\u00bb\u300d]|\\*(?=\\s|$)|```)"
    r"(?=\s|$)"
)
#: Abbreviations and initials whose point ends nothing.
_SHORT = re.compile(r"(?:^|[\s(«\"'])(?:[A-ZА-ЯЁ]|Mr|Mrs|Ms|Dr|St|Prof|vs|etc|т|г|гг|ул|д|см|др|пр|е)\.$")


def last_sentence_end(text: str) -> int:
    """The length of `text` up to the end of its last whole sentence; that of the whole where it ends with one, or has
    none. Marks that were opened and are not closed before that place do not count as closed."""
    whole = len(text.rstrip())
    ends = [match.end() for match in _END.finditer(text) if not _SHORT.search(text[:match.end()])]
    if not ends or ends[-1] >= whole:
        return whole
    return ends[-1]


def trimmed(text: str) -> str:
    """The text without a sentence that was begun and not ended. One asterisk, or a straight quote, that would be left
    open is closed."""
    cut = text[:last_sentence_end(text)].rstrip()
    if cut == text.rstrip():
        return cut
    line = cut.rpartition("\n")[2]
    if line.count("*") % 2 and "**" not in line:
        cut += "*"
    if line.count('"') % 2:
        cut += '"'
    return cut
