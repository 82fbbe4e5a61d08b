"""`/doctor`: what `traktir doctor` finds on this machine, in this terminal."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from textual.binding import Binding

import tui
from tui.domain.errors import Refused
from tui.i18n import tr
from tui.ui.screens.choosing import ChoicePage
from tui.ui.screens.page import Hint, notice_text
from tui.ui.widgets.listing import Line

#: Seconds that the check may take: it looks at every page of the database.
_PATIENCE_S = 120.0
_MARKS = {"problem": "!", "note": "·", "ok": " "}
_RANKS = ("problem", "note", "ok")


class DoctorPage(ChoicePage):
    """What is wrong first, then what is worth knowing. Enter on a line copies the command that mends it."""

    BINDINGS = [Binding("ctrl+r", "again", id="doctor.again", show=False)]  # noqa: RUF012

    def heading(self) -> str:
        return tr("Doctor")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("copy"), "choose"), self.back_hint(), Hint("Ctrl+R", tr("look again"), "again"))

    async def load(self) -> None:
        self.focus_search()
        self.say(tr("Looking …"))
        found = await look()
        count = {rank: sum(f["severity"] == rank for f in found) for rank in _RANKS}
        self.say("")
        self.head(tr("wrong: {problems} · worth knowing: {notes}", problems=count["problem"], notes=count["note"]))
        self.picker.show(finding_lines(found))

    def action_again(self) -> None:
        self.start(self.load())

    def chosen(self, line: Line) -> None:
        if line.note:
            self.start(cast(Any, self.app).copy_text(line.note))


async def look() -> list[Mapping[str, Any]]:
    """The findings of the command, run as a person would run it here. Raises Refused when it does not end well.

    A process of its own, because it waits for files, tmux and a library of native code.
    """
    package = str(Path(tui.__file__).resolve().parents[1])
    search = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tui", "doctor", "--json", stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": search},
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    except TimeoutError:
        out = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in (0, 1) or not out:
        raise Refused("The check did not come to an end. In a shell: traktir doctor")
    return [json.loads(line) for line in out.decode("utf-8").splitlines()]


def finding_lines(found: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Sorted by what matters; the command that mends a thing stands below it."""
    ranked = sorted(enumerate(found), key=lambda pair: (_RANKS.index(pair[1]["severity"]), pair[0]))
    return [
        Line(
            f["id"], notice_text(f["notice"]), "", str(f["do"]), _MARKS[f["severity"]], True, f["severity"] == "ok",
            str(f["topic"]), "$error" if f["severity"] == "problem" else "",
        )
        for _, f in ranked
    ]
