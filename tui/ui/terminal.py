"""The terminal under Textual: its private descriptor, keys it cannot read, an editor, and its sudden death."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

from textual import events, screen
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.keys import Keys

from tui.domain.errors import Refused
from tui.domain.notice import notice

#: Octets of the terminal's log after which it is begun anew.
_LONGEST_LOG = 1_000_000
#: Writes that wait for the terminal above which it is taken to be unread (Textual holds 30, then it blocks), and
#: seconds between two looks at whether it is read again.
_FULL, _LOOK_S = 20, 0.05
_KITTY_KEY = re.compile(r"\x1b\[(\d*)(?::(\d*))?(?::(\d*))?((?:;[\d:]*)*)([u~A-S])")


def guard_terminal(log: Path) -> Callable[[], None]:
    """Give Textual a private descriptor; whatever else writes to standard error goes to the log.

    Returns what undoes it. Textual draws on `sys.__stderr__`, and native code prints to descriptor 2: both at once
    would spoil the screen.
    """
    target = _open_log(log)
    before = sys.stderr, sys.__stderr__
    screen_fd = os.dup(2)
    sys.__stderr__ = os.fdopen(screen_fd, "w", encoding="utf-8", errors="replace")  # type: ignore[misc]
    os.dup2(target, 2)
    os.close(target)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)

    def restore() -> None:
        logging.getLogger().removeHandler(handler)
        sys.stderr.flush()
        os.dup2(screen_fd, 2)
        sys.stderr, sys.__stderr__ = before  # type: ignore[misc]

    return restore


def _open_log(log: Path) -> int:
    """The log's descriptor; begun anew when it has grown long, and nowhere when there is no place for it."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        begin = os.O_TRUNC if log.exists() and log.stat().st_size > _LONGEST_LOG else 0
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | begin, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


class KeyParser(XTermParser):
    """Textual's parser, without its fall over key codes with alternates (`ESC[1089::99;5u`): the last of them names
    the key's place on a Latin keyboard, which is what a shortcut means."""

    @lru_cache(maxsize=1024)  # noqa: B019 (one parser lives as long as the program)
    def _parse_extended_key(self, sequence: str) -> list[events.Key] | None:
        try:
            return super()._parse_extended_key(plain_key(sequence))
        except (ValueError, OverflowError):
            return [events.Key(Keys.Ignore, sequence)]  # nonsense, which must not end the program


    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        """Alt+Enter of terminals without the kitty protocol (ESC CR) is not Enter, which would send."""
        if alt and sequence == "\r":
            return [events.Key("alt+enter", None)]
        return super()._sequence_to_key_events(sequence, alt)


def plain_key(sequence: str) -> str:
    """A key sequence of the kitty protocol with one key code; others as they are.

    The code of the Latin layout is taken for keys with Ctrl, Alt or Super, the code of the letter for plain ones.
    """
    found = _KITTY_KEY.fullmatch(sequence)
    if found is None:
        return sequence
    code, shifted, base, rest, end = found.groups(default="")
    fields = [field.split(":")[0] if number == 0 else field for number, field in enumerate(rest.split(";")[1:])]
    held = int(fields[0]) - 1 if fields and fields[0] else 0
    if base and held & 0b1110:
        code, fields = base, fields[:1]
    elif shifted and held & 1:
        code = shifted
    rest = "".join(f";{field}" for field in fields)
    return f"\x1b[{code}{rest}{end}"


class TerminalDriver(LinuxDriver):
    """Textual's driver, which says how far behind the terminal is, and takes its death calmly."""

    _given_up = False

    def backlog(self) -> int:
        """Writes that the terminal has not taken yet."""
        return self._writer_thread._queue.qsize() if self._writer_thread is not None else 0

    def write(self, data: str) -> None:
        """Draw; while the terminal takes nothing, what is drawn is given up, and all is drawn anew when it does.
        Textual itself would wait in here, and with it every key and every event."""
        if self._given_up:
            return
        if self.backlog() >= _FULL:
            with contextlib.suppress(RuntimeError):     # not on the loop: the last words of a program that ends
                asyncio.get_running_loop().call_later(_LOOK_S, self._look_again)
                self._given_up = True
                return
        super().write(data)

    def _look_again(self) -> None:
        if not self._given_up:
            return
        if self.backlog():
            asyncio.get_running_loop().call_later(_LOOK_S, self._look_again)
            return
        self._given_up = False
        self._app.refresh(layout=True)
        self._app.screen.refresh(layout=True)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was, however long it takes to read that."""
        self._given_up = False
        super().stop_application_mode()

    def set_mouse(self, value: bool) -> None:
        """Ask the terminal to report the mouse, or not to."""
        if value:
            self._mouse = True
            self._enable_mouse_support()
        else:
            self._disable_mouse_support()
            self._mouse = False

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:
            hang_up = getattr(self._app, "hang_up", None)
            if hang_up is not None:
                self._app.call_later(hang_up)
        except BaseException:
            import rich.traceback

            self._app.call_later(self._app.panic, rich.traceback.Traceback())


def pace_frames(rate: int) -> None:
    """Paint at most `rate` times a second (Textual's own number is read once, when it is imported)."""
    screen.UPDATE_PERIOD = 1 / rate  # type: ignore[misc]


def install_key_parser() -> None:
    """Let Textual's driver read keys with our parser."""
    linux_driver.XTermParser = KeyParser  # type: ignore[attr-defined]


def on_hang_up(detach: Callable[[], None], grace_s: float) -> None:
    """When the terminal goes away or the process is told to end: `detach` at once, and be gone after `grace_s`.

    A blocked screen may never let `detach` finish, so a thread sees to the end.
    """

    def handler(_signal: int, _frame: FrameType | None) -> None:
        timer = threading.Timer(grace_s, os._exit, (0,))
        timer.daemon = True
        timer.start()
        detach()

    for name in ("SIGHUP", "SIGTERM"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handler)


def edit_text(app: Any, text: str) -> str:
    """`text` as the person leaves it in their editor. Raises Refused where there is none, or no terminal to give it."""
    from textual.app import SuspendNotSupported

    command = editor_command()
    descriptor, name = tempfile.mkstemp(prefix="traktir-", suffix=".md")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            with app.suspend():
                status = subprocess.run([*command, name], stderr=sys.__stderr__, check=False).returncode
        except SuspendNotSupported:
            raise Refused("This terminal cannot be lent to an editor.") from None
        if status != 0:
            raise Refused(notice("{editor} ended with an error; the text stays as it was.", editor=command[0]))
        return path.read_text("utf-8", errors="replace").rstrip("\n")
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def editor_command() -> list[str]:
    """The editor's call, from VISUAL, EDITOR, or what is installed. Raises Refused when there is none."""
    for name in ("VISUAL", "EDITOR"):
        words = shlex.split(os.environ.get(name, ""))
        if words and shutil.which(words[0]):
            return words
    for word in ("sensible-editor", "nano", "vim", "vi"):
        if shutil.which(word):
            return [word]
    raise Refused("No editor was found.", "Set EDITOR to the name of one, for example EDITOR=nano.")
