"""Choose a GGUF file: those found in the usual folders, with size and whether they fit; or a path typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult

from tui.domain.cleantext import clean_line
from tui.i18n import tr
from tui.ui.screens.page import Hint, Page
from tui.ui.widgets.listing import Line
from tui.ui.widgets.picker import Picker
from tui.ui.words import BROKEN, size, thousands


class ModelChoice(Page):
    """Dismisses with True when a model was made the one in use, else None."""

    def __init__(self) -> None:
        super().__init__()
        self._models: list[Mapping[str, Any]] = []

    def heading(self) -> str:
        return tr("A model file")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("use"), "choose"), self.back_hint())

    def body(self) -> ComposeResult:
        yield Picker(tr("type to search, or a path to a .gguf file or a folder"), self._typed_path)

    @property
    def picker(self) -> Picker:
        return self.query_one(Picker)

    async def load(self) -> None:
        self.picker.query_one("SearchBox").focus()
        await self._scan([])

    async def _scan(self, folders: list[str]) -> None:
        self.say(tr("Looking for model files…"))
        self._models = (await self.call("models.scan", folders=folders))["models"]
        self.picker.show(model_lines(self._models))
        if self._models:
            self.say("")
        else:
            self.say(
                tr("No GGUF file was found in the usual folders. Type the path of one, or of a folder to look in.")
            )

    def _typed_path(self, query: str) -> Sequence[Line]:
        path = query.strip()
        if path.lower().endswith(".gguf"):
            return [Line(f"path:{path}", tr("Use the file {file}", file=path))]
        if "/" in path or path.startswith("~"):
            return [Line(f"folder:{path}", tr("Look in the folder {file}", file=path))]
        return ()

    def action_choose(self) -> None:
        if (line := self.picker.listing.chosen) is not None:
            self.start(self._use(line.id))

    @on(Picker.Chosen)
    def _chosen(self, event: Picker.Chosen) -> None:
        self.start(self._use(event.line.id))

    @on(Picker.Back)
    def _left(self) -> None:
        self.action_back()

    async def _use(self, line_id: str) -> None:
        kind, _, rest = line_id.partition(":")
        if kind == "folder":
            self.picker.clear_search()
            await self._scan([rest])
            return
        self.say(tr("Taking {file} into use…", file=rest.rpartition("/")[2]))
        await self.call("connection.use", kind="embedded", model=rest)
        self.dismiss(True)


def model_lines(models: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Model files as lines: name, size, and a word on whether it fits into memory."""
    return [
        Line(
            f"path:{model['path']}",
            clean_line(str(model.get("name") or model["path"]), 120),
            _fits(model),
            _about(model),
            mark=BROKEN if model.get("fits") is False else "",
        )
        for model in models
    ]


def _fits(model: Mapping[str, Any]) -> str:
    told = size(int(model.get("size") or 0))
    if model.get("fits") is None:
        return told
    return f"{told} · {tr('fits') if model['fits'] else tr('too large for the memory here')}"


def _about(model: Mapping[str, Any]) -> str:
    context = model.get("context")
    parts = [
        str(model.get("family") or ""),
        str(model.get("quant") or ""),
        tr("{n} tokens of context", n=thousands(int(context))) if context else "",
        str(model.get("path") or ""),
    ]
    return " · ".join(part for part in parts if part)
