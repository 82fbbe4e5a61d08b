"""Files in and out: bounded reading of regular files, atomic writing, names that are safe on every file system."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
import unicodedata
from pathlib import Path

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput, StoreError
from tui.domain.notice import notice

#: Limits of everything that is read, in bytes.
FILE_LIMIT = 256 << 20
PRESET_LIMIT = 1 << 20

_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))}


def shown_name(path: Path | str) -> str:
    """A file's name as it may be shown: no control characters, undecodable bytes as `\\xNN`."""
    raw = os.fsencode(Path(path).name)
    return clean_line(raw.decode("utf-8", "backslashreplace"), 120)


def read_bounded(path: Path, limit: int = FILE_LIMIT) -> bytes:
    """The whole content of a regular file of at most `limit` bytes; links are followed, pipes and devices refused.

    Raises BadInput that names the file.
    """
    name = shown_name(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadInput(
                    notice("{file} is not a regular file, so it was not read.", file=name),
                    "Name a file that holds a card, lorebook, chat or preset.",
                    file=name,
                )
            return _read_all(descriptor, limit, name)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(
            notice("{file} could not be read: {reason}.", file=name, reason=clean_line(reason, 200)),
            "Check that the file is there and that you may read it.",
            file=name,
        ) from None


def _read_all(descriptor: int, limit: int, name: str) -> bytes:
    size = os.fstat(descriptor).st_size
    parts: list[bytes] = []
    left = limit + 1
    while size <= limit and left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    if size > limit or left <= 0:
        raise BadInput(
            notice("{file} is larger than {limit} bytes, the most that is read.", file=name, limit=limit), file=name
        )
    return b"".join(parts)


def write_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path` whole or not at all, mode 0600: temporary file beside it, fsync, rename.

    A symbolic link at `path` is replaced, never followed. Raises StoreError.
    """
    temporary = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise StoreError(
            notice("{file} could not be written: {reason}.", file=shown_name(path), reason=reason),
            "Check the free space and the rights of the folder.",
            path=str(path),
        ) from None


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where the system lets a folder be synced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass                                       # some file systems refuse it; the data itself is on disk
    finally:
        os.close(descriptor)


_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "h", "ц": "c", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}


def slug(name: str) -> str:
    """ASCII letters, digits and `-`, at most 60 characters; "" where the name has none. Cyrillic is transliterated."""
    text = unicodedata.normalize("NFKC", name[:400]).casefold()
    text = "".join(_CYRILLIC.get(c, c) for c in text)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"-+", "-", re.sub(r"[^a-z0-9_]+", "-", text)).strip("-_")[:60].strip("-_")


def safe_id(name: str, content: bytes) -> str:
    """A file name (no suffix) for something called `name`: its slug, or `item-` and a hash of `content`."""
    stem = slug(name)
    if not stem or stem in _RESERVED:
        return f"{stem or 'item'}-{hashlib.sha256(content).hexdigest()[:8]}"
    return stem
