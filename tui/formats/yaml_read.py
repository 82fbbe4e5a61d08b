"""YAML from anywhere, as plain mappings, lists and strings, with the line of every value.

No aliases, anchors, merge keys, tags or second documents; at most 50 levels and 1 MiB (hostile.md 7). Scalars stay
strings, because only the field that takes one knows whether `1e-2` is a number and `no` a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.formats.coerce import plain_text
from tui.formats.files import PRESET_LIMIT
from tui.formats.jsontext import decode_text

DEPTH_LIMIT = 50
#: Keys and positions from the root down to a value.
Place = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)   # the compiled parser where there is one; events only


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The value (str, None, list, dict) and the 1-based line where each part of it begins."""

    value: Any
    lines: Mapping[Place, int] = field(default_factory=dict)
    plain: frozenset[Place] = frozenset()          # scalars without quotes, which may be numbers or true and false

    def line(self, *place: str | int) -> int:
        """The line of the nearest enclosing part that is known."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(data: bytes, name: str) -> YamlFile:
    """Parse one document. Raises BadInput with file and line."""
    if len(data) > PRESET_LIMIT:
        raise BadInput(
            notice("{file} is larger than {limit} bytes, the most that is read.", file=name, limit=PRESET_LIMIT),
            file=name,
        )
    text, _ = decode_text(data)
    try:
        return _Builder(name).build(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = str(error.problem or error.context or "syntax error")
        raise _bad(name, (mark.line if mark else 0) + 1, _BROKEN, reason) from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, IndexError, AttributeError) as error:
        # Beyond YAMLError, the parser lets plain exceptions through on some broken input.
        raise _bad(name, 1, _BROKEN, getattr(error, "reason", "") or type(error).__name__) from None


#: It is said of files that lie in the home, which are watched, and of those that are being imported.
MEND = "Mend that line and save the file; what lies in Traktir's folders is read again by itself, else import it again."

_BROKEN = "{file}, line {line}: this is not valid YAML ({reason})."


def _bad(name: str, line: int, sentence: str, reason: str = "") -> BadInput:
    args = {"reason": clean_line(reason, 120).rstrip(".")} if reason else {}
    return BadInput(
        notice(sentence, file=name, line=line, **args), MEND,
        file=name, line=line,
    )


class _Builder:
    """Builds values from parser events with a stack of its own, so depth costs no recursion."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: dict[Place, int] = {}
        self._plain: set[Place] = set()

    def build(self, events: Iterator[Any]) -> YamlFile:
        documents = 0
        value: Any = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, "{file}, line {line}: a second document begins here; one file holds one.")
            elif isinstance(event, yaml.NodeEvent):
                value = self._root(event, events)
        return YamlFile(value, self._lines, frozenset(self._plain))

    def _root(self, event: Any, events: Iterator[Any]) -> Any:
        root: list[Any] = []
        stack: list[tuple[Any, Place, list[str]]] = [(root, (), [])]   # container, its place, key that waits
        while True:
            self._step(event, stack)
            if len(stack) == 1:
                return root[0]
            event = next(events)

    def _step(self, event: Any, stack: list[tuple[Any, Place, list[str]]]) -> None:
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            stack.pop()
            return
        self._check(event)
        container, place, waiting = stack[-1]
        if isinstance(container, dict) and not waiting:
            waiting.append(self._key(event, container))
            return
        here = self._here(container, place, waiting, root=len(stack) == 1)
        self._lines[here] = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent) and not event.style:
            self._plain.add(here)
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else (
            [] if isinstance(event, yaml.SequenceStartEvent) else self._scalar(event)
        )
        if isinstance(container, dict):
            container[waiting.pop()] = value
        else:
            container.append(value)
        if isinstance(value, (dict, list)):
            if len(stack) > DEPTH_LIMIT:
                raise self._refuse(event, "{file}, line {line}: values are nested too deeply here.")
            stack.append((value, here, []))

    @staticmethod
    def _here(container: Any, place: Place, waiting: list[str], root: bool) -> Place:
        if root:
            return ()
        return (*place, waiting[0]) if isinstance(container, dict) else (*place, len(container))

    def _check(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._refuse(event, "{file}, line {line}: aliases and anchors (& and *) are not taken.")
        if event.tag is not None and event.tag not in {"!", "tag:yaml.org,2002:str"}:
            raise self._refuse(event, "{file}, line {line}: tags (!) are not taken.")

    def _key(self, event: Any, container: dict[str, Any]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refuse(event, "{file}, line {line}: a key must be a word.")
        key = plain_text(event.value)
        if key == "<<" and not event.style:
            raise self._refuse(event, "{file}, line {line}: merge keys (<<) are not taken.")
        if key in container:
            raise self._refuse(event, "{file}, line {line}: {reason} stands there twice.", clean_line(key, 40))
        return key

    @staticmethod
    def _scalar(event: Any) -> str | None:
        if not event.style and event.value in {"", "~"}:
            return None
        return plain_text(event.value)

    def _refuse(self, event: Any, sentence: str, reason: str = "") -> BadInput:
        return _bad(self._name, event.start_mark.line + 1, sentence, reason)
