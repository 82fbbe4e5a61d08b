"""Two rooms, each a network of its own, and the air between them: slow, lossy, cut off, or dead without a word.

A room is a network namespace, alive as long as a process that holds it; the air is a pair of TUN devices whose packets
a thread of the test carries from one to the other. So delay and loss need no queueing discipline of the kernel, every
byte on the wire is counted, and nothing stays behind when a test is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TUN = Path("/dev/net/tun")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
#: Packets lost one after another in one direction, at most: loss delays, and never by chance prevents.
_MOST_LOST = 3


def missing() -> str:
    """What this machine lacks for such tests, "" when nothing."""
    if os.name != "posix" or os.geteuid() != 0:
        return "only root can make networks"
    if lacking := [name for name in ("ip", "unshare", "nsenter") if shutil.which(name) is None]:
        return f"without {', '.join(lacking)}"
    if not TUN.exists():
        return "without TUN devices"
    try:
        Room().close()
        os.close(_tun(f"trk{os.getpid()}"))
    except (OSError, AssertionError) as problem:
        return f"networks cannot be made here ({problem})"
    return ""


class Room:
    """A network of its own, with a loopback and nothing else."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo in && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"in\n":
            self.close()
            raise AssertionError("no network of its own")

    @property
    def enter(self) -> list[str]:
        """The words before a command that is to run in here."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--"]

    def run(self, *words: str) -> None:
        subprocess.run([*self.enter, *words], check=True, capture_output=True)

    def adopt(self, device: str) -> None:
        """Move a network device in here."""
        subprocess.run(["ip", "link", "set", device, "netns", str(self._holder.pid)], check=True, capture_output=True)

    def close(self) -> None:
        """It goes with all that is in it."""
        self._holder.kill()
        self._holder.communicate()


@dataclass
class Crossing:
    """What went one way: packets and bytes that were handed over, headers included, and packets that were lost."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0


@dataclass
class End:
    """One end of the air: a device in a room, with an address."""

    room: Room
    device: str
    address: str
    network: str

    def take(self, address: str) -> None:
        self.address = address
        self.room.run("ip", "addr", "add", f"{address}/32", "dev", self.device)
        self.room.run("ip", "link", "set", self.device, "up")
        self.room.run("ip", "route", "replace", self.network, "dev", self.device, "src", address)

    def drop(self) -> None:
        """The address is gone; connections from it are not told."""
        self.room.run("ip", "addr", "del", f"{self.address}/32", "dev", self.device)

    def move(self, address: str) -> None:
        """As a telephone does between two networks: the old address goes, another comes, the route with it."""
        self.drop()
        self.take(address)

    def down(self) -> None:
        self.room.run("ip", "link", "set", self.device, "down")

    def up(self) -> None:
        self.take_again()

    def take_again(self) -> None:
        self.room.run("ip", "link", "set", self.device, "up")
        self.room.run("ip", "route", "replace", self.network, "dev", self.device, "src", self.address)


@dataclass
class Air:
    """Carries packets between two rooms with `delay_s` each way and a share `loss` of them lost; while `dead`, all are,
    and nobody is told; while `deaf`, all that go to the left."""

    left: Room
    right: Room
    left_address: str
    right_address: str
    delay_s: float = 0.0
    loss: float = 0.0
    dead: bool = False
    deaf: bool = False
    seed: int = 7
    network: str = "10.77.0.0/16"
    name: str = "air"
    there: Crossing = field(default_factory=Crossing)
    back: Crossing = field(default_factory=Crossing)

    def __post_init__(self) -> None:
        self._fds: list[int] = []
        self.ends: list[End] = []
        for number, (room, address) in enumerate([(self.left, self.left_address), (self.right, self.right_address)]):
            device = f"{self.name}{os.getpid()}{'ab'[number]}"
            self._fds.append(_tun(device))
            room.adopt(device)
            end = End(room, device, address, self.network)
            end.take(address)
            self.ends.append(end)
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._carry, name="air", daemon=True)
        self._thread.start()

    def reset(self) -> None:
        """Count from zero."""
        self.there, self.back = Crossing(), Crossing()

    def close(self) -> None:
        os.write(self._wake[1], b"x")
        self._thread.join()
        for fd in (*self._fds, *self._wake):
            os.close(fd)

    def _carry(self) -> None:
        chance = random.Random(self.seed)
        due: list[tuple[float, int, int, bytes]] = []
        number, unlucky = 0, {fd: 0 for fd in self._fds}
        while True:
            wait = max(0.0, due[0][0] - time.monotonic()) if due else None
            ready, _, _ = select.select([*self._fds, self._wake[0]], [], [], wait)
            if self._wake[0] in ready:
                return
            for fd in ready:
                packet = _read(fd)
                if packet[:1] and packet[0] >> 4 != 4:
                    continue                       # what IPv6 says by itself
                crossing = self.there if fd == self._fds[0] else self.back
                crossing.packets += 1
                crossing.bytes += len(packet)
                gone = self.dead or (self.deaf and fd == self._fds[1])
                if gone or (unlucky[fd] < _MOST_LOST and chance.random() < self.loss):
                    unlucky[fd] += 1
                    crossing.lost += 1
                    continue
                unlucky[fd] = 0
                number += 1
                other = self._fds[1] if fd == self._fds[0] else self._fds[0]
                heapq.heappush(due, (time.monotonic() + self.delay_s, number, other, packet))
            while due and due[0][0] <= time.monotonic():
                _, _, fd, packet = heapq.heappop(due)
                with contextlib.suppress(OSError):  # the device is down
                    os.write(fd, packet)


@contextlib.contextmanager
def rooms(count: int) -> Iterator[Sequence[Room]]:
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(count):
            made.append(Room())
            stack.callback(made[-1].close)
        yield made


def _tun(name: str) -> int:
    fd = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH14x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(fd)
        raise
    return fd


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 16)
    except OSError:
        return b""
