"""What a server's table of samplers holds, and the sentences that say why one of them had no effect."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tui.domain.notice import Notice, notice

#: How a value is written. Lists: list, json (a list inside a text), csv (token numbers between commas), id_list
#: (token numbers), ids (by number), pairs (by text or number). bounds: lowest and highest temperature. Orders: names,
#: numbers, temperature_last. Schemas: text, object, response_format, structured. logprobs: switch, pair.
FORMS = frozenset({
    "", "list", "json", "csv", "id_list", "ids", "pairs", "bounds", "names", "numbers", "temperature_last", "text",
    "object", "response_format", "structured", "switch", "pair",
})


@dataclass(frozen=True, slots=True)
class Knob:
    """How one sampler is written. `off` replaces the canonical neutral value; `whole` is what the server calls the
    whole context in a range, None for the number itself; `chat` says that log-probabilities are asked for with two
    keys in a chat; `outer` keys stand beside the samplers' own object where a server has one."""

    wire: str
    low: float | None = None
    high: float | None = None
    off: float | None = None
    always: bool = False
    scale: float = 1.0
    values: tuple[float, ...] = ()
    since: str = ""
    loaders: tuple[str, ...] = ()
    not_on: tuple[str, ...] = ()
    form: str = ""
    most: int | None = None
    whole: int | None = None
    names: tuple[str, ...] = ()
    flag: str = ""
    chat: bool = False
    outer: bool = False
    steps: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """All that is known of one server's samplers: what it has, and why it has not the others. `loader` is assumed
    where the server names none; `hosts` are public services of the kind `dialect` that have a table of their own."""

    name: str
    label: str
    knobs: Mapping[str, Knob]
    unsupported: Mapping[str, str] = field(default_factory=dict)
    constant: Mapping[str, Any] = field(default_factory=dict)
    loader: str = ""
    dialect: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        """Canonical names that have an effect."""
        return frozenset(self.knobs)

    @property
    def limit(self) -> str:
        return self.knobs["max_tokens"].wire

    @property
    def stop(self) -> str:
        return self.knobs["stop"].wire if "stop" in self.knobs else "stop"

    @property
    def outer(self) -> frozenset[str]:
        """Body keys that stand beside the samplers' own object (Ollama's `options`)."""
        found = {k.wire for k in self.knobs.values() if k.outer}
        return frozenset(found | {"top_logprobs"} if "logprobs" in found else found)

    @property
    def logprobs(self) -> int:
        """The most rivals of a token that it tells, 0 when it tells none."""
        knob = self.knobs.get("logprobs")
        return 0 if knob is None else int(knob.high or 0)

    @property
    def wires(self) -> frozenset[str]:
        """The body keys that samplers are sent under."""
        found = {key for knob in self.knobs.values() for key in (knob.wire, knob.flag, *knob.names) if key}
        return frozenset(found | {"top_logprobs"})

    def named(self, wire: str) -> frozenset[str]:
        """The canonical names that stand behind a body key."""
        return frozenset(
            name for name, knob in self.knobs.items()
            if wire in (knob.wire, knob.flag, *knob.names) or (name == "logprobs" and wire == "top_logprobs")
        )

    def narrowed(self, version: str = "", loader: str = "") -> Table:
        """The table of a server of that version with that loader."""
        loader = loader or self.loader
        gone = {name: why for name, knob in self.knobs.items() if (why := _missing(knob, version, loader))}
        if not gone:
            return self
        kept = {name: knob for name, knob in self.knobs.items() if name not in gone}
        return replace(self, knobs=kept, unsupported={**self.unsupported, **gone})

    def why(self, name: str) -> Notice:
        """Why a sampler has no effect there."""
        return reason(self.unsupported.get(name, "refused"), self.label)


def lacking(table: Table, names: Collection[str]) -> Table:
    """`table` without what the chosen model does not take."""
    gone = {name: "model" for name in names if name in table.knobs}
    if not gone:
        return table
    kept = {name: knob for name, knob in table.knobs.items() if name not in gone}
    return replace(table, knobs=kept, unsupported={**table.unsupported, **gone})


def _missing(knob: Knob, version: str, loader: str) -> str:
    if knob.since and version and _number(version) < _number(knob.since):
        return f"since {knob.since}"
    on = loader.casefold()
    if not loader:
        return ""
    if (knob.loaders and on not in map(str.casefold, knob.loaders)) or on in map(str.casefold, knob.not_on):
        return f"loader {loader}"
    return ""


def _number(version: str) -> tuple[int, ...]:
    """A version for comparing: 1.104 comes after 1.48."""
    parts = version.strip().lstrip("v").split("-")[0].split(".")
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in parts)


def reason(code: str, server: str) -> Notice:
    """The sentence for a code of a table; a sentence of a person's own table is its own."""
    kind, _, rest = code.partition(" ")
    if kind == "since" and rest:
        return notice("{server} has it from version {version} on.", server=server, version=rest)
    if kind == "loader" and rest:
        return notice("{server} has it not with the loader {loader}.", server=server, loader=rest)
    return Notice(_SENTENCES[code].id, {"server": server}) if code in _SENTENCES else Notice(code)


_SENTENCES: Mapping[str, Notice] = {
    "absent": Notice("{server} has no such setting."),
    "ignored": Notice("{server} accepts it and does nothing with it."),
    "removed": Notice("{server} had it once and has it no more."),
    "startup": Notice("{server} takes it when it is started, not with a request."),
    "streaming": Notice("{server} cannot do it while it streams."),
    "different": Notice("{server} has a setting of that kind that means something else."),
    "model": Notice("The chosen model takes no such setting at {server}."),
    "service": Notice("{server} offers no such setting."),
    "shared": Notice("{server} takes the range of the penalties for it."),
    "whole": Notice("{server} always counts the whole prompt and the reply."),
    "refused": Notice("{server} refused it; it is left out from now on."),
    "ids": Notice("{server} takes it by token numbers only (#123), not by text."),
    "schema": Notice("It is no JSON that {server} could take."),
    "either": Notice("{server} takes a grammar or a schema, not both; the grammar counts."),
    "order": Notice("{server} has an order of its own that cannot be changed."),
}
CODES = frozenset(_SENTENCES)
