"""SillyTavern's instruct presets as prompt formats (sillytavern.md 1.4, 1.8 and 2.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from tui.domain.template import ReasoningTags, Template
from tui.formats.preset_report import Report, raw_fields

_MACRO = re.compile(r"\{\{\s*(?!(?:char|user|name|bos)\s*\}\}|date:)[^{}]{1,80}\}\}")
#: What marks a text as a model's own turn markup, not as a heading in plain words.
MARKUP = re.compile(r"<\|[^<>|]+\|?>|</?[a-z_]{1,24}>|<</?SYS>>|\[/?[A-Z_]{3,20}\]")
NO_TAGS = ReasoningTags()
_TEXTS = (
    "input_sequence", "input_suffix", "output_sequence", "output_suffix", "system_sequence", "system_suffix",
    "story_string_prefix", "story_string_suffix", "last_output_sequence", "stop_sequence", "user_alignment_message",
)
_NO_PLACE = ("first_input_sequence", "first_output_sequence", "last_input_sequence", "last_system_sequence")
_LEGACY = (
    "names", "names_force_groups", "separator_sequence", "system_prompt", "system_sequence_prefix",
    "system_sequence_suffix", "enabled", "bind_to_context", "preset",
)
_FLAGS = ("wrap", "macro", "system_same_as_user", "sequences_as_stop_strings", "skip_examples")
_KNOWN = {*_TEXTS, *_NO_PLACE, *_LEGACY, *_FLAGS, "names_behavior", "activation_regex", "name"}
_NAMES: Mapping[str, Literal["never", "group", "always"]] = {"none": "never", "force": "group", "always": "always"}


@dataclass(frozen=True, slots=True)
class _Sequences:
    """The preset's texts, and whether a line ends after each."""

    texts: Mapping[str, str]
    wrap: bool

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")

    def prefix(self, name: str) -> str:
        text = self[name]
        return text + "\n" if self.wrap and text else text

    def suffix(self, name: str) -> str:
        return self[name] or ("\n" if self.wrap else "")


def instruct_template(
    fields: Mapping[str, Any], name: str, report: Report, reasoning: ReasoningTags = NO_TAGS
) -> Template:
    """The prompt format that writes the same turns. The preset itself is kept in `sillytavern`."""
    wrap = report.flag(fields, "wrap", True)
    macros = report.flag(fields, "macro", True)
    sequences = _Sequences(_texts(fields, macros, report), wrap)
    names = _names(fields, report)
    head = _head(fields, sequences, report)
    generation = _generation(sequences, names == "always")
    last = sequences["last_output_sequence"]
    assistant = sequences.prefix("output_sequence")
    filler = sequences["user_alignment_message"]
    _tell_rest(fields, report)
    made = Template(
        id="", label=name,
        system_placement=head.placement, system_prefix=head.prefix, system_suffix=head.suffix,
        user_prefix=sequences.prefix("input_sequence"), user_suffix=sequences.suffix("input_suffix"),
        assistant_prefix=assistant, assistant_suffix=sequences.suffix("output_suffix"),
        generation_prefix=None if generation == assistant else generation,
        prefill_prefix=sequences.prefix("last_output_sequence") if last else None,
        first_turn="user" if filler else "any", filler=filler, reasoning=reasoning,
        stop=_stops(fields, sequences, report), names=names,
        note_role="user" if head.notes_as_user else "system", sillytavern=raw_fields(fields),
    )
    return _lines_at_the_end(made)


def _lines_at_the_end(form: Template) -> Template:
    """Turns that begin with a line end, as many presets without `wrap` write them, end with it instead: the text is
    the same, but the prompt does not begin with an empty line."""
    openers = [form.user_prefix, form.assistant_prefix]
    openers += [p for p in (form.generation_prefix, form.prefill_prefix) if p is not None]
    if not all(opener.startswith("\n") for opener in openers):
        return form

    def cut(text: str | None) -> str | None:
        return None if text is None else text.removeprefix("\n")

    own_turn = form.system_placement == "turn" and not form.system_suffix.endswith("\n\n")
    return replace(
        form, system_prefix=form.system_prefix.removeprefix("\n"),
        system_suffix=form.system_suffix + "\n" if own_turn else form.system_suffix,
        user_prefix=form.user_prefix[1:], user_suffix=form.user_suffix + "\n",
        assistant_prefix=form.assistant_prefix[1:], assistant_suffix=form.assistant_suffix + "\n",
        generation_prefix=cut(form.generation_prefix), prefill_prefix=cut(form.prefill_prefix),
    )


