"""What was installed, in environments that real machines have: from the first command to a chat on a terminal.

The quick part of the cases; all of them: `python tests/install/matrix.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from install_cases import CASES, Case
from install_kit import CHECKOUT, VERSIONS, Installation, Place, place_of, pythons, tried

_QUICK = [case for case in CASES if case.quick]


@pytest.mark.parametrize("case", _QUICK, ids=[case.name for case in _QUICK])
def test_it_works_in(case: Case, installed: Installation, address: str, tmp_path: Path) -> None:
    where = place_of(case, installed.program, tmp_path / "дом с пробелом", address)
    try:
        tried(case, where)
    finally:
        where.stop()


@pytest.mark.parametrize("version", [v for v in VERSIONS if v != f"{sys.version_info[0]}.{sys.version_info[1]}"])
def test_it_works_on_python(version: str, built: tuple[Path, Path], address: str, tmp_path: Path) -> None:
    if version not in (here := pythons()):
        pytest.skip(f"Python {version} is not here")
    installation = Installation(tmp_path / "venv", here[version])
    installation.install(str(built[0] if version == "3.12" else built[1]))
    where = place_of(CASES[0], installation.program, tmp_path / "home", address)
    try:
        tried(CASES[0], where)
    finally:
        where.stop()


@pytest.mark.parametrize("version", ["3.10", "3.8", "2.7"])
def test_a_python_that_is_too_old_gets_a_sentence(version: str) -> None:
    if (python := pythons((version,)).get(version)) is None:
        pytest.skip(f"Python {version} is not here")
    done = subprocess.run([python, "-m", "tui"], cwd=CHECKOUT, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 1
    assert done.stderr == f"Traktir needs Python 3.11 or newer, and this is {version}.\n"


def test_streams_may_be_closed_or_pipes(installed: Installation, home: Path) -> None:
    """A service, a cron job, `| head`: no traceback, and the terminal UI says what it needs."""
    env = {"HOME": str(home), "TRAKTIR_HOME": str(home), "TMPDIR": os.environ["TMPDIR"]}
    where = Place(installed.program, home, env)
    program = f"'{installed.program}'"
    try:
        for words, status in (
            ("characters list <&-", 0), ("doctor <&-", 0), ("characters list 2>&-", 0), ("--version >&-", None),
            ("characters list >&-", None), ("doctor <&- >&- 2>&-", None), ("characters list | true", 0),
            ("doctor | head -n 1", 0), ("characters list >/dev/full", None), ("<&-", 1), (">&-", 1), ("| cat", 0),
        ):
            done = subprocess.run(["sh", "-c", f"{program} {words}"], env=where.env, cwd=home, capture_output=True,
                                  encoding="utf-8", timeout=120, check=False)
            assert "Traceback" not in done.stderr, f"{words}\n{done.stderr}"
            assert "Exception ignored" not in done.stderr, f"{words}\n{done.stderr}"
            assert status is None or done.returncode == status, f"{words}: {done.returncode}\n{done.stderr}"
    finally:
        where.stop()
