"""Which chat files are branches of one story: SillyTavern copies everything that stands before a branch."""

from __future__ import annotations

from collections.abc import Sequence

from tui.domain.chat import Role
from tui.formats.chat_file import ChatFile
from tui.formats.jsontext import dump_json

_PASSING = frozenset({"sillytavern", "variables", "lore_timers"})
_Key = tuple[tuple[Role, str, str], ...]


def joined(files: Sequence[ChatFile]) -> list[list[int]]:
    """The places in `files` of those that belong together, each once, in their order.

    Files belong together that begin alike up to the first reply to the person, and a file and the one its header names
    as the chat that it was branched from; unless their notes or overrides differ, of which a chat has only one set."""
    parent = list(range(len(files)))

    def root(at: int) -> int:
        while parent[at] != at:
            at = parent[at]
        return at

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    asks = [_asked_for(file) for file in files]
    begun: dict[tuple[str, _Key], int] = {}
    for at, file in enumerate(files):
        if key := _beginning(file):
            join(begun.setdefault((asks[at], key), at), at)
    titles = {file.title: at for at, file in reversed(list(enumerate(files)))}
    for at, file in enumerate(files):
        source = file.fields.get("sillytavern", {}).get("main_chat")
        if isinstance(source, str) and source in titles and asks[titles[source]] == asks[at] and (
            _same_start(files[titles[source]], file)
        ):
            join(titles[source], at)
    together: dict[int, list[int]] = {}
    for at in range(len(files)):
        together.setdefault(root(at), []).append(at)
    return list(together.values())


def _beginning(file: ChatFile) -> _Key:
    """What was said up to the first reply to the person; empty where it does not come to one."""
    key: list[tuple[Role, str, str]] = []
    asked = False
    for message in file.messages:
        key.append((message.role, message.name, message.text))
        if asked and message.role == "assistant":
            return tuple(key)
        asked |= message.role == "user"
    return ()


def _asked_for(file: ChatFile) -> str:
    """What the header asks for, but what changes while one plays."""
    lasting = {name: value for name, value in file.fields.items() if name not in _PASSING}
    return dump_json({**lasting, "lorebook": file.lorebook})


def _same_start(one: ChatFile, other: ChatFile) -> bool:
    first, second = one.messages[0], other.messages[0]
    return first.role == second.role and (
        first.text == second.text or second.text in first.swipes or first.text in second.swipes
    )
