"""How a copied message reaches the person's clipboard from here."""

from __future__ import annotations

from collections.abc import Iterator

from tui.cli.doctoring.findings import Finding, note, ok
from tui.cli.doctoring.machine import Machine, Places


def look(m: Machine, places: Places) -> Iterator[Finding]:
    """The same ladder as `tui.ui.clipboard` climbs; what tmux makes of it is said where tmux is looked at."""
    from tui.ui.clipboard import tools

    found = tools(m.env, m.platform, m.find)
    if found and found[0][0] != "tmux":
        yield ok("clipboard.tool", "Copying goes through {tool}.", tool=found[0][0])
    elif wanted := _missing(m):
        yield note("clipboard.missing", "A desktop is here, but no program that reaches its clipboard; copying falls"
                   " back on the terminal's own way (OSC 52). To install one:", do=f"sudo apt install {wanted}")
    elif m.is_phone:
        yield note("clipboard.termux", "Without the Termux:API app, copying goes through OSC 52, which takes up to"
                   " 8,000 characters in Termux. For longer texts, install the app and:", do="pkg install termux-api")
    if found:
        return
    if m.env.get("TERM_PROGRAM") == "Apple_Terminal":
        yield note("clipboard.apple", "Terminal.app of macOS does not let programs use the clipboard (no OSC 52). What"
                   " is copied is written to {file}; iTerm2, kitty or Ghostty take it.",
                   file=str(places.data / "copied.txt"))
    elif not m.env.get("TMUX") and not m.env.get("STY"):
        yield ok("clipboard.osc52", "Copying goes through the terminal (OSC 52). Should nothing arrive, allow programs"
                 " to use the clipboard in the terminal's settings; Terminal.app of macOS cannot (no OSC 52).")


def _missing(m: Machine) -> str:
    if m.env.get("WAYLAND_DISPLAY"):
        return "wl-clipboard"
    return "xclip" if m.env.get("DISPLAY") else ""
