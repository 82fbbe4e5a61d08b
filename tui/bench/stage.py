"""A home of its own to measure in, with commands, chats and a played server; nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tui.bench.texts import chat_file
from tui.domain.errors import TraktirError
from tui.domain.notice import notice

#: How the program is started, and how the smallest application of its kind is.
TRAKTIR = (sys.executable, "-m", "tui")
BARE = (sys.executable, "-P", str(Path(__file__).with_name("bare_app.py")))
_ROOT = Path(__file__).resolve().parents[2]
#: Where the terminal is, what it can show, and what the person prefers: the same for everyone who measures.
_FOREIGN = (
    "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TEXTUAL_COLOR_SYSTEM", "TRAKTIR_TOKEN", "SSH_TTY", "SSH_CLIENT",
    "SSH_CONNECTION",
)


class Stage:
    """The home in use. `env` is what programs that are measured get as their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._copies = 0
        self.env = {
            **{name: value for name, value in os.environ.items() if name not in _FOREIGN},
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8",
        }
        if str(_ROOT) not in sys.path[1:]:          # a checkout that is not installed
            self.env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOT), self.env.get("PYTHONPATH", ""))))

    def over_ssh(self) -> dict[str, str]:
        """The environment of somebody who came over ssh."""
        return {**self.env, "SSH_TTY": "/dev/pts/9", "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}

    def traktir(self, *words: str, check: bool = True) -> str:
        """A command of the program; its standard output. Raises TraktirError."""
        done = subprocess.run(
            [*TRAKTIR, *words], env=self.env, cwd="/", capture_output=True, text=True, encoding="utf-8", check=False,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )
        if check and done.returncode:
            raise TraktirError(notice("A command failed: {command}: {text}", command=" ".join(words), text=done.stderr))
        return done.stdout

    def chat(self, messages: int) -> str:
        """Take in a chat of so many messages; its id."""
        file = self.folder / f"chat{messages}.jsonl"
        self._copies += 1
        file.write_text(chat_file(messages, self._copies), "utf-8")
        self.traktir("import", str(file))
        file.unlink()
        newest = json.loads(self.traktir("chats", "list", "--json").splitlines()[0])
        return str(newest["id"])

    def stop(self) -> None:
        """End the core, if one runs."""
        self.traktir("stop", "--force", check=False)

    def core_pid(self) -> int:
        """The process of the core, which is started where none runs."""
        return int(self.call("status")["pid"])

    def call(self, method: str, **params: Any) -> Any:
        """A call to the core, which is started where none runs. Raises TraktirError."""
        return asyncio.run(_call(method, params))

    def profile(self, name: str, address: str) -> None:
        """A profile for a played server at `address`."""
        folder = self.folder / "home" / "config" / "presets" / "profiles"
        folder.mkdir(parents=True, exist_ok=True)
        text = f"label: Bench\nbackend:\n  kind: koboldcpp\n  url: {address}\ntemplate: chatml\n"
        (folder / f"{name}.yaml").write_text(text, "utf-8")


async def _call(method: str, params: Mapping[str, Any]) -> Any:
    from tui.client.connection import Connection
    from tui.client.launch import ensure_core

    connection = await Connection.open(await ensure_core(accept_any_build=True))
    try:
        return await connection.call(method, **params)
    finally:
        await connection.close()


@contextlib.contextmanager
def own_home() -> Iterator[Stage]:
    """An empty home, for this process too. When the block ends, so does the core there, and all is removed."""
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    (folder / "tmp").mkdir(mode=0o700)
    try:
        with _variables({"TRAKTIR_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}):
            stage = Stage(folder)
            try:
                yield stage
            finally:
                stage.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def player(stage: Stage) -> Iterator[str]:
    """A played server of models in a process of its own; its address."""
    command = [sys.executable, "-m", "tui.bench.player"]
    with subprocess.Popen(
        command, env=stage.env, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
