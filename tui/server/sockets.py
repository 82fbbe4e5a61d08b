"""Listening sockets: the one in our private directory, and a TCP port where it is asked for."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from tui.domain.errors import BadInput, Refused
from tui.domain.notice import notice
from tui.wire.place import SOCKET_PATH_MAX, make_private, remove_pointer, write_pointer

#: Seconds in which another core that is ending lets go of the place.
_ENDING_S = 10.0
#: Seconds after which a client that takes nothing of what it is sent, pings among it, is gone: its network has changed.
_UNHEARD_S = 60
_log = logging.getLogger(__name__)
HAS_UNIX = hasattr(socket, "AF_UNIX") and os.name == "posix"


@dataclass
class Claim:
    """The socket of this home's core, listening and ours alone until `release`."""

    path: Path
    listener: socket.socket
    _folder: int                                   # descriptor of the directory, locked while the core lives
    _made: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self._made = _identity(self.path)

    def reachable(self) -> bool:
        """Whether the path still leads to our socket: someone may have cleaned up `/tmp`."""
        try:
            return _identity(self.path) == self._made
        except OSError:
            return False

    def announce(self) -> None:
        """Leave word of the socket for other shells. Only once the store is ours: a core that is refused there, because
        it looked for the first one in another TMPDIR, must not lead others away from that."""
        try:
            write_pointer(self.path)
        except OSError as problem:                 # a full disk: who has our TMPDIR finds us all the same
            _log.warning("no word of the socket could be left: %s", problem)

    def release(self) -> None:
        """Close and remove the socket, and let another core have the place."""
        self.listener.close()
        if self.reachable():
            self.path.unlink(missing_ok=True)
        remove_pointer(self.path)
        os.close(self._folder)


def claim(path: Path) -> Claim:
    """Listen on `path`, its directory made with mode 0700 and locked against a second core.

    The lock ends with the process, however it ends, so a socket found under it is a stale one and is removed.
    Locking the directory itself also keeps tidying services away from what lies in it. Raises Refused.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise Refused(
            notice("The socket's path is too long for this system: {path}", path=str(path)),
            notice("Set TMPDIR to a directory with a shorter name."),
        )
    make_private(path.parent)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(folder, path)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(128)
        listener.setblocking(False)
        return Claim(path, listener, folder)
    except OSError as problem:
        os.close(folder)
        raise Refused(
            notice("The core cannot listen on {path} ({reason}).", path=str(path), reason=problem.strerror or "")
        ) from problem
    except Refused:
        os.close(folder)
        raise


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. Raises BadInput where the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):   # accepted connections inherit it
                with contextlib.suppress(OSError):        # known by name, but not to every system
                    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_S * 1000)
            listener.bind(address)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError) as problem:
        raise BadInput(
            notice("{host}:{port} cannot be listened on ({reason}).", host=host, port=port, reason=str(problem)),
            notice("Choose another --port, or an address of this machine for --host."),
        ) from problem
    listener.setblocking(False)
    return listener


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _lock(folder: int, path: Path) -> None:
    """Lock the directory. A holder that does not listen is just ending, or starting: it gets a moment."""
    import fcntl

    deadline = time.monotonic() + _ENDING_S
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if _listens(path) or time.monotonic() > deadline:
                raise Refused(
                    notice("A core is running already for this home."),
                    notice("See it with: traktir status. End it with: traktir stop."),
                    running=True,
                ) from None
        time.sleep(0.05)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
