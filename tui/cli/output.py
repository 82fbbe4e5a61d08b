"""What commands print, and how they fail: results on stdout, one sentence on stderr, no traceback."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tui.domain.cleantext import clean, clean_line
from tui.domain.errors import PromptTooLong, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.i18n import language_from_environment, tr, tr_notice, use_language

#: DEL, C1 controls, line separators, directions of writing: JSON itself escapes only C0.
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def guarded(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; an error meant for people becomes one line on stderr and exit status 1."""
    use_language(language_from_environment())
    try:
        return run(args)
    except TraktirError as error:
        fail(error)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _write_nowhere()
        return 1


def fail(error: TraktirError) -> None:
    """One line: what happened and how to mend it."""
    sentence = tr_notice(error.what)
    if error.remedy is not None:
        sentence += " " + tr_notice(error.remedy)
    parts = _largest_parts(error)
    if parts:
        sentence += " " + tr("The largest parts, in tokens: {parts}.", parts=parts)
    say_aside(sentence)


def _largest_parts(error: TraktirError, most: int = 5) -> str:
    """Which parts of a prompt that does not fit take the most, by the names that `prompt show` uses."""
    segments = error.details.get("segments")
    if not isinstance(error, PromptTooLong) or not isinstance(segments, list):
        return ""
    largest = sorted(segments, key=lambda s: -int(s["tokens"]))[:most]
    return ", ".join(f"{s['source']} {s['tokens']}" for s in largest if s["tokens"])


def say_aside(text: str | Notice) -> None:
    """Progress and notices go to stderr."""
    sentence = tr_notice(text) if isinstance(text, Notice) else text
    print(f"traktir: {clean_line(sentence)}", file=sys.stderr, flush=True)


def line(text: str = "") -> None:
    """A line of a result, safe for a terminal."""
    _write(clean(text) + "\n")


def exactly(text: str) -> None:
    """A text that must arrive as it is, in a pipe or a file; on a terminal, safe for it."""
    _write(clean(text) if sys.stdout.isatty() else text)


def _write(text: str) -> None:
    """Raises Refused where the output takes nothing more (a full disk), BrokenPipeError where nobody reads it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _write_nowhere()
        raise Refused(
            notice("The output cannot be written ({reason}).", reason=error.strerror or str(error)),
            "Send it somewhere with room.",
        ) from error


def _write_nowhere() -> None:
    """What is still to be written, Python would try to write at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def json_line(data: Mapping[str, Any]) -> None:
    """One object a line. What a terminal would obey is written as an escape of JSON's, which changes nothing else."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    _write(_OBEYED.sub(lambda m: f"\\u{ord(m[0]):04x}", text) + "\n")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def sentence(data: Mapping[str, Any] | None) -> str:
    """A notice that came over the wire, in the language in use."""
    return tr_notice(Notice.from_json(data)) if data else ""
