"""Keys to servers: read from a variable, a private file or the system's keyring, and put there.

A key is in no profile, no log, no error and no answer. A file that others can read or change is refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tui.domain.errors import BackendError, BadInput, StoreError, TraktirError
from tui.domain.notice import notice

SERVICE = "traktir"
"""What the keyring calls us."""
LONGEST_KEY = 8192
_READ = 64 << 10


def key_for(spec: Mapping[str, Any], environment: Mapping[str, str], config: Path) -> str:
    """The key that a profile's backend names, "" where it names none. Raises BadInput, BackendError."""
    check_key_name(spec)
    if name := str(spec.get("key_env") or ""):
        return variable(name, environment)
    if name := str(spec.get("key_file") or ""):
        path = Path(name).expanduser()
        return read_key_file(path if path.is_absolute() else config / path)
    if name := str(spec.get("keyring") or ""):
        return from_keyring(name)
    return ""


def variable(name: str, environment: Mapping[str, str]) -> str:
    """A variable of where the core was started, or one that a client has handed over. Raises BackendError."""
    check_key_name({"key_env": name})
    if name not in environment:
        raise BackendError(
            notice("The key for this server should be in the variable {name}, which is not set where the "
                   "core was started.", name=name),
            notice("Set it and start Traktir again, or name a key file."), kind="key_missing",
        )
    return environment[name]


def check_key_name(spec: Mapping[str, Any]) -> None:
    """Raise BadInput for the name of a variable that can be none: perhaps the key itself was put there, so it is not
    repeated."""
    if (name := str(spec.get("key_env") or "")) and not (name.isascii() and name.isidentifier()):
        raise BadInput(
            notice("What stands for the variable of the key is not the name of a variable."),
            notice("Write its name, like OPENROUTER_API_KEY, and not the key itself."), field="key_env",
        )


def read_key_file(path: Path) -> str:
    """The key in a file that only its owner can read. Raises BadInput."""
    shown = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise BadInput(notice("The key file {file} cannot be read.", file=shown), file=shown) from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise BadInput(notice("The key file {file} cannot be read.", file=shown), file=shown)
        if found.st_mode & 0o077:
            raise BadInput(
                notice("The key file {file} can be read or changed by other users of this machine, so it is not used.",
                       file=shown),
                notice("Take their rights away: chmod 600 {file}", file=shown), file=shown)
        data = file.read(_READ)
    try:
        return data.decode("utf-8-sig").strip()
    except ValueError as error:
        raise BadInput(notice("The key file {file} cannot be read.", file=shown), file=shown) from error


def checked_key(key: str) -> str:
    """A key fit to be kept. Raises BadInput, which does not repeat it."""
    key = key.strip()
    if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise BadInput(
            notice("This is no key: it is empty, far too long, or holds characters that no header can carry."),
            notice("Copy it again, without line breaks and quotation marks."), field="key")
    return key


def write_key_file(folder: Path, name: str, key: str) -> Path:
    """Put a key into a file of our own, mode 0600 from its first moment; an older one gives way whole.

    Raises BadInput, StoreError.
    """
    path = folder / f"{name}.key"
    temporary = path.with_name(f".{name}.{os.getpid()}.new")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(checked_key(key).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            notice("{file} cannot be written ({reason}).", file=str(path), reason=error.strerror or ""),
            notice("Look at the disk it lies on, then try again."), kind="io") from None
    return path


def from_keyring(name: str) -> str:
    """The key that the system's keyring keeps under that name. Raises BackendError."""
    try:
        found = _keyring().get_password(SERVICE, name)
    except TraktirError:
        raise
    except Exception as error:
        raise _unusable(error) from None
    if not found:
        raise BackendError(
            notice("The system's keyring has no key called {name}.", name=name[:80]),
            notice("Put it there: traktir profiles key NAME --keyring"), kind="key_missing")
    return str(found).strip()


def into_keyring(name: str, key: str) -> None:
    """Have the system's keyring keep a key. Raises BadInput, BackendError."""
    key = checked_key(key)
    try:
        _keyring().set_password(SERVICE, name, key)
    except TraktirError:
        raise
    except Exception as error:
        raise _unusable(error) from None


def _keyring() -> Any:
    try:
        return import_module("keyring")
    except ImportError:
        raise BackendError(
            notice("The package that speaks to the system's keyring is not installed."),
            notice("Install it with pip install 'traktir[keyring]', or name a key file or a variable."),
            kind="keyring_missing") from None


def _unusable(error: Exception) -> BackendError:
    """What went wrong, by its kind only: a keyring's words may hold what it was asked to keep."""
    return BackendError(
        notice("The system's keyring cannot be used here ({reason}).", reason=type(error).__name__),
        notice("Often no Secret Service runs, as on a server without a desktop. A key file or a variable works."),
        kind="keyring_unusable")
