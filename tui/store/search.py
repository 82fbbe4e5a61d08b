"""Full-text search over every finished revision, hidden branches included.

The index is FTS5 with the texts left in `revisions`: a view folds them (ё is е), temporary triggers on the writer's
connection keep the index in step. Where SQLite was built without FTS5, texts are searched one by one.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.searching import Wanted
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
_HIT = """c.id, c.title, n.id, r.id, n.name, r.created_ms, n.deleted, n.current = r.id, r.text"""
#: CROSS JOIN keeps the order of the tables: matches come newest first, and only as many are read as are wanted.
_REST = """
CROSS JOIN chats c ON c.pk = r.chat CROSS JOIN nodes n ON n.chat = r.chat AND n.id = r.node
WHERE {matching} AND NOT c.deleted AND (:deleted OR NOT n.deleted) AND (NOT :only_deleted OR n.deleted)
AND (:chats IS NULL OR r.chat IN (SELECT value FROM json_each(:chats))) AND (:role = '' OR n.role = :role)
AND (:since IS NULL OR r.created_ms >= :since) AND (:until IS NULL OR r.created_ms < :until)
ORDER BY {order} DESC"""
_INDEXED = f"""SELECT {_HIT}, highlight(search, 0, '{OPEN}', '{CLOSE}')
FROM search CROSS JOIN revisions r ON r.pk = search.rowid""" + _REST.format(
    matching="search MATCH :expression", order="search.rowid"
)
_SCANNED = f"SELECT {_HIT} FROM revisions r" + _REST.format(matching="r.finish <> 'streaming'", order="r.pk")
Spans = list[tuple[int, int]]
#: A row of the query, and where in its text the matches are.
Match = tuple[Sequence[Any], Spans]


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


def find(
    connection: sqlite3.Connection, query: Wanted, limit: int, deleted: bool, indexed: bool, here: str = "",
) -> list[SearchHit]:
    """The newest `limit` messages that hold every term of `query` and meet its conditions, each once. Chats in the
    trash are left out, and deleted messages unless `deleted`. `here` is the chat in front."""
    wanted = terms(query.text)
    if not wanted and (query.text.strip() or not query.narrowed):
        return []                                 # nothing that could be looked for, or marks alone
    bound = _bound(connection, query, deleted, here)
    found: dict[tuple[str, str], SearchHit] = {}
    rows = _indexed(connection, wanted, bound) if indexed and wanted else _scanned(connection, wanted, bound)
    for row, spans in rows:
        if (row[0], row[2]) in found or not _speaks(str(row[4]), query.speaker):
            continue
        found[row[0], row[2]] = SearchHit(
            row[0], row[1], row[2], row[3], row[4], snippet(row[8], spans), row[5], bool(row[6]), bool(row[7])
        )
        if len(found) >= limit:
            break
    return list(found.values())


def _bound(connection: sqlite3.Connection, query: Wanted, deleted: bool, here: str) -> dict[str, Any]:
    """The conditions as the statements take them."""
    chats = None
    if query.here or query.chat or query.character:
        rows = connection.execute("SELECT pk, id, title, character, name FROM chats WHERE NOT deleted")
        chats = json.dumps([
            pk for pk, chat, title, character, name in rows
            if (not query.here or chat == here) and _holds(title, query.chat)
            and _holds(f"{character} {name}", query.character)
        ])
    return {
        "deleted": deleted or query.deleted, "only_deleted": query.deleted, "chats": chats, "role": query.role,
        "since": query.since_ms, "until": query.until_ms,
    }


def _holds(text: str, words: str) -> bool:
    """Whether every one of `words` stands in a text, in whatever case."""
    low = fold(text).casefold()
    return all(word in low for word in fold(words).casefold().split())


def _speaks(name: str, beginning: str) -> bool:
    return fold(name).casefold().startswith(fold(beginning).casefold())


def index_agrees(connection: sqlite3.Connection) -> bool:
    """Whether the index says what the table says. Reads everything; needs a connection that may write."""
    try:
        connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError:
        return False
    return True


def snippet(text: str, spans: Spans) -> str:
    """A line of `text` around its first match, the matches between OPEN and CLOSE."""
    first = spans[0][0] if spans else 0
    start, end = max(0, first - _CONTEXT), min(len(text), first + 2 * _CONTEXT)
    if OPEN in text or CLOSE in text:
        text = text.replace(OPEN, " ").replace(CLOSE, " ")
    parts, at = ["…" if start else ""], start
    for begin, stop in spans:
        if begin >= end:
            break
        parts += (text[at:begin], OPEN, text[begin:stop], CLOSE)
        at = stop
    parts += (text[at:max(at, end)], "…" if end < len(text) else "")
    return " ".join("".join(parts).split())


def _indexed(connection: sqlite3.Connection, wanted: list[Term], bound: Mapping[str, Any]) -> Iterator[Match]:
    expression = " AND ".join(f'"{term.text}"' + ("" if term.phrase else "*") for term in wanted)
    for row in connection.execute(_INDEXED, {"expression": expression, **bound}):
        yield row, _spans(row[9])


def _spans(marked: str) -> Spans:
    """Where the marked stretches lie in the text without marks: those that a snippet can show."""
    spans: Spans = []
    opened, marks = marked.find(OPEN), 0
    while opened >= 0 and (not spans or opened - marks < spans[0][0] + 2 * _CONTEXT):
        closed = marked.find(CLOSE, opened)
        spans.append((opened - marks, closed - marks - 1))
        marks += 2
        opened = marked.find(OPEN, closed)
    return spans


def _scanned(connection: sqlite3.Connection, wanted: list[Term], bound: Mapping[str, Any]) -> Iterator[Match]:
    patterns = [
        re.compile(r"(?<!\w)" + re.escape(term.text) + (r"(?!\w)" if term.phrase else ""), re.IGNORECASE)
        for term in wanted
    ]
    for row in connection.execute(_SCANNED, bound):
        folded = fold(row[8])
        matches = [[match.span() for match in pattern.finditer(folded)] for pattern in patterns]
        if all(matches):
            yield row, _merged(sorted(span for spans in matches for span in spans))


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in spans:
        if merged and begin < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
