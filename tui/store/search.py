"""Full-text search over every finished revision, hidden branches included.

The index is FTS5 with the texts left in `revisions`: a view folds them (ё is е), temporary triggers on the writer's
connection keep the index in step. Where SQLite was built without FTS5, texts are searched one by one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from tui.store.schema import run_script
from tui.store.text import clean
from tui.store.types import SearchHit

OPEN, CLOSE = "\x02", "\x03"
_FOLDS = str.maketrans({"ё": "е", "Ё": "Е", OPEN: " ", CLOSE: " ", "\0": " "})
STALE = "search_stale"
_CONTEXT = 60                                     # characters on each side of the first match


def _folded(column: str) -> str:
    """The SQL twin of `fold`: one character for one character, so that positions agree."""
    expression = column
    for old, new in ((0x451, 0x435), (0x401, 0x415), (2, 32), (3, 32), (0, 32)):
        expression = f"replace({expression}, char({old}), char({new}))"
    return expression


_INDEX = f"""
CREATE VIEW IF NOT EXISTS search_text AS
    SELECT pk, {_folded("text")} AS text FROM revisions WHERE finish <> 'streaming';
CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5(
    text, content='search_text', content_rowid='pk', tokenize="unicode61 remove_diacritics 2", prefix='2 3');
"""
_TRIGGERS = f"""
CREATE TEMP TRIGGER search_added AFTER INSERT ON main.revisions WHEN new.finish <> 'streaming' BEGIN
    INSERT INTO search (rowid, text) VALUES (new.pk, {_folded("new.text")});
END;
CREATE TEMP TRIGGER search_left AFTER UPDATE OF text, finish ON main.revisions WHEN old.finish <> 'streaming' BEGIN
    INSERT INTO search (search, rowid, text) VALUES ('delete', old.pk, {_folded("old.text")});
END;
CREATE TEMP TRIGGER search_entered AFTER UPDATE OF text, finish ON main.revisions WHEN new.finish <> 'streaming' BEGIN
    INSERT INTO search (rowid, text) VALUES (new.pk, {_folded("new.text")});
END;
"""
_HIT = """
SELECT c.id, c.title, n.id, r.id, n.name, r.created_ms, n.deleted, n.current = r.id, r.text
FROM revisions r JOIN chats c ON c.pk = r.chat JOIN nodes n ON n.chat = r.chat AND n.id = r.node
WHERE r.pk = :pk AND NOT c.deleted AND (:deleted OR NOT n.deleted)"""


def fold(text: str) -> str:
    """`text` as it is indexed: ё is е, and the marks of snippets cannot come from it."""
    return text.translate(_FOLDS)


@dataclass(frozen=True, slots=True)
class Term:
    """A word (its beginning is enough) or a phrase (whole words in this order)."""

    text: str
    phrase: bool


def terms(query: str) -> list[Term]:
    """What a person typed, taken apart: words, and phrases between quotes. Nothing in it is syntax of FTS5."""
    found: list[Term] = []
    for match in re.finditer(r'["«“„]([^"»”“]*)["»”“]?|([^\s"«»“”„]+)', fold(clean(query))):
        text = match[1] if match[1] is not None else match[2]
        if any(character.isalnum() for character in text):
            found.append(Term(text.strip(), match[1] is not None))
    return found


def prepare(connection: sqlite3.Connection) -> bool:
    """Make the index usable on the writer's connection, building it anew if it fell behind. False: no FTS5 here."""
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.search_probe USING fts5(text)")
        connection.execute("DROP TABLE temp.search_probe")
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        connection.execute("INSERT OR REPLACE INTO settings VALUES (?, '1')", (STALE,))
        return False
    known = connection.execute("SELECT 1 FROM main.sqlite_master WHERE name = 'search'").fetchone()
    stale = connection.execute("SELECT 1 FROM settings WHERE key = ?", (STALE,)).fetchone()
    if not known or stale:
        connection.execute("BEGIN IMMEDIATE")
        run_script(connection, _INDEX)
        connection.execute("INSERT INTO search (search) VALUES ('rebuild')")
        connection.execute("DELETE FROM settings WHERE key = ?", (STALE,))
        connection.execute("COMMIT")
    run_script(connection, _TRIGGERS)
    return True


def find(connection: sqlite3.Connection, query: str, limit: int, deleted: bool, indexed: bool) -> list[SearchHit]:
    """The newest `limit` messages that hold every term of `query`, each once. Chats in the trash are left out, and
    deleted messages unless `deleted`."""
    wanted = terms(query)
    if not wanted:
        return []
    found: dict[tuple[str, str], SearchHit] = {}
    for pk, spans in _indexed(connection, wanted) if indexed else _scanned(connection, wanted):
        row = connection.execute(_HIT, {"pk": pk, "deleted": deleted}).fetchone()
        if row is None or (row[0], row[2]) in found:
            continue
        found[row[0], row[2]] = SearchHit(
            row[0], row[1], row[2], row[3], row[4], snippet(row[8], spans), row[5], bool(row[6]), bool(row[7])
        )
        if len(found) >= limit:
            break
    return list(found.values())


def index_agrees(connection: sqlite3.Connection) -> bool:
    """Whether the index says what the table says. Reads everything; needs a connection that may write."""
    try:
        connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError:
        return False
    return True


def snippet(text: str, spans: list[tuple[int, int]]) -> str:
    """A line of `text` around its first match, the matches between OPEN and CLOSE."""
    first = spans[0][0] if spans else 0
    start, end = max(0, first - _CONTEXT), min(len(text), first + 2 * _CONTEXT)
    parts, at = ["…" if start else ""], start
    for begin, stop in spans:
        if begin >= end:
            break
        parts += [_plain(text[at:begin]), OPEN, _plain(text[begin:stop]), CLOSE]
        at = stop
    parts += [_plain(text[at:max(at, end)]), "…" if end < len(text) else ""]
    return " ".join("".join(parts).split())


def _plain(text: str) -> str:
    return text.replace(OPEN, " ").replace(CLOSE, " ")


def _indexed(connection: sqlite3.Connection, wanted: list[Term]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    expression = " AND ".join(f'"{term.text}"' + ("" if term.phrase else "*") for term in wanted)
    rows = connection.execute(
        f"SELECT rowid, highlight(search, 0, '{OPEN}', '{CLOSE}') FROM search WHERE search MATCH ? ORDER BY rowid DESC",
        (expression,),
    )
    for pk, marked in rows:
        yield pk, _spans(marked)


def _spans(marked: str) -> list[tuple[int, int]]:
    """Where the marked stretches lie in the text without marks."""
    spans: list[tuple[int, int]] = []
    at = begin = 0
    for piece in re.split(f"([{OPEN}{CLOSE}])", marked):
        if piece == OPEN:
            begin = at
        elif piece == CLOSE:
            spans.append((begin, at))
        else:
            at += len(piece)
    return spans


def _scanned(connection: sqlite3.Connection, wanted: list[Term]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    patterns = [
        re.compile(r"(?<!\w)" + re.escape(term.text) + (r"(?!\w)" if term.phrase else ""), re.IGNORECASE)
        for term in wanted
    ]
    for pk, text in connection.execute("SELECT pk, text FROM revisions WHERE finish <> 'streaming' ORDER BY pk DESC"):
        folded = fold(text)
        matches = [[match.span() for match in pattern.finditer(folded)] for pattern in patterns]
        if all(matches):
            yield pk, _merged(sorted(span for spans in matches for span in spans))


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in spans:
        if merged and begin < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
