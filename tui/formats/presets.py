"""Preset files: prompt formats, samplers, prompts and profiles, from YAML to values and back.

One generic decoder reads any of them by the types of its fields; what is wrong is named by file, line and field.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NoReturn, TypeVar

import yaml

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.profile import Profile, PromptPreset
from tui.domain.samplers import SAMPLER_NAMES, parse_value
from tui.domain.template import Template
from tui.formats.coerce import flag
from tui.formats.files import shown_name
from tui.formats.jsontext import NumberText, parse_json
from tui.formats.profile_fields import (
    BACKEND_FIELDS,
    BOUNDS,
    ENGINE_FIELDS,
    SECRET_HEADER,
    SERVER_FIELDS,
    holds_password,
)
from tui.formats.yaml_read import MEND, Place, YamlFile, read_yaml

T = TypeVar("T")

_JSON_SCALAR = re.compile(r"null|true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_RANGE = "{file}, line {line}: {field} must lie between {low} and {high}."


@dataclass(frozen=True, slots=True)
class SamplerPreset:
    """Sampler settings by canonical name; a sampler that is not named keeps the program's default."""

    id: str
    label: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    sillytavern: Mapping[str, Any] = field(default_factory=dict)  # the preset it was made of, as it was


def read_template(data: bytes, id: str, filename: str = "") -> Template:  # noqa: A002
    """A prompt format. Raises BadInput with file, line and field."""
    reader = _Reader(data, filename or f"{id}.yaml")
    template = reader.decode(Template, {"id": id})
    return dataclasses.replace(
        template, modes={n: reader.mode(n, fields) for n, fields in template.modes.items()},
        sillytavern=reader.foreign(),
    )


def read_prompt(data: bytes, id: str, filename: str = "") -> PromptPreset:  # noqa: A002
    """System prompt and story string. Raises BadInput with file, line and field."""
    reader = _Reader(data, filename or f"{id}.yaml")
    preset = reader.decode(PromptPreset, {"id": id})
    if not 0.0 <= preset.history_share <= 1.0:
        reader.fail(("history_share",), _RANGE, low=0, high=1)
    if not 0.0 <= preset.lore.budget_share <= 1.0:
        reader.fail(("lore", "budget_share"), _RANGE, low=0, high=1)
    for name in ("scan_depth", "budget_cap", "min_activations", "min_activations_depth", "max_recursion_steps"):
        limit = 1000 if name == "scan_depth" else 1_000_000
        if not 0 <= getattr(preset.lore, name) <= limit:
            reader.fail(("lore", name), _RANGE, low=0, high=limit)
    return dataclasses.replace(preset, sillytavern=reader.foreign())


def read_profile(data: bytes, id: str, filename: str = "") -> Profile:  # noqa: A002
    """Backend, template, samplers and prompt by name. Raises BadInput with file, line and field."""
    reader = _Reader(data, filename or f"{id}.yaml")
    profile = reader.decode(Profile, {"id": id})
    backend: dict[str, Any] = {}
    for key, value in profile.backend.items():
        if key not in BACKEND_FIELDS:
            reader.unknown(("backend", key), key, tuple(BACKEND_FIELDS))
        if value is not None:
            backend[key] = reader.backend_field(key, value)
    if "kind" not in backend:
        reader.fail(("backend",), "{file}, line {line}: {field} needs a kind, such as embedded or openai.")
    _check_backend(reader, backend)
    return dataclasses.replace(profile, backend=backend)


def _check_backend(reader: _Reader, backend: Mapping[str, Any]) -> None:
    """What fits no backend of that kind, lies out of bounds, or is a secret."""
    embedded = backend["kind"] == "embedded"
    for key, value in backend.items():
        if key in (SERVER_FIELDS if embedded else ENGINE_FIELDS) and value not in ("", False):
            kind = "embedded" if not embedded else "openai"
            reader.fail(("backend", key), "{file}, line {line}: {field} is for a backend of another kind, like {kind}.",
                        kind=kind)
        for number in (value.values() if key == "lora" else [value] if key in BOUNDS else ()):
            low, high = BOUNDS[key]
            if not low <= number <= high:
                reader.fail(("backend", key), _RANGE, low=f"{low:g}", high=f"{high:g}")
    for name in backend.get("headers", {}):
        if SECRET_HEADER.search(name):
            reader.fail(
                ("backend", "headers", name), "{file}, line {line}: {field} would keep a secret in a profile.",
                notice("Put it into a variable and name that under headers_env, like {name}: MY_VARIABLE.",
                       name=name[:60]))
    if holds_password(str(backend.get("proxy", ""))):
        reader.fail(("backend", "proxy"), "{file}, line {line}: {field} would keep a secret in a profile.",
                    notice("Leave it out and set HTTPS_PROXY where the core is started."))


