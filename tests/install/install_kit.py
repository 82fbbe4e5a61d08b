"""Installing Traktir as a newcomer does, and talking with what was installed, in any environment.

Knows nothing of the checkout but what is in the wheel: programs run with a given environment and nothing else, in a
folder of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests"))
from install_cases import Case, config_of, environment  # noqa: E402
from terminal import CTRL_Q, ENTER, Terminal  # noqa: E402

SAID, ANSWER = "Добрый вечер, Ёж! Есть ли чай?", "*Кивает.* «Чай уже готов»."
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
#: A variable that every process of one place inherits: what is left running is found by it.
_MARK = "TRAKTIR_TESTED_AT"


def pythons(versions: Sequence[str] = VERSIONS) -> dict[str, Path]:
    """The interpreters of this machine, by version."""
    found: dict[str, Path] = {}
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in versions:
        candidates = [*sorted(kept.glob(f"{version}.*/bin/python"), reverse=True)]
        candidates += [Path(path) for path in [shutil.which(f"python{version}")] if path]
        for candidate in candidates:
            asked = subprocess.run([candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                                   capture_output=True, text=True, check=False)
            if asked.stdout.strip() == version:
                found[version] = candidate
                break
    return found


def build(folder: Path) -> tuple[Path, Path]:
    """The source archive, and the wheel made from it: what is missing in the first is missing in the second."""
    words = [sys.executable, "-m", "build", "--outdir", str(folder), str(CHECKOUT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (archive,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return archive, wheel


@dataclass(frozen=True)
class Installation:
    """An environment of its own for `python`, in which things are installed with the pip of this one."""

    folder: Path
    python: Path = Path(sys.executable)

    def __post_init__(self) -> None:
        if self.folder.exists():
            return
        if self.python == Path(sys.executable):
            venv.create(self.folder, with_pip=False, symlinks=True)
        else:
            subprocess.run([self.python, "-m", "venv", "--without-pip", str(self.folder)], check=True)

    @property
    def bin(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def program(self) -> Path:
        return self.bin / "traktir"

    def install(self, *what: str) -> None:
        words = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "--quiet",
                 "--disable-pip-version-check", *what]
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TMPDIR")}
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=1800, check=False)
        assert done.returncode == 0, done.stderr[-3000:]


@dataclass
class Place:
    """Where and how the program runs: `env` is its whole environment, `cwd` its folder."""

    program: Path
    cwd: Path
    env: dict[str, str]
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.env = {"PATH": "/usr/bin:/bin", **self.env, _MARK: self.mark}

    def run(self, *words: str, timeout: float = 120, **how: object) -> subprocess.CompletedProcess[str]:
        """One command. Its output must be UTF-8 in every environment."""
        return subprocess.run(
            [str(self.program), *words], env=self.env, cwd=self.cwd, capture_output=True, encoding="utf-8",
            timeout=timeout, check=False, **how,  # type: ignore[call-overload,no-any-return]
        )

    def terminal(self, *words: str, columns: int = 100, rows: int = 30) -> Terminal:
        """The terminal UI on a pseudo-terminal, with `env` and nothing else."""
        pairs = [f"{name}={value}" for name, value in self.env.items()]
        program = ("env", "-i", "-C", str(self.cwd), *pairs, str(self.program))
        return Terminal(*words, columns=columns, rows=rows, program=program)

    def left_running(self) -> list[str]:
        """Command lines of processes that were started here and are still there."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{_MARK}={self.mark}".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        return [line for line in found if line.strip()]

    def stop(self) -> None:
        """End the core, if one runs, and wait until nothing is left."""
        self.run("stop", "--force")
        deadline = time.monotonic() + 30
        while left := self.left_running():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)


def profile_for(config: Path, address: str) -> None:
    """A profile named `there` for the server at `address`."""
    file = config / "presets" / "profiles" / "there.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"backend: {{kind: openai, url: '{address}'}}\ntemplate: chatml\n", "utf-8")


