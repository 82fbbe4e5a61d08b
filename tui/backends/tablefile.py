"""A table of samplers as a YAML file: read, checked, and laid over the one that ships."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import yaml

from tui.backends.knobs import FORMS, Knob, Table
from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.samplers import SAMPLER_NAMES, STEPS

#: The largest file that is read, in bytes; those that ship have two or three thousand.
LIMIT = 256 << 10
_TOP = ("label", "dialect", "hosts", "loader", "constant", "samplers", "unsupported")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HINTS: Mapping[str, Any] = {
    ("name" if name == "wire" else name): hint for name, hint in typing.get_type_hints(Knob).items()
}

Values = dict[str, Any]
"""A file's fields; `samplers` holds the fields of each."""


def read_values(data: bytes, name: str) -> Values:
    """The fields of a file, each in its type. Raises BadInput with file, line and field."""
    return _File(name).read(data)


def laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> Values:
    """`own` over `base`, field by field: a sampler that `own` has is supported, one that it has not is not."""
    samplers = {name: dict(fields) for name, fields in base.get("samplers", {}).items()}
    unsupported = dict(base.get("unsupported", {}))
    for name, fields in own.get("samplers", {}).items():
        samplers[name] = {**samplers.get(name, {}), **fields}
        unsupported.pop(name, None)
    for name, why in own.get("unsupported", {}).items():
        samplers.pop(name, None)
        unsupported[name] = why
    rest = {key: value for key, value in {**base, **own}.items() if key not in ("samplers", "unsupported", "constant")}
    constant = {**base.get("constant", {}), **own.get("constant", {})}
    return {**rest, "constant": constant, "samplers": samplers, "unsupported": unsupported}


def table_of(name: str, values: Mapping[str, Any]) -> Table:
    """The table that a file's fields make."""
    knobs = {
        sampler: Knob(**{"wire": sampler, **{("wire" if k == "name" else k): v for k, v in fields.items()}})
        for sampler, fields in values.get("samplers", {}).items()
    }
    return Table(
        name, str(values.get("label") or name), knobs, dict(values.get("unsupported", {})),
        {key: value for key, value in values.get("constant", {}).items() if value is not None},
        str(values.get("loader", "")), str(values.get("dialect", "")), tuple(values.get("hosts", ())),
    )


