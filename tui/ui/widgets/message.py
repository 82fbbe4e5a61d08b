"""One message as rows of cells: who speaks, thoughts, the text with its markup, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.domain.cleantext import clean, clean_line
from tui.domain.markup import Line, read_line
from tui.domain.pictures import picture_label
from tui.i18n import tr
from tui.ui.state import Entry
from tui.ui.widgets.wrapping import wrap

BAR, CHOSEN_BAR, CARET = "▎", "▌", "▌"


@dataclass(frozen=True, slots=True)
class Look:
    """The styles of a transcript, and its measure: `width` cells for a message with its bar, `wide` for luxury."""

    width: int
    wide: bool
    base: Style
    names: dict[str, Style]
    speech: Style
    action: Style
    strong: Style
    code: Style
    mark: Style
    meta: Style
    chosen: Style

    @property
    def text_width(self) -> int:
        return max(4, self.width - self.indent)

    @property
    def indent(self) -> int:
        return 2 if self.wide else 1

    def of(self, kind: str) -> Style:
        return {
            "speech": self.speech, "action": self.action, "strong": self.strong, "code": self.code, "mark": self.mark,
        }[kind]


#: A longer line, in characters, is laid out in parts: marks do not reach from one into the next.
_PART = 4000
#: Characters that are laid out at one go, some ten milliseconds of work; the rest of a longer text comes by and by.
_AT_ONCE = 20_000


@dataclass(slots=True)
class _Paragraph:
    """A source line (or part of a long one) as it was laid out, kept while the text behind it grows."""

    source: str
    fenced: bool
    after: bool
    rows: list[list[Segment]]


@dataclass(slots=True)
class Laid:
    """The rows of one message and what they were made from. Not `whole`: lay it out again, and more will be there."""

    key: object = None
    rows: list[list[Segment]] = field(default_factory=list)
    paragraphs: list[_Paragraph] = field(default_factory=list)
    measure: object = None
    whole: bool = True
    head: Strip = field(default_factory=lambda: Strip([]))
    bar: Segment = field(default_factory=lambda: Segment(""))
    hidden: bool = False

    @property
    def height(self) -> int:
        return 1 + len(self.rows)

    def strip(self, number: int) -> Strip:
        """A row to be painted; the first is the head."""
        strip = self.head if number == 0 else Strip([self.bar, *self.rows[number - 1]])
        return strip.apply_style(Style(dim=True)) if self.hidden else strip


def lay_out(entry: Entry, look: Look, laid: Laid, *, chosen: bool, unfolded: bool) -> Laid:
    """The rows of `entry`. Paragraphs that `laid` holds already and that did not change are taken from it."""
    key = (entry, chosen, unfolded)
    if laid.key == key and laid.measure is look and laid.whole:
        return laid
    if laid.measure is not look:
        laid.paragraphs = []
    rows = _thoughts(entry, look, unfolded)
    if entry.chapter:
        rows += _plain(f"§ {clean_line(entry.chapter, 200)}", look.text_width, look.strong)
    for picture in entry.images:
        rows += _plain(picture_label(picture), look.text_width, look.meta)
    body = _body(entry, look, laid) if entry.text or not entry.images else []
    for paragraph in body:
        rows += paragraph.rows
    if entry.live and body:
        rows[-1] = _with_caret(rows[-1], look)
    if laid.whole and (note := _ending(entry)):
        rows += _plain(note, look.text_width, look.meta)
    laid.key, laid.measure, laid.rows, laid.hidden = key, look, rows, entry.hidden
    laid.bar = _bar(entry, look, chosen)
    laid.head = _head(entry, look, laid.bar, chosen)
    return laid


def _bar(entry: Entry, look: Look, chosen: bool) -> Segment:
    style = look.chosen if chosen else look.names.get(entry.role, look.meta)
    return Segment((CHOSEN_BAR if chosen else BAR) + " " * (look.indent - 1), style)


def _head(entry: Entry, look: Look, bar: Segment, chosen: bool) -> Strip:
    meta = head_meta(entry) if look.wide else (tr("hidden") if entry.hidden else "")
    name = clean_line(entry.name, 60) or "…"
    room = look.text_width - (cell_len(meta) + 1 if meta else 0)
    if cell_len(name) > room:
        name = set_cell_size(name, max(1, room - 1)).rstrip() + "…"
    style = look.names.get(entry.role, look.meta)
    gap = look.text_width - cell_len(name) - cell_len(meta)
    parts = [bar, Segment(name, style + Style(reverse=chosen, bold=True)), Segment(" " * max(0, gap), look.base)]
    return Strip([*parts, Segment(meta, look.meta)] if meta else parts)


def head_meta(entry: Entry) -> str:
    """What stands at the right of a message's first row."""
    parts = [tr("hidden")] if entry.hidden else []
    if entry.text_number < entry.texts:
        parts.append(tr("text {number} of {total}", number=entry.text_number, total=entry.texts))
    elif entry.edited:
        parts.append(tr("edited"))
    if entry.versions > 1:
        parts.append(f"‹ {entry.version}/{entry.versions} ›")
    return "  ".join([*parts, f"#{entry.number}"])


