"""Connect to a server: its address, where its key is, what answers there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.domain.errors import TraktirError
from tui.i18n import tr
from tui.ui.screens.confirm import ask_secret
from tui.ui.screens.formpage import FormPage
from tui.ui.screens.page import Hint, notice_text, sentence
from tui.ui.widgets.form import Field
from tui.ui.words import BROKEN, IN_USE, thousands


class ServerPage(FormPage):
    """An address, looked at as soon as it is typed. Dismisses with True when it was taken into use."""

    def __init__(self, url: str = "") -> None:
        super().__init__()
        self._values = {"url": url, "key": "", "key_env": "", "key_file": "", "model": ""}
        self._found: Mapping[str, Any] | None = None

    def heading(self) -> str:
        return tr("Connect to a server")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("change, or do"), "choose"), self.back_hint())

    async def load(self) -> None:
        await super().load()
        if self._values["url"]:
            await self._look()
        else:
            self.start(self._edit(self.form.field("url")))

    def fields(self) -> Sequence[Field | str]:
        values = self._values
        fields: list[Field | str] = [
            Field(
                "url", tr("Address"), values["url"], tr("For example http://192.168.1.5:5001, as the server prints it.")
            ),
            Field(
                "key",
                tr("Key"),
                "",
                tr("If it wants a key: typed or pasted unseen, kept in a file that only you can read."),
                kind="action",
                shown="••••••" if values["key"] else "",
            ),
            Field(
                "key_env",
                tr("Variable with the key"),
                values["key_env"],
                tr("Instead of the key itself: the name of an environment variable."),
            ),
            Field(
                "key_file",
                tr("File with the key"),
                values["key_file"],
                tr("Instead of a variable: a file with the key alone."),
            ),
        ]
        if self._found is not None:
            fields += self._what_answers(self._found)
            fields.append(Field("use", tr("Use this server"), kind="action", mark=IN_USE))
        if values["url"]:
            fields.append(Field("look", tr("Look again"), kind="action"))
        return fields

    def _what_answers(self, found: Mapping[str, Any]) -> list[Field | str]:
        names = [str(name) for name in found.get("models") or ()]
        context = found.get("context_length")
        fields: list[Field | str] = [
            tr("What answers there"),
            Field(
                "kind",
                tr("Program"),
                kind="action",
                hint=notice_text(found.get("found_by")),
                shown=" ".join(
                    part
                    for part in (str(found.get("label") or found.get("dialect") or ""), str(found.get("version") or ""))
                    if part
                ),
            ),
        ]
        chosen = self._values["model"] or str(found.get("model") or "")
        if len(names) > 1:
            fields.append(Field("model", tr("Model"), chosen, kind="choice", choices=tuple((n, n) for n in names)))
        else:
            fields.append(
                Field("model_told", tr("Model"), kind="action", shown=chosen or tr("the server does not say"))
            )
        shown = thousands(int(context)) if context else tr("the server does not say")
        fields.append(Field("context", tr("Context"), kind="action", shown=shown))
        if found.get("problem"):
            fields.append(
                Field("problem", sentence(TraktirError.from_json(found["problem"])), kind="action", mark=BROKEN)
            )
        for number, told in enumerate((found.get("capabilities") or {}).get("notices") or ()):
            fields.append(Field(f"notice:{number}", notice_text(told), kind="action", mark=BROKEN))
        return fields

    async def change(self, item: Field, value: str) -> None:
        if item.id == "url" and self._found is not None and _machine(value) != _machine(self._values["url"]):
            self._values |= dict.fromkeys(("key", "key_env", "key_file", "model"), "")   # they were for the one before
        self._values[item.id] = value.strip()
        unusable = bool(self._found and self._found.get("problem"))
        if self._values["url"] and (item.id != "model" or unusable):
            await self._look()

    async def act(self, item: Field) -> None:
        if item.id == "key":
            if (key := await ask_secret(self.app, tr("Key"), item.hint)) is not None:
                await self.change(item, key)
        elif item.id == "look":
            await self._look()
        elif item.id == "use":
            await self._use()

    async def _look(self) -> None:
        """Find out what answers, and say so."""
        self._found = None
        self.say(tr("Looking at {url}…", url=self._values["url"]))
        try:
            self._found = await self.call("connection.probe", **_given(self._values))
            self.say("")
        except TraktirError as error:
            self.say(sentence(error), problem=True)
        self.refill()
        if self._found is not None:
            self.form.go_to("use")

    async def _use(self) -> None:
        await self.call("connection.use", kind="auto", **_given(self._values))
        self.dismiss(True)


def _machine(url: str) -> str:
    """Name and port in an address, as they were typed."""
    return url.strip().rpartition("://")[2].partition("/")[0].casefold()


def _given(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
