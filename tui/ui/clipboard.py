"""Putting text on the clipboard of the person, wherever they sit: here, behind tmux, at the far end of ssh.

In this order: a tool of this machine's desktop, Termux's own, tmux (which passes it on with its default settings),
the escape sequence OSC 52, a file. Measured with tmux 3.3a: by default it drops OSC 52, wrapped or not.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tui.domain.cleantext import clean
from tui.domain.notice import Notice, notice

#: Terminals drop longer OSC 52 strings: about 74 KB of base64 in many, 8,192 characters in Termux.
OSC_LIMIT, TERMUX_LIMIT = 74_000, 8_000
_TIMEOUT_S = 2.0


async def copy(
    text: str, write: Callable[[str], None] | None, folder: Path, environment: Mapping[str, str] | None = None
) -> Notice:
    """Copy `text`, cleaned of control characters; says how. `write` sends to the terminal; `folder` takes the last
    resort, a file."""
    env = os.environ if environment is None else environment
    text = clean(text)
    for command in tools(env):
        if await _feed(command, text):
            return notice("Copied.")
    sequence = osc52(text, env)
    limit = TERMUX_LIMIT if "TERMUX_VERSION" in env else OSC_LIMIT
    if write is not None and len(sequence) <= limit and env.get("TERM_PROGRAM") != "Apple_Terminal":
        write(sequence)
        return notice("Copied, if this terminal lets programs use the clipboard (OSC 52).")
    path = folder / "copied.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", "utf-8")
    return notice("No clipboard can be reached from here. The text is in {file}.", file=str(path))


def tools(
    env: Mapping[str, str], platform: str = sys.platform, find: Callable[[str], str | None] | None = None
) -> list[Sequence[str]]:
    """Commands that take the text on their input, best first; only those that are installed, as `find` knows them."""
    found: list[Sequence[str]] = []
    if platform == "darwin" and not env.get("SSH_CONNECTION"):
        found.append(("pbcopy",))
    if env.get("WSL_DISTRO_NAME"):
        found.append(("clip.exe",))
    if env.get("WAYLAND_DISPLAY"):
        found.append(("wl-copy",))
    if env.get("DISPLAY"):
        found += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    if env.get("TERMUX_VERSION"):
        found.append(("termux-clipboard-set",))
    if env.get("TMUX"):
        found.append(("tmux", "load-buffer", "-w", "-"))
    return [command for command in found if (find or shutil.which)(command[0])]


def osc52(text: str, env: Mapping[str, str]) -> str:
    """The escape sequence that asks a terminal to take `text`, wrapped for the multiplexer that stands between."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x1b\\"
    if env.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if env.get("STY"):
        return "\x1bP" + sequence.replace("\x1b\\", "\x1b\x1b\\\x1bP\\") + "\x1b\\"
    return sequence


async def _feed(command: Sequence[str], text: str) -> bool:
    """Run a tool with `text` on its input; whether it took it. One that stays behind to serve is left alone."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )
    except OSError:
        return False
    encoding = "utf-16-le" if command[0] == "clip.exe" else "utf-8"
    try:
        await asyncio.wait_for(process.communicate(text.encode(encoding)), _TIMEOUT_S)
    except (TimeoutError, OSError):
        if process.returncode is None:
            process.kill()
            await process.wait()
        return False
    return process.returncode == 0
