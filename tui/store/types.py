"""The values that the store hands out and takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.domain.notice import Notice
from tui.domain.operations import Op

ChangeKind = Literal["do", "undo", "redo"]


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who holds the store: host name, process id, and the address under which the core can be reached."""

    host: str
    pid: int
    socket: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A step that can be undone or redone. `id` is the step's own change. `ops` are what did (or undid) it last, and
    `inverse` what takes that back: applying `inverse` undoes what is done, and redoes what is undone."""

    id: int
    ops: tuple[Op, ...]
    inverse: tuple[Op, ...]
    label: Notice
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class ChatInfo:
    """A line of the list of chats. `messages` is the length of the path on view, `last` the beginning of its last text
    (at most 200 characters, white space folded), `name` the character's name."""

    id: str
    title: str
    character: str
    name: str
    created_ms: int
    updated_ms: int
    messages: int
    last: str
    last_name: str
    deleted: bool
    streaming: bool


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message found. `snippet` is untrusted text with the matches between U+0002 and U+0003; `current` tells whether
    the revision is the one on view in its node."""

    chat: str
    title: str
    node: str
    revision: str
    name: str
    snippet: str
    created_ms: int
    deleted: bool = False
    current: bool = True
