"""The sampler values of a chat: one a line, with its range; what differs from the preset is marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.domain.samplers import RANGES, SAMPLER_NAMES, parse_value
from tui.i18n import tr
from tui.ui.host import open_chat_of
from tui.ui.screens.formpage import FormPage
from tui.ui.screens.page import Hint
from tui.ui.widgets.form import Field
from tui.ui.words import IN_USE, rounded


class SamplerForm(FormPage):
    """`/set` with a screen. An empty value takes the preset's again."""

    def __init__(self) -> None:
        super().__init__()
        self._values: Mapping[str, Any] = {}
        self._own: Mapping[str, Any] = {}

    def heading(self) -> str:
        return tr("Sampler values of this chat")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("change"), "choose"), self.back_hint(), Hint(IN_USE, tr("this chat's own"), "back"))

    async def fetch(self) -> None:
        got = await self.call("samplers.get", chat=open_chat_of(self.app).id)
        self._values, self._own = got["samplers"], got.get("own") or {}

    def fields(self) -> Sequence[Field | str]:
        return [sampler_field(name, self._values.get(name), name in self._own) for name in RANGES]

    async def change(self, item: Field, value: str) -> None:
        parsed = parse_value(item.id, value.replace(",", ".")) if value.strip() else None
        await self.call("samplers.set", chat=open_chat_of(self.app).id, values={item.id: parsed})
        await self.fetch()


def sampler_field(name: str, value: Any, own: bool) -> Field:
    """A sampler as a field of a form; names are those of the presets and are not translated."""
    bounds = RANGES[name]
    told = f"{rounded(float(bounds.low))} … {rounded(float(bounds.high)) if bounds.high < 1e6 else int(bounds.high)}"
    if bounds.neutral is not None:
        told += " · " + tr("{value} changes nothing", value=rounded(bounds.neutral))
    return Field(name, name, "" if value is None else rounded(value), told, mark=IN_USE if own else "")


def known_samplers() -> tuple[str, ...]:
    """All names that `/set` takes."""
    return SAMPLER_NAMES
