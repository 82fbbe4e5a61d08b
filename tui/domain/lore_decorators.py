"""Decorators: `@@name value` lines at the beginning of an entry's content (character card V3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tui.domain.lore import LorePosition

MAX_LINES = 200
Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Decorators:
    """What the decorators of one entry ask for; None and False where they say nothing. `depth` and `scan_depth` in
    messages, `only_after` and `only_every` in replies of the character."""

    activate: bool = False
    dont_activate: bool = False
    depth: int | None = None
    scan_depth: int | None = None
    role: Role | None = None
    position: LorePosition | None = None
    only_after: int | None = None
    only_every: int | None = None
    additional_keys: tuple[tuple[str, ...], ...] = ()
    exclude_keys: tuple[str, ...] = ()
    stays: bool = False                           # once it fired, it fires on every later turn
    once: bool = False                            # once it fired, it never does again
    first_to_go: bool = False                     # when the budget is short
    greeting: int | None = None                   # the greeting that the chat must have begun with, 0 the first


_NONE = Decorators()
_POSITIONS: dict[str, LorePosition] = {
    "before_desc": "before_char", "after_desc": "after_char", "personality": "after_char", "scenario": "after_char",
}


def split_decorators(content: str) -> tuple[Decorators, str]:
    """The decorators at the top of `content`, and the text after them. Unknown ones and those with a bad value have
    no effect, except that a `@@@` line below is taken in their stead; of two of a name the first counts."""
    if not content.lstrip().startswith("@@"):
        return _NONE, content
    lines = content.split("\n")
    found, accepted, at = _NONE, True, 0
    seen: set[str] = set()
    while at < len(lines) and at < MAX_LINES:
        line = lines[at].strip()
        if line and not line.startswith("@@"):
            break
        at += 1
        if not line or (line.startswith("@@@") and accepted):
            continue
        name, _, value = line.lstrip("@").partition(" ")
        changed = _read(found, name, value.strip()) if name not in seen else found
        accepted = changed is not None
        if changed is not None:
            found = changed
            if not name.endswith("_keys"):                  # those may be repeated
                seen.add(name)
    return found, "\n".join(lines[at:]).strip("\n")


def split_as_sillytavern(content: str) -> tuple[Decorators, str]:
    """What SillyTavern reads: leading lines with `@@` are cut off, `@@activate` and `@@dont_activate` count, and a
    `@@@` line counts only below an unknown one. A content of nothing but such lines stays as it is."""
    if not content.startswith("@@"):
        return _NONE, content
    lines = content.split("\n")
    end = next((at for at, line in enumerate(lines) if not line.startswith("@@")), None)
    found: set[str] = set()
    unknown_above = False
    for line in lines[:end]:
        if line.startswith("@@@") and not unknown_above:
            continue
        name = line[1:] if line.startswith("@@@") else line
        known = name.startswith(("@@activate", "@@dont_activate"))
        if known:
            found.add(name)
        unknown_above = not known
    marks = Decorators(activate="@@activate" in found, dont_activate="@@dont_activate" in found)
    return marks, content if end is None else "\n".join(lines[end:])


def _read(found: Decorators, name: str, value: str) -> Decorators | None:
    """`found` with one decorator more, or None if it cannot be taken."""
    reader = _READERS.get(name)
    return reader(found, value) if reader else None


def _count(text: str, least: int) -> int | None:
    """A count in reach, or None; huge ones are cut to 9,999."""
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 40:
        return None
    return min(int(text), 9999) if int(text) >= least else None


def _number(field: str, least: int) -> Callable[[Decorators, str], Decorators | None]:
    def read(found: Decorators, value: str) -> Decorators | None:
        count = _count(value, least)
        return None if count is None else replace(found, **{field: count})  # type: ignore[arg-type]

    return read


def _depth(found: Decorators, value: str) -> Decorators | None:
    count = _count(value, -9999)
    return None if count is None else replace(found, depth=max(0, count))


def _role(found: Decorators, value: str) -> Decorators | None:
    roles: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
    return replace(found, role=roles[value]) if value in roles else None


def _position(found: Decorators, value: str) -> Decorators | None:
    return replace(found, position=_POSITIONS[value]) if value in _POSITIONS else None


def _keys(value: str) -> tuple[str, ...]:
    return tuple(key for part in value.split(",")[:100] if (key := part.strip()))


def _additional(found: Decorators, value: str) -> Decorators | None:
    keys = _keys(value)
    return replace(found, additional_keys=(*found.additional_keys, keys)) if keys else None


def _exclude(found: Decorators, value: str) -> Decorators | None:
    keys = _keys(value)
    return replace(found, exclude_keys=(*found.exclude_keys, *keys)) if keys else None


_READERS: dict[str, Callable[[Decorators, str], Decorators | None]] = {
    "activate": lambda found, _: replace(found, activate=True),
    "dont_activate": lambda found, _: replace(found, dont_activate=True),
    "is_greeting": _number("greeting", 0),
    "keep_activate_after_match": lambda found, _: replace(found, stays=True),
    "dont_activate_after_match": lambda found, _: replace(found, once=True),
    "ignore_on_max_context": lambda found, _: replace(found, first_to_go=True),
    "depth": _depth,
    "scan_depth": _number("scan_depth", 0),
    "activate_only_after": _number("only_after", 0),
    "activate_only_every": _number("only_every", 1),
    "role": _role,
    "position": _position,
    "additional_keys": _additional,
    "exclude_keys": _exclude,
}
