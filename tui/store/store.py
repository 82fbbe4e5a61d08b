"""The store as the core sees it: asynchronous, one writer, readers beside it, nothing on the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.domain.chat import Chat
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op
from tui.domain.searching import Wanted
from tui.store import (
    backup,
    beside,
    carrying,
    check,
    failures,
    listing,
    log,
    opening,
    pictures,
    reply_tokens,
    restoring,
    search,
    streaming,
    trees,
)
from tui.store.connecting import connect
from tui.store.keeper import LOOK_EVERY_S, Keeper
from tui.store.lock import Lock
from tui.store.readers import Readers
from tui.store.reply_tokens import TokenBlock
from tui.store.types import Change, ChangeKind, ChatInfo, LockInfo, SearchHit
from tui.store.writer import Writer

#: Token counts that are kept, of all models together: about 10 MB.
TOKEN_COUNTS = 200_000
#: Vectors that are kept, of all chats together: about 100 MB.
VECTORS = 60_000


class Store:
    """The open database. Made by `Store.open`, ended by `close`.

    Every method raises StoreError when the disk or the database fails, and then nothing has changed; methods that
    take a chat raise NotFound for one that does not exist.
    """

    def __init__(self, path: Path, lock: Lock, opened: opening.Opened) -> None:
        self.path = path
        self.journal_mode = opened.journal_mode
        self.notices: list[Notice] = list(opened.notices)
        self._lock = lock
        self._indexed = True
        self._checked = opened.checked
        self._writer = Writer(path, self._connect_writer)
        self._readers = Readers(path, lambda: connect(path))
        self._keeper: Keeper | None = None

    @classmethod
    async def open(
        cls, path: Path, *, owner: LockInfo, clock: Callable[[], float] = time.time, look_every_s: float = LOOK_EVERY_S
    ) -> Store:
        """Lock, check, migrate and open the database `path`, making it where there is none.

        Replies that a dead core left unfinished are marked as cut. What the user should hear is in `notices`.
        `clock` (Unix seconds) says when the daily copy is due; it is looked at every `look_every_s` seconds.
        Raises StoreError: locked (details pid, socket, host), newer, foreign, corrupt, read_only, disk_full, io.
        """
        path = path.absolute()
        lock, opened = await asyncio.to_thread(_take, path, owner)
        store = cls(path, lock, opened)
        try:
            await store._settle()
        except BaseException:
            await store.close()
            raise
        store._keeper = Keeper(path, store.notices, clock=clock, look_every_s=look_every_s)
        store._keeper.start()
        return store

    async def close(self) -> None:
        """Finish what was asked, close every connection and give the lock back."""
        if self._keeper is not None:
            await asyncio.to_thread(self._keeper.stop)
        await self._readers.close()
        await self._writer.close()
        self._lock.release()

    # Chats

    async def create_chat(self, chat: Chat) -> bool:
        """Write a new chat with all its nodes; not a step that can be undone.

        False: a chat of this id exists and was left alone (load it: its nodes may have other ids).
        """
        return await self._writer.run(lambda c: log.create(c, chat))

    async def load_chat(self, chat_id: str) -> Chat:
        return await self._readers.run(lambda c: trees.read(c, chat_id))

    async def commit(
        self,
        chat_id: str,
        ops: Sequence[Op],
        inverses: Sequence[Op],
        *,
        label: Notice,
        undoable: bool = True,
        kind: ChangeKind = "do",
        target: int | None = None,
        durable: bool = True,
    ) -> int:
        """Apply `ops` and append one row to the log, in one transaction. Returns the row's id.

        `inverses` as `operations.apply_all` gave them; `target` is the `Change.id` that an undo or redo is about.
        A new undoable step forgets what could be redone. `durable`: safe from a power cut when this returns.
        Work begun is finished even when the waiting task is cancelled. Raises also NotFound and BadInput (as the
        domain does) and Refused (the target was undone or redone by somebody else).
        """
        entry = log.Entry(ops, inverses, label, undoable, kind, target)
        return await self._writer.run(lambda c: log.commit(c, chat_id, entry), durable=durable)

    async def undo_target(self, chat_id: str) -> Change | None:
        """What undo would take back: apply its `inverse`, commit with kind "undo" and its id as target."""
        return await self._readers.run(lambda c: log.undo_target(c, chat_id))

    async def redo_target(self, chat_id: str) -> Change | None:
        """What redo would bring back: apply its `inverse`, commit with kind "redo" and its id as target."""
        return await self._readers.run(lambda c: log.redo_target(c, chat_id))

    async def replay(self, chat_id: str) -> Chat:
        """The chat built anew from its operation log alone."""
        return await self._readers.run(lambda c: log.replay(c, chat_id))

    async def stream_text(
        self, chat_id: str, node_id: str, revision_id: str, text: str, reasoning: str = "",
        block: TokenBlock | None = None,
    ) -> None:
        """Store how far a reply has come: the whole text so far, and the tokens that came since the last time. Not in
        the log; a finished revision stays as it is."""
        await self._writer.run(
            lambda c: streaming.write(c, chat_id, node_id, revision_id, text, reasoning, block), durable=False
        )

    async def reply_tokens(self, chat_id: str, node_id: str, revision_id: str) -> list[TokenBlock]:
        """The tokens of one text with their probabilities, as they were kept with `stream_text`."""
        return await self._readers.run(lambda c: reply_tokens.read(c, chat_id, node_id, revision_id))

    async def keep_pictures(self, chat_id: str, data: Mapping[str, bytes]) -> None:
        """Keep the bytes of pictures, by their SHA-256, for a chat whose messages are going to name them."""
        await self._writer.run(lambda c: pictures.keep(c, chat_id, data))

    async def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The bytes of those pictures that are there."""
        return await self._readers.run(lambda c: pictures.read(c, ids))

    async def streaming_revisions(self) -> list[tuple[str, str, str]]:
        """Chat, node and revision of every reply that is being written."""
        return await self._readers.run(streaming.unfinished)

    # Finding

    async def list_chats(
        self, *, query: str = "", character: str | None = None, trashed: bool = False, limit: int = 200
    ) -> list[ChatInfo]:
        """Chats (or those in the trash), the last changed first; `query`: words in title, name or last text."""
        return await self._readers.run(lambda c: listing.list_chats(c, query, character, trashed, limit))

    async def characters_used(self) -> dict[str, int]:
        """When a chat with each character last changed, in milliseconds since 1970."""
        return await self._readers.run(listing.characters_used)

    async def search(
        self, query: str | Wanted, limit: int = 50, *, deleted: bool = False, here: str = ""
    ) -> list[SearchHit]:
        """Messages that hold every word (its beginning) and "phrase" of `query` and meet its conditions, the newest
        first, all branches. `here`: the chat in front."""
        wanted = Wanted(query) if isinstance(query, str) else query
        return await self._readers.run(lambda c: search.find(c, wanted, limit, deleted, self._indexed, here))

    # Beside the trees

    async def set_draft(self, chat_id: str, text: str) -> None:
        await self._writer.run(lambda c: beside.set_draft(c, chat_id, text), durable=False)

    async def draft(self, chat_id: str) -> str:
        return await self._readers.run(lambda c: beside.draft(c, chat_id))

    async def set_plan_state(
        self, chat_id: str, node_id: str, state: Mapping[str, Any], plan: Mapping[str, Any] | None
    ) -> None:
        """Keep the plan state, and what was sent, of the turn that made a node."""
        await self._writer.run(lambda c: beside.set_plan(c, chat_id, node_id, state, plan), durable=False)

    async def plan_state(self, chat_id: str, path_ids: Sequence[str]) -> dict[str, Any] | None:
        """The state kept with the last node of a path (root first) that has one."""
        return await self._readers.run(lambda c: beside.plan_state(c, chat_id, path_ids))

    async def plan(self, chat_id: str, node_id: str) -> dict[str, Any] | None:
        return await self._readers.run(lambda c: beside.plan(c, chat_id, node_id))

    async def set_value(self, key: str, value: Any) -> None:
        """Keep a small JSON value of the core; None forgets it."""
        await self._writer.run(lambda c: beside.set_value(c, key, value))

    async def get_value(self, key: str) -> Any:
        """What `set_value` kept, None if nothing."""
        return await self._readers.run(lambda c: beside.value(c, key))

    async def token_counts(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """The token counts kept under those of `keys` that there are, in one read."""
        return await self._readers.run(lambda c: beside.token_counts(c, keys))

    async def keep_token_counts(self, counts: Mapping[bytes, int], *, limit: int = TOKEN_COUNTS) -> None:
        """Keep what a tokenizer said; the `limit` newest of all stay."""
        await self._writer.run(lambda c: beside.keep_token_counts(c, counts, limit), durable=False)

    async def vectors(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors kept under those of `keys` that there are."""
        return await self._readers.run(lambda c: beside.vectors(c, keys))

    async def keep_vectors(self, kept: Mapping[bytes, bytes], *, limit: int = VECTORS) -> None:
        """Keep vectors of texts; the `limit` newest of all stay."""
        await self._writer.run(lambda c: beside.keep_vectors(c, kept, limit), durable=False)

    # Care

    async def counts(self) -> dict[str, int]:
        """Chats, chats in the trash, messages on the paths on view, and bytes of the file."""
        return await self._readers.run(listing.counts)

    async def backup(self, path: Path) -> None:
        """Write a checked copy of the database as it stands now to `path`; the file appears when it is whole."""
        await asyncio.to_thread(_copy, self.path, path.absolute())

    async def take_chat(self, file: Path, chat_id: str) -> str:
        """Take in a chat from the database `file`, which was staged and checked. Returns its id here.

        One that is here already stays as it is, in the trash too; the other comes beside it under a new id. Raises
        NotFound.
        """
        return await self._writer.run(lambda c: carrying.take(c, file, chat_id))

    async def check(self, sample: int = 20) -> list[Notice]:
        """Everything found wrong: the file, the search index, and the logs of the `sample` chats changed last."""
        found = await self._readers.run(check.integrity)
        if self._indexed and not found:
            found += await self._writer.run(check.index, transaction=False)
        return found + await self._readers.run(lambda c: check.replays(c, sample))

    def _connect_writer(self) -> sqlite3.Connection:
        """Runs on the writer's thread."""
        connection = connect(self.path)
        try:
            connection.execute("PRAGMA journal_size_limit=67108864")
            self._indexed = search.prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _settle(self) -> None:
        cut = await self._writer.run(streaming.cut_unfinished)
        if cut == 1:
            self.notices.append(
                notice("A reply was being written when Traktir stopped. What had arrived is kept and marked as cut.")
            )
        elif cut:
            self.notices.append(
                notice(
                    "{count} replies were being written when Traktir stopped. "
                    "What had arrived is kept and marked as cut.",
                    count=cut,
                )
            )
        if not self._indexed:
            self.notices.append(notice("This Python's SQLite has no full-text search (FTS5): searching is slower."))


def _take(path: Path, owner: LockInfo) -> tuple[Lock, opening.Opened]:
    opening.make_folder(path)
    lock = Lock.take(path.with_name(path.name + ".owner"), owner)
    try:
        completed = restoring.finish(path)
        opening.make_file(path)
        opened = opening.prepare(path)
        if completed:
            told = notice("Traktir stopped while a backup was being restored; the restore is complete now.")
            opened = replace(opened, notices=(told, *opened.notices))
        return lock, opened
    except OSError as error:
        lock.release()
        raise failures.from_os(error, path) from error
    except BaseException:
        lock.release()
        raise


def _copy(path: Path, target: Path) -> None:
    try:
        backup.copy(path, target, record=target.parent == backup.folder(path))
    except sqlite3.Error as error:
        raise failures.from_sqlite(error, target) from error
    except OSError as error:
        raise failures.from_os(error, target) from error
