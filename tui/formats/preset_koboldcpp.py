"""KoboldCpp's chat adapters as prompt formats, and its launch settings (.kcpps) as a profile.

Of launch settings only what is listed here is taken: nothing in them is run, opened or connected to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tui.domain.errors import BadInput
from tui.domain.profile import Profile
from tui.domain.template import Template
from tui.formats.coerce import maybe_whole, plain_text
from tui.formats.jsontext import parse_json
from tui.formats.preset_report import Report, is_connection, shown

_ADAPTER = ("system_start", "system_end", "user_start", "user_end", "assistant_start", "assistant_end", "assistant_gen")
_MISTYPED = re.compile(r"<\|[^<>|]{1,60}>")
_REMOTE = re.compile(r"^(?:[/\\]{2}|[a-z][a-z0-9+.-]+:[/\\]{2})", re.IGNORECASE)
_RUNS = ("onready", "onexit", "admindir", "config", "preloadstory", "savedatafile")


def adapter_template(fields: Mapping[str, Any], name: str, report: Report) -> Template:
    """The prompt format of a chat adapter."""
    texts = {field: report.text(fields, field) for field in _ADAPTER}
    for field, text in texts.items():
        if _MISTYPED.search(text):
            report.add("{field} ({value}) looks mistyped; it was taken as it stands.", field=field, value=text)
    for field, value in fields.items():
        if field in _ADAPTER or field in ("name", "search") or value in (None, "", False, [], {}):
            continue
        if field.startswith("tools"):
            report.add("{field} ({value}) was left out: Traktir calls no tools.", field=field, value=shown(value))
        else:
            report.leave(field)
    stops = (texts["assistant_end"].strip(), texts["user_start"].strip())
    return Template(
        id="", label=name, system_prefix=texts["system_start"], system_suffix=texts["system_end"],
        user_prefix=texts["user_start"], user_suffix=texts["user_end"], assistant_prefix=texts["assistant_start"],
        assistant_suffix=texts["assistant_end"], generation_prefix=texts["assistant_gen"] or None,
        stop=tuple(dict.fromkeys(stop for stop in stops if stop)),
    )


def launch_profile(fields: Mapping[str, Any], name: str, report: Report) -> Profile:
    """The profile of a .kcpps: the model's file, its context and layers, for the embedded engine."""
    backend: dict[str, Any] = {"kind": "embedded", "model": _model(fields, report)}
    for field, key, low, high in (
        ("contextsize", "context_length", 256, 1 << 20), ("gpulayers", "gpu_layers", 0, 1000),
        ("threads", "threads", 1, 512),
    ):
        _count(backend, fields, field, key, low, high, report)
    for field in _RUNS:
        if fields.get(field):
            report.add("{field} ({value}) was ignored: it would run or read something on this machine.",
                       field=field, value=shown(fields[field]))
    taken = {"model_param", "model", "contextsize", "gpulayers", "threads", "gendefaults", "chatcompletionsadapter"}
    for field, value in fields.items():
        if field in taken or field in _RUNS or value in (None, "", False, [], {}, 0, -1):
            continue
        report.leave(field)
    return Profile(id="", label=name, backend=backend)


def _count(
    backend: dict[str, Any], fields: Mapping[str, Any], field: str, key: str, low: int, high: int, report: Report
) -> None:
    value = fields.get(field)
    if value is None or value in (-1, "-1"):
        return                                                   # KoboldCpp chooses, and so does this program
    number = maybe_whole(value, -(2**53), 2**53)
    if number is None:
        report.add("{field} ({value}) was left out: it is no number.", field=field, value=shown(value))
        return
    kept = min(max(number, low), high)
    if kept != number:
        report.add("{field} ({value}) became {new}, the nearest that is possible.",
                   field=field, value=shown(value), new=kept)
    backend[key] = kept


def _model(fields: Mapping[str, Any], report: Report) -> str:
    """The model's path as text; of one on another machine only the file's name. Nothing is opened here."""
    found = fields.get("model_param") or fields.get("model")
    if isinstance(found, list):
        found = found[0] if found else ""
    path = plain_text(found).strip() if isinstance(found, str) else ""
    if not path:
        report.add("The file names no model; the profile uses the starter model until you choose one.")
        return "starter"
    if _REMOTE.match(path):
        report.add("model_param ({value}) is not on this machine; only the file's name was taken.", value=path)
        return re.split(r"[/\\]", path)[-1] or "starter"
    report.add("The profile names the model {value}; choose another one if it lies elsewhere here.", value=path)
    return path


def parts_of(fields: Mapping[str, Any], report: Report) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The adapter and the sampler defaults inside a .kcpps, each {} where there is none in the file itself."""
    adapter = _inside(fields.get("chatcompletionsadapter"))
    if adapter is None:
        report.add("{field} ({value}) was left out: it names another file, which is not opened.",
                   field="chatcompletionsadapter", value=shown(fields["chatcompletionsadapter"]))
    samplers = _inside(fields.get("gendefaults"))
    if samplers is None:
        report.add("{field} ({value}) was left out: it cannot be read.", field="gendefaults",
                   value=shown(fields["gendefaults"]))
    return adapter or {}, {k: v for k, v in (samplers or {}).items() if not is_connection(k)}


def _inside(value: Any) -> Mapping[str, Any] | None:
    """An object, or JSON text of one; None for anything else that says something."""
    if value in (None, "", {}, False):
        return {}
    if isinstance(value, str):
        try:
            value = parse_json(value, "kcpps").value
        except BadInput:
            return None
    return value if isinstance(value, Mapping) else None