def _texts(fields: Mapping[str, Any], macros: bool, report: Report) -> dict[str, str]:
    out: dict[str, str] = {}
    for field in _TEXTS:
        text = report.text(fields, field)
        if field == "output_suffix" and not text and fields.get("separator_sequence"):
            text = report.text(fields, "separator_sequence")
        if macros:
            text = text.replace("{{newline}}", "\n").replace("{{noop}}", "").replace("{{trim}}", "")
        if "{{" in text and not macros:
            report.add("{field} ({value}) holds macros that SillyTavern leaves alone here; names are filled in.",
                       field=field, value=text)
        for macro in sorted(set(_MACRO.findall(text)))[:3]:
            report.add("{field} holds the macro {value}, which a prompt format does not resolve; it stays as text.",
                       field=field, value=macro)
        out[field] = text
    return out


def _names(fields: Mapping[str, Any], report: Report) -> Literal["never", "group", "always"]:
    behaviour = fields.get("names_behavior")
    if behaviour is None and ("names" in fields or "names_force_groups" in fields):
        if report.flag(fields, "names", False):
            return "always"
        return "group" if report.flag(fields, "names_force_groups", True) else "never"
    found = _NAMES.get(behaviour) if isinstance(behaviour, str) else "group" if behaviour is None else None
    if found is None:
        report.add("names_behavior ({value}) is unknown; names stand in groups only.", value=str(behaviour))
    return found or "group"


@dataclass(frozen=True, slots=True)
class _Head:
    """How the system text is written, and whether later notes are the person's turns."""

    prefix: str
    suffix: str
    placement: Literal["turn", "first_user"] = "turn"
    notes_as_user: bool = False


def _head(fields: Mapping[str, Any], sequences: _Sequences, report: Report) -> _Head:
    """One pair of texts serves the head and the notes here; SillyTavern has a pair for each."""
    as_user = report.flag(fields, "system_same_as_user", False)
    note = (sequences.prefix("system_sequence"), sequences.suffix("system_suffix"))
    if sequences["story_string_prefix"] or sequences["story_string_suffix"]:
        # SillyTavern ends the story with a line of its own where the preset wraps and says no more.
        own = (sequences.prefix("story_string_prefix"), sequences.suffix("story_string_suffix"))
        if not as_user and own != note and sequences["system_sequence"]:
            _tell_notes(sequences, report)
        return _Head(*own, notes_as_user=as_user)
    older = report.text(fields, "system_sequence_prefix"), report.text(fields, "system_sequence_suffix")
    if any(older):
        return _Head(*older, notes_as_user=as_user)
    if as_user:
        return _Head("", "\n\n", "first_user", True)
    if MARKUP.search(note[0]):
        return _Head(*note)
    if sequences["system_sequence"]:
        _tell_notes(sequences, report)
    return _Head("", "\n\n")


def _tell_notes(sequences: _Sequences, report: Report) -> None:
    report.add(
        "system_sequence ({value}) stands before notes only in SillyTavern; here notes are written as the head is.",
        value=sequences["system_sequence"],
    )


def _generation(sequences: _Sequences, names: bool) -> str:
    """The open line of a reply after a user turn, as SillyTavern joins it."""
    opener = sequences["last_output_sequence"] or sequences["output_sequence"]
    if not sequences.wrap:
        blank = names and sequences["output_sequence"].endswith(" ") and not opener.endswith(" ")
        return opener + (" " if blank else "")
    text = opener + "\n" if names else (opener + "\n").rstrip() + "\n" if opener else ""
    begins = sequences.suffix("input_suffix").endswith("\n")     # the last turn's own line end stands for it
    return text if begins or not text else "\n" + text


def _stops(fields: Mapping[str, Any], sequences: _Sequences, report: Report) -> tuple[str, ...]:
    stops = [sequences["stop_sequence"]]
    if report.flag(fields, "sequences_as_stop_strings", True):
        turns = ("input_sequence", "output_sequence", "last_output_sequence", "system_sequence")
        lines = [line for name in turns for line in sequences[name].split("\n") if line.strip()]
        stops += ["\n" + line if sequences.wrap else line for line in lines]
    return tuple(dict.fromkeys(stop for stop in stops if stop.strip()))


def _tell_rest(fields: Mapping[str, Any], report: Report) -> None:
    for field in _NO_PLACE:
        if text := report.text(fields, field):
            report.add("{field} ({value}) was left out: a prompt format here writes all turns of a side alike.",
                       field=field, value=text)
    if report.flag(fields, "skip_examples", False):
        report.add("{field} ({value}) was left out: example dialogue is always written as turns.",
                   field="skip_examples", value="true")
    if pattern := report.text(fields, "activation_regex"):
        report.add("activation_regex ({value}) is never run; it is kept as text.", value=pattern)
    for field in fields:
        if field not in _KNOWN:
            report.leave(str(field))
    report.add("SillyTavern's own fields are kept in this file; a prompt with mode: compatible follows them exactly.")
