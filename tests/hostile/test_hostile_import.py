"""Hostile files from end to end: taken or refused in a sentence, quickly, with nothing written outside the home."""

from __future__ import annotations

import contextlib
import fnmatch
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hostile_wanted import MAY_RUN_OUT_OF_TIME, NOTED, OTHERWISE, REFUSED, TOO_LONG, fault_of

from tui.cli import main

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that answers everything with the same words, in a process of its own."""
    script = CHECKOUT / "tests" / "backends" / "scripted.py"
    command = [sys.executable, str(script), "--dialect", "koboldcpp", "--text", "Understood, keeper."]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_core_takes_every_hostile_file_and_does_no_harm(
    hostile: Path, home: Path, tmp_path: Path, server: str
) -> None:
    """Every file through import, export, a plan and a turn; the index of the samples says what is wanted."""
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(HERE / "hostile_core.py"), str(hostile), server], env=env, cwd=tmp_path,
        capture_output=True, text=True, encoding="utf-8", timeout=400, check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert not told["problems"], "\n".join(told["problems"])
    indexed = [line.split("\t")[0] for line in (hostile / "INDEX.tsv").read_text("utf-8").splitlines()[1:]]
    assert {file for file in indexed if not file.startswith("fs/")} <= set(told["files"])
    assert sum(file.startswith("fs/") for file in told["files"]) > 10
    assert not wrong_outcomes(told["files"])
    assert set(told["too_long"]) == TOO_LONG
    assert not slow_steps(told["steps"], told["pace"])
    assert not {file: seen["memory"] for file, seen in told["files"].items() if seen.get("memory", 0) > 300_000}  # kB
    assert list(tmp_path.iterdir()) == []
    assert not list(hostile.parent.rglob("PWNED_BY_IMPORT*")) + list(home.rglob("PWNED_BY_IMPORT*"))
    assert not [p for p in home.rglob("*") if not (p.is_file() or p.is_dir()) or p.is_symlink()]


def wrong_outcomes(files: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Files that were taken and should not have been, or refused, or of which the wrong thing was said."""
    wrong = []
    for file, seen in files.items():
        fault, errors = fault_of(file), " ".join(seen["errors"])
        late = any(fnmatch.fnmatchcase(file, name) for name in MAY_RUN_OUT_OF_TIME)
        if late and seen["kinds"] == ["template"]:
            continue
        if fault is None and (not seen["kinds"] or errors):
            wrong.append(f"{file} is refused: {errors}")
        elif fault is not None and (seen["kinds"] or fault not in errors or file.rpartition("/")[2] not in errors):
            wrong.append(f"{file} is to be refused for “{fault}”: {seen}")
        if NOTED.get(file, "") not in " ".join(seen["notes"]):
            wrong.append(f"{file} lacks the note “{NOTED[file]}”: {seen['notes']}")
    return wrong


def slow_steps(steps: list[dict[str, Any]], pace: float) -> list[dict[str, Any]]:
    """Steps of more than 2 s of work, on a machine that is as fast as others; on a busy one only what hangs counts by
    the clock."""
    slower = max(1.0, pace / 0.1)
    return [s for s in steps if s["work"] + s["helpers"] > 2 * slower or s["seconds"] > 40 * slower]


def test_the_table_of_wishes_matches_the_samples(hostile: Path) -> None:
    """No line of it is of a file that is not there, or says nothing."""
    files = [str(path.relative_to(hostile)) for path in hostile.glob("[a-eg-z]*/*")]
    files += [f"{file}.yaml" for file in files if file.endswith(".jinja")]
    for name in (*REFUSED, *NOTED, *OTHERWISE, *TOO_LONG):
        assert fnmatch.filter(files, name), name
    for name in OTHERWISE:
        assert all(fault_of(file) for file in fnmatch.filter(files, name))


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
    assert time.monotonic() - began < 300, "something in it hangs"
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
