"""Settings: what this device prefers, and the little that the core keeps for all devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.domain.cleantext import clean, clean_line
from tui.domain.errors import BadInput
from tui.i18n import tr, tr_notice, use_language
from tui.ui import prefs
from tui.ui.screens.bookchoice import LISTS, choose_books
from tui.ui.screens.formpage import FormPage
from tui.ui.screens.memory_settings import NUMBERS, TEXTS, memory_fields, memory_value
from tui.ui.screens.page import Page, notice_text
from tui.ui.screens.reply_settings import REPLY_SETTINGS, reply_fields, reply_value
from tui.ui.widgets.form import Field
from tui.ui.words import BROKEN, rounded


class SettingsPage(FormPage):
    """Every change counts at once, unless its line says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._core: Mapping[str, Any] = {}
        self._problems: list[str] = []

    def heading(self) -> str:
        return tr("Settings")

    async def fetch(self) -> None:
        got = await self.call("settings.get")
        self._core = got["settings"]
        self._problems = [notice_text(p) for p in got.get("problems") or ()]

    def fields(self) -> Sequence[Field | str]:
        now = prefs.read()
        told = [*(clean(tr_notice(p)) for p in now.problems), *self._problems]
        return [
            *(Field(f"problem:{i}", text, kind="action", mark=BROKEN) for i, text in enumerate(told)),
            tr("On this device"),
            Field(
                "language", tr("Language"), now.language, kind="choice", choices=(("en", "English"), ("ru", "Русский"))
            ),
            Field("theme", tr("Colours"), now.theme, kind="choice", choices=theme_choices(self)),
            Field(
                "mouse",
                tr("Mouse and taps"),
                _yes(now.mouse),
                kind="choice",
                choices=_yes_no(),
                hint=tr("On a phone, off lets a tap open the keyboard; on lets taps choose."),
            ),
            Field(
                "frame_rate",
                tr("Frames a second"),
                str(now.frame_rate),
                tr("from the next start; fewer over a slow line"),
            ),
            Field(
                "jump_scroll",
                tr("Rows to scroll by"),
                str(now.jump_scroll),
                tr("while a reply grows; 8 saves most of the bytes over a slow line"),
            ),
            tr("In the core, for all devices"),
            Field(
                "unload_minutes",
                tr("Minutes until an idle model is unloaded"),
                rounded(self._core.get("unload_minutes", "")),
                tr("0: never"),
            ),
            Field(
                "kv_quota_mb",
                tr("Megabytes of chats kept on disk"),
                rounded(self._core.get("kv_quota_mb", "")),
                tr("what the model inside has read of them, so that they go on at once; 0: none"),
            ),
            _switch("read_ahead", tr("Read ahead"), self._core,
                    tr("The beginning of the next prompt is processed while nobody waits.")),
            _switch("auto_summary", tr("Summaries unasked"), self._core,
                    tr("Messages that will soon no longer fit are summed up by the model.")),
            *memory_fields(self._core),
            *reply_fields(self._core),
            _books("lorebooks", tr("Lorebooks for all chats"), self._core),
            _books("persona_lorebooks", tr("Lorebooks that go with me"), self._core),
        ]

    async def act(self, item: Field) -> None:
        if item.id in LISTS:
            await choose_books(self, item.id, item.label)
            await self.fetch()

    async def change(self, item: Field, value: str) -> None:
        if item.id in ("unload_minutes", "kv_quota_mb"):
            await self.call("settings.set", name=item.id, value=_number(value))
            await self.fetch()
            return
        if item.id in REPLY_SETTINGS:
            await self.call("settings.set", name=item.id, value=reply_value(item.id, value))
            await self.fetch()
            return
        if item.id in NUMBERS or item.id in TEXTS:
            await self.call("settings.set", name=item.id, value=memory_value(item.id, value))
            await self.fetch()
            return
        if item.id in ("read_ahead", "auto_summary", "recall"):
            await self.call("settings.set", name=item.id, value=value == "yes")
            await self.fetch()
            return
        change_preference(self, item.id, value)
        self.head()
        self.redraw_hints()


def change_preference(page: Page, name: str, value: str) -> None:
    """Keep a preference given as text, and let it count at once where that can be. Raises BadInput."""
    typed: Any = value
    if name == "mouse":
        typed = value == "yes"
    elif name in ("frame_rate", "jump_scroll"):
        typed = int(_number(value))
    prefs.change(name, typed)
    apply_preference(page.app, name, typed)


def apply_preference(app: Any, name: str, value: Any) -> None:
    """Let a changed preference count for the app that runs."""
    if name == "language":
        use_language(value)
        app.relabel()
    elif name == "theme":
        app.theme = value or app.default_theme_name()
    elif name == "mouse":
        app.set_mouse(value)
    elif name == "jump_scroll":
        app.set_jump_scroll(value)


def theme_choices(page: Page) -> tuple[tuple[str, str], ...]:
    """The themes of the app, the program's own choice first."""
    return (("", tr("as suits the terminal")), *((name, name) for name in sorted(page.app.available_themes)))


def _switch(name: str, label: str, values: Mapping[str, Any], hint: str) -> Field:
    return Field(name, label, _yes(values.get(name) is True), hint, "choice", _yes_no())


def _books(name: str, label: str, values: Mapping[str, Any]) -> Field:
    chosen = ", ".join(clean_line(str(book), 60) for book in values.get(name) or ())
    return Field(name, label, hint=chosen or tr("none"), kind="action")


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _yes_no() -> tuple[tuple[str, str], ...]:
    return (("yes", tr("on")), ("no", tr("off")))


def _number(text: str) -> float:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise BadInput("That must be a number.") from None
