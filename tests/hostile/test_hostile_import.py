"""Hostile files from end to end: taken or refused in a sentence, quickly, with nothing written outside the home."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tui.cli import main

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
Command = Callable[..., tuple[int, str, str]]


def test_a_core_takes_every_hostile_file_and_does_no_harm(hostile: Path, home: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(HERE / "hostile_core.py"), str(hostile)], env=env, cwd=tmp_path, capture_output=True,
        text=True, encoding="utf-8", timeout=240, check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert not told["problems"], "\n".join(told["problems"])
    slow = [(seconds, what) for seconds, what in told["slowest"] if seconds > (2 if "import" in what else 6)]
    assert not slow, slow
    assert told["memory"] < 400_000                # kilobytes
    kinds = [kind for taken in told["taken"].values() for kind in taken]
    assert kinds.count("card") > 50, "the sound ones are taken"
    assert kinds.count("chat") > 5
    assert list(tmp_path.iterdir()) == []
    assert not list(hostile.parent.rglob("PWNED_BY_IMPORT*")) + list(home.rglob("PWNED_BY_IMPORT*"))
    assert not [p for p in home.rglob("*") if not (p.is_file() or p.is_dir()) or p.is_symlink()]


@pytest.fixture
def traktir(home: Path) -> Iterator[Command]:
    """Runs commands in this process, on a core that stays: their status, output and errors."""

    def run(*words: str) -> tuple[int, str, str]:
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(words)
        out.flush()
        err.flush()
        return status, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()

    yield run
    run("stop", "--force")


def test_what_the_command_line_prints_of_them_does_nothing(hostile: Path, traktir: Command) -> None:
    """A folder with everything in it, pipes, links and a gigabyte of nothing too; then all that came of it is read."""
    began = time.monotonic()
    status, out, err = traktir("import", str(hostile))
    assert status == 1
    assert time.monotonic() - began < 60
    clean(out, err)
    for line in err.splitlines():
        assert line.startswith("traktir: ")
    for name in ("fifo.png", "zero.json", "sparse_1G.json", "link_loop.png", "link_dangling.json"):
        assert re.search(rf"fs/{re.escape(name)}: \S.*\.", err), f"{name} is refused in a sentence"
    assert "root:" not in out + err

    for kind, verb in (("characters", "show"), ("lorebooks", "show"), ("chats", "show")):
        status, out, err = traktir(kind, "list")
        clean(out, err)
        items = every(traktir, kind)
        assert items
        for item in items:
            clean(*traktir(kind, verb, item)[1:], what=f"{kind} {verb} {item}")
    clean(*traktir("characters", "check")[1:])
    clean(*traktir("chats", "search", "keeper")[1:])


def every(traktir: Command, kind: str) -> list[str]:
    _, out, _ = traktir(kind, "list", "--json")
    objects: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    return [o["id"] for o in objects if not o.get("problem")]


def clean(*outputs: str, what: str = "") -> None:
    for output in outputs:
        found = OBEYED.search(output)
        assert found is None, f"{what}: {output[max(0, found.start() - 60) : found.end() + 60]!r}"
