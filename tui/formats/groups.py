"""SillyTavern's group files (`groups/*.json`): who is in a group, and how they take turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tui.domain.cast import AUTO_DELAY, CastSettings, Joining, Member, Strategy
from tui.domain.errors import BadInput
from tui.domain.notice import notice

_STRATEGIES: Mapping[int, Strategy] = {0: "natural", 1: "list", 2: "manual", 3: "pooled"}
_JOININGS: Mapping[int, Joining] = {0: "swap", 1: "join", 2: "join_all"}
_MOST_MEMBERS = 50


@dataclass(frozen=True, slots=True)
class GroupFile:
    """A group as its file has it. The members' ids in `cast` are the stems of their pictures; `chats` are the names of
    its chat files without their ending, the one on view first."""

    name: str
    cast: CastSettings
    chats: tuple[str, ...]
    favourite: bool = False


def is_group(data: Any) -> bool:
    """Whether a JSON value is a group."""
    return isinstance(data, Mapping) and isinstance(data.get("members"), list) and (
        "activation_strategy" in data or "chat_id" in data
    )


def read_group(data: Any) -> GroupFile:
    """A group from its JSON; fields that do not fit take SillyTavern's defaults. Raises BadInput."""
    if not is_group(data):
        raise BadInput(notice("This is no group of SillyTavern."))
    muted = {_stem(m) for m in _list(data.get("disabled_members"))}
    stems = list(dict.fromkeys(_stem(m) for m in _list(data["members"])))[:_MOST_MEMBERS]
    delay = data.get("auto_mode_delay")
    cast = CastSettings(
        tuple(Member(stem, muted=stem in muted) for stem in stems), _text(data.get("name")),
        _STRATEGIES.get(_whole(data.get("activation_strategy")), "natural"),
        _JOININGS.get(_whole(data.get("generation_mode")), "swap"), data.get("allow_self_responses") is True,
        delay=float(delay) if isinstance(delay, (int, float)) and 0 <= delay <= 3600 else AUTO_DELAY,
        prefix=_text(data.get("generation_mode_join_prefix")), suffix=_text(data.get("generation_mode_join_suffix")),
    )
    chats = [_text(data.get("chat_id")), *_list(data.get("chats"))]
    return GroupFile(_text(data.get("name")), cast, tuple(dict.fromkeys(c for c in chats if c)), bool(data.get("fav")))


def _stem(picture: str) -> str:
    return PurePosixPath(picture).stem


def _list(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str) and v] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:2000] if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
