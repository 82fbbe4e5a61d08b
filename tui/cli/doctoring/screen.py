"""The terminal: its size, colours, letters, keys and mouse, and the network that lies between."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tui.cli.doctoring.findings import Finding, note, ok
from tui.cli.doctoring.machine import Machine

#: Below this the terminal UI says that the window is too small to read in.
_SMALL = (40, 10)
#: Four Latin keys and the arrows, for the row above a phone's keyboard; `^J` begins a new line.
EXTRA_KEYS = (
    "extra-keys = [['ESC','TAB','CTRL','UP','DOWN','LEFT','RIGHT'],"
    "['F2','F1','/',{macro: 'CTRL j', display: '^J'},'PGUP','PGDN','ENTER']]"
)
_MOSH_WITH_COLOURS = (1, 4)
_DEEPEST = 32


def look(m: Machine) -> Iterator[Finding]:
    yield from _size(m)
    yield from _kind(m)
    yield from _colours(m)
    yield from _letters(m)
    yield from _keys(m)
    yield from _mouse(m)
    yield ok("images.none", "Traktir draws no pictures, so whatever this terminal can do with them is fine.")
    yield from _network(m)


def _size(m: Machine) -> Iterator[Finding]:
    if m.size is None:
        yield note("terminal.none", "This is not a terminal; what follows goes by the variables alone.")
        return
    columns, lines = m.size
    if columns < _SMALL[0] or lines < _SMALL[1]:
        yield note("terminal.small", "{columns} columns, {lines} lines: room for little. Make the window larger or the"
                   " letters smaller.", columns=columns, lines=lines)
    else:
        yield ok("terminal.size", "{columns} columns, {lines} lines.", columns=columns, lines=lines)


def _kind(m: Machine) -> Iterator[Finding]:
    term = m.env.get("TERM", "")
    if term in ("", "dumb", "unknown") and m.size is not None:
        yield note("terminal.dumb", "TERM is {term}: programs take this for a terminal without colours, keys and a"
                   " screen. If it is an ordinary one:", do="export TERM=xterm-256color", term=term or "''")


def _colours(m: Machine) -> Iterator[Finding]:
    term, kind = m.env.get("TERM", ""), m.env.get("COLORTERM", "")
    if m.env.get("NO_COLOR"):
        yield note("colours.off", "NO_COLOR is set: everything is drawn without colours.", do="unset NO_COLOR")
    elif kind in ("truecolor", "24bit"):
        yield ok("colours.all", "All colours (COLORTERM is {kind}).", kind=kind)
    elif term == "linux" or term.startswith("vt"):
        yield ok("colours.sixteen", "Sixteen colours; the theme keeps to them.")
    elif m.is_remote:
        yield note("colours.ssh", "ssh does not pass COLORTERM on, so the theme keeps to the terminal's own sixteen"
                   " colours. If it has all of them:", do="export COLORTERM=truecolor")
    else:
        yield note("colours.unknown", "COLORTERM is not set, so the theme keeps to the terminal's own sixteen colours."
                   " If it has all of them:", do="export COLORTERM=truecolor")


def _letters(m: Machine) -> Iterator[Finding]:
    value = next((m.env[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if m.env.get(name)), "")
    if re.search(r"utf-?8", value, re.IGNORECASE) or m.is_phone or m.platform == "darwin":
        yield ok("letters.utf8", "The letters are UTF-8.")
    else:
        yield note("letters.locale", "The locale ({locale}) is not UTF-8. Traktir writes UTF-8 all the same, but tmux,"
                   " screen, ssh and editors may show Russian letters as underscores or question marks.",
                   do="export LC_ALL=C.UTF-8", locale=value or "''")


def _keys(m: Machine) -> Iterator[Finding]:
    if m.env.get("TEXTUAL_DISABLE_KITTY_KEY"):
        yield note("keys.kitty_off", "TEXTUAL_DISABLE_KITTY_KEY is set: Shift+Enter cannot be told from Enter. Ctrl+J"
                   " and Alt+Enter begin a new line everywhere.", do="unset TEXTUAL_DISABLE_KITTY_KEY")
    else:
        yield ok("keys.layouts", "Shortcuts work in the Russian layout too. Should a terminal with the kitty protocol"
                 " send some that do not: export TEXTUAL_DISABLE_KITTY_KEY=1 (Ctrl+J is then the new line).")
    if m.is_phone:
        yield from _phone_keys(m)


def _phone_keys(m: Machine) -> Iterator[Finding]:
    settings = m.read(f"{m.env.get('HOME', '')}/.termux/termux.properties")
    if re.search(r"^\s*extra-keys\s*=", settings, re.MULTILINE):
        yield ok("keys.extra", "The row of extra keys is set in termux.properties. Without Esc: Ctrl+C stops a reply,"
                 " ☰ and / open everything.")
    else:
        yield note(
            "keys.extra", "The keyboard of a phone has no Esc, Tab, arrows or F2. Nothing needs them (☰ and / open"
            " everything, Ctrl+C stops a reply), but a row of extra keys is handy:",
            do=f'echo "{EXTRA_KEYS}" >> ~/.termux/termux.properties && termux-reload-settings',
        )


def _mouse(m: Machine) -> Iterator[Finding]:
    from tui.ui import prefs

    if m.is_phone:
        yield ok("mouse.phone", "The mouse is off, so that a tap opens the keyboard; /mouse switches it on.")
    elif not prefs.read().mouse:
        yield note("mouse.off", "The mouse is switched off by your preferences.", do="/mouse on")
    else:
        yield ok("mouse.on", "The mouse is used; Shift and drag (Option in iTerm2) selects text as without it, and"
                 " traktir --no-mouse leaves it to the terminal.")
    if m.env.get("TERM_PROGRAM") == "vscode" and not m.env.get("TEXTUAL_SMOOTH_SCROLL"):
        yield note("mouse.pixels", "The terminal of VS Code may report the mouse in pixels and miss what is clicked. If"
                   " it does:", do="export TEXTUAL_SMOOTH_SCROLL=0")


def _network(m: Machine) -> Iterator[Finding]:
    if mosh_above(m, m.pid):
        yield from mosh(m)
    elif m.is_remote:
        yield ok("network.ssh", "Over ssh: fewer frames a second. If the line drops, the reply goes on; start traktir"
                 " again and it is there.")


def mosh_above(m: Machine, pid: int) -> bool:
    """Whether a mosh server is among the process `pid` and those that started it."""
    for _ in range(_DEEPEST):
        status = m.read(f"proc/{pid}/status")
        if re.search(r"^Name:\s+mosh-server", status, re.MULTILINE):
            return True
        parent = re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)
        if parent is None or parent[1] == "0":
            return False
        pid = int(parent[1])
    return False


def mosh(m: Machine) -> Iterator[Finding]:
    """What to tell of mosh, which draws the screen by itself."""
    asked = m.run(("mosh-server", "--version"))
    found = re.search(r"mosh-server \(mosh\) (\d+)\.(\d+)", asked.out if asked else "")
    version = tuple(map(int, found.groups())) if found else (0, 0)
    if version < _MOSH_WITH_COLOURS:
        yield note("network.mosh", "This mosh ({version}) is older than 1.4: 24-bit colours come out wrong, and copying"
                   " by OSC 52 may not arrive. Let the theme keep to sixteen colours:", do="unset COLORTERM",
                   version=".".join(map(str, version)) if found else "?")
    else:
        yield ok("network.mosh", "Over mosh {version}: it draws the screen by itself, and passes on the clipboard.",
                 version=".".join(map(str, version)))
