"""Chats in SQLite: trees, operation log, search, drafts, backups."""

from tui.store.backup import backups
from tui.store.store import Store
from tui.store.types import Change, ChangeKind, ChatInfo, LockInfo, SearchHit

__all__ = ["Change", "ChangeKind", "ChatInfo", "LockInfo", "SearchHit", "Store", "backups"]
