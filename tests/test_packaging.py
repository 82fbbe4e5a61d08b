"""What is shipped: the wheel holds everything, and talks in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tui import resources

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_is_pure_python_and_holds_all_that_ships(wheel: Path) -> None:
    assert wheel.name.endswith("py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in ((resources.presets_dir(), "tui/presets"), (resources.characters_dir(), "tui/characters")):
        for file in folder.rglob("*.*"):
            assert f"{inside}/{file.relative_to(folder).as_posix()}" in names
    assert "tui/engine/starter/starter.gguf" in names
    assert {f"tui/{p.relative_to(CHECKOUT / 'tui').as_posix()}" for p in (CHECKOUT / "tui").rglob("*.tcss")} <= names
    assert not [n for n in names if n.startswith("tests") or n.endswith((".so", ".pyc"))]


def test_an_installed_wheel_talks_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """With the engine, outside the checkout: the starter model answers."""
    place = tmp_path / "venv"
    venv.create(place, with_pip=True, symlinks=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, f"{wheel}[llama]"], check=True, capture_output=True, timeout=1800)
    env = {**os.environ, "TRAKTIR_HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"}
    env.pop("PYTHONPATH", None)
    said = subprocess.run(
        [str(python.with_name("traktir")), "say", "--standalone", "--character", "mira", "Hello! How are you?"],
        capture_output=True, text=True, env=env, cwd=tmp_path, timeout=120, encoding="utf-8",
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()
