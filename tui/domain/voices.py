"""A reply that begins to speak for somebody else: found while it grows, and cut there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tui.domain.mentions import folded, name_words, words_of

#: What may stand around a name at the beginning of a line of dialogue.
_BEFORE, _AFTER = r"[ \t*_>#\[(«\"“]*", r"[*_\])»\"”]*[ \t]*[::][*_]*"
#: Longer than this, the beginning of a line is no name any more.
_REACH = 24


def voices_of(names: Iterable[str], own: Iterable[str]) -> list[str]:
    """What others are called at the beginning of a line: their whole names, and the first word of each that is no
    particle and no word of the speaker's `own` names."""
    mine = [name.casefold() for name in own]
    taken = set(name_words(mine))
    out: dict[str, None] = {}
    for name in (n for n in names if n.casefold() not in mine):
        out[name] = None
        first = next(iter(words_of(name)), "")
        if len(first) > 2 and name_words([first]) and folded(first) not in taken:
            out[first] = None
    return list(out)


class VoiceCut:
    """Lets a reply through up to the line that speaks for one of `names`. The beginning of a line is held back while it
    may yet become one, so that nothing is shown that is then taken away."""

    def __init__(self, names: Iterable[str], *, continued: bool = False) -> None:
        found = sorted({n.strip() for n in names if n.strip()}, key=len, reverse=True)
        either = "|".join(re.escape(name) for name in found)
        self._line = re.compile(f"{_BEFORE}({either}){_AFTER}", re.IGNORECASE) if found else None
        self._beginnings = tuple(name.casefold() for name in found)
        self._at_line_start = not continued
        self._held = ""
        self.name = ""                             # whose turn was cut
        self.cut = ""                              # what was cut, as far as it came

    @property
    def pending(self) -> str:
        """What is held back."""
        return "" if self.name else self._held

    def feed(self, text: str) -> str:
        """The text that may be shown now."""
        if self.name:
            self.cut += text
            return ""
        if self._line is None:
            return text
        return self._through(text)

    def finish(self) -> str:
        """What was still held back when the reply ended."""
        held, self._held = self._held, ""
        return "" if self.name else held

    def _through(self, text: str) -> str:
        assert self._line is not None
        out, rest = "", self._held + text
        self._held = ""
        while rest:
            if self._at_line_start:
                if found := self._line.match(rest):
                    self.name, self.cut = found[1], rest
                    return out
                if self._may_become(rest):
                    self._held = rest
                    return out
            line, end, rest = rest.partition("\n")
            out += line + end
            self._at_line_start = bool(end)
        return out

    def _may_become(self, start: str) -> bool:
        """Whether the beginning of a line, all that there is of it, may go on to be one of the names with a colon."""
        if "\n" in start:
            return False
        plain = start.lstrip(" \t*_>#[(«\"“").casefold()
        for name in self._beginnings:
            if name.startswith(plain):
                return True
            rest = plain[len(name):]
            if plain.startswith(name) and len(rest) < _REACH and not rest.strip(" \t*_])»\"”"):
                return True
        return False
