"""Two colours and a warm page: our own themes, and which one a terminal gets."""

from __future__ import annotations

import os
from collections.abc import Mapping

from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

EVENING = Theme(
    name="evening",
    primary="#d9a066",
    secondary="#8fb3a5",
    accent="#d9a066",
    warning="#e0b050",
    error="#d9705f",
    success="#9db37a",
    foreground="#d8cfc0",
    background="#1b1815",
    surface="#24201c",
    panel="#2b2621",
    boost="#302a24",
    dark=True,
    variables={
        "block-cursor-background": "#d9a066",
        "block-cursor-foreground": "#1b1815",
        "input-cursor-background": "#d8cfc0",
        "input-cursor-foreground": "#1b1815",
        "input-selection-background": "#5a4a38",
    },
)
MORNING = Theme(
    name="morning",
    primary="#96551a",
    secondary="#2c6a5a",
    accent="#96551a",
    warning="#9a6700",
    error="#a8321f",
    success="#4f6f2a",
    foreground="#33291f",
    background="#f6f0e4",
    surface="#ede5d6",
    panel="#e6dcca",
    boost="#e0d5c1",
    dark=False,
    variables={
        "block-cursor-background": "#96551a",
        "block-cursor-foreground": "#f6f0e4",
        "input-cursor-background": "#33291f",
        "input-cursor-foreground": "#f6f0e4",
        "input-selection-background": "#d9c39f",
    },
)
OWN = (EVENING, MORNING)


def choose(wanted: str, environment: Mapping[str, str] | None = None) -> str:
    """The name of the theme: the one wanted, else the terminal's own colours where 24 bits are doubtful or costly."""
    env = os.environ if environment is None else environment
    if wanted in {t.name for t in OWN} or wanted in BUILTIN_THEMES:
        return wanted
    remote = any(env.get(name) for name in ("SSH_TTY", "SSH_CONNECTION"))
    return "ansi-dark" if remote or not env.get("COLORTERM") else EVENING.name


def reading_colours(current: Theme) -> dict[str, str]:
    """What speech, actions and side remarks are drawn in: named where the theme is ours, else made from its own."""
    if current.ansi:
        return {"speech": "ansi_bright_white" if current.dark else "ansi_black", "quiet": "ansi_default",
                "faint": "ansi_bright_black"}
    if current.name == EVENING.name:
        return {"speech": "#f0d9ad", "quiet": "#a3998a", "faint": "#756c60"}
    if current.name == MORNING.name:
        return {"speech": "#6b3a0a", "quiet": "#7a6f61", "faint": "#a2968a"}
    made = current.to_color_system().generate()
    ink, page = Color.parse(made["foreground"]), Color.parse(made["background"])
    return {
        "speech": current.accent or current.primary, "quiet": page.blend(ink, 0.65).hex,
        "faint": page.blend(ink, 0.45).hex,
    }
