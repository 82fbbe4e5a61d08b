"""Inside the helper process: patterns compiled, kept, and searched with."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from tui.sandbox.worker import Alarm, Overrun

_KEPT = 8_192
#: Results are told at least this often, in seconds, so that the pattern that hangs is known.
_TELL_EVERY = 0.005


class Searcher:
    """Answers whether patterns occur: True, False, or why it cannot be said."""

    def __init__(self, alarm: Alarm, answer: Callable[[dict[str, Any]], None]) -> None:
        self._alarm = alarm
        self._answer = answer
        self._compiled: dict[tuple[str, bool], re.Pattern[str]] = {}

    def run(self, request: dict[str, Any]) -> None:
        texts, patterns = request["texts"], [(str(p), bool(i)) for p, i in request["patterns"]]
        results: list[Any] = []
        told = time.monotonic()
        for pattern, text in request["jobs"]:
            if results and (request["careful"] or time.monotonic() - told > _TELL_EVERY):
                self._answer({"results": results})
                results, told = [], time.monotonic()
            results.append(self._one(patterns[pattern], texts[text], request["each"]))
        self._answer({"results": results})

    def _one(self, pattern: tuple[str, bool], text: str, seconds: float) -> Any:
        try:
            return self._alarm.within(seconds, lambda: self._compile(pattern).search(text) is not None)
        except Overrun:
            return ["time", ""]
        except MemoryError:
            self._compiled.clear()
            return ["memory", ""]
        except (re.error, OverflowError, RecursionError, ValueError, RuntimeError) as error:
            return ["syntax", str(error) if isinstance(error, re.error) else type(error).__name__]

    def _compile(self, pattern: tuple[str, bool]) -> re.Pattern[str]:
        found = self._compiled.get(pattern)
        if found is None:
            if len(self._compiled) >= _KEPT:
                self._compiled.clear()
            found = re.compile(pattern[0], re.IGNORECASE if pattern[1] else 0)
            re.purge()                                      # `re` keeps a second copy
            self._compiled[pattern] = found
        return found