@contextlib.contextmanager
def server(answer: str = ANSWER) -> Iterator[str]:
    """The address of a server that plays a script."""
    script = CHECKOUT / "tests" / "backends" / "scripted.py"
    words = [sys.executable, str(script), "--text", answer]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def commands_work(place: Place, *, refused: str = "") -> None:
    """`--version`, `doctor` and `characters list`; where nothing can be kept they say so with the words `refused`.
    Raises AssertionError with what was said."""
    for words, wanted in ((("--version",), "traktir 0."), (("characters", "list"), "mira"), (("doctor",), "Python 3.")):
        done = place.run(*words)
        said = f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in said, said
        if refused and words != ("--version",):
            assert done.returncode == 1, said
            assert refused in done.stdout + done.stderr, said
        else:
            assert done.returncode == 0, said
            assert wanted in done.stdout, said


def is_refused(place: Place, words: str) -> None:
    """The terminal UI says `words` and can be left; nothing goes on running."""
    terminal = place.terminal("--character", "mira")
    try:
        terminal.until(lambda screen: words in screen, timeout=90)
        terminal.pump(6)                                   # longer than a passing notice stands
        assert words in terminal.screen(), terminal.screen()
        terminal.type(CTRL_Q)
        assert terminal.ended(60) == 0, terminal.screen()
    finally:
        terminal.close()
    assert not place.left_running()


def talk(place: Place, *, columns: int = 100, rows: int = 30, words: Sequence[str] = ("--profile", "there"),
         answer: str = ANSWER, standalone: bool = False, shows: bool = True) -> None:
    """A chat on a terminal: opened, something said in Russian, an answer, and left. Then what was said is in the store,
    to the letter, and nothing goes on running once the core is ended. Raises AssertionError with the screen."""
    if standalone:
        place.stop()
        words = (*words, "--standalone")
    terminal = place.terminal("--character", "mira", *words, columns=columns, rows=rows)
    try:
        if shows:
            terminal.until(lambda screen: "›" in screen, timeout=90)
            terminal.type(*SAID)
            terminal.until(lambda screen: "чай?" in screen)
            terminal.type(ENTER)
        else:                                              # blindly, once there is a chat to type into
            until_stored(place, lambda texts: len(texts) == 1, terminal)
            terminal.type(*SAID, ENTER)
        if answer and shows:
            terminal.until(lambda screen: answer.split()[-1].strip("».") in screen.replace("\n", " "), timeout=90)
        elif answer:
            until_stored(place, lambda texts: answer in texts, terminal)
        else:
            terminal.until(lambda screen: re.search(r"t/s|ток/с", screen) is not None, timeout=90)
        terminal.type(CTRL_Q)
        assert terminal.ended(60) == 0, terminal.screen()
    finally:
        terminal.close()
    texts = stored_texts(place)
    assert SAID in texts, texts
    assert not answer or answer in texts, texts
    place.stop()


def until_stored(place: Place, wanted: Callable[[list[str]], bool], terminal: Terminal) -> None:
    """Wait for the core to have it, where the screen is too small to tell."""
    deadline = time.monotonic() + 90
    while not wanted(stored_texts(place)):
        assert time.monotonic() < deadline, terminal.screen()
        assert terminal.pump(0.2), "the program ended"


def stored_texts(place: Place) -> list[str]:
    """The messages of the last chat."""
    listed = place.run("chats", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    if not listed.stdout.strip():
        return []
    chat = json.loads(listed.stdout.splitlines()[0])["id"]
    shown = place.run("chats", "show", chat, "--path", "--json")
    assert shown.returncode == 0, shown.stderr
    return [str(json.loads(line).get("text", "")) for line in shown.stdout.splitlines()]


def tried(case: Case, place: Place) -> None:
    """Everything a case is to show. Raises AssertionError."""
    commands_work(place, refused=case.refused)
    if case.refused:
        is_refused(place, case.refused)
    else:
        talk(place, columns=case.size[0], rows=case.size[1], standalone=case.standalone, shows=case.shows)


def place_of(case: Case, program: Path, folder: Path, address: str) -> Place:
    """A place for a case in `folder`, with a profile for the server at `address`."""
    folder.mkdir(parents=True)
    env = environment(case, folder)
    if (temporary := env.get("TMPDIR")) and not case.refused:
        Path(temporary).mkdir(parents=True)
    if not case.refused:
        profile_for(config_of(case, folder), address)
    return Place(program, folder, env)
