"""Sampler presets of SillyTavern (text completion, KoboldAI, NovelAI, chat completion), text-generation-webui and
KoboldCpp by this program's names (sillytavern.md 1.5 and 2.6, backends.md 2).

A number out of range is brought to its nearest bound; a sampler that nothing here answers to is named, unless it
stands at the value that switches it off.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tui.domain.errors import BadInput
from tui.domain.samplers import RANGES, SAMPLER_NAMES, TEXT_LIMIT, Samplers, parse_value
from tui.formats.coerce import flag, plain_text
from tui.formats.jsontext import dump_json, parse_json
from tui.formats.preset_order import chain_of
from tui.formats.preset_report import Report, raw_fields, shown
from tui.formats.presets import SamplerPreset

Dialect = Literal["textgen", "kobold", "novel", "openai", "ooba"]

#: The names of other programs for what has a name here; a name that is the same everywhere need not stand here.
_NAMES: Mapping[str, str] = {
    "temp": "temperature", "rep_pen": "repetition_penalty", "rep_pen_range": "penalty_range",
    "repetition_penalty_range": "penalty_range", "freq_pen": "frequency_penalty", "presence_pen": "presence_penalty",
    "nsigma": "top_n_sigma", "dry_penalty_last_n": "dry_range", "genamt": "max_tokens", "max_new_tokens": "max_tokens",
    "openai_max_tokens": "max_tokens", "typical": "typical_p", "sampler_seed": "seed", "stopping_strings": "stop",
    "custom_stopping_strings": "stop", "stop_sequence": "stop", "repetition_penalty_frequency": "frequency_penalty",
    "repetition_penalty_presence": "presence_penalty", "mirostat_mode": "mirostat", "tail_free_sampling": "tfs",
    "tfs_z": "tfs", "encoder_rep_pen": "encoder_repetition_penalty", "no_repeat_ngram_size": "no_repeat_ngram",
    "rep_pen_slope": "penalty_slope", "repetition_penalty_slope": "penalty_slope", "min_length": "min_tokens",
    "num_beams": "beams", "penalty_alpha": "contrastive_alpha", "cfg_scale": "guidance_scale",
    "grammar_string": "grammar", "ban_eos_token": "ignore_eos", "ignore_eos_token": "ignore_eos",
}
#: Values at which a setting that does not exist here changes nothing.
_OFF: Mapping[str, tuple[Any, ...]] = {
    "rep_pen_decay": (0,), "rep_pen_size": (0,), "top_g": (0,), "min_keep": (0,), "n": (1,),
    "early_stopping": (False,), "math1_quad": (0,), "math1_temp": (0, 1), "max_tokens_second": (0,),
    "phrase_rep_pen": ("off", ""), "speculative_ngram": (False,), "assistant_prefill": ("",),
    "reasoning_effort": ("", "auto"),
}
#: Numbers that other programs write in ten-thousandths, and values by which they say "off" in their own way.
_TEN_THOUSANDTHS = frozenset({"epsilon_cutoff", "eta_cutoff"})
_OFF_THERE: Mapping[str, tuple[float, ...]] = {"penalty_slope": (1,), "min_tokens": (1,), "beams": (0,), "top_k": (-1,)}
#: What only tunes another, and goes with it.
_LEADERS: Mapping[str, str] = {
    "mirostat_tau": "mirostat", "mirostat_eta": "mirostat", "smoothing_curve": "smoothing_factor",
    "dynatemp_exponent": "dynatemp_range", "adaptive_decay": "adaptive_target", "negative_prompt": "guidance_scale",
}
_OLD = frozenset({
    "temperature", "top_k", "top_p", "min_p", "top_n_sigma", "repetition_penalty", "frequency_penalty",
    "presence_penalty", "penalty_range", "dry_multiplier", "dry_base", "dry_allowed_length", "dry_range",
    "xtc_probability", "xtc_threshold", "seed", "max_tokens",
})
_TEXT_FIELDS = ("grammar", "negative_prompt")
#: What only tunes something that is named above, or how a program shows and sends things.
_SILENT = frozenset({
    "min_temp", "max_temp", "length_penalty", "add_bos_token", "skip_special_tokens", "spaces_between_special_tokens",
    "do_sample", "dynatemp", "dynamic_temperature", "dynatemp_low", "dynatemp_high", "send_banned_tokens", "streaming",
    "name", "label", "include_reasoning", "json_schema_allow_empty", "use_cache", "return_full_text",
    "math1_quad_entropy_scale", "temperature_last", "sampler_order", "samplers", "sampler_priority",
    "samplers_priorities", "order", "banned_tokens", "global_banned_tokens", "custom_token_bans", "banned_strings",
    "logit_bias", "auto_max_new_tokens", "extensions", "logprobs",
})
_CONTEXT = ("max_length", "max_context", "max_context_length", "truncation_length", "openai_max_context")
_LISTS = ("dry_sequence_breakers", "stop")
_MOST_BIASES = 1000
_CSV = re.compile(r"\s*\d{1,9}\s*(?:,\s*\d{1,9}\s*){0,200}")
_IDS = re.compile(r"\s*\[\s*\d{1,9}\s*(?:,\s*\d{1,9}\s*){0,200}\]\s*")


def sampler_preset(fields: Mapping[str, Any], name: str, dialect: Dialect, report: Report) -> SamplerPreset:
    """The preset by this program's names. SillyTavern's own is kept in `sillytavern`."""
    values: dict[str, Any] = {}
    for field, value in fields.items():
        _take(values, str(field), value, dialect, report)
    _temperature(values, fields, report)
    _ranges(values, dialect, report)
    _sort_out(values, report)
    values |= _bans(fields, report)
    if bias := _biases(fields.get("logit_bias"), report):
        values["logit_bias"] = bias
    order = chain_of(fields, dialect, report)
    if order:
        values["order"] = list(order)
    ordered = {n: values[n] for n in SAMPLER_NAMES if n in values}
    kept = raw_fields(fields) if dialect != "ooba" else {}
    return SamplerPreset("", name, ordered, kept)


def _sort_out(values: dict[str, Any], report: Report) -> None:
    """Leave out what changes nothing, and of a grammar and a schema the latter."""
    plain = Samplers()
    for name in [n for n in values if n in RANGES and n not in _OLD and values[n] == getattr(plain, n)]:
        del values[name]
    for name, leader in _LEADERS.items():
        if name in values and leader not in values:
            del values[name]
    if "grammar" in values and values.pop("json_schema", None):
        report.add("{field} was left out: a grammar is there too, and only one of them can hold.", field="json_schema")


def _take(values: dict[str, Any], field: str, value: Any, dialect: Dialect, report: Report) -> None:
    """One field: into `values` under its name here, or into the report."""
    kobold_length = field == "max_length" and dialect in ("novel", "kobold")
    name = _NAMES.get("genamt" if kobold_length else field, field)
    if field in _CONTEXT and not kobold_length:
        if value is not None:
            report.add("{field} ({value}) was left out: the context length belongs to the model or the connection.",
                       field=field, value=shown(value))
    elif name in _SILENT:
        return
    elif name in _LISTS:
        _list(values, name, field, value, report)
    elif name in RANGES:
        _number(values, name, field, value, report)
    elif name in _TEXT_FIELDS:
        _text(values, name, field, value, report)
    elif name == "json_schema":
        _schema(values, value, report)
    elif name == "ignore_eos":
        if flag(value, False):
            values[name] = True
    elif name in _OFF or field in _OFF:
        if not _is_off(value, _OFF.get(name, _OFF.get(field, ()))):
            report.dropped(field, value)
    else:
        report.leave(field)


def _is_off(value: Any, off: tuple[Any, ...]) -> bool:
    if value is None or value in off:
        return True
    number = _as_number(value)
    if number is not None:
        return any(number == o for o in off if isinstance(o, (int, float)) and not isinstance(o, bool))
    return isinstance(value, str) and not flag(value, True) and False in off


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _number(values: dict[str, Any], name: str, field: str, value: Any, report: Report) -> None:
    if value is None:
        return
    number = _as_number(value)
    if number is None:
        report.add("{field} ({value}) was left out: it is no number.", field=field, value=shown(value))
        return
    bounds = RANGES[name]
    if number in _OFF_THERE.get(name, ()) and bounds.neutral is not None:
        number = float(bounds.neutral)                          # the other way to say "off"
    if name == "adaptive_target" and number < 0:
        number = -1.0
    if name in _TEN_THOUSANDTHS:
        number = round(number / 10_000, 10)
        value = number
    kept = min(max(number, bounds.low), bounds.high)
    whole = isinstance(bounds.low, int) and isinstance(bounds.high, int)
    result: float | int = round(kept) if whole else kept
    if result != number:
        report.add("{field} ({value}) became {new}, the nearest that is possible.",
                   field=field, value=shown(value), new=result)
    values[name] = parse_value(name, result)


def _list(values: dict[str, Any], name: str, field: str, value: Any, report: Report) -> None:
    """Texts in a list, in JSON inside a text, or between commas."""
    items: Any = value
    if isinstance(value, str) and value.strip():
        try:
            items = parse_json(value, field).value
        except BadInput:
            items = None
            if name == "dry_sequence_breakers" and "[" not in value:
                items = [part.strip().strip('"').replace("\\n", "\n") for part in value.split(",")]
    if isinstance(items, list):
        texts = [plain_text(item) for item in items if isinstance(item, str)]
        texts = [text for text in texts if text]
        if len(texts) < len(items):
            report.add("{field} holds something that is no text; it was left out.", field=field)
        if texts or name != "stop":
            values[name] = list(dict.fromkeys(texts))
    elif value not in (None, ""):
        report.add("{field} ({value}) was left out: it is no list of texts.", field=field, value=shown(value))


def _temperature(values: dict[str, Any], fields: Mapping[str, Any], report: Report) -> None:
    """Greedy choice, and a temperature that moves, become one temperature."""
    if "do_sample" in fields and not flag(fields["do_sample"], True):
        values["temperature"] = 0.0
        report.add("{field} ({value}) became temperature 0.", field="do_sample", value="false")
        return
    low, high = (_as_number(fields.get(a, fields.get(b))) for a, b in (
        ("min_temp", "dynatemp_low"), ("max_temp", "dynatemp_high"),
    ))
    moving = flag(fields.get("dynatemp", fields.get("dynamic_temperature")), False)
    if moving and low is not None and high is not None:
        low, high = min(low, high), max(low, high)
        values["temperature"] = parse_value("temperature", min(max((low + high) / 2, 0.0), 5.0))
        values["dynatemp_range"] = parse_value("dynatemp_range", min((high - low) / 2, 5.0))
        report.add("The temperature moves between {low} and {high}; here that is {new} and {range} to either side.",
                   low=low, high=high, new=values["temperature"], range=values["dynatemp_range"])


def _text(values: dict[str, Any], name: str, field: str, value: Any, report: Report) -> None:
    if value in (None, ""):
        return
    text = plain_text(value) if isinstance(value, str) else ""
    if text.strip() and len(text) <= TEXT_LIMIT:
        values[name] = text
    elif not isinstance(value, str) or text.strip():
        report.add("{field} ({value}) was left out: it is no text, or far too long.", field=field, value=shown(value))


def _schema(values: dict[str, Any], value: Any, report: Report) -> None:
    """A JSON Schema, as an object or as text of one."""
    if value in (None, "", {}, "{}"):
        return
    if isinstance(value, str):
        try:
            value = parse_json(value, "json_schema").value
        except BadInput:
            value = None
    text = dump_json(value) if isinstance(value, Mapping) else ""
    if text and len(text) <= TEXT_LIMIT:
        values["json_schema"] = text
    else:
        report.add("{field} was left out: it is no JSON Schema.", field="json_schema")


def _ranges(values: dict[str, Any], dialect: Dialect, report: Report) -> None:
    """What the other program does where the preset says nothing, and 0 where it means everything."""
    values.setdefault("temperature", 1.0)
    values.setdefault("min_p", 0.0)
    if dialect == "ooba" and values.get("repetition_penalty", 1.0) != 1.0:
        values.setdefault("penalty_range", 1024)
    if dialect == "novel" and values.get("repetition_penalty", 1.0) > 1.3:
        report.add("NovelAI counts repetition_penalty ({value}) on a scale of its own; elsewhere it may be too strong.",
                   value=str(values["repetition_penalty"]))
    for name, on in (("penalty_range", values.get("repetition_penalty", 1.0) != 1.0),
                     ("dry_range", values.get("dry_multiplier", 0.0) > 0)):
        if on and values.get(name) == 0:
            values[name] = -1
            report.add("{field}: 0 stands for the whole context there, as -1 does here.", field=name)


def _bans(fields: Mapping[str, Any], report: Report) -> dict[str, list[str]]:
    """Banned tokens, a line each: `[1, 2]` are ids, a text in quotes is a phrase, anything else a token's text."""
    tokens: list[str] = []
    phrases: list[str] = []
    if "send_banned_tokens" in fields and not flag(fields["send_banned_tokens"], True):
        return {}
    for field in ("banned_tokens", "global_banned_tokens", "custom_token_bans", "banned_strings"):
        value = fields.get(field)
        lines: Sequence[Any] = value.split("\n") if isinstance(value, str) else value if isinstance(value, list) else ()
        for line in lines[:_MOST_BIASES]:
            text = plain_text(line) if isinstance(line, str) else ""
            if field == "banned_strings":
                phrases.append(text)
            elif _IDS.fullmatch(text) or (field == "custom_token_bans" and _CSV.fullmatch(text)):
                tokens += [f"#{n}" for n in re.findall(r"\d+", text)]
            elif len(text) > 2 and text.startswith('"') and text.endswith('"'):
                phrases.append(text[1:-1])
            elif text.strip() and "[" not in text:
                tokens.append(text)
            elif text.strip():
                report.add("{field} ({value}) was left out: it is neither text nor a list of token numbers.",
                           field=field, value=text)
    found = {"banned_tokens": tokens, "banned_strings": phrases}
    return {name: kept for name, texts in found.items() if (kept := list(dict.fromkeys(filter(None, texts))))}


def _biases(value: Any, report: Report) -> dict[str, float]:
    """Biases of texts: `{text}` is taken as it stands, `[1, 2]` are ids, anything else follows a blank."""
    out: dict[str, float] = {}
    for item in (value if isinstance(value, list) else [])[:_MOST_BIASES]:
        entry = item if isinstance(item, Mapping) else {}
        text = plain_text(entry["text"]) if isinstance(entry.get("text"), str) else ""
        bias = _as_number(entry.get("value"))
        if not text.strip() or bias is None:
            report.add("{field} holds something that is no text with a number; it was left out.", field="logit_bias")
            continue
        kept = min(max(bias, -100.0), 100.0)
        if _IDS.fullmatch(text):
            out.update({f"#{n}": kept for n in re.findall(r"\d+", text)})
        elif len(text) > 2 and text.startswith("{") and text.endswith("}"):
            out[text[1:-1]] = kept
        else:
            out[" " + text] = kept
    return out
