"""What is shipped: the wheel holds everything, talks to a server without an engine, and by itself with it."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from install_kit import ANSWER, CHECKOUT, Installation, Place, profile_for

from tui import resources


def place(installed: Installation, home: Path) -> Place:
    """Far from the checkout, with everything in `home`."""
    env = {"HOME": str(home), "TRAKTIR_HOME": str(home), "TMPDIR": os.environ["TMPDIR"], "LC_ALL": "C.UTF-8"}
    return Place(installed.program, home, env)


def test_the_wheel_is_pure_python_and_holds_all_that_ships(built: tuple[Path, Path]) -> None:
    _, wheel = built
    assert wheel.name.endswith("py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in ((resources.presets_dir(), "tui/presets"), (resources.characters_dir(), "tui/characters")):
        for file in folder.rglob("*.*"):
            assert f"{inside}/{file.relative_to(folder).as_posix()}" in names
    for file in (CHECKOUT / "tui").rglob("*"):
        if file.is_file() and file.suffix != ".pyc":
            assert f"tui/{file.relative_to(CHECKOUT / 'tui').as_posix()}" in names
    assert not [n for n in names if n.startswith("tests") or n.endswith((".so", ".pyc"))]


def test_without_the_engine_it_talks_to_a_server_and_says_how_to_get_one(
    installed: Installation, address: str, home: Path
) -> None:
    traktir = place(installed, home)
    alone = traktir.run("say", "--standalone", "--character", "mira", "Hello!")
    assert alone.returncode == 1
    assert "pip install 'llama-cpp-python>=" in alone.stderr
    assert "Traceback" not in alone.stderr

    profile_for(home / "config", address)
    words = ("--standalone", "--chat", "new", "--character", "mira", "--profile", "there", "Привет!")
    said = traktir.run("say", *words)
    assert said.returncode == 0, said.stderr
    assert said.stdout == ANSWER + "\n"
    assert traktir.run("doctor").returncode == 0


def test_what_it_needs_can_all_be_had_in_pure_python(installed: Installation) -> None:
    """The compiled parts of PyYAML and MarkupSafe are left out where there is no compiler; nothing else has any."""
    compiled = {p.relative_to(site).parts[0] for site in installed.folder.rglob("site-packages")
                for p in site.rglob("*") if p.suffix in (".so", ".pyd")}
    assert compiled <= {"yaml", "_yaml", "markupsafe"}


def test_with_the_engine_it_talks_by_itself(
    installed: Installation, built: tuple[Path, Path], home: Path
) -> None:
    """Outside the checkout, without a download: the starter model answers."""
    installed.install(f"{built[1]}[llama]")
    said = place(installed, home).run("say", "--standalone", "--character", "mira", "Hello! How are you?")
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()
