"""The lore trace as lines: which entry fired, through which key, where it went, what kept the others out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from textual.content import Content

from tui.domain.cleantext import clean
from tui.i18n import tr
from tui.ui.screens.page import notice_text
from tui.ui.screens.segments import Row, lore_names
from tui.ui.widgets.listing import Line
from tui.ui.words import IN_USE

Filter = Literal["all", "fired", "silent"]
FILTERS: tuple[Filter, ...] = ("all", "fired", "silent")


def filter_words(which: Filter) -> str:
    return {"all": tr("all entries"), "fired": tr("what fired"), "silent": tr("what did not fire")}[which]


def lore_rows(hits: Sequence[Mapping[str, Any]], which: Filter = "all", *, brief: bool = False) -> list[Row]:
    """The trace, filtered; entries that fired first. With `brief`, one line below each says the main thing."""
    names = lore_names(hits)
    wanted = [
        (number, hit) for number, hit in enumerate(hits)
        if which == "all" or bool(hit.get("fired")) == (which == "fired")
    ]
    ordered = sorted(wanted, key=lambda pair: (not pair[1].get("fired"), pair[0]))
    return [
        Row(_line(n, hit, names, brief=brief), " ".join(str(hit.get(k) or "") for k in ("key", "snippet", "uid")))
        for n, hit in ordered
    ]


def lore_lines(hits: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Entries that fired first, then the others with the reason."""
    return [row.line for row in lore_rows(hits)]


def _line(number: int, hit: Mapping[str, Any], names: Mapping[str, str], *, brief: bool) -> Line:
    fired = bool(hit.get("fired"))
    facts = hit_facts(hit, names)
    detail = tr("{n} tokens", n=hit["tokens"]) if hit.get("tokens") else ""
    note = facts[0] if brief and facts else " · ".join([str(hit.get("book") or ""), *facts])
    return Line(
        str(number + 1), hit_title(hit), detail, note, IN_USE if fired else "", not brief, not fired,
        colour="$primary" if fired else "",
    )


def hit_title(hit: Mapping[str, Any]) -> str:
    return str(hit.get("comment") or hit.get("key") or tr("entry {n}", n=hit.get("uid")))


def hit_facts(hit: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """What became of an entry, the most important first."""
    fired, why = bool(hit.get("fired")), notice_text(hit.get("why"))
    facts = [why] if why and not fired else []
    if dropped := str(hit.get("dropped_by") or ""):
        facts.append(budget_words(dropped))
    if fired or hit.get("key"):
        facts.append(_cause(hit, names))
    elif not why:
        facts.append(tr("none of its keys occurs"))
    if fired:
        stood_before = hit.get("anchored") and why     # then `why` says where, too
        facts += [why] if stood_before else [place_words(hit), why]
    if hit.get("dice") is not None:
        facts.append(tr("dice: {n} of 99", n=hit["dice"]))
    if hit.get("group"):
        facts.append(tr("group “{name}”", name=hit["group"]))
    facts += [timer_words(str(name), count) for name, count in (hit.get("timers") or {}).items()]
    return [fact for fact in facts if fact]


def _cause(hit: Mapping[str, Any], names: Mapping[str, str]) -> str:
    key, snippet, message, parent = (hit.get(k) for k in ("key", "snippet", "message", "parent"))
    if not key:
        return tr("still in, since it fired before") if "sticky" in (hit.get("timers") or {}) else tr("always on")
    if parent:
        told = tr("through “{key}”, from {entry}", key=key, entry=names.get(str(parent)) or str(parent))
        return f"{told}: {snippet}" if snippet else told
    if message is None:
        return tr("through “{key}”", key=key)
    where = tr("the newest message") if message == 0 else tr("message {n} from the end", n=int(message) + 1)
    return tr("through “{key}” in {where}: {snippet}", key=key, where=where, snippet=snippet or "")


def place_words(hit: Mapping[str, Any]) -> str:
    """Where an entry that fired stands."""
    if hit.get("anchored"):
        return tr("before the message that fired it")
    if hit.get("outlet"):
        return tr("outlet “{name}”", name=hit["outlet"])
    return position_words(str(hit.get("position") or ""), hit.get("depth"))


def budget_words(name: str) -> str:
    """Which budget had no room."""
    return {
        "lore": tr("dropped by the budget of all lore"),
        "cap": tr("dropped by the cap on lore"),
        "book": tr("dropped by the budget of its book"),
        "window": tr("dropped because the prompt is full"),
    }.get(name, name)


def timer_words(name: str, count: Any) -> str:
    """How long a timed effect lasts."""
    return {
        "sticky": tr("stays for {n} more messages", n=count),
        "cooldown": tr("rests for {n} more messages", n=count),
        "delay": tr("waits for {n} more messages", n=count),
    }.get(name, f"{name} {count}")


def position_words(position: str, depth: Any) -> str:
    """Where an entry stands in the prompt."""
    if position == "at_depth":
        return tr("at depth {n}", n=depth)
    return {
        "before_char": tr("before the character"),
        "after_char": tr("after the character"),
        "note_top": tr("above the author's note"),
        "note_bottom": tr("below the author's note"),
        "examples_top": tr("above the examples"),
        "examples_bottom": tr("below the examples"),
        "outlet": tr("in an outlet"),
    }.get(position, position)


def hit_text(hit: Mapping[str, Any], hits: Sequence[Mapping[str, Any]]) -> Content:
    """Everything that is known of an entry in this scan, a fact a line."""
    facts = hit_facts(hit, lore_names(hits))
    about = f"{hit.get('book') or ''} · {hit.get('uid')} · " + tr("order {n}", n=hit.get("order") or 0)
    head = tr("It fired.") if hit.get("fired") else tr("It did not fire.")
    return Content.assemble((about, "dim"), "\n\n", (head, "bold"), "\n", clean("\n".join(facts)))
