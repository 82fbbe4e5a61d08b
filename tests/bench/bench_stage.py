"""What the benchmarks share: a long chat in a home of its own, a terminal that notes times, figures of processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import random
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

CHECKOUT = Path(__file__).resolve().parents[2]
MESSAGES = 5000
#: Stands in the last message of the long chat and nowhere else.
LAST = "Zuletzt5000"
FIRST = "Zuerst0001"
TRAKTIR = (sys.executable, "-m", "tui")
_SPOKEN = (
    "the lantern swings above the door and nobody asks where the road goes after dark because the keeper pours tea "
    "slowly while rain counts every tile of the roof снег идёт за окном медленно кот спит у печи хозяйка молчит "
    "гость смотрит на огонь дорога далека письмо лежит на столе никто не читает его ветер стучит ставнями утром"
)


@contextlib.contextmanager
def home() -> Iterator[dict[str, str]]:
    """An environment with an empty home; the core that runs there is ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    (folder / "tmp").mkdir(mode=0o700)
    env = {
        **os.environ, "TRAKTIR_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "LC_ALL": "C.UTF-8",
        "TERM": "xterm-256color", "COLORTERM": "truecolor",
    }
    for name in ("COLUMNS", "LINES", "TRAKTIR_TOKEN"):
        env.pop(name, None)
    try:
        yield env
    finally:
        traktir(env, "stop", "--force", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def traktir(env: Mapping[str, str], *words: str, check: bool = True) -> str:
    """A command of the program; its standard output."""
    done = subprocess.run(
        [*TRAKTIR, *words], env=dict(env), cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=300
    )
    if check and done.returncode:
        raise SystemExit(f"traktir {' '.join(words)} failed: {done.stderr}")
    return done.stdout


def long_chat(env: Mapping[str, str], messages: int = MESSAGES) -> str:
    """Import a chat of `messages` messages of about 500 characters, Russian and English; returns its id."""
    chance = random.Random(5000)
    lines = [{"user_name": "Alex", "character_name": "Mira", "chat_metadata": {}}]
    for number in range(1, messages + 1):
        text = _text(chance)
        text = f"{FIRST} {text}" if number == 1 else f"{text} {LAST}" if number == messages else text
        user = number % 2 == 0
        lines.append({
            "name": "Alex" if user else "Mira", "is_user": user, "is_system": False, "mes": text,
            "send_date": 1_700_000_000_000 + number * 60_000,
        })
    file = Path(env["TRAKTIR_HOME"]).parent / "long.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    traktir(env, "import", str(file))
    return str(json.loads(traktir(env, "chats", "list", "--json").splitlines()[0])["id"])


def _text(chance: random.Random) -> str:
    known = _SPOKEN.split()
    words: list[str] = []
    while sum(map(len, words)) + len(words) < 490:
        some = chance.choices(known, k=chance.randint(4, 12))
        kind = chance.random()
        said = " ".join(some)
        words.append(f"*{said}*" if kind < 0.25 else f'"{said.capitalize()}."' if kind < 0.5 else said + ".")
        if chance.random() < 0.15:
            words.append("\n\n")
    return " ".join(words).strip()


class Terminal:
    """A program on a pseudo-terminal. What it writes is kept with the moment at which it came."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], columns: int = 120, rows: int = 40) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.bytes = 0
        self._tail = b""
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(env), cwd=CHECKOUT, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def read(self, seconds: float) -> bytes:
        """What comes within `seconds`, at the first moment that something does; empty if nothing."""
        if not select.select([self.master], [], [], seconds)[0]:
            return b""
        with contextlib.suppress(OSError):
            data = os.read(self.master, 1 << 20)
            self.bytes += len(data)
            return data
        return b""

    def wait(self, wanted: str, timeout: float = 30) -> float:
        """The moment at which `wanted` came, counted in seconds from the start of the program."""
        end, needle = time.perf_counter() + timeout, wanted.encode()
        while time.perf_counter() < end:
            seen = self._tail + self.read(0.05)
            if (at := seen.find(needle)) >= 0:
                self._tail = seen[at + len(needle):]
                return time.perf_counter() - self.began
            self._tail = seen[-len(needle):] if needle else b""
            if self.process.poll() is not None:
                break
        raise SystemExit(f"waited for {wanted!r}; the last that came: {seen[-300:]!r}")

    def collect(self, pause: float = 0.05) -> bytes:
        """Everything that comes until nothing has for `pause` seconds."""
        parts = []
        while part := self.read(pause):
            parts.append(part)
        return b"".join(parts)

    def drain(self, seconds: float) -> int:
        """Take everything in for `seconds`; how many bytes that was."""
        before, end = self.bytes, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._tail = self.read(left)[-64:]
        return self.bytes - before

    def quiet(self, pause: float = 0.3, timeout: float = 20) -> None:
        """Take everything in until nothing has come for `pause` seconds."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end and self.read(pause):
            pass
        self._tail = b""

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


def memory_mb(pid: int) -> tuple[float, float | None]:
    """Resident memory of a process, and its proportional share of it where the system tells (MB of 10⁶ bytes)."""
    rss = next(int(line.split()[1]) for line in _proc(pid, "status") if line.startswith("VmRSS:"))
    try:
        pss = next(int(line.split()[1]) for line in _proc(pid, "smaps_rollup") if line.startswith("Pss:"))
    except OSError:
        return rss * 1024 / 1e6, None
    return rss * 1024 / 1e6, pss * 1024 / 1e6


def cpu_s(pid: int) -> float:
    """Processor time of all threads of a process, in seconds (from /proc/PID/schedstat where it is, in ns)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def _proc(pid: int, name: str) -> list[str]:
    return Path(f"/proc/{pid}/{name}").read_text().splitlines()


def spread(values: Sequence[float], unit: str = "", digits: int = 2) -> str:
    """Median and the middle half of some values."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return f"{median(values):.{digits}f}{unit} (middle half {low:.{digits}f} to {high:.{digits}f}, n={len(values)})"