class _File:
    """Checks one document and says where it goes wrong."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, data: bytes) -> Values:
        if len(data) > LIMIT:
            self._fail(1, "{file} is larger than {limit} bytes, the most that is read.", limit=LIMIT)
        try:
            node = yaml.compose(data.decode("utf-8"), Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._fail((mark.line if mark else 0) + 1, "{file}, line {line}: this is not valid YAML ({reason}).",
                       reason=clean_line(str(error.problem or error.context or ""), 120).rstrip("."))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self._fail(1, "{file}, line {line}: this is not valid YAML ({reason}).", reason=type(error).__name__)
        out: Values = {}
        for key, value in self._pairs(node, "") if node is not None else ():
            out[key] = self._top(key, value)
        return out

    def _top(self, key: str, node: yaml.Node) -> Any:
        if key in ("label", "dialect", "loader"):
            return self._text(node, key)
        if key == "hosts":
            return tuple(self._texts(node, key))
        if key == "constant":
            return {name: self._plain(value, f"constant.{name}") for name, value in self._pairs(node, "constant")}
        if key not in ("samplers", "unsupported"):
            self._unknown(node, key, key, _TOP)
        out: Values = {}
        for name, value in self._pairs(node, key):
            if name not in SAMPLER_NAMES:
                self._unknown(value, f"{key}.{name}", name, SAMPLER_NAMES)
            out[name] = self._text(value, f"{key}.{name}") if key == "unsupported" else self._knob(name, value)
        return out

    def _knob(self, sampler: str, node: yaml.Node) -> Values:
        where = f"samplers.{sampler}"
        if isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~"):
            return {}
        out: Values = {}
        for key, value in self._pairs(node, where):
            if key not in _HINTS:
                self._unknown(value, f"{where}.{key}", key, tuple(_HINTS))
            out[key] = self._value(_HINTS[key], value, f"{where}.{key}", key)
        return out

    def _value(self, hint: Any, node: yaml.Node, where: str, key: str) -> Any:
        if key == "steps":
            return self._steps(node, where)
        if hint is bool:
            return self._flag(node, where)
        if hint is str:
            return self._word(node, where, key)
        origin = typing.get_origin(hint)
        if origin is tuple:
            inner = typing.get_args(hint)[0]
            return tuple(float(t) if inner is float else t for t in self._texts(node, where))
        wanted = next((a for a in typing.get_args(hint) if a is not type(None)), hint)
        return self._number(node, where, whole=wanted is int)

    def _word(self, node: yaml.Node, where: str, key: str) -> str:
        text = self._text(node, where)
        if key in ("name", "flag") and not _KEY.fullmatch(text):
            self._fail(_line(node), "{file}, line {line}: {field} must be a name without blanks.", where)
        if key == "form" and text not in FORMS:
            self._fail(_line(node), "{file}, line {line}: {field} must be one of: {names}.", where,
                       names=", ".join(sorted(f for f in FORMS if f)))
        return text

    def _steps(self, node: yaml.Node, where: str) -> Values:
        out: Values = {}
        for step, value in self._pairs(node, where):
            if step not in STEPS:
                self._unknown(value, f"{where}.{step}", step, tuple(sorted(STEPS)))
            out[step] = self._plain(value, f"{where}.{step}")
        return out

    def _pairs(self, node: yaml.Node, where: str) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._fail(_line(node), "{file}, line {line}: {field} must hold fields of its own.", where)
        for key, value in node.value:
            yield self._text(key, where), value

    def _text(self, node: yaml.Node, where: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip() or len(node.value) > 400:
            self._fail(_line(node), "{file}, line {line}: {field} must be a single value.", where)
        return str(node.value)

    def _texts(self, node: yaml.Node, where: str) -> list[str]:
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return [self._text(item, where) for item in items]

    def _flag(self, node: yaml.Node, where: str) -> bool:
        text = self._text(node, where).lower()
        if text not in ("true", "false"):
            self._fail(_line(node), "{file}, line {line}: {field} must be true or false.", where)
        return text == "true"

    def _number(self, node: yaml.Node, where: str, *, whole: bool) -> float | int | None:
        text = self._text(node, where)
        if text in ("null", "~"):
            return None
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            number = float("nan")
        if number != number:
            self._fail(_line(node), "{file}, line {line}: {field} must be a number, not {value}.", where,
                       value=clean_line(text, 40))
        return int(number) if number == int(number) else number

    def _plain(self, node: yaml.Node, where: str) -> Any:
        """A value as JSON has it; lists of such."""
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, where) for item in node.value]
        if not isinstance(node, yaml.ScalarNode):
            self._fail(_line(node), "{file}, line {line}: {field} must be a single value.", where)
        return yaml.SafeLoader("").construct_object(node)

    def _unknown(self, node: yaml.Node, where: str, key: str, names: tuple[str, ...]) -> NoReturn:
        near = difflib.get_close_matches(key[:60], names, 1, 0.6)
        known = notice("Known are: {names}.", names=", ".join(names))
        remedy = notice("Did you mean {name}?", name=near[0]) if near else known
        self._fail(_line(node), "{file}, line {line}: there is no field called {field}.", where, remedy)

    def _fail(self, line: int, sentence: str, where: str = "", remedy: Any = None, **args: Any) -> NoReturn:
        field = clean_line(where, 80)
        told = notice(sentence, file=self._name, line=line, field=field, **args)
        raise BadInput(told, remedy, file=self._name, line=line, field=field)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
