"""The tables, made step by step. A step once released is never edited: the next one is added below it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

#: "TRKT": tells our file from any other SQLite database.
APPLICATION_ID = 0x54524B54

Step = Callable[[sqlite3.Connection], None]

_FIRST = """
CREATE TABLE chats (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    head TEXT,
    last_change INTEGER NOT NULL DEFAULT 0,      -- orders the list: the wall clock may jump
    title TEXT NOT NULL DEFAULT '',              -- from here on derived, for the list of chats
    character TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL DEFAULT '',
    deleted INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0,
    last TEXT NOT NULL DEFAULT '',
    last_name TEXT NOT NULL DEFAULT ''
);
CREATE INDEX chats_recent ON chats (deleted, last_change);

CREATE TABLE fields (
    chat INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,                         -- JSON
    PRIMARY KEY (chat, name)
) WITHOUT ROWID;

CREATE TABLE nodes (
    chat INTEGER NOT NULL,
    id TEXT NOT NULL,
    parent TEXT,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    current TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    hidden INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (chat, id)
) WITHOUT ROWID;

CREATE TABLE revisions (
    pk INTEGER PRIMARY KEY,                      -- also the row of the full-text index; orders a node's revisions
    chat INTEGER NOT NULL,
    node TEXT NOT NULL,
    id TEXT NOT NULL,
    text TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    base INTEGER NOT NULL,
    finish TEXT NOT NULL,
    reasoning TEXT NOT NULL DEFAULT '',
    generation TEXT NOT NULL DEFAULT '',         -- JSON object, '' when empty
    UNIQUE (chat, node, id)
);
CREATE INDEX revisions_of_chat ON revisions (chat);
CREATE INDEX revisions_streaming ON revisions (chat) WHERE finish = 'streaming';

CREATE TABLE summaries (
    chat INTEGER NOT NULL,
    id TEXT NOT NULL,
    covers TEXT NOT NULL,                        -- JSON: [[node, revision], ...]
    texts TEXT NOT NULL,                         -- JSON: [text, ...]
    created_ms INTEGER NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    generation TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (chat, id)
) WITHOUT ROWID;

CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,                          -- do, undo, redo
    target INTEGER,                              -- of undo and redo: the change they are about
    undoable INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'done',          -- of an undoable do: done, undone, or dropped from the redo list
    label TEXT NOT NULL,                         -- JSON of a notice
    ops TEXT NOT NULL,                           -- JSON
    inverse TEXT NOT NULL                        -- JSON
);
CREATE INDEX changes_of_chat ON changes (chat, id);
CREATE INDEX changes_done ON changes (chat, id) WHERE undoable AND state = 'done';
CREATE INDEX changes_undone ON changes (chat, id) WHERE undoable AND state = 'undone';
CREATE INDEX changes_target ON changes (target) WHERE target IS NOT NULL;

CREATE TABLE plans (
    chat INTEGER NOT NULL,
    node TEXT NOT NULL,
    state BLOB NOT NULL,                         -- zlib of JSON
    plan BLOB,
    PRIMARY KEY (chat, node)
);

CREATE TABLE drafts (chat TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


def _first(connection: sqlite3.Connection) -> None:
    run_script(connection, _FIRST)


#: What tokenizers said, for as long as there is room: the newest rows stay. `key` is a digest of vocabulary and text.
_TOKEN_COUNTS = """
CREATE TABLE token_counts (
    pk INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    tokens INTEGER NOT NULL
);
"""


def _token_counts(connection: sqlite3.Connection) -> None:
    run_script(connection, _TOKEN_COUNTS)


#: The tokens of replies with their probabilities, in blocks as they came: `number` counts the tokens before a block,
#: `offset` the characters of the text before it.
_REPLY_TOKENS = """
CREATE TABLE reply_tokens (
    chat INTEGER NOT NULL,
    node TEXT NOT NULL,
    revision TEXT NOT NULL,
    number INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    tokens BLOB NOT NULL,                        -- zlib of JSON
    PRIMARY KEY (chat, node, revision, number)
);
"""


def _reply_tokens(connection: sqlite3.Connection) -> None:
    run_script(connection, _REPLY_TOKENS)


#: Attached pictures, each once whatever chats show it. A text names its own in `images`.
_PICTURES = """
CREATE TABLE pictures (
    id TEXT NOT NULL PRIMARY KEY,                -- SHA-256 of the data, in hexadecimal
    data BLOB NOT NULL
);
CREATE TABLE chat_pictures (
    chat INTEGER NOT NULL,
    picture TEXT NOT NULL,
    PRIMARY KEY (chat, picture)
) WITHOUT ROWID;
ALTER TABLE revisions ADD COLUMN images TEXT NOT NULL DEFAULT '';
"""


def _pictures(connection: sqlite3.Connection) -> None:
    run_script(connection, _PICTURES)


#: What is noted on a message beside its text: a JSON object, '' when empty.
_EXTRA = """
ALTER TABLE nodes ADD COLUMN extra TEXT NOT NULL DEFAULT '';
"""


def _extra(connection: sqlite3.Connection) -> None:
    run_script(connection, _EXTRA)


#: Vectors of passages, for as long as there is room: the newest rows stay. `key` is a digest of model and text, a
#: vector is its numbers in single precision, little-endian.
_VECTORS = """
CREATE TABLE vectors (
    pk INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    vector BLOB NOT NULL
);
"""


def _vectors(connection: sqlite3.Connection) -> None:
    run_script(connection, _VECTORS)


STEPS: Sequence[Step] = (_first, _token_counts, _reply_tokens, _pictures, _extra, _vectors)


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run statements one by one inside the transaction under way (`executescript` would commit it)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if statement.strip() and sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


def version(connection: sqlite3.Connection) -> int:
    """The schema version of a database, 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> None:
    """Bring the database to version `len(steps)`, each step in a transaction of its own."""
    for number in range(version(connection), len(steps)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            steps[number](connection)
            connection.execute(f"PRAGMA user_version={number + 1}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
