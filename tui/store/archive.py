"""A backup in one file: a zip of the database and of the files that people edit, with a manifest that says what is in.

The manifest (`manifest.json`) names every member with its size and SHA-256. Members are `traktir.db` and
`config/<file>`; nothing else is ever written from an archive, whatever a zip may hold.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tui import __version__
from tui.domain.errors import StoreError
from tui.domain.notice import notice
from tui.store import copies
from tui.store.backup import need_room
from tui.store.verify import refusal

FORMAT = "traktir-backup"
#: Of the manifest's form. A newer one is refused.
FORMAT_VERSION = 1
DATABASE = "traktir.db"
#: What of the configuration belongs to a backup. Tokens and keys lie nowhere in it.
CONFIG_FOLDERS = ("characters", "lorebooks", "presets")
CONFIG_FILES = ("settings.toml", "settings.overlay.toml", "client.toml")
_MANIFEST = "manifest.json"
#: Bytes of a manifest, and of a zip's list of members.
_LIST_MOST = 16 * 1024 * 1024
_MEMBERS_MOST = 100_000
_END, _END64 = b"PK\x05\x06", b"PK\x06\x06"


@dataclass(frozen=True, slots=True)
class Member:
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself. `kind` is home or chat; `schema` is 0 where there is no database in it."""

    kind: str
    program: str
    schema: int
    made: float
    chats: int
    messages: int
    chat: str
    title: str
    members: Mapping[str, Member]


def config_files(config: Path) -> Iterator[tuple[str, Path]]:
    """The files of the configuration that a backup holds, by member name. Hidden ones are left out, and such as are
    no plain files."""
    for name in CONFIG_FILES:
        if (config / name).is_file():
            yield f"config/{name}", config / name
    for top in CONFIG_FOLDERS:
        for at, folders, files in os.walk(config / top):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for file in sorted(files):
                member = "config/" + (Path(at) / file).relative_to(config).as_posix()
                if _is_ours(member) and (Path(at) / file).is_file():
                    yield member, Path(at) / file


def write(
    target: Path, database: Path | None, config: Path | None, *, kind: str, schema: int = 0, chats: int = 0,
    messages: int = 0, chat: str = "", title: str = "", made: float,
) -> Manifest:
    """Write an archive (mode 0600) of `database` and the configuration's files, read it back, then give it its name.

    Raises OSError (NoRoom before anything is written) and StoreError.
    """
    files = {} if config is None else dict(config_files(config))
    if database is not None:
        files = {DATABASE: database, **files}
    if target.exists() and not target.is_file():          # the rename below would put a file in a device's place
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    need_room(target.parent, sum(file.stat().st_size for file in files.values()))
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                members = {name: _add(archive, name, file) for name, file in files.items()}
                manifest = Manifest(kind, __version__, schema, made, chats, messages, chat, title, members)
                archive.writestr(_MANIFEST, json.dumps(_to_json(manifest), ensure_ascii=False, indent=1))
            stream.flush()
            os.fsync(stream.fileno())
        with reading(partial, target.name) as written:
            written.verify()
        os.utime(partial, (made, made))
        partial.replace(target)
        copies.flush(target.parent)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


class Archive:
    """An archive open for reading; its manifest is sound, its members are still to be checked as they are read."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest, shown: str) -> None:
        self._archive = archive
        self.manifest = manifest
        self._shown = shown

    def verify(self) -> None:
        """Read every member and compare it with the manifest. Raises StoreError."""
        for name in self.manifest.members:
            self._read(name, None)

    def extract(self, name: str, target: Path) -> None:
        """Write a member to the new file `target`; no more bytes than the manifest says. Raises StoreError, OSError."""
        with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            self._read(name, stream)
            stream.flush()
            os.fsync(stream.fileno())

    def size(self) -> int:
        """What all members take on the disk."""
        return sum(member.bytes for member in self.manifest.members.values())

    def _read(self, name: str, target: IO[bytes] | None) -> None:
        member = self.manifest.members[name]
        found, left = hashlib.sha256(), member.bytes
        try:
            with self._archive.open(name) as stream:
                while piece := stream.read(min(copies.PIECE, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        break
                    found.update(piece)
                    if target is not None:
                        target.write(piece)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
            raise _damaged(self._shown, name) from error
        if left != 0 or found.hexdigest() != member.sha256:
            raise _damaged(self._shown, name)


@contextlib.contextmanager
def reading(file: Path, shown: str) -> Iterator[Archive]:
    """Open an archive whoever made it. Raises StoreError (kind bad_copy) and OSError."""
    with file.open("rb") as stream:
        _check_list(stream, shown)
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise refusal(notice("{file} is damaged: {reason}.", file=shown, reason=str(error)), file=shown) from error
        with archive:
            yield Archive(archive, _manifest(archive, shown), shown)


def _check_list(stream: IO[bytes], shown: str) -> None:
    """Refuse a zip whose list of members would not fit into little memory, before it is read."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 66_000))
    tail = stream.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise refusal(notice("{file} is damaged: its end is missing.", file=shown), file=shown)
    length = struct.unpack_from("<L", tail, at + 12)[0]
    if length == 0xFFFFFFFF:
        at64 = tail.rfind(_END64, 0, at)
        length = struct.unpack_from("<Q", tail, at64 + 40)[0] if 0 <= at64 <= len(tail) - 56 else _LIST_MOST + 1
    if length > _LIST_MOST:
        raise refusal(notice("{file} is not a backup of Traktir.", file=shown), file=shown)
    stream.seek(0)


