"""Thoughts that stand in the text between tags, told apart from what is said."""

from __future__ import annotations

from tui.domain.prompt.probes import TAGS

_CLOSING = dict(TAGS)


class Thoughts:
    """Takes a reply as it comes, gives (thought, said). Only at its very beginning can a reply open its thoughts, or
    where `prefill` has opened them already. The result does not depend on how the text is cut up."""

    def __init__(self, prefill: str = "") -> None:
        self._held = ""
        self._closing = next(
            (closing for opening, closing in TAGS if prefill.rpartition(closing)[2].rstrip().endswith(opening)), "")
        self._opening = not self._closing and not prefill.strip()
        self._after = False

    def feed(self, text: str) -> tuple[str, str]:
        """The next stretch of the reply."""
        self._held += text
        if self._opening and not self._look_for_opening():
            return "", ""
        thought = self._thought() if self._closing else ""
        return (thought, "") if self._closing else (thought, self._said())

    def close(self) -> tuple[str, str]:
        """The end of the reply: what was held back belongs to where it stands."""
        held, self._held, self._opening = self._held, "", False
        return (held, "") if self._closing else ("", held)

    def _look_for_opening(self) -> bool:
        """Whether it is known by now how the reply begins."""
        start = self._held.lstrip()
        if any(opening.startswith(start) and opening != start for opening in _CLOSING):
            return False                                        # also while nothing but white space has come
        self._opening = False
        opening = next((o for o in _CLOSING if start.startswith(o)), "")
        if opening:
            self._closing, self._held = _CLOSING[opening], start.removeprefix(opening)
        return True

    def _thought(self) -> str:
        before, closing, rest = self._held.partition(self._closing)
        if closing:
            self._held, self._closing, self._after = rest, "", True
            return before
        keep = _open_at(self._held, self._closing)
        self._held = before[keep:]
        return before[:keep]

    def _said(self) -> str:
        said = self._held.lstrip("\r\n") if self._after else self._held
        self._held, self._after = "", self._after and not said
        return said


def _open_at(text: str, mark: str) -> int:
    """Where the longest tail begins that `mark` may go on from; the length if there is none."""
    for at in range(max(0, len(text) - len(mark) + 1), len(text)):
        if mark.startswith(text[at:]):
            return at
    return len(text)
