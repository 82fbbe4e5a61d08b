"""Regex scripts: texts changed by patterns when they come in, when they are shown, or when they go to the model.

The fields are SillyTavern's (its regex extension); which script changes what is decided here, and nothing is searched:
the patterns come from strangers, and run in the helper process (`tui.sandbox`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tui.domain.patterns import Pattern, group_numbers, parse_pattern

#: Where a text stands: SillyTavern's numbers.
USER_INPUT, AI_OUTPUT, SLASH_COMMAND, WORLD_INFO, REASONING = 1, 2, 3, 5, 6
PLACEMENTS = (USER_INPUT, AI_OUTPUT, SLASH_COMMAND, WORLD_INFO, REASONING)
#: What a text is changed for: to be kept so, to be shown so, or to be sent so.
Use = Literal["kept", "shown", "sent"]
#: Scripts of one file or card, and characters of a replacement; more is left out or cut.
MOST_SCRIPTS, LONGEST_REPLACEMENT = 500, 20_000

_SYNTAX = re.compile(r"[\n\r\t\v\f\0.^$*+?{}\[\]\\/|()]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\f": "\\f", "\0": "\\0"}


@dataclass(frozen=True, slots=True)
class RegexScript:
    """One script. `find` is `/pattern/flags` or a plain pattern (its first occurrence, case as written); `replace` may
    hold `{{match}}`, `$0`, `$1`, `$<name>` and macros; `trims` are taken out of what groups captured. Neither `display`
    nor `prompt`: the text is changed for good. Depths count messages from the end (0: the last); None: no limit.
    `macros_in_find`: 0 as written, 1 macros filled, 2 filled and escaped."""

    id: str
    name: str
    find: str
    replace: str = ""
    trims: tuple[str, ...] = ()
    placement: tuple[int, ...] = (AI_OUTPUT,)
    disabled: bool = False
    display: bool = False
    prompt: bool = False
    on_edit: bool = False
    macros_in_find: int = 0
    min_depth: int | None = None
    max_depth: int | None = None

    def applies(self, use: Use, placement: int, depth: int | None = None, *, edited: bool = False) -> bool:
        """Whether it changes a text of that placement for that use; `depth` where the text stands in a chat."""
        if self.disabled or not self.find or placement not in self.placement or (edited and not self.on_edit):
            return False
        wanted = {"shown": self.display, "sent": self.prompt, "kept": not self.display and not self.prompt}[use]
        if not wanted or depth is None or use == "kept":
            return wanted
        shallow = self.min_depth is not None and self.min_depth >= 0 and depth < self.min_depth
        deep = self.max_depth is not None and self.max_depth >= 0 and depth > self.max_depth
        return not shallow and not deep

    def to_json(self) -> dict[str, Any]:
        """The script under SillyTavern's names."""
        return {
            "id": self.id, "scriptName": self.name, "findRegex": self.find, "replaceString": self.replace,
            "trimStrings": list(self.trims), "placement": list(self.placement), "disabled": self.disabled,
            "markdownOnly": self.display, "promptOnly": self.prompt, "runOnEdit": self.on_edit,
            "substituteRegex": self.macros_in_find, "minDepth": self.min_depth, "maxDepth": self.max_depth,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """A script ready for the helper process: its pattern, what stands for a match, and what is trimmed off groups."""

    script: RegexScript
    pattern: Pattern
    replace: str
    trims: tuple[str, ...] = ()

    def to_json(self) -> list[Any]:
        """Pattern, whether case counts for nothing, whether all matches are replaced, replacement, trims, and the
        numbers of the named groups."""
        everywhere, names = "g" in self.pattern.flags, group_numbers(self.pattern)
        return [self.pattern.python, self.pattern.ignore_case, everywhere, self.replace, list(self.trims), names]


def step_of(script: RegexScript, fill: Callable[[str], str]) -> Step:
    """`script` with the macros of its texts filled by `fill`. What a match holds is never taken for a macro: it may be
    a stranger's text."""
    find = script.find
    if script.macros_in_find == 1:
        find = fill(find)
    elif script.macros_in_find == 2:
        find = "".join(_escaped(fill(part)) if macro else part for part, macro in _macros(find))
    pattern = parse_pattern(find) or _plain(find)
    pieces = re.split(r"\{\{match\}\}", script.replace[:LONGEST_REPLACEMENT], flags=re.IGNORECASE)
    return Step(script, pattern, "$0".join(map(fill, pieces)), tuple(filter(None, map(fill, script.trims))))


def _plain(find: str) -> Pattern:
    """A pattern without slashes, as SillyTavern takes it: no flags."""
    body = re.sub(r"(?<!\\)((?:\\\\)*)/", r"\1\\/", find)
    found = parse_pattern(f"/{body}/")
    assert found is not None                                # every slash inside has its backslash now
    return found


def _macros(text: str) -> list[tuple[str, bool]]:
    """The parts of a text, and which of them are macros."""
    return [(part, part.startswith("{{")) for part in re.split(r"(\{\{[^{}]{1,200}\}\})", text) if part]


def _escaped(text: str) -> str:
    return _SYNTAX.sub(lambda m: _NAMED.get(m[0], "\\" + m[0]), text)


def read_scripts(value: Any, owner: str) -> tuple[RegexScript, ...]:
    """The scripts of a JSON or YAML value: one, or a list. What is no script is left out. Ids are made unlike each
    other within `owner`."""
    items = value if isinstance(value, list) else [value]
    out: list[RegexScript] = []
    for number, item in enumerate(items[:MOST_SCRIPTS]):
        if is_script(item):
            out.append(_read(item, f"{owner}:{number}"))
    return tuple(out)


def is_script(value: Any) -> bool:
    """Whether a mapping looks like a regex script."""
    return isinstance(value, Mapping) and isinstance(value.get("findRegex"), str) and "replaceString" in value


def holds_scripts(value: Any) -> bool:
    """Whether a parsed file is regex scripts: one, or a list of them."""
    return is_script(value) or (isinstance(value, list) and bool(value) and all(map(is_script, value)))


def _read(item: Mapping[str, Any], script_id: str) -> RegexScript:
    trims = item.get("trimStrings")
    places = item.get("placement")
    substitute = _number(item.get("substituteRegex"))
    return RegexScript(
        id=script_id, name=str(item.get("scriptName") or script_id)[:200], find=str(item["findRegex"]),
        replace=str(item.get("replaceString") or ""),
        trims=tuple(str(t) for t in trims if str(t)) if isinstance(trims, list) else (),
        placement=tuple(p for p in map(_number, places) if p in PLACEMENTS) if isinstance(places, list) else (),
        disabled=_true(item.get("disabled")), display=_true(item.get("markdownOnly")),
        prompt=_true(item.get("promptOnly")), on_edit=_true(item.get("runOnEdit")),
        macros_in_find=int(_true(item.get("substituteRegex"))) if substitute not in (1, 2) else substitute,
        min_depth=_limit(item.get("minDepth")), max_depth=_limit(item.get("maxDepth")),
    )


def _true(value: Any) -> bool:
    """JSON's true, and YAML's, whose scalars are read as texts."""
    return value is True or (isinstance(value, str) and value.strip().casefold() in ("true", "yes", "on"))


def _number(value: Any) -> int:
    if isinstance(value, bool):
        return -1
    try:
        return int(str(value).strip())
    except ValueError:
        return -1


def _limit(value: Any) -> int | None:
    number = _number(value)
    return number if value is not None and number >= 0 else None


def chosen(
    scripts: Sequence[RegexScript], use: Use, placement: int, depth: int | None = None, *, edited: bool = False
) -> tuple[RegexScript, ...]:
    """Those that change such a text, in their order."""
    return tuple(s for s in scripts if s.applies(use, placement, depth, edited=edited))
