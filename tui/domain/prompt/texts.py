"""The texts of a turn with their macros filled: card, prompts, persona, notes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from tui.domain.chat import Node
from tui.domain.macros import Frozen, MacroContext, expand
from tui.domain.prompt.types import Turn


def turn_seed(turn: Turn) -> int:
    """The seed of this turn's dice: another for each message that is answered, the same for each swipe of a reply."""
    newest = turn.path[-1].id if turn.path else ""
    text = f"{turn.seed}|{newest}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:6], "big")


def newest_text(path: Sequence[Node], role: str = "") -> str:
    """The newest visible text, of `role` or of any; "" if there is none."""
    found = (n.text for n in reversed(path) if not n.hidden and role in ("", n.role) and n.text.strip())
    return next(found, "")


class Texts:
    """Fills macros in the texts of one turn. What stands in the stable head has its time and random macros frozen:
    their first values are kept in the plan state and used again."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.frozen = Frozen(turn.state.frozen)
        card = turn.card
        self.base = MacroContext(
            user=turn.user, char=card.display_name, clock=turn.clock, seed=turn_seed(turn),
            last_message=newest_text(turn.path), last_user_message=newest_text(turn.path, "user"),
            last_char_message=newest_text(turn.path, "assistant"),
        )
        # A field's own text knows names only, so `{{description}}` in the description ends there.
        self.description = self.stable(card.description, "card.description")
        self.personality = self.stable(card.personality, "card.personality")
        self.scenario = self.stable(card.scenario, "card.scenario")
        self.persona = self.stable(turn.persona, "persona")
        self.base = replace(
            self.base, description=self.description, personality=self.personality, scenario=self.scenario,
            persona=self.persona,
        )

    def stable(self, text: str, place: str) -> str:
        """For the head: the same on every turn."""
        return expand(text, replace(self.base, place=place, frozen=self.frozen))

    def fresh(self, text: str, place: str) -> str:
        """For the tail: time and dice of this turn."""
        return expand(text, replace(self.base, place=place))

    def system(self) -> str:
        """The card's system prompt over the preset's, which `{{original}}` stands for."""
        own = self.stable(self.turn.prompt.system, "system")
        override = self.turn.card.system_prompt
        if not override.strip():
            return own
        return expand(override, replace(self.base, place="card.system", frozen=self.frozen, original=own))

    def post_history(self) -> str:
        """The card's post-history instructions over the preset's, in the same way."""
        own = self.fresh(self.turn.prompt.post_history, "post_history")
        override = self.turn.card.post_history_instructions
        if not override.strip():
            return own
        return expand(override, replace(self.base, place="card.post_history", original=own))

    def summary(self, text: str) -> str:
        """A summary as it stands in the prompt."""
        return expand(self.turn.prompt.summary_format, replace(self.base, place="summary", summary=text))
