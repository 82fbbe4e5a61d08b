"""A reply token by token: the walked one marked, unlikely ones tinted. Drawn as rows around the marked token."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from tui.domain.cleantext import clean
from tui.ui.widgets.wrapping import wrap

#: Below the first a token is doubtful, below the second it is far from what the model would have said.
DOUBTFUL, FAR = 0.25, 0.05
#: What stands for a token of which nothing can be seen.
NOTHING = "◦"


@dataclass(frozen=True, slots=True)
class Shown:
    """A token as it stands on the screen: its text, and how likely it was (0 to 1)."""

    text: str
    chance: float


def visible(text: str) -> str:
    """A token's text as it may stand in the story: nothing steers the terminal, a line's end can be seen and marked."""
    safe = clean(text).replace("\t", "⇥")
    return safe.replace("\n", "⏎\n") if safe else NOTHING


def spelled(text: str) -> str:
    """A token's text on one line, with every blank of it to be seen."""
    return clean(text).replace("\t", "⇥").replace("\n", "⏎").replace(" ", "␣") or NOTHING


class TokenText(Widget):
    """Shows `opening` (of which no tokens are known), the tokens, and `rest` after them, around token `at`."""

    DEFAULT_CSS = """
    TokenText { height: 1fr; padding: 0 1; }
    """

    class Tapped(Message):
        """A tap on a token."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__()
        self._starts: list[int] = []
        self._tokens: Sequence[Shown] = ()
        self._text = ""
        self._end = 0
        self._rows: list[tuple[int, int]] = []
        self._width = 0
        self._at = 0

    def show(self, opening: str, tokens: Sequence[Shown], rest: str) -> None:
        parts, self._starts, length = [clean(opening)], [], len(clean(opening))
        for token in tokens:
            self._starts.append(length)
            parts.append(token.text)
            length += len(token.text)
        self._end = length
        self._text = "".join([*parts, clean(rest)])
        self._tokens, self._width, self._at = tokens, 0, 0
        self.refresh()

    def mark(self, at: int) -> None:
        self._at = at
        self.refresh()

    def row_of(self, token: int) -> int:
        """The row in which what can be seen of a token begins."""
        self._wrap()
        start = 0
        if token < len(self._starts):
            text = self._tokens[token].text
            start = self._starts[token] + (len(text) - len(text.lstrip(" ")) if text.strip(" ") else 0)
        return max(0, bisect_right([row[0] for row in self._rows], start) - 1)

    def token_in(self, row: int) -> int:
        """The first token that begins in a row or after it."""
        self._wrap()
        start = self._rows[max(0, min(row, len(self._rows) - 1))][0]
        return max(0, min(len(self._starts) - 1, bisect_left(self._starts, start)))

    def render(self) -> Content:
        self._wrap()
        height = max(1, self.content_size.height)
        first = max(0, min(self.row_of(self._at) - height // 2, len(self._rows) - height))
        return Content("\n").join(self._drawn(start, end) for start, end in self._rows[first:first + height])

    def on_click(self, event: Click) -> None:
        if (number := event.style.meta.get("token")) is not None:
            self.post_message(self.Tapped(int(number)))

    def _wrap(self) -> None:
        """Rows as offsets of the text; blanks at a row's end belong to it, for one of them may be the marked token."""
        width = max(8, self.content_size.width)
        if width == self._width:
            return
        self._width, self._rows, at = width, [], 0
        for paragraph in self._text.split("\n"):
            rows = wrap(paragraph, width)
            for (start, end), following in zip(rows, [*(row[0] for row in rows[1:]), len(paragraph)], strict=True):
                while end < following and cell_len(paragraph[start:end + 1]) <= width:
                    end += 1
                self._rows.append((at + start, at + end))
            at += len(paragraph) + 1

    def _drawn(self, start: int, end: int) -> Content:
        first = max(0, bisect_right(self._starts, start) - 1)
        parts: list[Content] = []
        known = self._starts[0] if self._starts else len(self._text)
        if start < known:
            parts.append(Content.styled(self._text[start:min(end, known)], "dim"))
        for number in range(first, len(self._starts)):
            begins = self._starts[number]
            ends = self._starts[number + 1] if number + 1 < len(self._starts) else self._end
            if begins >= end:
                break
            text = self._text[max(begins, start):min(ends, end)]
            if text and ends > start:
                parts.append(Content.styled(text, self._style(number)).stylize(Style.from_meta({"token": number})))
        if end > self._end:
            parts.append(Content.styled(self._text[max(start, self._end):end], "dim"))
        return Content("").join(parts)

    def _style(self, number: int) -> str:
        if number == self._at:
            return "$block-cursor-foreground on $block-cursor-background bold"
        chance = self._tokens[number].chance
        return "$text-error" if chance < FAR else "$text-warning" if chance < DOUBTFUL else ""
