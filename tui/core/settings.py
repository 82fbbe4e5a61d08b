"""Settings of the core: what the user wrote in `settings.toml`, and the program's own overlay over it.

The user's file is only read. What the program changes goes to `settings.overlay.toml`, which wins.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.domain.errors import BadInput, StoreError
from tui.domain.notice import Notice, notice


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its type, default, and for numbers the range."""

    kind: type
    default: Any
    low: float = float("-inf")
    high: float = float("inf")


#: Every setting of the core by name.
SETTINGS: Mapping[str, Setting] = {
    "persona_name": Setting(str, "Guest"),                # what {{user}} stands for
    "persona_description": Setting(str, ""),
    "profile": Setting(str, "starter"),                   # the profile of chats that name none
    "character_profiles": Setting(dict, {}),              # profile id by character, for chats that name none
    "profile_keys": Setting(dict, {}),                    # where the key of a profile is kept: key_file:…, keyring:…
    "summary_profile": Setting(str, ""),                  # the profile that writes summaries; "": that of the chat
    "chosen": Setting(bool, False),                       # whether the first-run screen was answered
    "unload_minutes": Setting(float, 30.0, 0.0, 10_000.0),  # an idle model leaves memory after this; 0: never
    "exit_minutes": Setting(float, 30.0, 0.0, 10_000.0),    # a core in the background that nobody needs ends; 0: never
    "kv_quota_mb": Setting(float, 4000.0, 0.0, 10_000_000.0),  # what models have read, kept on disk; 0: not kept
    "favourites": Setting(list, []),                      # characters that stand first in lists
    "lorebooks": Setting(list, []),                       # books that hold for every chat
    "persona_lorebooks": Setting(list, []),               # books that go with the person
    "read_ahead": Setting(bool, True),                    # process the next prompt's beginning while nobody waits
    "auto_continue": Setting(float, 0.0, 0.0, 20.0),      # times that a reply is gone on with that was too long
    "trim_sentences": Setting(bool, False),               # take away a last sentence that was only begun
    "auto_swipe": Setting(float, 0.0, 0.0, 20.0),         # times that another version is asked for, unasked, of one …
    "auto_swipe_least": Setting(float, 0.0, 0.0, 100_000.0),  # … with fewer characters than this
    "auto_swipe_words": Setting(list, []),                # … or with any of these words
    "rewrite_loops": Setting(bool, False),                # write a reply that goes round in circles anew, unasked
    "translation_profile": Setting(str, ""),              # the profile that translates; "": that of the chat
    "auto_summary": Setting(bool, False),                 # sum up what the next cut takes, unasked
    "recall": Setting(bool, True),                        # bring back what left the prompt, where it matters now
    "recall_share": Setting(float, 0.12, 0.01, 0.5),      # of the window beside the reserve, for what is recalled
    "recall_passages": Setting(float, 4.0, 1.0, 50.0),    # passages that a turn recalls at most
    "memory_share": Setting(float, 0.25, 0.05, 0.75),     # of the window, for facts, summaries and recalled together
    "embedding_model": Setting(str, ""),                  # what makes vectors of texts: a GGUF file; "": none
    "embedding_server": Setting(str, ""),                 # or the address of a server that has such a model
    "embedding_key_file": Setting(str, ""),               # where that server's key is
    "model_folders": Setting(list, []),                   # further folders in which models are looked for
    "server_models": Setting(dict, {}),                   # by profile: address, its own model, the one chosen instead
    "regex_switched": Setting(dict, {}),                  # "on" or "off" by regex script, over what its file says
    "regex_allowed": Setting(dict, {}),                   # the cards whose regex scripts may run, and which these were
    "template_pins": Setting(dict, {}),                   # template id by model name, chosen by the person
}


class Settings:
    """Reads both files again when they change; a broken one keeps its last good values and is named."""

    def __init__(self, folder: Path) -> None:
        self._user, self._overlay = folder / "settings.toml", folder / "settings.overlay.toml"
        self._read: dict[Path, tuple[tuple[int, int], dict[str, Any]]] = {}
        self.problems: dict[str, Notice] = {}

    def get(self, name: str) -> Any:
        for path in (self._overlay, self._user):
            values = self._values(path)
            if name in values:
                return values[name]
        return SETTINGS[name].default

    def all(self) -> dict[str, Any]:
        return {name: self.get(name) for name in SETTINGS}

    def set(self, name: str, value: Any) -> None:
        """Change a setting in the overlay. Raises BadInput naming the field."""
        checked = _check(name, value, "settings")
        values = {**self._values(self._overlay), name: checked}
        try:
            _write_toml(self._overlay, values)
        except OSError as error:
            raise StoreError(
                notice("{file} cannot be written ({reason}).", file=str(self._overlay), reason=error.strerror or ""),
                notice("Look at the disk it lies on, then try again."), kind="io",
            ) from error

    def _values(self, path: Path) -> dict[str, Any]:
        try:
            stat = path.stat()
        except OSError:
            return {}
        stamp = (stat.st_mtime_ns, stat.st_size)
        known = self._read.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        values = dict(known[1]) if known is not None else {}
        try:
            written = tomllib.loads(path.read_text("utf-8"))
            values, problem = _sound(written, values, path.name)
            self.problems.pop(path.name, None)
            if problem is not None:
                self.problems[path.name] = problem
        except (OSError, ValueError) as failure:
            self.problems[path.name] = notice(
                "{file} cannot be read ({reason}); the last good values stay.", file=path.name,
                reason=str(failure)[:200],
            )
        self._read[path] = (stamp, values)
        return values


def _sound(written: Mapping[str, Any], before: Mapping[str, Any], file: str) -> tuple[dict[str, Any], Notice | None]:
    """What is right in a file; a field that is wrong keeps its value from `before`. And the first thing wrong."""
    values: dict[str, Any] = {}
    first: Notice | None = None
    for name, value in written.items():
        try:
            values[name] = _check(name, value, file)
        except BadInput as problem:
            first = first or problem.what
            if name in before:
                values[name] = before[name]
    return values, first


def _check(name: str, value: Any, file: str) -> Any:
    setting = SETTINGS.get(name)
    if setting is None:
        told = notice("{file}: there is no setting called {field}.", file=file, field=name[:60])
        raise BadInput(told, field=name[:60])
    if setting.kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    in_range = not isinstance(value, float) or setting.low <= value <= setting.high
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    texts = all(isinstance(text, str) for text in inner)
    if not isinstance(value, setting.kind) or not in_range or not texts:
        raise BadInput(notice("{file}: {field} has a value that does not fit.", file=file, field=name), field=name)
    return value


def _write_toml(path: Path, values: Mapping[str, Any]) -> None:
    """Write whole, then rename: a crash leaves the old file or the new one."""
    import tomli_w

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(tomli_w.dumps(dict(values)).encode())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
