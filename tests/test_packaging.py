"""What is shipped: the wheel holds everything, talks to a server without an engine, and by itself with it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui import resources

CHECKOUT = Path(__file__).resolve().parents[1]


class Installation:
    """An empty environment with pip, in which things are installed and run as a newcomer does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=True, symlinks=True)
        self.bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.env = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONNOUSERSITE": "1"}
        self.env.pop("PYTHONPATH", None)

    def install(self, *what: str) -> None:
        words = [str(self.bin / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=1800, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    def run(self, program: str, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
        """One command, far from the checkout."""
        return subprocess.run(
            [str(self.bin / program), *words], env={**self.env, "TRAKTIR_HOME": str(home)}, cwd=self.folder,
            capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive, and the wheel made from it: what is missing in the first is missing in the second."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--outdir", str(folder), str(CHECKOUT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (archive,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return archive, wheel


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Traktir without the engine."""
    installation = Installation(tmp_path_factory.mktemp("installed"))
    installation.install(str(built[1]))
    return installation


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that plays a script."""
    script = CHECKOUT / "tests" / "backends" / "scripted.py"
    words = [sys.executable, str(script), "--text", "Добро пожаловать! *Bows.*"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


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
    installed: Installation, server: str, home: Path
) -> None:
    alone = installed.run("traktir", "say", "--standalone", "--character", "mira", "Hello!", home=home)
    assert alone.returncode == 1
    assert "pip install 'llama-cpp-python>=" in alone.stderr
    assert "Traceback" not in alone.stderr

    profile = home / "config" / "presets" / "profiles" / "there.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text(f"backend: {{kind: openai, url: '{server}'}}\ntemplate: chatml\n", "utf-8")
    said = installed.run(
        "traktir", "say", "--standalone", "--chat", "new", "--character", "mira", "--profile", "there", "Привет!",
        home=home,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout == "Добро пожаловать! *Bows.*\n"
    assert installed.run("traktir", "doctor", home=home).returncode == 0


def test_what_it_needs_can_all_be_had_in_pure_python(installed: Installation) -> None:
    """The compiled parts of PyYAML and MarkupSafe are left out where there is no compiler; nothing else has any."""
    compiled = {p.relative_to(site).parts[0] for site in installed.folder.rglob("site-packages")
                for p in site.rglob("*") if p.suffix in (".so", ".pyd")}
    assert compiled <= {"yaml", "_yaml", "markupsafe"}


def test_with_the_engine_it_talks_by_itself(installed: Installation, built: tuple[Path, Path], home: Path) -> None:
    """Outside the checkout, without a download: the starter model answers."""
    installed.install(f"{built[1]}[llama]")
    said = installed.run("traktir", "say", "--standalone", "--character", "mira", "Hello! How are you?", home=home)
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()
