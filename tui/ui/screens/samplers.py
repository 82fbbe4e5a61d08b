"""The sampler values of a chat: what matters most first, the others in groups that open; typing finds any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult

from tui.domain.samplers import DEFAULT_ORDER, LISTS, RANGES, SAMPLER_NAMES, SWITCHES, TEXTS, parse_value
from tui.i18n import tr
from tui.ui.host import open_chat_of
from tui.ui.profiling import connection_of
from tui.ui.samplerwords import GROUPS, explained
from tui.ui.screens.choosing import ChoicePage
from tui.ui.screens.confirm import ask_line, choose
from tui.ui.screens.page import Hint
from tui.ui.screens.reading import ask_text
from tui.ui.screens.steporder import StepOrder
from tui.ui.widgets.listing import Line
from tui.ui.widgets.picker import Picker, filter_lines
from tui.ui.words import BROKEN, IN_USE, rounded

#: Rows of a window up to which an explanation takes one row.
_BRIEF = 23


class SamplerForm(ChoicePage):
    """`/set` with a screen. Nothing written takes the preset's value again, as Delete does."""

    def __init__(self) -> None:
        super().__init__()
        self._values: Mapping[str, Any] = {}
        self._own: Mapping[str, Any] = {}
        self._known: frozenset[str] | None = None  # None: it is not known what the backend knows
        self._backend = ""
        self._open = {next(iter(GROUPS))}

    def heading(self) -> str:
        return tr("Sampler values of this chat")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("change"), "choose"), self.back_hint(), Hint(IN_USE, tr("this chat's own"), "back"))

    def body(self) -> ComposeResult:
        yield Picker(tr("type to search"), self._found)

    async def load(self) -> None:
        self.focus_search()
        chat = open_chat_of(self.app)
        await self._fetch()
        self._draw(keep=False)
        connection = await self.call("connection.get", **connection_of(chat))
        capabilities = connection.get("capabilities") or {}
        if capabilities.get("samplers"):
            self._known = frozenset(capabilities["samplers"])
            self._backend = str(capabilities.get("dialect") or "")
            self._draw()

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") == "chat":
            self.start(self._again())

    async def _again(self) -> None:
        await self._fetch()
        self._draw()

    async def _fetch(self) -> None:
        got = await self.call("samplers.get", chat=open_chat_of(self.app).id)
        self._values, self._own = got["samplers"], got.get("own") or {}

    # ------------------------------------------------------------------ what is listed

    def _draw(self, *, keep: bool = True) -> None:
        told = tr("{n} samplers · {own} of this chat's own", n=len(SAMPLER_NAMES), own=len(self._own))
        self.head(told if self._own else tr("{n} samplers", n=len(SAMPLER_NAMES)))
        self.picker.show((), keep=keep)

    def _found(self, query: str) -> Sequence[Line]:
        """The groups as they are opened; while something is searched for, what of all samplers answers it."""
        if query.strip():
            every = [line for group, names in GROUPS.items()
                     for line in (Line("", tr(group)), *(self._line(name) for name in names))]
            return filter_lines(every, query)
        lines: list[Line] = []
        for number, (group, names) in enumerate(GROUPS.items()):
            opened = group in self._open
            own = sum(name in self._own for name in names)
            count = f"{len(names)}" + (f" · {IN_USE} {own}" if own else "")
            title = f"{'▾' if opened else '▸'} {tr(group)}"
            lines.append(Line(f"group:{group}", title, count, faint=not opened) if number else Line("", tr(group)))
            lines += [self._line(name) for name in names] if opened else []
        if self._own:
            lines.append(Line("reset", tr("Take all of the preset's values again")))
        return lines

    def _line(self, name: str) -> Line:
        unknown = self._known is not None and name not in self._known and name not in ("max_tokens", "order")
        note = f"{explained(name)} {range_words(name)}".strip()
        if unknown:
            note = tr("{backend} does not know it.", backend=self._backend) + " " + note
        return Line(
            name, name, value_words(name, self._values.get(name)), note,
            mark=IN_USE if name in self._own else BROKEN if unknown else "", wrap=self.app.size.height > _BRIEF,
            faint=unknown or at_rest(name, self._values.get(name)),
        )

    # ------------------------------------------------------------------ changing

    def chosen(self, line: Line) -> None:
        self.say("")
        if line.id.startswith("group:"):
            self._open ^= {line.id.removeprefix("group:")}
            self._draw()
        elif line.id == "reset":
            self.start(self._set(dict.fromkeys(self._own)))
        else:
            self.start(self._change(line.id))

    @on(Picker.RemoveAsked)
    def _delete_pressed(self, event: Picker.RemoveAsked) -> None:
        if event.line.id in self._own:
            self.start(self._set({event.line.id: None}))

    async def _change(self, name: str) -> None:
        answer = await self._ask(name)
        if answer is not None:
            await self._set({name: answer[0]})

    async def _ask(self, name: str) -> tuple[Any] | None:
        """The new value (None takes the preset's) in a tuple, or None where nothing is to change."""
        value = self._values.get(name)
        preset = tr("Nothing written takes the preset's value again.")
        if name == "order":
            order = await self.app.push_screen_wait(StepOrder(list(value or DEFAULT_ORDER)))
            return None if order is None else (order or None,)
        if name in SWITCHES:
            picks = [("on", tr("on")), ("off", tr("off")), ("preset", tr("the preset's value"))]
            pick = await choose(self.app, name, picks, explained(name))
            return None if pick is None else (None if pick == "preset" else pick == "on",)
        if name in RANGES:
            told = f"{range_words(name)} {preset}"
            typed = await ask_line(self.app, name, "" if value is None else rounded(value), told)
            if typed is None:
                return None
            return (parse_value(name, typed.replace(",", ".")) if typed.strip() else None,)
        told = explained(name) + " " + ("" if name in TEXTS else tr("One a line; \\n is the end of a line.") + " ")
        text = await ask_text(self.app, name, as_text(name, value), told + preset)
        return None if text is None else (parse_value(name, from_text(name, text)) if text.strip() else None,)

    async def _set(self, values: Mapping[str, Any]) -> None:
        await self.call("samplers.set", chat=open_chat_of(self.app).id, values=values)
        await self._again()


