"""How a prompt departs from the one that was sent before it, as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from tui.domain.cleantext import clean
from tui.i18n import tr
from tui.ui.screens.page import notice_text
from tui.ui.screens.segments import LEFT_OUT, Row, source_words
from tui.ui.widgets.listing import Line
from tui.ui.words import thousands

#: Signs and colours of what went and what came.
_GONE, _NEW = ("−", "$secondary"), ("+", "$primary")
#: Characters of a difference that are shown on one side where it begins.
_SHOWN = 80


def difference_rows(
    found: Mapping[str, Any], path: Sequence[str] = (), names: Mapping[str, str] | None = None
) -> list[Row]:
    """Where two prompts part and why, what stood and stands there, then line by line."""
    lines = [
        Line("cause", where_words(found, path, names), "", notice_text(found.get("cause")), wrap=True),
        *_sides(found),
    ]
    told = [pair for pair in found.get("lines") or () if len(pair) == 2]
    if told:
        lines.append(Line("", tr("Line by line")))
    lines += [_line(number, str(mark), str(text)) for number, (mark, text) in enumerate(told)]
    return [Row(line, line.note) for line in lines]


def where_words(
    found: Mapping[str, Any], path: Sequence[str] = (), names: Mapping[str, str] | None = None
) -> str:
    """`It departs at token 1,204, in card: description`."""
    source = source_words({"source": found.get("source")}, path, names)
    if found.get("token") is None:
        at = thousands(int(found.get("offset") or 0) + 1)
        return tr("It departs at character {n}, in: {source}", n=at, source=source)
    return tr("It departs at token {n}, in: {source}", n=thousands(int(found["token"]) + 1), source=source)


def _sides(found: Mapping[str, Any]) -> list[Line]:
    before, after = (_one_line(str(found.get(name) or "")) for name in ("before", "after"))
    return [
        Line("before", tr("Stood there: {text}", text=before), mark=_GONE[0], colour=_GONE[1]),
        Line("after", tr("Stands there now: {text}", text=after), mark=_NEW[0], colour=_NEW[1]),
    ]


def _one_line(text: str) -> str:
    return text[:_SHOWN].replace("\n", "⏎") or tr("nothing")


def _line(number: int, mark: str, text: str) -> Line:
    sign, colour = {"-": _GONE, "+": _NEW}.get(mark, (" ", ""))
    return Line(f"line:{number}", text or " ", mark=sign, wrap=True, faint=sign == " ", colour=colour)


def difference_text(found: Mapping[str, Any]) -> Content:
    """The whole difference to read."""
    parts: list[Content] = []
    for pair in found.get("lines") or ():
        mark, text = (str(part) for part in pair)
        sign, colour = {"-": _GONE, "+": _NEW}.get(mark, (" ", "dim"))
        parts.append(Content.styled(f"{sign} {clean(text, 20_000)}", colour))
    return Content("\n").join(parts)


def macro_rows(shown: Mapping[str, Any]) -> list[Row]:
    """The macros of the head that keep their value, and the macro variables of the chat."""
    lines: list[Line] = []
    frozen, variables = shown.get("frozen") or (), shown.get("variables") or {}
    if frozen:
        lines.append(Line("", tr("Kept as they were first resolved")))
    for number, item in enumerate(frozen):
        place = source_words({"source": item.get("place")})
        lines.append(
            Line(f"frozen:{number}", str(item.get("macro") or ""), str(item.get("value") or "") or tr("nothing"), place)
        )
    if variables:
        lines.append(Line("", tr("Variables of this chat")))
    lines += [
        Line(f"variable:{name}", str(name), str(value) or tr("nothing"), mark="" if value != "" else LEFT_OUT)
        for name, value in variables.items()
    ]
    return [Row(line, f"{line.detail} {line.note}") for line in lines]
