"""The files: where they lie, on what, who can read them, how much room there is, and when they were last copied."""

from __future__ import annotations

import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.cli.doctoring.findings import Finding, note, ok, problem
from tui.cli.doctoring.machine import Machine, Places
from tui.domain.errors import TraktirError
from tui.wire.place import SOCKET_NAME, SOCKET_PATH_MAX, check_private, is_held

_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.glusterfs", "afs", "lustre", "beegfs",
    "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "davfs", "fuse.davfs2", "vboxsf", "fuse.gcsfuse", "orangefs",
})
_CARDS = frozenset({"sdcardfs", "vfat", "exfat", "msdos", "fuse.exfat", "esdfs"})
_CARD_PLACES = ("/sdcard", "/storage", "/mnt/sdcard", "/data/media")
_MB = 1 << 20
_LITTLE_MB, _NEARLY_NONE_MB = 300, 20
_DAY_S = 86400
#: Days after which the last copy is called old; a core makes one on every day on which it runs.
_OLD_COPY_DAYS = 7
#: When this was written: a clock before it is wrong.
_LONG_AGO = 1_760_000_000


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/self/mountinfo, as far as it matters."""

    place: Path
    kind: str
    options: tuple[str, ...]


def look(m: Machine, places: Places) -> Iterator[Finding]:
    yield from _folders(m, places)
    yield from _file_system(m, places)
    yield from _room(m, places)
    yield from _readers(places)
    yield from _clock(m, places)
    yield from _temporary(m, places)
    yield from _left_over(places)
    yield from _owned_elsewhere(places)
    yield from _copies(m, places)


def _folders(m: Machine, places: Places) -> Iterator[Finding]:
    for what, folder in (("config", places.config), ("data", places.data)):
        nearest = _nearest(folder)
        if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) and not _read_only(m, nearest):
            yield ok(f"files.{what}", "{what} lies in {folder}.", what=what, folder=str(folder))
        elif not nearest.is_dir():
            yield problem(f"files.{what}", "{folder} cannot be made: {file} is a file.", folder=str(folder),
                          file=str(nearest), do="TRAKTIR_HOME=~/traktir traktir")
        else:
            yield problem(f"files.{what}", "{folder} cannot be written to, so nothing can be kept there. Give Traktir"
                          " another place, or write access to {nearest}:", do="TRAKTIR_HOME=/tmp/traktir traktir",
                          folder=str(folder), nearest=str(nearest))


def _read_only(m: Machine, folder: Path) -> bool:
    mount = mount_of(m, folder)
    return mount is not None and "ro" in mount.options


def _file_system(m: Machine, places: Places) -> Iterator[Finding]:
    from tui.store.connecting import locks_refused

    folder = _nearest(places.data)
    mount = mount_of(m, folder)
    kind = mount.kind if mount else ""
    if kind in _CARDS or (m.is_phone and str(folder).startswith(_CARD_PLACES)):
        yield problem("store.card", "The chats lie on shared storage ({folder}), which has no locks and no rights: they"
                      " can be damaged there. Keep them in Termux's own home, and export to the card.",
                      do="unset TRAKTIR_HOME", folder=str(folder))
    elif kind in _NETWORK:
        yield note("store.network", "The chats lie on a network file system ({kind}). Only one computer at a time may"
                   " use them; they are safer on a disk of this one:", do="TRAKTIR_HOME=~/traktir traktir", kind=kind)
    if folder.is_dir() and os.access(folder, os.W_OK) and locks_refused(folder):
        yield note("store.locks", "The file system of {folder} refuses locks. Traktir makes do with lock files; never"
                   " run it on two computers at once there.", folder=str(folder))


def _room(m: Machine, places: Places) -> Iterator[Finding]:
    try:
        left = m.free(_nearest(places.data)) // _MB
    except OSError:
        return
    if left < _NEARLY_NONE_MB:
        yield problem("disk.full", "{mb} MB are free where the chats lie; soon nothing more can be kept. The largest"
                      " files there:", do=f"du -ah '{places.data}' | sort -h | tail", mb=left)
    elif left < _LITTLE_MB:
        yield note("disk.little", "{mb} MB are free where the chats lie. The largest files there:",
                   do=f"du -ah '{places.data}' | sort -h | tail", mb=left)
    else:
        yield ok("disk.room", "{mb} MB are free where the chats lie.", mb=left)


def _readers(places: Places) -> Iterator[Finding]:
    """A folder that others can enter matters where the files in it can be read too, or can be replaced."""
    if os.name != "posix":
        return
    mode, file = _mode(places.data), _mode(places.database)
    if mode & 0o022:
        yield problem("home.writable", "Other users can write to {folder}: they could replace your chats.",
                      do=f"chmod go-w '{places.data}'", folder=str(places.data))
    elif mode & 0o011 and file & 0o044:
        yield note("home.readable", "Other users can read your chats in {folder}.", do=f"chmod 700 '{places.data}'",
                   folder=str(places.data))
    elif mode:
        yield ok("home.private", "Nobody else can read your chats.")


def _clock(m: Machine, places: Places) -> Iterator[Finding]:
    if m.now < _LONG_AGO:
        yield problem("clock.past", "The clock says {date}. Certificates of servers will be refused, and new messages"
                      " sort before old ones. Set it:", do="sudo timedatectl set-ntp true", date=_date(m.now))
        return
    times = [t for path in (places.database, *_listed(places.data), *_listed(places.config)) if (t := _changed(path))]
    latest = max(times, default=0.0)
    if latest > m.now + _DAY_S:
        yield note("clock.future", "Files of Traktir are dated {date}, which is still to come: the clock was wrong"
                   " then, or is now ({now}).", do="timedatectl", date=_date(latest), now=_date(m.now))


def _temporary(m: Machine, places: Places) -> Iterator[Finding]:
    base = places.temporary
    if not base.is_dir() or not os.access(base, os.W_OK | os.X_OK):
        yield problem("tmp.unusable", "TMPDIR names {folder}, where nothing can be written; the core's socket must lie"
                      " there.", do="unset TMPDIR", folder=str(base))
        return
    wanted = base / places.runtime.name / SOCKET_NAME
    if len(os.fsencode(wanted)) > SOCKET_PATH_MAX:
        yield note("tmp.long", "TMPDIR is too long a path for a socket ({n} bytes; {most} are possible), so the core's"
                   " lies in {folder}.", n=len(os.fsencode(wanted)), most=SOCKET_PATH_MAX, folder=str(places.runtime))
    mount = mount_of(m, base)
    if mount is not None and "noexec" in mount.options:
        yield note("tmp.noexec", "Nothing can be executed from {folder} (noexec): compiling the engine there fails. To"
                   " install it, use another folder:",
                   do="mkdir -p ~/tmp && TMPDIR=~/tmp pip install 'llama-cpp-python>=0.3.36,<0.3.37'",
                   folder=str(base))


def _left_over(places: Places) -> Iterator[Finding]:
    folder = places.runtime
    try:
        check_private(folder)
    except FileNotFoundError:
        return
    except TraktirError as refused:
        yield Finding("socket.refused", "problem", refused.what, do=f"chmod 700 '{folder}'"
                      if _owner(folder) == os.getuid() else "export TMPDIR=~/tmp")
        return
    if (folder / SOCKET_NAME).exists() and not is_held(folder):
        yield note("socket.left", "A core ended without putting its socket away ({file}): it was killed, or the machine"
                   " went down. What it had written is kept; the next start clears up.",
                   file=str(folder / SOCKET_NAME))


def _owned_elsewhere(places: Places) -> Iterator[Finding]:
    """The store's owner writes its host into a file beside it; on a shared disk that may be another computer."""
    file = places.database.with_name(places.database.name + ".owner")
    try:
        host = str(json.loads(file.read_bytes())["host"])
    except (OSError, ValueError, TypeError, KeyError):
        return
    if host != socket.gethostname():
        yield note("store.elsewhere", "Traktir on another computer, {host}, has the chats open, or was cut off while it"
                   " had. Stop it there. If it no longer runs:", do=f"rm '{file}'", host=host)


