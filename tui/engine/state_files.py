"""States of prompts on disk, so that a chat that is opened again need not be read again.

One file for each conversation and model, named by digests of both. What is inside was made by llama.cpp, which believes
what it is given; so each file ends with a keyed digest (BLAKE2b, the key in a file of mode 0600 beside it) over all
before it, and no byte of one that does not agree reaches llama.cpp. Nor does one from another model, build of
llama.cpp, or context setting. A file that is refused is removed.

Layout: MAGIC, length of the header (4 bytes, little-endian), the header (JSON), the tokens (4 bytes each, in the
machine's order), the parts, the digest. The first part is the whole state, the others are copies of what cannot be cut.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import shutil
import struct
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.domain.notice import Notice, notice

MAGIC = b"Traktir KV 1\n\0\0\0"
SUFFIX = ".kv"
_KEY = "key"
_MAC = 32
_LONGEST_HEADER = 2**16
_CHUNK = 2**22

#: Of what the disk has free, this share may be taken at most (1/n).
_DISK_SHARE = 2


_OF_ANOTHER = Notice(
    "What was kept on disk of this chat is of another model, llama.cpp or setting; it was removed, and the chat read "
    "again."
)
_DAMAGED = Notice(
    "What was kept on disk of this chat was damaged or changed; it was removed, and the chat read again."
)


class Unfit(Exception):
    """A file that cannot be used; the text says why, for the log, and `says` for the person. One that is damaged, or
    of another model or setting, has been removed; one that could not be read is left where it is."""

    def __init__(self, why: str, says: Notice = _DAMAGED) -> None:
        super().__init__(why)
        self.says = says

    @classmethod
    def unread(cls, error: OSError) -> Unfit:
        """For a file that the system does not give."""
        return cls(str(error), notice(
            "What was kept on disk of this chat could not be read ({reason}); the chat was read again.",
            reason=error.strerror or str(error)[:100],
        ))


class TooLarge(Exception):
    """The quota, or the disk, has no room for a state of that size."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself, unproven. `prefill`: tokens a second that this machine read when it was written.
    `parts`: for each, how many tokens it stands for, and its bytes."""

    tokens: array[int]
    prefill: float
    parts: tuple[tuple[int, int], ...]
    start: int                                    # where the parts begin
    size: int                                     # of the file


@dataclass(frozen=True, slots=True)
class Overview:
    """What lies in a folder of states."""

    files: int
    bytes: int


class StateFolder:
    """The states of one model, with its settings (`identity`), in a folder that it may share with others. All of them
    together take at most `quota` bytes."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], quota: int) -> None:
        self._folder = folder
        self._quota = quota
        self._model = _digest(str(identity.get("path", "")))[:8]
        self._identity = _digest(json.dumps(identity, sort_keys=True))

    def prepare(self) -> None:
        """Make the folder and remove what an interrupted writer left. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        for left in self._folder.glob("*.tmp"):
            writer = left.name.split(".")[-2]
            if not (writer.isdigit() and _lives(int(writer))) or int(writer) == os.getpid():
                left.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        return self._folder / f"{prefix(name)}-{self._model}{SUFFIX}"

    def look(self, name: str) -> Header | None:
        """What is kept for a conversation; None when there is nothing, or nothing that fits. Raises Unfit for what has
        just been removed."""
        path = self.path(name)
        try:
            with path.open("rb") as file:
                return self._header(file, os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unfit.unread(error) from error
        except Unfit:
            path.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def take(self, name: str) -> Iterator[tuple[Header, list[memoryview]]]:
        """The proven parts of a file, while the body runs. Raises Unfit."""
        path = self.path(name)
        try:
            with path.open("rb") as file:
                header = self._header(file, os.fstat(file.fileno()).st_size)
                mapped = _mapped(file.fileno(), header.size)
            whole = memoryview(mapped)
            parts: list[memoryview] = []
            try:
                self._prove(whole)
                at = header.start
                for _, size in header.parts:
                    parts.append(whole[at:at + size])
                    at += size
                with contextlib.suppress(OSError):
                    os.utime(path)
                yield header, parts
            finally:
                for part in parts:
                    part.release()
                whole.release()
                with contextlib.suppress(BufferError):
                    mapped.close()
        except OSError as error:
            raise Unfit.unread(error) from error
        except Unfit:
            path.unlink(missing_ok=True)
            raise

    def put(
        self, name: str, tokens: Sequence[int], prefill: float, parts: Sequence[tuple[int, bytearray | memoryview]]
    ) -> int:
        """Write a state: whole, then renamed over the one before. Returns the size of the file. Raises TooLarge,
        OSError (the disk is full, say); then nothing is left of it."""
        header = json.dumps({
            "identity": self._identity, "tokens": len(tokens), "prefill": prefill,
            "parts": [[length, len(data)] for length, data in parts],
        }).encode()
        pieces = [MAGIC, struct.pack("<I", len(header)), header, array("i", tokens).tobytes(), *(d for _, d in parts)]
        size = sum(len(piece) for piece in pieces) + _MAC
        path = self.path(name)
        self._make_room(size, path)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            self._write(temporary, pieces)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return size

    def forget(self, name: str) -> None:
        """Remove what any model has kept of a conversation, or ("") everything."""
        if name:
            drop(self._folder, name)
        else:
            clear(self._folder)

    def remove(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def _write(self, path: Path, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        mac = hashlib.blake2b(key=self._key(), digest_size=_MAC)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    chunk = view[:_CHUNK]
                    mac.update(chunk)
                    while chunk:
                        chunk = chunk[file.write(chunk) or 0:]
                    view = view[_CHUNK:]
            file.write(mac.digest())

    def _make_room(self, size: int, path: Path) -> None:
        """Remove what was used longest ago until `size` more bytes are within the quota. Raises TooLarge, OSError."""
        others = sorted((f for f in _files(self._folder) if f[0] != path), key=lambda f: f[2])
        free = shutil.disk_usage(self._folder).free + sum(f[1] for f in others)
        quota = min(self._quota, free // _DISK_SHARE)
        if size > quota:
            raise TooLarge
        total = sum(f[1] for f in others)
        for other, bytes_, _ in others:
            if total + size <= quota:
                break
            other.unlink(missing_ok=True)
            total -= bytes_

    def _header(self, file: Any, size: int) -> Header:
        """Read and check the header. Raises Unfit, OSError."""
        start = file.read(len(MAGIC) + 4)
        if len(start) < len(MAGIC) + 4 or not start.startswith(MAGIC):
            raise Unfit("not a state")
        length = struct.unpack("<I", start[len(MAGIC):])[0]
        try:
            data = json.loads(file.read(length)) if length <= _LONGEST_HEADER else {}
            identity, count, prefill = data["identity"], int(data["tokens"]), float(data["prefill"])
            parts = tuple((int(tokens), int(bytes_)) for tokens, bytes_ in data["parts"])
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise Unfit("a damaged header") from error
        if identity != self._identity:
            raise Unfit("of another model, build of llama.cpp, or setting", _OF_ANOTHER)
        at = len(start) + length + 4 * count
        if count < 1 or not parts or any(n < 1 or b < 1 for n, b in parts) or size != at + sum(
            b for _, b in parts
        ) + _MAC:
            raise Unfit("not whole")
        tokens = array("i")
        tokens.frombytes(file.read(4 * count))
        return Header(tokens, prefill, parts, at, size)

    def _prove(self, whole: memoryview) -> None:
        """Raise Unfit where the digest does not agree."""
        import hmac

        mac = hashlib.blake2b(key=self._key(), digest_size=_MAC)
        for at in range(0, len(whole) - _MAC, _CHUNK):
            mac.update(whole[at:min(at + _CHUNK, len(whole) - _MAC)])
        if not hmac.compare_digest(mac.digest(), bytes(whole[-_MAC:])):
            raise Unfit("changed since it was written, or damaged")

    def _key(self) -> bytes:
        """The secret of this folder, made once. Raises OSError."""
        path = self._folder / _KEY
        with contextlib.suppress(FileNotFoundError):
            key = path.read_bytes()
            if len(key) == _MAC:
                return key
        key = os.urandom(_MAC)
        temporary = path.with_name(f"{_KEY}.{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        temporary.replace(path)
        return key


#: A private copy of the file: llama.cpp is given a place that may be written, and the file stays as it is.
_READ_WRITE = getattr(mmap, "PROT_READ", 1) | getattr(mmap, "PROT_WRITE", 2)


def _mapped(descriptor: int, size: int) -> mmap.mmap:
    """Raises Unfit where the file has become shorter, OSError."""
    try:
        return mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=_READ_WRITE)
    except ValueError as error:
        raise Unfit("not whole") from error


def prefix(name: str) -> str:
    """What the names of the files of a conversation begin with."""
    return _digest(name)[:24]


def overview(folder: Path) -> Overview:
    """How many states lie in a folder, and their bytes together."""
    found = list(_files(folder))
    return Overview(len(found), sum(size for _, size, _ in found))


def clear(folder: Path) -> Overview:
    """Remove all states; returns what was removed."""
    return _remove(list(_files(folder)))


def drop(folder: Path, name: str) -> Overview:
    """Remove the states of one conversation, of whatever model."""
    return _remove([f for f in _files(folder) if f[0].name.startswith(prefix(name) + "-")])


def identity_of(path: Path, settings: Mapping[str, Any], build: str) -> dict[str, Any]:
    """What a state holds for: the model's file, the adapters, the context's settings and the build of llama.cpp."""
    stat = path.stat()
    with path.open("rb") as file:
        beginning = hashlib.sha256(file.read(2**20)).hexdigest()
    adapters = []
    for name, scale in settings.get("lora", ()):
        with contextlib.suppress(OSError):
            found = Path(name).stat()
            adapters.append([name, scale, found.st_size, found.st_mtime_ns])
    return {
        "path": str(path), "size": stat.st_size, "mtime": stat.st_mtime_ns, "beginning": beginning,
        "settings": dict(settings), "adapters": adapters, "build": build, "order": sys.byteorder,
    }


def _remove(found: Sequence[tuple[Path, int, float]]) -> Overview:
    for path, _, _ in found:
        path.unlink(missing_ok=True)
    return Overview(len(found), sum(size for _, size, _ in found))


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Each state with its size and when it was last used."""
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            stat = path.stat()
            yield path, stat.st_size, stat.st_mtime


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