def _thoughts(entry: Entry, look: Look, unfolded: bool) -> list[list[Segment]]:
    if not entry.reasoning.strip():
        return []
    count = len(entry.reasoning.split())
    thinking = entry.live and not entry.text
    head = tr("thinking, {n} words", n=count) if thinking else tr("thoughts, {n} words", n=count)
    rows = [[Segment(f"{'▾' if unfolded else '▸'} {head}", look.meta)]]
    if unfolded:
        for source in _lines_of(entry.reasoning.strip()):
            rows += _plain(source, look.text_width, look.base + look.mark + Style(italic=True))
    return rows


def _plain(text: str, width: int, style: Style) -> list[list[Segment]]:
    return [[Segment(text[a:b], style)] for a, b in wrap(text, width)]


def _body(entry: Entry, look: Look, laid: Laid) -> list[_Paragraph]:
    """The text, one paragraph after another; those known already are not laid out again."""
    fenced, kept, room = False, laid.paragraphs, _AT_ONCE
    fresh: list[_Paragraph] = []
    laid.whole = True
    for index, source in enumerate(_parts_of(entry.text)):
        old = kept[index] if index < len(kept) else None
        if old is None or old.source != source or old.fenced != fenced:
            if room <= 0:
                laid.whole = False
                break
            room -= len(source) + 1
            line, after = read_line(source, fenced)
            old = _Paragraph(source, fenced, after, list(_line_rows(line, look)))
        fresh.append(old)
        fenced = old.after
    laid.paragraphs = fresh
    return fresh


def _parts_of(text: str) -> Iterator[str]:
    """The lines, long ones cut where a word ends; where, does not change when the text grows."""
    for line in _lines_of(text):
        start = 0
        while len(line) - start > _PART:
            end = line.rfind(" ", start + 1, start + _PART) + 1 or start + _PART
            yield line[start:end]
            start = end
        yield line[start:]


def _lines_of(text: str) -> list[str]:
    return clean(text).expandtabs(4).replace("\u2028", "\n").replace("\u2029", "\n").split("\n")


def _line_rows(line: Line, look: Look) -> Iterator[list[Segment]]:
    width, text = look.text_width, line.text
    if line.kind == "rule":
        yield [Segment("─" * min(width, 24), look.base + look.mark)]
        return
    if line.kind in ("fence", "code"):
        style = look.base + (look.code if line.kind == "code" else look.mark)
        yield from ([Segment(text[a:b], style)] for a, b in wrap(text, width))
        return
    base = look.base + Style(bold=True) if line.kind == "heading" else look.base
    if line.kind == "quote":
        base = look.base + look.action
    hang = min(cell_len(text[: line.hang]), width // 3)
    runs, first = _runs(line, look, base), 0
    for number, (start, end) in enumerate(wrap(text, width, hang)):
        row = [Segment(" " * hang, look.base)] if number and hang else []
        while first < len(runs) and runs[first][1] <= start:
            first += 1
        at = first
        while at < len(runs) and runs[at][0] < end:
            a, b, style = runs[at]
            row.append(Segment(text[max(start, a): min(end, b)], style))
            at += 1
        yield row


def _runs(line: Line, look: Look, base: Style) -> list[tuple[int, int, Style]]:
    """Stretches of one style each; inner spans lie over outer ones, which is why spans must nest."""
    runs: list[tuple[int, int, Style]] = []
    at, around = 0, [(len(line.text), base)]

    def up_to(place: int) -> None:
        nonlocal at
        if at < place:
            runs.append((at, place, around[-1][1]))
            at = place

    for span in line.spans:
        while len(around) > 1 and around[-1][0] <= span.start:
            up_to(around[-1][0])
            around.pop()
        up_to(span.start)
        around.append((span.end, around[-1][1] + look.of(span.kind)))
    while around:
        up_to(around[-1][0])
        around.pop()
    return runs


def _with_caret(row: list[Segment], look: Look) -> list[Segment]:
    used = sum(cell_len(s.text) for s in row)
    return row if used >= look.text_width else [*row, Segment(CARET, look.meta)]


def _ending(entry: Entry) -> str:
    """What a reader should know about how the text ended."""
    if entry.live:
        return ""
    return {
        "length": tr("… the length limit was reached; Enter goes on"),
        "cut": tr("… cut off; Enter goes on"),
        "streaming": tr("… cut off; Enter goes on"),
        "error": tr("… broken off by an error; Enter goes on"),
    }.get(entry.finish, "")
