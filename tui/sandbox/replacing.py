"""Inside the helper process: texts changed by regex scripts, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tui.sandbox.worker import Alarm, Overrun

#: Characters that a script may make of a text: so many times its length, and so many besides.
_TIMES, _BESIDES = 20, 200_000
_PLACE = re.compile(r"\$(?:(\d{1,3})|<([^<>$]{1,100})>)")


class TooMuch(Exception):
    """A script makes more text than it may."""


class Replacer:
    """Runs steps over texts. A step that meets a limit is named, and the text stays as it was before it."""

    def __init__(self, alarm: Alarm, answer: Callable[[dict[str, Any]], None]) -> None:
        self._alarm = alarm
        self._answer = answer

    def run(self, request: dict[str, Any]) -> None:
        for text, steps in request["jobs"]:
            done: list[int] = []
            for number in steps:
                self._answer({"at": number})                # whoever waits knows which one hangs
                told = self._one(request["steps"][number], text, request["each"])
                if isinstance(told, str):
                    if told != text:
                        done.append(number)
                    text = told
                else:
                    self._answer({"refused": [number, *told]})
            self._answer({"text": text, "done_by": done})

    def _one(self, step: list[Any], text: str, seconds: float) -> str | list[str]:
        try:
            result = self._alarm.within(seconds, lambda: replaced(step, text))
            assert isinstance(result, str)
            return result
        except Overrun:
            return ["time", ""]
        except (MemoryError, TooMuch):
            return ["memory", ""]
        except (re.error, OverflowError, RecursionError, ValueError, RuntimeError) as error:
            return ["syntax", str(error) if isinstance(error, re.error) else type(error).__name__]


def replaced(step: list[Any], text: str) -> str:
    """`text` with one match, or all, replaced as JavaScript does it. Raises TooMuch and what `re` raises."""
    pattern, ignore_case, everywhere, replacement, trims, names = step
    room = len(text) * _TIMES + _BESIDES

    def put(match: re.Match[str]) -> str:
        nonlocal room
        made = _PLACE.sub(lambda place: _group(match, place, trims, names), replacement)
        room -= len(made)
        if room < 0:
            raise TooMuch
        return made

    return re.compile(pattern, re.IGNORECASE if ignore_case else 0).sub(put, text, count=0 if everywhere else 1)


def _group(match: re.Match[str], place: re.Match[str], trims: list[str], names: dict[str, int]) -> str:
    """What a group took, without the trimmed parts; nothing for one that took no part, or is none."""
    number = int(place[1]) if place[1] else names.get(place[2], -1)
    found = match[number] if 0 <= number <= len(match.groups()) else None
    for trim in trims if found else ():
        found = (found or "").replace(trim, "")
    return found or ""
