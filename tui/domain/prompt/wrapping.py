"""What the format itself costs in tokens: openers and ends of turns, and what stands around the whole."""

from __future__ import annotations

from tui.domain.prompt.render import names_on, with_mode
from tui.domain.prompt.types import Counter, Turn


class Wrapping:
    """Costs of one turn's format. Literals are counted as markup (special tokens read), texts are not."""

    def __init__(self, turn: Turn, count: Counter, count_markup: Counter) -> None:
        self.form = with_mode(turn.template, turn.mode)
        self.count = count
        self.names = names_on(self.form, turn.group)
        self.char = turn.card.display_name
        self._markup = count_markup
        form = self.form
        self._turns = {
            "user": self._cost(form.user_prefix, form.user_suffix),
            "assistant": self._cost(form.assistant_prefix, form.assistant_suffix),
            "system": self._cost(form.system_prefix, form.system_suffix),
        }
        if form.note_role != "system" or form.system_placement != "turn":
            self.note_cost = max(self._turns["user"], self._cost(form.join))
        else:
            prefix = form.system_prefix if form.note_prefix is None else form.note_prefix
            self.note_cost = self._cost(prefix, form.system_suffix)

    def turn(self, role: str, name: str = "") -> int:
        """Tokens around a turn of `role`, name line included."""
        cost = self.note_cost if role == "system" else self._turns[role]
        if self.names and name and role != "system":
            cost += self.count(self.form.name_format.replace("{{name}}", name))
        return cost

    def fixed(self, has_system: bool) -> int:
        """Tokens that every prompt pays: BOS, preamble, system wrapping, opener of the reply, opening user turn."""
        form = self.form
        openers = (form.assistant_prefix, form.generation_prefix or "", form.prefill_prefix or "")
        cost = 1 + self._cost(form.preamble, form.chat_start) + max(map(self._cost, openers))
        cost += self._turns["system"] if has_system else self._cost(form.system_missing)
        if form.first_turn == "user":
            cost += self._turns["user"] + self.count(form.filler)
        if self.names:
            cost += self.count(form.name_format.replace("{{name}}", self.char))
        return cost

    def _cost(self, *literals: str) -> int:
        return sum(self._markup(literal) for literal in literals if literal)
