"""Stop strings, in SillyTavern's order."""

from __future__ import annotations

from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.runs import text_of_runs
from tui.domain.prompt.compatible.settings import CompatibleSettings
from tui.domain.prompt.types import Turn


def compatible_stops(turn: Turn, settings: CompatibleSettings, filling: Filling) -> tuple[str, ...]:
    """The stop strings of a text completion: line end, names, sequences, separators, the person's own; each once."""
    found = ["\n"] if settings.context.single_line else []
    if settings.context.names_as_stop_strings:
        found += _names(turn)
    found += _sequences(turn, settings, filling)
    if settings.context.use_stop_strings:
        around = (settings.context.chat_start, settings.context.example_separator)
        found += [f"\n{filling.macros(line, 'stops')}" for line in around if line]
    found += [filling.macros(stop, "stops") for stop in settings.custom_stops]
    return tuple(dict.fromkeys(stop for stop in found if stop))


def _names(turn: Turn) -> list[str]:
    char, user = f"\n{turn.card.display_name}:", f"\n{turn.user}:"
    found = [char if turn.kind == "impersonate" else user, user]
    if turn.kind == "continue" and not turn.prefill and turn.path and turn.path[-1].role == "user":
        found.append(char)
    if turn.cast is not None:
        names = (card.display_name for card in turn.cast.members)
        found += [f"\n{name}:" for name in names if name and name != turn.card.display_name]
    return found


def _sequences(turn: Turn, settings: CompatibleSettings, filling: Filling) -> list[str]:
    """The format's stop string and, if it wants so, each line of its sequences."""
    form = settings.instruct
    if not form.enabled:
        return []
    char = turn.card.display_name
    sequences: list[tuple[str, str | None]] = [(form.stop_sequence, None)]
    if form.sequences_as_stop_strings:
        sequences += [
            (form.input_sequence, turn.user), (form.output_sequence, char), (form.first_output_sequence, char),
            (form.last_output_sequence, char), (form.system_sequence, "System"), (form.last_system_sequence, "System"),
        ]
    lines = [
        line for sequence, name in sequences
        for line in text_of_runs(filling.sequence(sequence, name, form.macro)).split("\n")
    ]
    return [f"\n{line}" if form.wrap else line for line in dict.fromkeys(lines) if line.strip()]