def range_words(name: str) -> str:
    """`0 … 5 · 1 changes nothing`; "" for what is no number."""
    if name not in RANGES:
        return ""
    bounds = RANGES[name]
    told = f"{rounded(float(bounds.low))} … {rounded(float(bounds.high)) if bounds.high < 1e6 else int(bounds.high)}"
    if bounds.neutral is not None:
        told += " · " + tr("{value} changes nothing", value=rounded(bounds.neutral))
    return told


def value_words(name: str, value: Any) -> str:
    """A value in a few letters, for the right edge of a line."""
    if value is None or value in ("", [], {}):
        return "–"
    if name in SWITCHES:
        return tr("on") if value else tr("off")
    if name == "order":
        return tr("{n} steps", n=len(value))
    if name in LISTS or name == "logit_bias":
        return tr("{n} texts", n=len(value))
    return rounded(value) if name in RANGES else " ".join(str(value).split())[:24]


def at_rest(name: str, value: Any) -> bool:
    """Whether a value changes nothing."""
    if name in RANGES:
        return RANGES[name].neutral is not None and value == RANGES[name].neutral
    return not value


def as_text(name: str, value: Any) -> str:
    """A list, a text or biases as they are written in a field of several lines."""
    if name in TEXTS:
        return str(value or "")
    if name == "logit_bias":
        return "\n".join(f"{_escaped(text)}: {rounded(bias)}" for text, bias in (value or {}).items())
    return "\n".join(_escaped(text) for text in value or ())


def from_text(name: str, text: str) -> Any:
    """What was written in such a field."""
    if name in TEXTS:
        return text
    lines = [line for line in text.split("\n") if line]
    if name == "logit_bias":
        pairs = (line.rpartition(":") for line in lines)
        return {_plain(key): number.strip().replace(",", ".") for key, _, number in pairs}
    return [_plain(line) for line in lines]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _plain(text: str) -> str:
    out, at = [], 0
    while at < len(text):
        pair = text[at:at + 2]
        out.append({"\\n": "\n", "\\t": "\t", "\\\\": "\\"}.get(pair, text[at]))
        at += 2 if pair in ("\\n", "\\t", "\\\\") else 1
    return "".join(out)
