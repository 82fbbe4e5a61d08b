"""tmux and GNU screen between the program and the terminal: what their settings do to keys, colours and copying."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tui.cli.doctoring.findings import Finding, note, ok
from tui.cli.doctoring.machine import Machine
from tui.cli.doctoring.screen import mosh, mosh_above

_ASKED = (
    "version", "escape-time", "set-clipboard", "allow-passthrough", "extended-keys", "focus-events", "mouse",
    "client_termname", "client_termfeatures", "client_pid",
)
#: Milliseconds for which tmux may hold Esc back before a person feels it.
_FELT_MS = 100
_LOAD_BUFFER_W, _SYNCHRONISED = (3, 2), (3, 5)


def look(m: Machine) -> Iterator[Finding]:
    if m.env.get("TMUX"):
        yield from _tmux(m)
    elif m.env.get("STY"):
        yield from _screen(m)


def inside_tmux(m: Machine) -> dict[str, str]:
    """tmux's version, settings and what it knows of its terminal; empty where no tmux answers."""
    asked = m.run(("tmux", "display-message", "-p", "\n".join(f"#{{{name}}}" for name in _ASKED)))
    if asked is None or asked.status != 0:
        return {}
    lines = asked.out.split("\n")
    return dict(zip(_ASKED, lines, strict=False)) if len(lines) >= len(_ASKED) else {}


def version_of(text: str) -> tuple[int, int]:
    """The number in `3.3a` or `next-3.6`; (0, 0) without one."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _tmux(m: Machine) -> Iterator[Finding]:
    told = inside_tmux(m)
    if not told:
        yield note("tmux.silent", "TMUX is set, but no tmux answers: the variable is left over from another shell.",
                   do="unset TMUX")
        return
    version = version_of(told["version"])
    yield from _tmux_keys(told)
    if told["mouse"] not in ("on", "1"):
        yield note("tmux.mouse", "tmux keeps the mouse to itself: taps and the wheel do not reach Traktir.",
                   do="tmux set -g mouse on")
    yield from _tmux_colours(m, told)
    yield from _tmux_clipboard(told, version)
    if version < _SYNCHRONISED:
        yield note("tmux.frames", "tmux {version} does not pass on whole frames (synchronised output, from 3.5 on), so"
                   " the screen may flicker. Fewer frames help: frame_rate = 15 in client.toml.",
                   version=told["version"])
    if told["client_pid"].isdecimal() and mosh_above(m, int(told["client_pid"])):
        yield from mosh(m)


def _tmux_keys(told: Mapping[str, str]) -> Iterator[Finding]:
    wait = told["escape-time"]
    if wait.isdecimal() and int(wait) > _FELT_MS:
        yield note("tmux.escape_time", "tmux holds Esc back for {ms} ms. Ctrl+C stops a reply at once; for a quick"
                   " Esc:", do="tmux set -s escape-time 20", ms=int(wait))
    if told["extended-keys"] != "always":              # `on` waits for a request of xterm's, and Textual's is kitty's
        yield note("tmux.extended_keys", "tmux does not tell Shift+Enter from Enter (extended-keys is {setting})."
                   " Ctrl+J and Alt+Enter begin a new line everywhere.", do="tmux set -s extended-keys always",
                   setting=told["extended-keys"] or "off")
    if told["focus-events"] not in ("on", "1"):
        yield note("tmux.focus_events", "tmux does not say when its window loses the focus; nothing in Traktir needs"
                   " it, editors do.", do="tmux set -s focus-events on")


def _tmux_colours(m: Machine, told: Mapping[str, str]) -> Iterator[Finding]:
    if not m.env.get("TERM", "").startswith(("tmux", "screen")):
        yield note("tmux.term", "Inside tmux TERM should be tmux-256color or screen-256color, and is {term}: keys and"
                   " colours may be taken for others.", do="tmux set -g default-terminal tmux-256color",
                   term=m.env.get("TERM") or "''")
    features = told["client_termfeatures"].split(",")
    if told["client_termname"] and "RGB" not in features and m.env.get("COLORTERM"):
        yield note("tmux.colours", "tmux takes the terminal outside ({term}) for one without 24-bit colours and rounds"
                   " them. If it has them:", do=f"tmux set -as terminal-features ',{told['client_termname']}:RGB'",
                   term=told["client_termname"])


def _tmux_clipboard(told: Mapping[str, str], version: tuple[int, int]) -> Iterator[Finding]:
    """tmux(1), measured with 3.3a: `load-buffer -w` reaches the terminal outside unless set-clipboard is off, and
    OSC 52 of a program only with set-clipboard on, or wrapped with allow-passthrough on."""
    if version < _LOAD_BUFFER_W:
        yield note("tmux.clipboard_old", "tmux {version} cannot pass a copy on to the terminal outside (load-buffer -w,"
                   " from 3.2 on); what is copied stays in tmux, and prefix ] puts it in.",
                   do="tmux set -s set-clipboard on", version=told["version"])
    elif told["set-clipboard"] in ("off", "0"):
        yield note("tmux.clipboard_off", "set-clipboard is off: what is copied stays in tmux (prefix ] puts it in) and"
                   " does not reach the terminal outside.", do="tmux set -s set-clipboard external")
    elif told["client_termname"] and "clipboard" not in told["client_termfeatures"].split(","):
        yield note("tmux.clipboard_unknown", "tmux does not know that the terminal outside ({term}) takes copies"
                   " (OSC 52). If it does:",
                   do=f"tmux set -as terminal-features ',{told['client_termname']}:clipboard'",
                   term=told["client_termname"])
    else:
        yield ok("tmux.clipboard", "Copying goes through tmux to the terminal outside (load-buffer -w; set-clipboard is"
                 " {setting}, allow-passthrough is {through} and not needed).", setting=told["set-clipboard"],
                 through=told["allow-passthrough"] or "off")


def _screen(m: Machine) -> Iterator[Finding]:
    asked = m.run(("screen", "--version"))
    version = version_of(asked.out if asked else "")
    yield note("screen.escape", "GNU screen holds Esc back and waits for more. Ctrl+C stops a reply at once; for a"
               " quick Esc:", do='echo "maptimeout 10" >> ~/.screenrc')
    yield note("screen.clipboard", "GNU screen passes a copy on if it is short and the terminal outside takes OSC 52;"
               " long ones are lost on the way. tmux passes them all on. The whole chat can be had with:",
               do="/export chat.txt")
    if version < (5, 0) and m.env.get("COLORTERM"):
        yield note("screen.colours", "GNU screen before 5.0 has no 24-bit colours and rounds them or drops them. Let"
                   " the theme keep to sixteen:", do="unset COLORTERM")
    yield note("screen.letters", "Where GNU screen shows Russian letters as question marks, it was started without"
               " UTF-8:", do="screen -U")