def _copies(m: Machine, places: Places) -> Iterator[Finding]:
    from tui.store.copies import restorable

    if not places.database.exists():
        return
    found = [copy.made for copy in restorable(places.database) if copy.record is not None]
    if not found:
        yield note("backup.none", "There is no backup of the chats yet; the core makes one a day while it runs. One"
                   " now:", do="traktir backup")
        return
    days = int((m.now - max(found)) // _DAY_S)
    if days > _OLD_COPY_DAYS:
        yield note("backup.old", "The last verified backup of the chats is {days} days old.", do="traktir backup",
                   days=days)
    else:
        yield ok("backup.fresh", "The last verified backup of the chats is of {date}.", date=_date(max(found)))


def mount_of(m: Machine, folder: Path) -> Mount | None:
    """What the file system at `folder` was mounted with; None where the system does not say."""
    best: Mount | None = None
    for line in m.read("proc/self/mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        words, kinds = fields.split(), rest.split()
        if len(words) < 6 or not kinds:
            continue
        place = Path(words[4].encode().decode("unicode_escape", "replace")) if "\\" in words[4] else Path(words[4])
        if folder.is_relative_to(place) and (best is None or place.is_relative_to(best.place)):
            best = Mount(place, kinds[0], tuple(words[5].split(",")))
    return best


def _nearest(folder: Path) -> Path:
    """`folder` itself, or the nearest of those above it that there is."""
    for path in (folder, *folder.parents):
        try:
            if path.exists():
                return path
        except OSError:                                # a folder that may not be entered
            continue
    return Path(folder.anchor or "/")


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _owner(path: Path) -> int:
    try:
        return path.lstat().st_uid
    except OSError:
        return -1


def _date(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
