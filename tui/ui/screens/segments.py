"""The segments of a plan as a person reads them: where each comes from, of which kind, folded, in shares of tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from textual.content import Content

from tui.domain.cleantext import clean
from tui.i18n import tr
from tui.ui.layouts import readings
from tui.ui.screens.page import notice_text
from tui.ui.widgets.listing import Line
from tui.ui.words import UNUSED, thousands

Kind = Literal["head", "lore", "memory", "history", "tail"]
KINDS: tuple[Kind, ...] = ("head", "lore", "memory", "history", "tail")
#: Sign and colour of each kind: two accents, the rest in ink; the signs differ where the colours do not.
LOOKS: Mapping[Kind, tuple[str, str]] = {
    "head": ("▓", "$quiet"), "lore": ("█", "$primary"), "memory": ("█", "$secondary"),
    "history": ("█", "$foreground"), "tail": ("▒", "$foreground"),
}
LEFT_OUT = UNUSED
#: So many messages (or examples) that follow one another and share their fate are drawn as one line.
_RUN = 3
#: Characters of a text shown before and after what was searched for.
_BEFORE = 24


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a view. `text` is what a search looks into beside the line's own words; `run` names the fold that the
    row belongs to ("": none), and `heads` says that the row stands for that fold."""

    line: Line
    text: str = ""
    run: str = ""
    heads: bool = False


def kind_of(segment: Mapping[str, Any]) -> Kind:
    """The kind that a segment is drawn as: by its source, else by how often it changes."""
    source = str(segment.get("source") or "").split(":", 1)[0]
    if source == "lore":
        return "lore"
    if source in ("summary", "pin", "recall"):
        return "memory"
    volatility = segment.get("volatility")
    return next((kind for kind in KINDS if kind == volatility), "tail")


def kind_word(kind: str) -> str:
    return {
        "head": tr("head"), "lore": tr("lore"), "memory": tr("memory"), "history": tr("history"), "tail": tr("tail")
    }.get(kind, kind)


def source_words(
    segment: Mapping[str, Any], path: Sequence[str] = (), names: Mapping[str, str] | None = None
) -> str:
    """Where a segment comes from, in words. `path` holds the ids of the messages on view, for their numbers; `names`
    the titles of lore entries by BOOK:UID."""
    source = str(segment.get("source") or "")
    kind, _, rest = source.partition(":")
    known = {
        "system": tr("system prompt"),
        "story": tr("story string"),
        "template": tr("signs of the prompt format"),
        "card.description": tr("card: description"),
        "card.personality": tr("card: personality"),
        "card.scenario": tr("card: scenario"),
        "card.system": tr("card: system prompt"),
        "card.note": tr("card: note"),
        "persona": tr("persona"),
        "note": tr("author's note"),
        "post_history": tr("after the history"),
        "prefill": tr("start of the reply"),
        "instruction": tr("what is asked for"),
        "cast": tr("whose reply it is"),
    }
    if source in known:
        return known[source]
    if kind in ("message", "messages"):
        return _messages(rest.split(":"), str(segment.get("name") or ""), path)
    if kind == "pin":
        return tr("pinned fact")
    if kind == "recall":
        return tr("recalled for {where}", where=_messages([rest], "", path))
    if kind == "lore":
        return tr("lore: {name}", name=(names or {}).get(rest) or rest.replace(":", " "))
    if kind == "card.note":
        return tr("card of {name}: note", name=rest)
    if kind == "example":
        return tr("example {n}", n=int(rest) + 1 if rest.isdecimal() else rest)
    if kind == "examples":
        return tr("examples")
    if kind == "injection":
        return tr("injected text: {name}", name=rest)
    return tr("summary") if kind == "summary" else source


def _messages(ids: Sequence[str], name: str, path: Sequence[str]) -> str:
    numbers = [path.index(node) + 1 for node in ids if node in path]
    if len(ids) == 2:
        if len(numbers) == 2:
            return tr("messages {first} to {last}", first=numbers[0], last=numbers[1])
        return tr("earlier messages")
    return f"#{numbers[0]} {name}".rstrip() if numbers else name or tr("message")


