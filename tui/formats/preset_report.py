"""What a conversion made of another program's preset, and what had no equivalent.

Every line of a report names the field, its value and the reason. Secrets and addresses are named, never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tui.domain.cleantext import clean_line
from tui.domain.notice import Notice, notice
from tui.domain.template import Template
from tui.formats.coerce import Repairs, flag, plain_text
from tui.formats.jsontext import dump_json

ConvertedKind = Literal["template", "prompt", "samplers", "profile"]
#: A chat template in Jinja made into a prompt format, or None where that cannot be done.
Derive = Callable[[str], Template | None]

#: Fields that say where a program connects to, or with which secret.
_CONNECTION = re.compile(
    r"(?:^|[_-])(?:url|key|apikey|password|passwd|secret|bearer|authorization|auth|cookie|proxy|headers|host"
    r"|include_body|exclude_body)(?:$|[_-])"
    r"|(?:api|auth|access|bearer|hf|session|refresh)_?token|^token$|apikey"
    r"|_source$|_model$|_providers?$|(?:^|_)vertexai|^ssl$|tunnel"
)
_MOST_NAMES = 30


@dataclass(frozen=True, slots=True)
class Converted:
    """One file of ours. `data` is its YAML, `source` the format that it came from, `notes` the report."""

    kind: ConvertedKind
    name: str
    data: bytes
    source: str
    notes: tuple[Notice, ...] = ()


class Report:
    """Reads fields of any type and collects what had to be changed or left out."""

    def __init__(self, notes: tuple[Notice, ...] = ()) -> None:
        self._repairs = Repairs(notes)
        self._unknown: list[str] = []
        self._connection: list[str] = []

    def add(self, sentence: str, **args: Any) -> None:
        """A sentence of the report; values in it are made safe to show."""
        self._repairs.add(sentence, **args)

    def text(self, fields: Mapping[str, Any], name: str) -> str:
        """A text; anything else is turned into one, and told."""
        return self._repairs.text(fields.get(name), name)

    def flag(self, fields: Mapping[str, Any], name: str, default: bool) -> bool:
        """True or false; anything else is the default, and told."""
        value = fields.get(name)
        if value is None:
            return default
        found = flag(value, default)
        if flag(value, True) != flag(value, False):
            self.add("{field} ({value}) is neither true nor false; it was read as {new}.",
                     field=name, value=shown(value), new=str(found).lower())
        return found

    def dropped(self, name: str, value: Any) -> None:
        """A setting that nothing here answers to."""
        self.add("{field} ({value}) was left out: Traktir has no such setting.", field=name, value=shown(value))

    def leave(self, name: str) -> None:
        """A field that means nothing here: named once with the others."""
        (self._connection if is_connection(name) else self._unknown).append(clean_line(name, 40))

    def done(self) -> tuple[Notice, ...]:
        """The report: sentences of single fields, then those that stand for several."""
        more: list[Notice] = []
        if self._connection:
            more.append(notice("Models, addresses and keys are never taken from a preset; left out: {names}.",
                               names=_listed(self._connection)))
        if self._unknown:
            more.append(notice("Fields that mean nothing here were left out: {names}.", names=_listed(self._unknown)))
        return (*self._repairs.done(), *more)


def _listed(names: list[str]) -> str:
    more = f" +{len(names) - _MOST_NAMES}" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def is_connection(name: str) -> bool:
    """Whether a field of that name says where to connect, or holds a secret."""
    return _CONNECTION.search(name.casefold()) is not None


def shown(value: Any) -> str:
    """A value as a report shows it: one line, cut."""
    return clean_line(value if isinstance(value, str) else dump_json(value), 60)


def raw_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The preset as it was, for a field `sillytavern`: texts cleaned, connections and secrets gone."""
    out: dict[str, Any] = _cleaned({k: v for k, v in fields.items() if not is_connection(str(k))})
    return out


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, Mapping):
        return {plain_text(str(k)): _cleaned(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(v) for v in value]
    return value
