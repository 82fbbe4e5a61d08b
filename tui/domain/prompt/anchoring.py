"""Anchored lore: an entry that fires is put before the user's message that fired it, once, and stays there.

Its text is that of the moment, so nothing before the newest message changes from turn to turn. It goes when the cut
passes it. What the person does to the entry acts at once: an edit changes the text in its place, switching the entry
off or taking it out of the book removes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tui.domain.chat import Node
from tui.domain.lore import Lorebook, LoreEntry
from tui.domain.lore_decorators import split_decorators
from tui.domain.notice import Notice
from tui.domain.prompt.types import Anchored, LoreHit, Turn

#: In the place of a book's name: the author's note is anchored as lore is, after all lore of its message.
NOTE = "note"
_LAST = 1 << 31
_STANDS = Notice("It fired earlier and stands before the message that fired it.")
_FREE = ("before_char", "after_char", "at_depth", "examples_top", "examples_bottom")


@dataclass(frozen=True, slots=True)
class Anchoring:
    """`standing`: all lore that stands in history with this turn. `hits`: the scan with what stands marked so."""

    standing: tuple[Anchored, ...]
    hits: tuple[LoreHit, ...]


def anchor_lore(turn: Turn, hits: Sequence[LoreHit], resolve: Callable[[str, str], str]) -> Anchoring:
    """What of a scan is anchored, together with what stands from earlier turns. What another reply to the same message
    had fired is used again, so that a swipe changes nothing."""
    newest = next((n for n in reversed(turn.path) if n.role == "user" and not n.hidden), None)
    by_entry = {(h.book, h.uid): h for h in hits}
    earlier = [a for a in (*turn.state.anchored, *_of_sibling(turn, newest)) if (a.book, a.uid) in by_entry]
    standing: dict[tuple[str, str], Anchored] = {}
    if earlier:
        entries, there = _entries(turn.books), {n.id for n in turn.path if not n.hidden}
        for item in earlier:
            key = (item.book, item.uid)
            kept = _as_it_is(item, by_entry[key], entries.get(key), resolve) if item.node in there else None
            if kept is not None:
                standing[key] = kept
    out = []
    for hit in hits:
        key = (hit.book, hit.uid)
        if key in standing:
            hit = replace(hit, anchored=True, why=_STANDS)
        elif newest is not None and _may_anchor(hit):
            standing[key] = _anchored(hit, newest.id)
        elif hit.anchored:
            hit = replace(hit, anchored=False)
        out.append(hit)
    return Anchoring(tuple(standing.values()), tuple(out))


def anchor_note(turn: Turn, text: str, rebase: bool) -> tuple[Anchored, ...]:
    """The author's note where it is anchored: before the message that was newest when it was written. With a rebase,
    when all is processed anyway, it moves on to the newest."""
    newest = next((n for n in reversed(turn.path) if n.role == "user" and not n.hidden), None)
    if turn.note_position != "anchored" or newest is None or not text.strip():
        return ()
    digest = hashlib.sha256(f"{turn.note_role}|{turn.note}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    stood = next((a for a in turn.state.anchored if a.book == NOTE and a.digest == digest), None)
    if stood is not None and not rebase and any(n.id == stood.node and not n.hidden for n in turn.path):
        return (stood,)
    again = next((a for a in _of_sibling(turn, newest) if a.book == NOTE and a.digest == digest), None)
    if again is not None:
        return (again,)
    return (Anchored(NOTE, NOTE, newest.id, text, turn.note_role, digest, order=_LAST),)


def _anchored(hit: LoreHit, node: str) -> Anchored:
    return Anchored(hit.book, hit.uid, node, hit.text, hit.role, hit.digest, hit.comment, hit.order)


def _may_anchor(hit: LoreHit) -> bool:
    return hit.fired and hit.anchored and not hit.stable and hit.position in _FREE and bool(hit.text.strip())


def _of_sibling(turn: Turn, newest: Node | None) -> Iterable[Anchored]:
    if turn.sibling is None or newest is None:
        return ()
    return (a for a in turn.sibling.anchored if a.node == newest.id)


def _as_it_is(
    item: Anchored, hit: LoreHit, entry: LoreEntry | None, resolve: Callable[[str, str], str]
) -> Anchored | None:
    """What stands, after what the person has done to its entry since."""
    if entry is None or not entry.enabled or not hit.anchored:
        return None
    if hit.digest == item.digest:
        return item
    text = hit.text or resolve(split_decorators(entry.content)[1], f"lore:{item.book}:{item.uid}").strip("\n")
    return replace(item, text=text, digest=hit.digest, role=hit.role) if text.strip() else None


def _entries(books: Sequence[Lorebook]) -> Mapping[tuple[str, str], LoreEntry]:
    return {(book.id, entry.uid): entry for book in books for entry in book.entries}
