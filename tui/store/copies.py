"""The copies that lie beside the database: their names, and what is known of each from when it was made."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

DAILY, SCHEMA, HOME, CHAT, BEFORE_RESTORE = "daily", "schema", "home", "chat", "before-restore"
_KINDS = (DAILY, SCHEMA, HOME, CHAT, BEFORE_RESTORE)
_ENDINGS = (".db", ".zip")
#: Bytes that are read at a time.
PIECE = 1 << 20


class CopyStopped(Exception):
    """The copy was given up because `stop` said so."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was found when a copy was made and checked: `made` in Unix seconds, `rows` by table."""

    made: float
    schema: int
    rows: Mapping[str, int]
    bytes: int
    sha256: str
    program: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy in the folder. `record` is None where none was kept, or where the file has another size by now."""

    path: Path
    kind: str
    made: float
    bytes: int
    record: Record | None


def folder(path: Path) -> Path:
    """Where the copies of the database `path` lie."""
    return path.parent / "backups"


def backups(path: Path) -> list[Path]:
    """The copies of the whole database `path`, newest first."""
    return [copy.path for copy in listed(path) if copy.path.suffix == ".db"]


def listed(path: Path) -> list[Copy]:
    """Every copy of the database `path`, or of a part of it, newest first."""
    found: list[Copy] = []
    with contextlib.suppress(OSError):
        for file in folder(path).iterdir():
            if file.suffix in _ENDINGS and file.name.startswith(f"{path.stem}-"):
                with contextlib.suppress(OSError):         # taken away a moment ago
                    found.append(_copy(path, file))
    return sorted(found, key=lambda copy: (copy.made, copy.path.name), reverse=True)


def restorable(path: Path) -> list[Copy]:
    """The copies that hold a whole database, newest first, first those that were checked when made."""
    found = [copy for copy in listed(path) if copy.kind != CHAT and (copy.record is None or copy.record.schema)]
    return sorted(found, key=lambda copy: copy.record is None)


def name(path: Path, kind: str, ending: str, now: float | None = None) -> Path:
    """Where a new copy of `kind` is to lie."""
    now = time.time() if now is None else now
    stamp = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{time.time_ns() % 1_000_000_000:09d}"
    return folder(path) / f"{path.stem}-{kind}-{stamp}{ending}"


def digest(file: Path, stop: Callable[[], bool] = lambda: False) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits. Raises CopyStopped when `stop` says so."""
    found = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(PIECE):
            if stop():
                raise CopyStopped
            found.update(piece)
    return found.hexdigest()


def write_record(file: Path, record: Record) -> None:
    """Keep `record` beside the copy `file`. Raises OSError."""
    target = record_of(file)
    partial = target.with_name(target.name + ".partial")
    partial.write_text(json.dumps(asdict(record), separators=(",", ":")), "utf-8")
    partial.chmod(0o600)
    partial.replace(target)


def read_record(file: Path) -> Record | None:
    """What was kept of the copy `file`; None where nothing was, or nothing that can be read."""
    try:
        data = json.loads(record_of(file).read_text("utf-8"))
        rows = {str(table): int(count) for table, count in data["rows"].items()}
        return Record(
            float(data["made"]), int(data["schema"]), rows, int(data["bytes"]), str(data["sha256"]),
            str(data["program"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def record_of(file: Path) -> Path:
    return file.with_name(file.name + ".check")


def remove(file: Path) -> None:
    """Take a copy away, its record last: a record without its copy means nothing."""
    file.unlink(missing_ok=True)
    record_of(file).unlink(missing_ok=True)


def flush(place: Path) -> None:
    """Have a file, or what a folder says of its files, on the disk. Raises OSError."""
    try:
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        if not place.is_dir():                    # some systems cannot do it with folders
            raise


def _copy(path: Path, file: Path) -> Copy:
    stat = file.stat()
    record = read_record(file)
    if record is not None and record.bytes != stat.st_size:
        record = None
    rest = file.name.removeprefix(f"{path.stem}-")
    kind = next((kind for kind in _KINDS if rest.startswith(kind)), "")
    return Copy(file, kind, stat.st_mtime, stat.st_size, record)