def _manifest(archive: zipfile.ZipFile, shown: str) -> Manifest:
    infos = {info.filename: info for info in archive.infolist()}
    info = infos.get(_MANIFEST)
    if info is None or len(infos) != len(archive.infolist()) or len(infos) > _MEMBERS_MOST:
        raise refusal(notice("{file} is not a backup of Traktir.", file=shown), file=shown)
    try:
        with archive.open(info) as stream:
            text = stream.read(_LIST_MOST + 1)
        if len(text) > _LIST_MOST:
            raise ValueError("too long")
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError("another format")
        version = int(data["format_version"])
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError, RecursionError,
            NotImplementedError, RuntimeError) as error:
        raise refusal(notice("{file} is not a backup of Traktir.", file=shown), file=shown) from error
    if version > FORMAT_VERSION:
        raise refusal(
            notice("{file} was made by a newer Traktir: it has version {found}, and this one knows up to {known}.",
                   file=shown, found=version, known=FORMAT_VERSION), file=shown,
        )
    try:
        manifest = _from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise _damaged(shown, _MANIFEST) from error
    for name, member in manifest.members.items():
        _check_member(shown, name, member, infos.get(name))
    odd = sorted(set(infos) - set(manifest.members) - {_MANIFEST})
    if odd:
        raise refusal(notice("{file} holds what no backup of Traktir holds: {part}.", file=shown, part=odd[0][:60]),
                      file=shown)
    return manifest


def _check_member(shown: str, name: str, member: Member, info: zipfile.ZipInfo | None) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16) if info is not None else 0
    if not _is_ours(name) or kind not in (0, stat.S_IFREG):
        raise refusal(notice("{file} holds what no backup of Traktir holds: {part}.", file=shown, part=name[:60]),
                      file=shown)
    if info is None or info.file_size != member.bytes or member.bytes < 0:
        raise _damaged(shown, name)


def _is_ours(name: str) -> bool:
    """Whether a member of that name can be in a backup: the database, or a file at a place of the configuration."""
    if name == DATABASE:
        return True
    parts = name.split("/")
    try:
        plain = all(0 < len(part.encode()) <= 255 and not part.startswith(".") for part in parts)
    except UnicodeEncodeError:
        return False
    plain = plain and name.isprintable() and not set(name) & set('\\:*?"<>|')
    if not plain or parts[0] != "config" or len(name) > 1000 or PurePosixPath(name).as_posix() != name:
        return False
    return name.removeprefix("config/") in CONFIG_FILES or (len(parts) > 2 and parts[1] in CONFIG_FOLDERS)


def _add(archive: zipfile.ZipFile, name: str, file: Path) -> Member:
    """Add a file as it is now, reading it once."""
    found, size = hashlib.sha256(), 0
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    with file.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        while piece := source.read(copies.PIECE):
            found.update(piece)
            size += len(piece)
            target.write(piece)
    return Member(size, found.hexdigest())


def _damaged(shown: str, part: str) -> StoreError:
    return refusal(notice("{file} is damaged: {part} in it is not what was written.", file=shown, part=part[:60]),
                   file=shown, part=part[:60])


def _to_json(manifest: Manifest) -> dict[str, Any]:
    members = {name: {"bytes": m.bytes, "sha256": m.sha256} for name, m in manifest.members.items()}
    return {
        "format": FORMAT, "format_version": FORMAT_VERSION, "kind": manifest.kind, "program": manifest.program,
        "schema": manifest.schema, "made": manifest.made, "chats": manifest.chats, "messages": manifest.messages,
        "chat": manifest.chat, "title": manifest.title, "members": members,
    }


def _from_json(data: Mapping[str, Any]) -> Manifest:
    members = {
        str(name): Member(int(member["bytes"]), str(member["sha256"])) for name, member in data["members"].items()
    }
    if data["kind"] not in (copies.HOME, copies.CHAT):
        raise ValueError("kind")
    return Manifest(
        data["kind"], str(data["program"]), int(data["schema"]), float(data["made"]), int(data["chats"]),
        int(data["messages"]), str(data["chat"]), str(data["title"]), members,
    )
