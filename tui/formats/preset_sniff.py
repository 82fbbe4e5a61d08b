"""Which program's preset a file holds, by the names of its fields (sillytavern.md 2.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from tui.domain.samplers import SAMPLER_NAMES

ForeignPreset = Literal[
    "instruct", "context", "sysprompt", "reasoning", "master", "chat", "textgen", "kobold", "novel",
    "adapter", "launch", "jinja", "turns", "ooba", "quick_replies", "moving_ui", "theme",
]
MASTER_PARTS = ("instruct", "context", "sysprompt", "preset", "reasoning", "srw")
#: Names of text-generation-webui's sampler settings.
OOBA_NAMES = frozenset({
    "temperature", "dynamic_temperature", "dynatemp_low", "dynatemp_high", "dynatemp_exponent", "smoothing_factor",
    "smoothing_curve", "min_p", "top_p", "top_k", "typical_p", "xtc_threshold", "xtc_probability", "epsilon_cutoff",
    "eta_cutoff", "tfs", "top_a", "top_n_sigma", "dry_multiplier", "dry_allowed_length", "dry_base",
    "dry_sequence_breakers", "repetition_penalty", "frequency_penalty", "presence_penalty",
    "encoder_repetition_penalty", "no_repeat_ngram_size", "repetition_penalty_range", "penalty_alpha",
    "guidance_scale", "mirostat_mode", "mirostat_tau", "mirostat_eta", "do_sample", "temperature_last",
    "sampler_priority", "max_new_tokens", "max_tokens", "min_length", "num_beams", "length_penalty", "early_stopping",
    "negative_prompt", "ban_eos_token", "add_bos_token", "seed", "truncation_length", "adaptive_target",
    "adaptive_decay", "skip_special_tokens", "custom_stopping_strings", "auto_max_new_tokens",
})
_TEXTGEN = frozenset({
    "temp", "top_p", "top_k", "min_p", "top_a", "tfs", "typical_p", "rep_pen", "rep_pen_range", "genamt", "max_length",
    "temperature_last", "freq_pen", "presence_pen", "dry_multiplier", "sampler_order", "mirostat_mode", *SAMPLER_NAMES,
})
_PLAIN_LINE = re.compile(r"\s*([a-z_]{2,40})\s*=\s*(.*)")


def foreign_preset(value: Any, filename: str = "") -> ForeignPreset | None:
    """The kind of preset that an object of another program is, None for anything else."""
    if not isinstance(value, Mapping):
        return None
    names = {name for name in value if isinstance(name, str)}
    for marks, kind in _MARKS:
        if marks <= names:
            return kind
    if {"user_start", "assistant_start"} & names and not {"spec", "data", "entries"} & names:
        return "adapter"
    if filename.lower().endswith(".kcpps") or {"model_param", "contextsize"} <= names:
        return "launch"
    if isinstance(value.get("prompts"), list) and names & {"prompt_order", "chat_completion_source"}:
        return "chat"
    if {"name", "content"} <= names <= {"name", "content", "post_history", "enabled", "preset"}:
        return "sysprompt"
    if names and names <= set(MASTER_PARTS) and any(isinstance(value[n], Mapping) for n in names):
        return "master"
    return _sampler_dialect(value, names)


_MARKS: tuple[tuple[frozenset[str], ForeignPreset], ...] = (
    (frozenset({"qrList"}), "quick_replies"), (frozenset({"quickReplySlots"}), "quick_replies"),
    (frozenset({"movingUIState"}), "moving_ui"), (frozenset({"blur_strength", "main_text_color"}), "theme"),
    (frozenset({"input_sequence", "output_sequence"}), "instruct"),
    (frozenset({"input_sequence", "names_behavior"}), "instruct"), (frozenset({"story_string"}), "context"),
    (frozenset({"prefix", "suffix", "separator"}), "reasoning"), (frozenset({"presetVersion", "parameters"}), "novel"),
)


def _sampler_dialect(value: Mapping[str, Any], names: set[str]) -> ForeignPreset | None:
    if "temperature" in names and names & {"tail_free_sampling", "phrase_rep_pen", "repetition_penalty_slope"}:
        return "novel"
    if len(names & _TEXTGEN) < 2 or not names & {"temp", "temperature", "rep_pen", "genamt"}:
        return None
    if "typical" in names or ("rep_pen_slope" in names and not names & {"freq_pen", "typical_p", "temperature_last"}):
        return "kobold"
    return "textgen"


def foreign_yaml(value: Any) -> ForeignPreset | None:
    """The kind of preset that a YAML object of text-generation-webui is; one of ours has a label or other fields."""
    if not isinstance(value, Mapping):
        return None
    names = set(value)
    if "instruction_template" in names:
        return "jinja"
    if "turn_template" in names:
        return "turns"
    return "ooba" if names and names <= OOBA_NAMES else None


def plain_settings(text: str) -> dict[str, str] | None:
    """text-generation-webui's oldest form, a `name=value` on each line; None for any other text."""
    out: dict[str, str] = {}
    for line in text.splitlines()[:200]:
        match = _PLAIN_LINE.fullmatch(line)
        if match is not None:
            out[match[1]] = match[2].strip()
        elif line.strip():
            return None
    return out if out and set(out) <= OOBA_NAMES else None
