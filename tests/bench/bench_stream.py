"""The terminal while a reply streams into a chat of 5,000 messages, at 20 and at 100 tokens a second.

Processor time and bytes, less what the idle terminal takes, and the time from a key pressed to its echo.
Run: python tests/bench/bench_stream.py [--seconds 10]
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from bench_stage import CHECKOUT, LAST, TRAKTIR, Terminal, cpu_s, home, long_chat

_SCRIPTED = CHECKOUT / "tests" / "backends" / "scripted.py"
_KEYS = "αβγδεζηθικλμνξοπρστυφχψω" * 2


@contextlib.contextmanager
def server(tokens_a_second: int, seconds: float) -> Iterator[str]:
    """A server that writes pieces of four characters so fast, for longer than `seconds`; its address."""
    pieces = int(tokens_a_second * seconds) + 1
    text = "Begun. " + " ".join(f"wave{n} breaks softly" for n in range(pieces // 4))
    command = [sys.executable, str(_SCRIPTED), "--dialect", "koboldcpp", "--text", text]
    command += ["--delay", str(1000 / tokens_a_second)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def write_profile(env: Mapping[str, str], address: str) -> None:
    folder = Path(env["TRAKTIR_HOME"]) / "config" / "presets" / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    profile = f"label: Bench\nbackend:\n  kind: koboldcpp\n  url: {address}\ntemplate: chatml\n"
    (folder / "bench.yaml").write_text(profile, "utf-8")


def used(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """Per cent of a processor, and bytes a second."""
    began, cpu = time.perf_counter(), cpu_s(terminal.process.pid)
    count = terminal.drain(seconds)
    spent = time.perf_counter() - began
    return 100 * (cpu_s(terminal.process.pid) - cpu) / spent, count / spent


def echoes(terminal: Terminal) -> list[float]:
    """Milliseconds from each of some keys to its echo; each is pressed a while after the one before."""
    out = []
    for number, key in enumerate(_KEYS):
        began = time.perf_counter()
        terminal.type(key)
        terminal.wait(key)
        out.append((time.perf_counter() - began) * 1000)
        terminal.drain(0.1 + number % 7 * 0.011)           # not in step with the drawing
    return sorted(out)


def report(name: str, terminal: Terminal, seconds: float, idle: tuple[float, float]) -> None:
    cpu, written = used(terminal, seconds)
    keys = echoes(terminal)
    print(
        f"{name}: processor {cpu - idle[0]:.1f} %, {written - idle[1]:.0f} bytes/s beyond idle; "
        f"echo median {median(keys):.1f} ms, p95 {keys[int(len(keys) * 0.95)]:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    for rate in (20, 100):
        with home() as env, server(rate, options.seconds + 40) as address:
            long_chat(env)
            write_profile(env, address)
            terminal = Terminal([*TRAKTIR, "--profile", "bench"], env)
            terminal.wait(LAST)
            terminal.quiet(1.0)
            idle = used(terminal, 5)
            print(f"idle: processor {idle[0]:.1f} %, {idle[1]:.0f} bytes/s")
            terminal.type("Count the waves.\r")
            terminal.wait("Begun")
            report(f"{rate} tokens/s", terminal, options.seconds, idle)
            terminal.close()


if __name__ == "__main__":
    main()
