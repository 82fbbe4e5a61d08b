"""The end of a prompt: a quiet instruction, the opener of the reply, the name, the words it starts with."""

from __future__ import annotations

from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.history import Item, Writer
from tui.domain.prompt.compatible.runs import Run, Runs, stripped_left, stripped_right, text_of_runs, without_first
from tui.domain.prompt.compatible.settings import CompatibleSettings
from tui.domain.prompt.types import Turn


class Opener:
    """Writes the end of a turn's prompt."""

    def __init__(self, turn: Turn, settings: CompatibleSettings, filling: Filling, writer: Writer) -> None:
        self._turn, self._settings, self._filling, self._writer = turn, settings, filling, writer
        self._instruct = settings.instruct
        self._char = turn.card.display_name
        #: What the reply starts with; a continued or impersonated message has none.
        self.prefill = "" if turn.kind in ("continue", "impersonate") else filling.macros(turn.prefill, "prefill")

    def after(self, last: str) -> Runs:
        """What follows the last message, whose text is `last`."""
        asked = self._quiet()
        if not self._instruct.enabled and asked and self._turn.kind == "quiet":
            return asked
        if self._instruct.enabled:
            return asked if self._turn.kind == "continue" else (*asked, *self._turn_opener())
        return (*asked, *self._name_line(last + text_of_runs(asked)))

    def bias(self, last: str) -> Runs:
        """The words the reply starts with, outside instruct mode, after a text that ends with `last`."""
        text = self.prefill.lstrip()
        if self._instruct.enabled or not text:
            return ()
        return (Run(text if last[-1:].isspace() else f" {text}", "prefill"),)

    def _quiet(self) -> Runs:
        text = self._filling.macros(self._turn.instruction, "instruction")
        if not text or self._turn.kind not in ("quiet", "impersonate", "continue"):
            return ()
        if not self._instruct.enabled:
            return (Run("\n"), Run(text, "instruction"))
        item = Item("system", self._turn.user, (Run(text, "instruction"),))
        return self._writer.message(item)

    def _turn_opener(self) -> Runs:
        instruct, kind = self._instruct, self._turn.kind
        impersonate, quiet = kind == "impersonate", kind == "quiet" and bool(self._turn.instruction)
        name = self._turn.user if impersonate else "System" if quiet else self._char
        group = self._turn.group or self._turn.cast is not None
        always, force = instruct.names_behavior == "always", instruct.names_behavior == "force"
        named = bool(name) and (always or (group and force)) and not quiet
        sequence = self._sequence(impersonate, quiet)
        separator = (Run("\n", markup=True),) if instruct.wrap else ()
        opening = self._filling.sequence(sequence, name or "System", instruct.macro)
        runs: Runs = opening if quiet else (*separator, *opening)
        if named:
            runs = (*runs, *separator, Run(self._filler(sequence) + f"{name}:"))
        if self.prefill and not impersonate:
            start = Run(self.prefill if named else self.prefill.lstrip(), "prefill")
            runs = (*runs, *(() if named else separator), start)
        if instruct.wrap:
            runs = stripped_right(runs)
        return runs if named else (*runs, *separator)

    def _sequence(self, impersonate: bool, quiet: bool) -> str:
        form = self._instruct
        if impersonate:
            return form.last_input_sequence or form.input_sequence
        if quiet:
            return form.last_system_sequence or form.output_sequence
        return form.last_output_sequence or form.output_sequence

    def _filler(self, sequence: str) -> str:
        """The blank that the ordinary opener ends with and the last one does not (Mistral's formats)."""
        usual, last = self._instruct.output_sequence, self._instruct.last_output_sequence
        missing = last and sequence == last and usual[-1:].isspace() and not last[-1:].isspace()
        return usual[-1] if missing else ""

    def _name_line(self, last: str) -> Runs:
        """Outside instruct mode: the name of who is to speak, on a line of its own."""
        turn = self._turn
        if turn.kind == "impersonate":
            return (*self._line_end(last), Run(f"{turn.user}:"))
        messages = len(turn.path) + (1 if turn.kind == "continue" and turn.prefill else 0)
        first = turn.kind == "continue" and messages == 1
        if not self._settings.context.always_force_name2 or first:
            return ()
        continues_user = turn.kind == "continue" and not turn.prefill and turn.path[-1].role == "user"
        return (*self._line_end(last), *(() if continues_user else (Run(f"{self._char}:"),)))

    @staticmethod
    def _line_end(last: str) -> Runs:
        return () if last.endswith("\n") else (Run("\n", markup=True),)


def continued_text(runs: Runs, char: str, instruct: bool) -> Runs:
    """The message to be continued as it follows the prompt: without the character's name at its very beginning, and
    outside instruct mode with a blank before it."""
    name = f"{char}:"
    if text_of_runs(stripped_left(runs)).startswith(name):
        runs = stripped_left(without_first(runs, name))
    text = text_of_runs(runs)
    return runs if instruct or text[:1].isspace() else (Run(" "), *runs)