def lore_names(hits: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Titles of lore entries by BOOK:UID, as their authors wrote them."""
    return {f"{hit.get('book')}:{hit.get('uid')}": str(hit["comment"]) for hit in hits if hit.get("comment")}


def runs(segments: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Stretches (first, beyond the last) of a plan: single segments, and runs of messages or examples."""
    out: list[tuple[int, int]] = []
    start = 0
    for at in range(1, len(segments) + 1):
        if at == len(segments) or not _alike(segments[start], segments[at]):
            if at - start >= _RUN:
                out.append((start, at))
            else:
                out += [(n, n + 1) for n in range(start, at)]
            start = at
    return out


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    kinds = {str(s.get("source")).partition(":")[0].removesuffix("s") for s in (one, other)}
    fate = (("included", True), ("volatility", ""), ("why", None), ("reused", None))
    return len(kinds) == 1 and kinds <= {"message", "example"} and all(
        one.get(name, default) == other.get(name, default) for name, default in fate
    )


def joined(segments: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """A run as one segment without a text."""
    first, last = str(segments[0]["source"]).split(":")[1], str(segments[-1]["source"]).split(":")[-1]
    kind = "examples" if str(segments[0]["source"]).startswith("example:") else "messages"
    tokens = sum(int(s.get("tokens") or 0) for s in segments)
    return {**segments[0], "source": f"{kind}:{first}:{last}", "text": "", "tokens": tokens}


def gathered(segments: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The segments of a plan, every run drawn together."""
    return [segments[a] if b - a == 1 else joined(segments[a:b]) for a, b in runs(segments)]


def segment_line(
    number: int, segment: Mapping[str, Any], title: str, *, wide: bool = False, brief: bool = False, query: str = "",
) -> Line:
    """A segment as a line. With `wide`, its kind stands beside the tokens; with `brief`, its text does not stand below
    unless `query` occurs in it."""
    included, kind, text = bool(segment.get("included", True)), kind_of(segment), str(segment.get("text") or "")
    sign, colour = LOOKS[kind]
    tokens = ("= " if included and segment.get("reused") else "") + thousands(int(segment.get("tokens") or 0))
    why = notice_text(segment.get("why"))
    note = why if included else why or tr("left out")
    if query and found(query, text):
        note = passage(query, text)
    elif not note and not brief:
        note = text
    return Line(
        str(number), title, f"{kind_word(kind)} {tokens}" if wide else tokens, note,
        mark=sign if included else LEFT_OUT, faint=not included, colour=colour if included else "",
    )


def segment_lines(
    segments: Sequence[Mapping[str, Any]], path: Sequence[str] = (), names: Mapping[str, str] | None = None
) -> list[Line]:
    """A plan as lines, in prompt order; left-out segments say why."""
    return [segment_line(n, s, source_words(s, path, names)) for n, s in enumerate(segments, 1)]


def segment_rows(
    segments: Sequence[Mapping[str, Any]], path: Sequence[str] = (), names: Mapping[str, str] | None = None, *,
    opened: Collection[str] = (), query: str = "", wide: bool = False, brief: bool = False,
) -> list[Row]:
    """A plan as rows, runs folded behind a line of their own; `opened` names the runs that are unfolded."""
    rows: list[Row] = []
    for first, end in runs(segments):
        run = f"run:{segments[first].get('source')}" if end - first > 1 else ""
        if run:
            whole = joined(segments[first:end])
            line = segment_line(first + 1, whole, _run_words(whole, end - first, path), wide=wide, brief=True)
            sign = "▾" if run in opened else "▸"
            rows.append(Row(replace(line, id=run, title=f"{sign} {line.title}"), run=run, heads=True))
        for number in range(first, end):
            title = source_words(segments[number], path, names)
            line = segment_line(
                number + 1, segments[number], f"· {title}" if run else title, wide=wide, brief=brief, query=query,
            )
            rows.append(Row(line, str(segments[number].get("text") or ""), run))
    return rows


def _run_words(whole: Mapping[str, Any], count: int, path: Sequence[str]) -> str:
    if str(whole["source"]).startswith("examples:"):
        return tr("examples ({n})", n=count)
    return f"{source_words(whole, path)} ({count})"


def visible(rows: Sequence[Row], opened: Collection[str]) -> list[Line]:
    """The lines of the rows that no fold hides."""
    return [row.line for row in rows if not row.run or row.heads or row.run in opened]


def found(query: str, text: str) -> bool:
    """Whether `text` holds what was typed, in whatever layout it was typed."""
    folded = text.casefold()
    return any(reading in folded for reading in readings(query))


def passage(query: str, text: str) -> str:
    """The stretch of `text` that begins a little before what was searched for."""
    folded = text.casefold()
    at = next((folded.index(reading) for reading in readings(query) if reading in folded), 0)
    start = max(0, at - _BEFORE)
    return ("…" if start else "") + text[start:start + 300]


def segment_text(segment: Mapping[str, Any]) -> Content:
    """A segment to read: what is known of it, then its text."""
    facts = [kind_word(kind_of(segment)), role_word(str(segment.get("role") or ""))]
    facts.append(tr("{n} tokens", n=thousands(int(segment.get("tokens") or 0))))
    if segment.get("depth") is not None:
        facts.append(tr("at depth {n}", n=segment["depth"]))
    if not segment.get("included", True):
        facts.append(tr("left out"))
    elif segment.get("reused") is not None:
        facts.append(tr("reused") if segment["reused"] else tr("processed anew"))
    about = " · ".join(fact for fact in facts if fact)
    why, text = notice_text(segment.get("why")), clean(str(segment.get("text") or ""), 200_000)
    return Content.assemble((about, "dim"), "\n", (f"{why}\n" if why else "", "italic"), "\n", text)


def role_word(role: str) -> str:
    """Whose words a segment is, for the model."""
    return {"system": tr("system"), "user": tr("user"), "assistant": tr("assistant")}.get(role, role)


def shares(segments: Sequence[Mapping[str, Any]]) -> dict[Kind, int]:
    """Tokens of what is in the prompt by kind, in prompt order of the kinds."""
    out: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    for segment in segments:
        if segment.get("included", True):
            out[kind_of(segment)] += int(segment.get("tokens") or 0)
    return {kind: tokens for kind, tokens in out.items() if tokens}


def share_bar(parts: Mapping[Kind, int], context: int, reserve: int, width: int) -> Content:
    """The whole window in `width` cells: each kind, what is free, and what is kept for the reply."""
    free = max(0, context - reserve - sum(parts.values()))
    counts = [*parts.values(), free, reserve if context else 0]
    signs = [LOOKS[kind] for kind in parts] + [("░", "$faint"), ("·", "$faint")]
    return Content("").join(
        Content.styled(sign * cells, colour)
        for (sign, colour), cells in zip(signs, _cells(counts, width), strict=True)
    )


def _cells(counts: Sequence[int], width: int) -> list[int]:
    """`width` cells divided by the counts; whatever there is at all gets one."""
    total = sum(counts)
    if total <= 0:
        return [0] * len(counts)
    cells = [max(1, count * width // total) if count else 0 for count in counts]
    largest = max(range(len(cells)), key=lambda n: cells[n])
    cells[largest] = max(0, cells[largest] + width - sum(cells))
    return cells


def legend(parts: Mapping[Kind, int], width: int) -> Content:
    """What the colours mean, with the tokens of each kind where there is room for them."""
    def drawn(kind: Kind, gap: str, told: str) -> Content:
        sign, colour = LOOKS[kind]
        return Content.assemble((sign, colour), gap, (kind_word(kind), "dim"), (told, "dim"))

    total = max(1, sum(parts.values()))
    reused = Content.styled("= " + tr("reused"), "dim")
    full = [drawn(kind, " ", f" {thousands(n)}") for kind, n in parts.items()]
    short = [drawn(kind, " ", f" {round(100 * n / total)}%") for kind, n in parts.items()]
    words = [drawn(kind, "", "") for kind in parts]
    for items, gap in (([*full, reused], "   "), ([*short, reused], "  "), (short, " "), (words, " ")):
        line = Content(gap).join(items)
        if line.cell_length <= width:
            return line
    return line.truncate(width, ellipsis=True)
