"""Model files: those found in the usual folders, with quantisation and whether they fit; a path typed; a repository of
the Hugging Face hub to look in; and downloads under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult

from tui.domain.cleantext import clean_line
from tui.i18n import tr
from tui.ui.screens.confirm import confirm
from tui.ui.screens.modelpages import HubPage, ModelDetails, fit_word, is_repository
from tui.ui.screens.page import Hint, Page, notice_text
from tui.ui.widgets.listing import Line
from tui.ui.widgets.picker import Picker
from tui.ui.words import BROKEN, size, thousands

_UNDER_WAY = ("loading", "checking")


class ModelChoice(Page):
    """Dismisses with True when a model was made the one in use, else None."""

    def __init__(self) -> None:
        super().__init__()
        self._models: list[Mapping[str, Any]] = []
        self._pulls: dict[str, Mapping[str, Any]] = {}
        self._folders: list[str] = []

    def heading(self) -> str:
        return tr("A model file")

    def hints(self) -> Sequence[Hint]:
        return (
            Hint("Enter", tr("use"), "choose"), Hint("→", tr("details and fit"), "details"), self.back_hint(),
            Hint("maker/repo", tr("look on the hub"), "hub"),
        )

    def body(self) -> ComposeResult:
        yield Picker(tr("type to search; a path, a folder, or maker/repository on the hub"), self._typed)

    @property
    def picker(self) -> Picker:
        return self.query_one(Picker)

    async def load(self) -> None:
        self.picker.query_one("SearchBox").focus()
        self._pulls = {p["id"]: p for p in (await self.call("models.pulls"))["pulls"]}
        await self._scan([])

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") == "pull":
            before = self._pulls.get(str(event["id"]), {}).get("state")
            self._pulls[str(event["id"])] = event
            self._draw()
            if event["state"] == "done" and before != "done":
                self.start(self._scan(self._folders))

    async def _scan(self, folders: list[str]) -> None:
        self.say(tr("Looking for model files…"))
        self._folders = folders
        self._models = (await self.call("models.scan", folders=folders))["models"]
        self._draw()
        fitting = sum(m.get("fits") is not False and not m.get("missing") for m in self._models)
        self.head(tr("{n} found · {fitting} fit", n=len(self._models), fitting=fitting) if self._models else "")
        if self._models:
            self.say("")
        else:
            self.say(tr(
                "No GGUF file was found in the usual folders. Type the path of one, of a folder to look in, or"
                " maker/repository to download from the Hugging Face hub."
            ))

    def _draw(self) -> None:
        self.picker.show([*pull_lines(self._pulls.values()), *model_lines(self._models)])

    def _typed(self, query: str) -> Sequence[Line]:
        path = query.strip()
        if path.lower().endswith(".gguf"):
            return [Line(f"path:{path}", tr("Use the file {file}", file=path))]
        hub = [Line(f"hub:{path}", tr("Look on the Hugging Face hub for {name}", name=path))]
        if is_repository(path):
            return hub
        if "/" in path or path.startswith("~"):
            return [Line(f"folder:{path}", tr("Look in the folder {file}", file=path))]
        return ()

    def action_choose(self) -> None:
        if (line := self.picker.listing.chosen) is not None:
            self.start(self._use(line.id), once="use")

    def action_details(self) -> None:
        self.picker.ask_more()

    def action_hub(self) -> None:
        self.say(tr("Type the name of a repository, as in bartowski/Llama-3.2-3B-Instruct-GGUF."))

    @on(Picker.MoreAsked)
    def _more(self, event: Picker.MoreAsked) -> None:
        kind, _, rest = event.line.id.partition(":")
        if kind == "path":
            self.start(self._details(rest))

    @on(Picker.Chosen)
    def _chosen(self, event: Picker.Chosen) -> None:
        self.start(self._use(event.line.id), once="use")

    @on(Picker.Back)
    def _left(self) -> None:
        self.action_back()

    async def _details(self, path: str) -> None:
        answer = await self.app.push_screen_wait(ModelDetails(path))
        if answer == "use":
            await self._use(f"path:{path}")
        elif answer == "removed":
            await self._scan(self._folders)

    async def _use(self, line_id: str) -> None:
        kind, _, rest = line_id.partition(":")
        if kind == "folder":
            self.picker.clear_search()
            await self._scan([rest])
        elif kind == "hub":
            if await self.app.push_screen_wait(HubPage(rest)):
                self.picker.clear_search()
        elif kind == "pull":
            await self._ask_stop(rest)
        else:
            self.say(tr("Taking {file} into use…", file=rest.rpartition("/")[2]))
            await self.call("connection.use", kind="embedded", model=rest)
            self.dismiss(True)

    async def _ask_stop(self, pull_id: str) -> None:
        pull = self._pulls.get(pull_id, {})
        if pull.get("state") not in _UNDER_WAY:
            return
        told = tr("What came is kept; the same download goes on from there.")
        if await confirm(self.app, tr("Stop the download of {name}?", name=_name(pull)), told, tr("Stop it")):
            await self.call("models.stop_pull", id=pull_id)


def pull_lines(pulls: Any) -> list[Line]:
    """Downloads under way, and those that failed, newest first."""
    shown = [pull for pull in pulls if pull.get("state") in (*_UNDER_WAY, "failed")]
    return [_pull_line(pull) for pull in reversed(shown)]


def _pull_line(pull: Mapping[str, Any]) -> Line:
    done, total = int(pull.get("done") or 0), int(pull.get("total") or 0)
    if pull.get("state") == "failed":
        error = pull.get("error") or {}
        return Line(f"pull:{pull['id']}", _name(pull), tr("failed"), notice_text(error.get("what")), BROKEN)
    share = 100 * done // total if total else 0
    speed = int(pull.get("speed") or 0)
    note = tr("checking what came before") if pull.get("state") == "checking" else " · ".join(filter(None, (
        f"{size(done)} / {size(total)}", tr("{size} a second", size=size(speed)) if speed else "",
        tr("{n} min left", n=max(1, (total - done) // speed // 60)) if speed else "",
    )))
    return Line(f"pull:{pull['id']}", _name(pull), f"{_bar(share)} {share:3} %", note, "↓")


def _bar(share: int, width: int = 12) -> str:
    full = width * share // 100
    return "━" * full + "╌" * (width - full)


def _name(pull: Mapping[str, Any]) -> str:
    return clean_line(f"{pull.get('repo', '')}:{pull.get('quant', '')}", 120)


def model_lines(models: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Model files as lines: name, size, and a word on whether it fits into memory."""
    return [
        Line(
            f"path:{model['path']}",
            clean_line(str(model.get("name") or model["path"]), 120),
            _fits(model),
            _about(model),
            mark=BROKEN if model.get("fits") is False or model.get("missing") else "",
        )
        for model in models
    ]


def _fits(model: Mapping[str, Any]) -> str:
    parts = [clean_line(str(model.get("quant") or ""), 24), size(int(model.get("size") or 0))]
    if model.get("missing"):
        parts.append(tr("not whole"))
    elif model.get("fits") is not None:
        parts.append(fit_word(str(model.get("verdict") or ("fits" if model["fits"] else "too_large"))))
    return " · ".join(part for part in parts if part)


def _about(model: Mapping[str, Any]) -> str:
    context, missing = model.get("context"), model.get("missing")
    parts = [
        tr("{file} is missing", file=missing[0]) if missing else "",
        str(model.get("family") or ""),
        tr("{n} tokens of context", n=thousands(int(context))) if context else "",
        tr("sees pictures") if model.get("projector") else "",
        tr("{n} parts", n=model["parts"]) if int(model.get("parts") or 1) > 1 else "",
        str(model.get("place") or ""),
        str(model.get("path") or ""),
    ]
    return " · ".join(part for part in parts if part)