def read_samplers(data: bytes, id: str, filename: str = "") -> SamplerPreset:  # noqa: A002
    """Sampler settings, each checked against its range. Raises BadInput with file, line and field."""
    reader = _Reader(data, filename or f"{id}.yaml")
    values: dict[str, Any] = {}
    label = ""
    for key, value in reader.root.items():
        if key == "label":
            label = reader.value(str, value, (key,))
        elif key in SAMPLER_NAMES:
            values[key] = reader.sampler(key, value)
        elif key != "sillytavern":
            reader.unknown((key,), key, ("label", *SAMPLER_NAMES, "sillytavern"))
    return SamplerPreset(id, label, values, reader.foreign())


class _Reader:
    """Decodes one YAML document by types and says where it goes wrong."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = shown_name(name)
        self._file: YamlFile = read_yaml(data, self._name)
        root = {} if self._file.value is None else self._file.value
        if not isinstance(root, dict):
            self.fail((), "{file} must hold fields with values, such as label: My preset.")
        self.root: dict[str, Any] = root

    def fail(self, place: Place, sentence: str, remedy: Any = None, **args: Any) -> NoReturn:
        line = self._file.line(*place)
        where = ".".join(str(p) for p in place)
        known = {"file": self._name, "line": line, "field": clean_line(where, 80), **args}
        raise BadInput(
            notice(sentence, **known), remedy or MEND,
            file=self._name, line=line, field=known["field"],
        )

    def unknown(self, place: Place, key: str, names: tuple[str, ...]) -> NoReturn:
        near = difflib.get_close_matches(key[:60], names, 1, 0.6)
        known = notice("Known are: {names}.", names=", ".join(names))
        remedy = notice("Did you mean {name}?", name=near[0]) if near else known
        self.fail(place, "{file}, line {line}: there is no field called {field}.", remedy)

    def decode(self, kind: type[T], given: Mapping[str, Any]) -> T:
        fields = {k: v for k, v in self.root.items() if not (k == "id" and "id" in given)}
        return self._dataclass(kind, fields, (), given)

    def mode(self, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that a mode of a template sets, in their types."""
        hints = {k: v for k, v in _hints(Template).items() if k not in {"id", "modes", "detect", "aliases"}}
        out: dict[str, Any] = {}
        for key, value in overrides.items():
            if key not in hints:
                self.unknown(("modes", name, key), key, tuple(hints))
            out[key] = self.value(hints[key], value, ("modes", name, key))
        return out

    def foreign(self) -> dict[str, Any]:
        """The field `sillytavern`: values of another program, in the types of JSON."""
        value = self.root.get("sillytavern")
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fail(("sillytavern",), "{file}, line {line}: {field} must hold fields of its own.")
        out: dict[str, Any] = self._typed(value, ("sillytavern",))
        return out

    def _typed(self, value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            return {k: self._typed(v, (*place, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [self._typed(v, (*place, n)) for n, v in enumerate(value)]
        if isinstance(value, str) and place in self._file.plain and _JSON_SCALAR.fullmatch(value):
            return parse_json(value, self._name).value
        return value

    def backend_field(self, key: str, value: Any) -> Any:
        """A field of a profile's backend in its type; keys for the body keep those of JSON."""
        if key == "body":
            if not isinstance(value, dict):
                self.fail(("backend", key), "{file}, line {line}: {field} must hold fields of its own.")
            return self._typed(value, ("backend", key))
        return self.value(BACKEND_FIELDS[key], value, ("backend", key))

    def sampler(self, key: str, value: Any) -> Any:
        if key == "logit_bias" and value is None:
            value = {}
        if isinstance(value, list) and not value and key in {"stop", "dry_sequence_breakers"}:
            return ()
        try:
            return parse_value(key, value)
        except BadInput as error:
            self.fail((key,), f"{{file}}, line {{line}}: {error.what.id}", error.remedy, **error.what.args)

    def _dataclass(self, kind: Callable[..., T], value: Mapping[str, Any], place: Place, given: Mapping[str, Any]) -> T:
        hints = _hints(kind)
        out: dict[str, Any] = dict(given)
        for key, item in value.items():
            if key not in hints:
                self.unknown((*place, key), key, tuple(h for h in hints if h not in given))
            if item is None and not _optional(hints[key]):
                continue                               # an empty field keeps its default
            out[key] = self.value(hints[key], item, (*place, key))
        return kind(**out)

    def value(self, hint: Any, value: Any, place: Place) -> Any:
        """`value` (strings, lists, mappings) as the type `hint` says."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in (types.UnionType, typing.Union):
            inner = next(a for a in args if a is not type(None))
            return None if value is None or (inner is not str and value == "null") else self.value(inner, value, place)
        if origin is Literal:
            if value not in args:
                names = ", ".join(map(str, args))
                self.fail(place, "{file}, line {line}: {field} must be one of: {names}.", names=names)
            return value
        if origin is tuple:
            return self._tuple(args[0], value, place)
        if origin is not None and issubclass(origin, Mapping):
            return self._mapping(args[1], value, place)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            if not isinstance(value, dict):
                self.fail(place, "{file}, line {line}: {field} must hold fields of its own.")
            return self._dataclass(hint, value, place, {})
        return value if hint is Any else self._scalar(hint, value, place)

    def _tuple(self, inner: Any, value: Any, place: Place) -> tuple[Any, ...]:
        items = value if isinstance(value, list) else [value]
        out = tuple(self.value(inner, item, (*place, n)) for n, item in enumerate(items))
        if "" in out:
            self.fail(place, "{file}, line {line}: {field} holds an empty text.")
        return out

    def _mapping(self, inner: Any, value: Any, place: Place) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fail(place, "{file}, line {line}: {field} must hold fields of its own.")
        return {k: self.value(inner, v, (*place, k)) for k, v in value.items()}

    def _scalar(self, hint: Any, value: Any, place: Place) -> Any:
        if not isinstance(value, str):
            self.fail(place, "{file}, line {line}: {field} must be a single value.")
        if hint is str:
            return value
        if hint is bool:
            if flag(value, True) != flag(value, False):
                self.fail(place, "{file}, line {line}: {field} must be true or false.")
            return flag(value, False)
        try:
            return int(value) if hint is int else float(value)
        except ValueError:
            self.fail(place, "{file}, line {line}: {field} must be a number, not {value}.", value=clean_line(value, 40))


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def write_profile(profile: Profile) -> bytes:
    """A profile as YAML."""
    return _dump({
        "label": profile.label, "backend": dict(profile.backend), "template": profile.template,
        "samplers": profile.samplers, "prompt": profile.prompt,
    })


def write_samplers(preset: SamplerPreset) -> bytes:
    """A sampler preset as YAML."""
    foreign = {"sillytavern": preset.sillytavern} if preset.sillytavern else {}
    return _dump({"label": preset.label, **preset.values, **foreign})


def template_yaml(template: Template) -> bytes:
    """A prompt format as YAML: only what differs from the defaults."""
    return _yaml(_changed(template))


def write_prompt(preset: PromptPreset) -> bytes:
    """A prompt preset as YAML: only what differs from the defaults."""
    return _yaml(_changed(preset))


def _changed(value: Template | PromptPreset) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for item in dataclasses.fields(value):
        given = getattr(value, item.name)
        default = item.default_factory() if item.default_factory is not dataclasses.MISSING else item.default
        if item.name != "id" and given != default:
            out[item.name] = _plain(given)
    return out


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {f.name: _plain(item) for f, item in pairs if item != f.default}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def _dump(value: Mapping[str, Any]) -> bytes:
    return _yaml({k: _plain(v) for k, v in value.items() if v is not None and v != ""})


_SHORT = 60                                        # characters that a line with `\\n` in it may well hold


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks where YAML can hold them so; never an alias, which readers here refuse."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text_node(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    lines = text.count("\n")
    style = "|" if lines > 2 and len(text) > _SHORT else '"' if lines or _JSON_SCALAR.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _number_node(dumper: _Dumper, number: NumberText) -> yaml.ScalarNode:
    resolve: Any = dumper.resolve
    return dumper.represent_scalar(resolve(yaml.ScalarNode, number.text, (True, False)), number.text)


_Dumper.add_representer(str, _text_node)
_Dumper.add_representer(NumberText, _number_node)


def _yaml(plain: Mapping[str, Any]) -> bytes:
    text: str = yaml.dump(dict(plain), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return text.encode()
