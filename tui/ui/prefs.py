"""What this device prefers: theme, mouse, language, frame rate, jump scroll, keys.

Read before the first frame from `client.toml`, which belongs to the person and is never written. What is changed
in the program goes to a file of its own beside it, together with the value that stood in the person's file at the
time: when they edit theirs afterwards, the edit wins.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui import paths
from tui.domain.errors import BadInput, TraktirError
from tui.domain.notice import Notice, notice
from tui.i18n import LANGUAGES, language_from_environment

#: Frames a second: on this machine, and over a network.
LOCAL_FRAMES, REMOTE_FRAMES = 60, 30


@dataclass(frozen=True, slots=True)
class Preferences:
    """Every preference with its value in force. `theme` "" leaves the choice to the program (by the terminal's
    colours). `jump_scroll` is how many rows a growing reply moves the view by at a time, 1 row by row. `keys` maps
    ids of actions to key names, several divided by commas. `problems` says what in the files could not be used."""

    theme: str = ""
    mouse: bool = True
    language: str = "en"
    frame_rate: int = LOCAL_FRAMES
    jump_scroll: int = 1
    keys: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Notice, ...] = ()


def overlay_path() -> Path:
    """The program's own file of preferences."""
    return paths.client_config().with_name("client.overlay.toml")


def defaults(environment: Mapping[str, str] | None = None, platform: str | None = None) -> dict[str, Any]:
    """What holds where neither file says anything: a terminal over ssh gets fewer bytes, a phone no mouse."""
    env = os.environ if environment is None else environment
    remote = any(env.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))
    return {
        "theme": "",
        "mouse": (platform or sys.platform) != "android" and "TERMUX_VERSION" not in env,
        "language": language_from_environment(),
        "frame_rate": REMOTE_FRAMES if remote else LOCAL_FRAMES,
        "jump_scroll": 8 if remote else 1,
        "keys": {},
    }


def read() -> Preferences:
    """Both files over the defaults. Never raises: what is wrong is in `problems`, and the rest counts."""
    problems: list[Notice] = []
    own = _load(paths.client_config(), problems)
    overlay = _load(overlay_path(), problems)
    values = defaults()
    values |= _checked(own, paths.client_config().name, problems)
    changed = {name: entry["value"] for name, entry in overlay.items() if _still_holds(entry, own.get(name))}
    values |= _checked(changed, overlay_path().name, problems)
    return Preferences(**values, problems=tuple(problems))


def change(name: str, value: Any) -> None:
    """Keep a preference in the program's own file. Raises BadInput for what does not fit, or cannot be written."""
    value = _check(name, value)
    ignored: list[Notice] = []
    own, overlay = _load(paths.client_config(), ignored), _load(overlay_path(), ignored)
    entry: dict[str, Any] = {"value": value}
    if name in own:
        entry["instead_of"] = own[name]
    _write(overlay_path(), overlay | {name: entry})


def _still_holds(entry: Any, own: Any) -> bool:
    return isinstance(entry, Mapping) and "value" in entry and entry.get("instead_of") == own


def _load(path: Path, problems: list[Notice]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        problems.append(
            notice(
                "{file} cannot be read, so its preferences do not count: {reason}",
                file=str(path),
                reason=str(error)[:200],
            )
        )
        return {}


def _checked(values: Mapping[str, Any], file: str, problems: list[Notice]) -> dict[str, Any]:
    good: dict[str, Any] = {}
    for name, value in values.items():
        try:
            good[name] = _check(name, value)
        except TraktirError as error:
            problems.append(notice("{file}: {reason}", file=file, reason=str(error)))
    return good


def _check(name: str, value: Any) -> Any:
    if name in ("theme", "language"):
        if not isinstance(value, str) or (name == "language" and value not in LANGUAGES):
            raise BadInput(_does_not_fit(name, value), field=name)
        return value
    if name == "mouse":
        if not isinstance(value, bool):
            raise BadInput(_does_not_fit(name, value), field=name)
        return value
    if name in ("frame_rate", "jump_scroll"):
        low, high = (1, 120) if name == "frame_rate" else (1, 40)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadInput(
                notice("{field} must be a whole number from {low} to {high}.", field=name, low=low, high=high),
                field=name,
            )
        return value
    if name == "keys":
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
            raise BadInput('keys must map names of actions to keys, like "chat.undo" = "ctrl+z".', field=name)
        return dict(value)
    raise BadInput(notice("There is no preference called {field}.", field=str(name)[:60]), field=str(name)[:60])


def _does_not_fit(name: str, value: Any) -> Notice:
    return notice("{field} cannot be {value}.", field=name, value=str(value)[:60])


def _write(path: Path, values: Mapping[str, Any]) -> None:
    """Whole, then renamed: a crash leaves the old file or the new one."""
    import tomli_w

    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(tomli_w.dumps(dict(values)), "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise BadInput(
            notice(
                "The preferences cannot be written to {file}: {reason}",
                file=str(path),
                reason=error.strerror or type(error).__name__,
            )
        ) from error
