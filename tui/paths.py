"""Where things lie: the user's own files, the store, the socket. Nobody else spells a directory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def home() -> Path | None:
    """The one folder for everything, when `TRAKTIR_HOME` names it."""
    value = os.environ.get("TRAKTIR_HOME")
    return Path(value).expanduser().absolute() if value else None


def config_dir() -> Path:
    """Presets, characters, lorebooks, settings: files that people edit."""
    if (root := home()) is not None:
        return root / "config"
    import platformdirs

    return _settled(Path(platformdirs.user_config_dir("traktir", appauthor=False)), ".config")


def data_dir() -> Path:
    """The database, backups, saved states: what the program alone writes."""
    if (root := home()) is not None:
        return root / "data"
    import platformdirs

    return _settled(Path(platformdirs.user_data_dir("traktir", appauthor=False)), ".local/share")


def _settled(found: Path, usual: str) -> Path:
    """`found` unless it is relative: the core has another working directory. The XDG Base Directory Specification has
    relative paths ignored; then, and where HOME itself is relative, the usual place in the user's home counts."""
    if found.is_absolute():
        return found
    own = Path.home()
    if not own.is_absolute():
        import pwd

        own = Path(pwd.getpwuid(os.getuid()).pw_dir)
    return own / usual / "traktir"


def log_dir() -> Path:
    return data_dir() / "logs"


def client_config() -> Path:
    """What this device prefers: theme, mouse, language, frame rate."""
    return config_dir() / "client.toml"


def identity() -> str:
    """Eight hex digits that stand for the home in use: two homes have two cores."""
    return hashlib.sha256(os.fsencode(f"{config_dir()}\0{data_dir()}")).hexdigest()[:8]


def runtime_dir() -> Path:
    """The directory of the socket. Short, outside `/run/user` (which goes away at logout), ours alone.

    Not created here; see `tui.server` and `tui.client`, which check its owner and mode.
    """
    base = os.environ.get("TMPDIR") or "/tmp"
    uid = os.getuid() if hasattr(os, "getuid") else 0
    path = Path(base) / f"traktir-{uid}-{identity()}"
    if len(os.fsencode(path)) > 90:               # sockaddr_un holds 108 bytes, 104 on some systems
        path = Path(tempfile.gettempdir() if len(tempfile.gettempdir()) < 40 else "/tmp") / path.name
    return path
