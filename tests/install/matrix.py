"""The whole install matrix, by hand: every Python that is here, wheel and source archive, extras, pipx, another user,
and every environment of `install_cases`. Prints a table; the exit status is 1 when a row failed.

    python tests/install/matrix.py [WORD …]        only rows that hold one of these words
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from install_cases import CASES, Case
from install_kit import (
    VERSIONS,
    Installation,
    Place,
    build,
    commands_work,
    place_of,
    pythons,
    server,
    talk,
    tried,
)

Row = tuple[str, Callable[[], str]]
PLAIN = Case("plain")


class Matrix:
    """One built wheel, one folder with a space and Cyrillic letters for everything."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.archive, self.wheel = build(folder / "dist")
        self.main = Installation(folder / "главный venv")
        self.main.install(str(self.wheel))
        self._count = 0

    def rows(self) -> Iterator[Row]:
        here = pythons()
        for version in VERSIONS:
            for kind, what in (("wheel", self.wheel), ("sdist", self.archive)):
                yield f"Python {version}, {kind}", lambda v=version, w=what: self._python(here.get(v), str(w))
        yield "wheel[llama], starter model", self._engine
        yield "pip install of the checkout", lambda: self._python(Path(sys.executable), str(_checkout()))
        yield "pipx install", self._pipx
        yield "python -m tui", self._module
        yield "another user, home read-only", self._another_user
        yield "KOI8-R that is really there", self._koi8
        for case in CASES:
            yield case.name, lambda c=case: self._case(c)

    def _home(self) -> Path:
        self._count += 1
        return self.folder / f"дом {self._count}"

    def _whole(self, program: Path) -> str:
        where = place_of(PLAIN, program, self._home(), self.address)
        try:
            tried(PLAIN, where)
        finally:
            where.stop()
        return ""

    def _python(self, python: Path | None, what: str) -> str:
        if python is None:
            return "not here"
        installation = Installation(self._home() / "venv", python)
        installation.install(what)
        return self._whole(installation.program)

    def _engine(self) -> str:
        installation = Installation(self._home() / "venv")
        installation.install(f"{self.wheel}[llama]")
        where = place_of(PLAIN, installation.program, self._home(), self.address)
        try:
            commands_work(where)
            talk(where, words=(), answer="")
        finally:
            where.stop()
        return ""

    def _pipx(self) -> str:
        tool = Installation(self._home() / "venv")
        tool.install("pipx")
        home = self._home()
        env = {**os.environ, "PIPX_HOME": str(home / "pipx"), "PIPX_BIN_DIR": str(home / "bin"),
               "PIPX_DEFAULT_PYTHON": sys.executable}
        done = subprocess.run([tool.bin / "pipx", "install", str(self.wheel)], env=env, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return self._whole(home / "bin" / "traktir")

    def _module(self) -> str:
        where = place_of(PLAIN, self.main.bin / "python", self._home(), self.address)
        done = where.run("-m", "tui", "--version")
        assert done.stdout.startswith("traktir "), done.stderr
        return ""

    def _another_user(self) -> str:
        """Nobody's home is a folder that only root may write to; TRAKTIR_HOME is their own."""
        python = Path("/usr/bin/python3")
        if os.geteuid() != 0 or not shutil.which("setpriv") or not python.exists():
            return "not here"
        with tempfile.TemporaryDirectory(prefix="tt-", dir="/tmp") as name:
            folder = Path(name)
            folder.chmod(0o755)
            installation = Installation(folder / "venv", python)
            installation.install(str(self.wheel))
            own, closed = folder / "own", folder / "closed"
            closed.mkdir(mode=0o755)
            own.mkdir()
            shutil.chown(own, 65534, 65534)
            become = folder / "as-nobody"
            become.write_text("#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 --clear-groups "
                              f"'{installation.program}' \"$@\"\n", "utf-8")
            become.chmod(0o755)
            refused = Place(become, folder, {"HOME": str(closed), "LC_ALL": "C.UTF-8", "TERM": "xterm"})
            commands_work(refused, refused=str(closed))
            where = place_of(PLAIN, become, own / "home", self.address)
            for path in (own, *own.rglob("*")):
                shutil.chown(path, 65534, 65534)
            try:
                tried(PLAIN, where)
            finally:
                where.stop()
        return ""

    def _koi8(self) -> str:
        """File names are then no UTF-8 to Python."""
        made = self._home()
        made.mkdir()
        words = ["localedef", "-i", "ru_RU", "-f", "KOI8-R", str(made / "ru_RU.KOI8-R")]
        if not shutil.which("localedef") or subprocess.run(words, capture_output=True, check=False).returncode:
            return "not here"
        return self._case(Case("KOI8-R", {"LC_ALL": "ru_RU.KOI8-R", "LOCPATH": str(made)}))

    def _case(self, case: Case) -> str:
        where = place_of(case, self.main.program, self._home(), self.address)
        try:
            tried(case, where)
        finally:
            where.stop()
        return ""


def _checkout() -> Path:
    return Path(__file__).resolve().parents[2]


def main(words: list[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory(prefix="трактир мой ") as folder, server() as address:
        matrix = Matrix(Path(folder), address)
        for name, row in matrix.rows():
            if words and not any(word in name for word in words):
                continue
            begun = time.monotonic()
            try:
                told = row() or "ok"
            except Exception:
                failed += 1
                told = "FAILED"
                traceback.print_exc()
            print(f"| {name:40} | {told:8} | {time.monotonic() - begun:5.1f} s |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
