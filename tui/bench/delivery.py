"""A streamed reply on its way through the core to a client, beside the barest way: a pipe to server-sent events.

The core gets it over HTTP, as from any server, which the echo is spared; `tests/bench/bench_delivery.py` has both read
from a pipe. Each piece of the reply is the moment at which it was written, so that the client knows how long it took.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tui.bench.figures import Figure, Say, figure
from tui.bench.pairing import Effort, in_turns
from tui.bench.processes import cpu_s
from tui.bench.stage import Stage, own_home, player
from tui.domain.errors import TraktirError
from tui.domain.notice import notice
from tui.wire.ids import new_id
from tui.wire.place import socket_path

#: Pieces a second that come one by one: slower than the core gathers them for painting.
_ALONE = 20
_STAMP = re.compile(rb"(\d+\.\d{6})[^\d]")
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """`late_ms`: of a piece that comes alone, from its writing to its arrival. `piece_ms`: of many at once, the time
    for all over their number; `cpu_ms` of that, spent by what delivers (None: not told here)."""

    late_ms: float
    piece_ms: float
    cpu_ms: float | None


def measure(effort: Effort, say: Say) -> Iterator[Figure]:
    """The core and the bare echo in turns."""
    with own_home() as stage, player(stage) as address:
        stage.profile("bench", address)
        chat = CoreChat(stage, "bench")
        say(notice("Replies on their way to a client, through the core and through a bare echo: {pairs} pairs…",
                   pairs=effort.pairs))
        yield from _figures(in_turns(effort.pairs, lambda: through_echo(stage, effort), lambda: chat.deliver(effort)))


def _figures(pairs: Sequence[tuple[Delivered, Delivered]]) -> Iterator[Figure]:
    bare, core = [one for one, _ in pairs], [other for _, other in pairs]
    title = notice("a bare echo: from a piece's writing to its arrival")
    yield figure("core.late.bare", title, "ms", [one.late_ms for one in bare])
    title = notice("the core: from a piece's writing to its arrival")
    yield figure("core.late", title, "ms", [one.late_ms for one in core])
    title = notice("the core, fed over HTTP, over the bare echo: from a piece's writing to its arrival")
    yield figure("core.late.ratio", title, "×", [c.late_ms / b.late_ms for b, c in pairs])
    title = notice("a bare echo: a reply that comes at once, a piece")
    yield figure("core.piece.bare", title, "ms", [one.piece_ms for one in bare])
    title = notice("the core: a reply that comes at once, a piece")
    yield figure("core.piece", title, "ms", [one.piece_ms for one in core])
    title = notice("the core over the bare echo: a reply that comes at once")
    yield figure("core.piece.ratio", title, "×", [c.piece_ms / b.piece_ms for b, c in pairs])
    for name, heading, values in (
        ("core.cpu.bare", notice("a bare echo: processor time a piece"), [one.cpu_ms for one in bare]),
        ("core.cpu", notice("the core: processor time a piece"), [one.cpu_ms for one in core]),
    ):
        if numbers := [value for value in values if value is not None]:
            yield figure(name, heading, "ms", numbers)


class _Client:
    """Reads a stream of events as plainly as can be: bytes, and the stamps in them."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self._socket, self._rest, self._newest = sock, b"", b""
        sock.settimeout(_PATIENCE_S)
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: core\r\n\r\n".encode())
        self.until(b"\n\n")                        # the first of the stream: all that follows is on its way

    def until(self, wanted: bytes) -> None:
        while wanted not in self._rest:
            self._rest += self._take()
        self._rest = self._rest.partition(wanted)[2]

    def stamps(self, count: int) -> list[tuple[float, float]]:
        """Written when, arrived when, on the monotonic clock, of so many pieces; a text told again does not count."""
        out: list[tuple[float, float]] = []
        while len(out) < count:
            self._rest += self._take()
            now = time.monotonic()
            end = 0
            for found in _STAMP.finditer(self._rest):
                end = found.end(1)
                if found[1] > self._newest:
                    self._newest = found[1]
                    out.append((float(found[1]), now))
            self._rest = self._rest[end:]
        return out

    def _take(self) -> bytes:
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            data = b""
        if not data:
            raise TraktirError(notice("The stream of a reply ended early."),
                               notice("Measure again when the machine is less busy."))
        return data


def _of(paced: list[tuple[float, float]], burst: list[tuple[float, float]], cpu: float | None) -> Delivered:
    count = len(burst)
    return Delivered(
        1000 * median(arrived - written for written, arrived in paced), 1000 * (burst[-1][1] - burst[0][0]) / count,
        None if cpu is None else 1000 * cpu / count,
    )


def _alone(effort: Effort) -> str:
    return f"play {_ALONE} {int(_ALONE * effort.seconds)} stamps"


def _at_once(effort: Effort) -> str:
    return f"play 0 {effort.pieces} stamps"


def _spent(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def through_echo(stage: Stage, effort: Effort) -> Delivered:
    """Pieces that come one by one, then a reply that comes at once, through the bare echo."""
    paced, _ = _echo(stage, _alone(effort), int(_ALONE * effort.seconds))
    burst, cpu = _echo(stage, _at_once(effort), effort.pieces)
    return _of(paced, burst, cpu)


def _echo(stage: Stage, play: str, count: int) -> tuple[list[tuple[float, float]], float | None]:
    with subprocess.Popen(
        [sys.executable, "-m", "tui.bench.echo"], env=stage.env, cwd="/", stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, start_new_session=True,
    ) as echo:
        assert echo.stdin is not None
        assert echo.stdout is not None
        try:
            host, port = echo.stdout.readline().split()
            with socket.create_connection((host.decode(), int(port))) as sock:
                client = _Client(sock, "/")
                before = cpu_s(echo.pid)
                source = [sys.executable, "-m", "tui.bench.player", play]
                with subprocess.Popen(source, env=stage.env, cwd="/", stdout=echo.stdin, start_new_session=True):
                    found = client.stamps(count)
                return found, _spent(before, cpu_s(echo.pid))
        finally:
            echo.kill()


class CoreChat:
    """A chat in the core whose replies are played, with the profile of that name."""

    def __init__(self, stage: Stage, profile: str) -> None:
        self._id, self._stage = stage.chat(2), stage
        stage.traktir("chats", "set", self._id, f"profile={profile}")
        self._core = stage.core_pid()

    def deliver(self, effort: Effort) -> Delivered:
        """Pieces that come one by one, then a reply that comes at once, through the core."""
        paced, _ = self._reply(_alone(effort), int(_ALONE * effort.seconds))
        burst, cpu = self._reply(_at_once(effort), effort.pieces)
        return _of(paced, burst, cpu)

    def _reply(self, play: str, count: int) -> tuple[list[tuple[float, float]], float | None]:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
            sock.connect(str(socket_path()))
            client = _Client(sock, "/v1/events")
            before = cpu_s(self._core)
            self._say(play)
            found = client.stamps(count)
            cpu = _spent(before, cpu_s(self._core))
            client.until(b'"state":"done"')
            return found, cpu

    def _say(self, text: str) -> None:
        opened = self._stage.call("chats.open", id=self._id, last=1)
        self._stage.call(
            "turn.say", chat=self._id, parent=opened["chat"]["head"], node=new_id(), revision=new_id(), text=text,
            reply=new_id(), reply_revision=new_id(),
        )
