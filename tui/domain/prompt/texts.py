"""The texts of a turn with their macros filled: card, prompts, persona, notes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tui.domain.card import Card
from tui.domain.chat import Node
from tui.domain.macros import Collected, Frozen, MacroContext, Variables, expand
from tui.domain.prompt.facts import idle_since, turn_facts
from tui.domain.prompt.types import Cast, Turn

_FROZEN_DICE = re.compile(r"\|\{\{\s*(?:random|roll|pick)\b", re.IGNORECASE)


def turn_seed(turn: Turn) -> int:
    """The seed of this turn's dice: another for each message that is answered, the same for each swipe of a reply."""
    newest = turn.path[-1].id if turn.path else ""
    text = f"{turn.seed}|{newest}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:6], "big")


def newest_text(path: Sequence[Node], role: str = "") -> str:
    """The newest visible text, of `role` or of any; "" if there is none."""
    found = (n.text for n in reversed(path) if not n.hidden and role in ("", n.role) and n.text.strip())
    return next(found, "")


def without_moments(frozen: Mapping[str, str]) -> dict[str, str]:
    """Frozen values without those that follow the clock and the chat; dice stay as they fell."""
    return {key: value for key, value in frozen.items() if _FROZEN_DICE.search(key) or "|" not in key}


class Texts:
    """Fills macros in the texts of one turn. What stands in the stable head has its time and random macros frozen:
    their first values are kept in the plan state and used again."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.frozen = Frozen(turn.state.frozen)
        self._variables = Variables(dict(turn.state.variables), dict(turn.globals))
        self._collected = Collected()
        card = turn.card
        self.base = MacroContext(
            user=turn.user, char=card.display_name, clock=turn.clock, seed=turn_seed(turn),
            last_message=newest_text(turn.path), last_user_message=newest_text(turn.path, "user"),
            last_char_message=newest_text(turn.path, "assistant"), pick_seed=turn.seed, idle_since=idle_since(turn),
            greetings=card.greetings, facts=turn_facts(turn), variables=self._variables, collected=self._collected,
        )
        # A field's own text knows names only, so `{{description}}` in the description ends there.
        self.description = self._field("description", lambda c: c.description)
        self.personality = self._field("personality", lambda c: c.personality)
        own = turn.scenario
        self.scenario = (
            self._field("scenario", lambda c: c.scenario) if own is None else self.stable(own, "chat.scenario")
        )
        self.persona = self.stable(turn.persona, "persona")
        self.base = replace(
            self.base, description=self.description, personality=self.personality, scenario=self.scenario,
            persona=self.persona,
        )

    def stable(self, text: str, place: str) -> str:
        """For the head: the same on every turn."""
        return expand(text, replace(self.base, char=self._head_char(), place=place, frozen=self.frozen))

    def fresh(self, text: str, place: str) -> str:
        """For the tail: time and dice of this turn."""
        return expand(text, replace(self.base, place=place))

    def system(self) -> str:
        """The card's system prompt over the preset's, which `{{original}}` stands for."""
        head = replace(self.base, char=self._head_char(), frozen=self.frozen)
        own = expand(self.turn.prompt.system, replace(head, place="system"))
        override = self.turn.card.system_prompt
        if not override.strip() or self._joined():
            return own
        return expand(override, replace(head, place="card.system", original=own))

    def story(self, text: str) -> str:
        """The story string's own text."""
        return expand(text, replace(self.base, char=self._head_char(), place="story", frozen=self.frozen))

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

    def around(self, form: str, name: str) -> tuple[str, str]:
        """What stands before and after the place `{{name}}` of a format; what is put there is no macro."""
        before, _, after = form.partition("{{" + name + "}}")
        return self.stable(before, f"{name}.before"), self.stable(after, f"{name}.after")

    def impersonation(self) -> str:
        """What asks for the person's next message, with their own guidance after it."""
        asked = self.fresh(self.turn.prompt.impersonate_prompt, "impersonate_prompt")
        return "\n\n".join(part for part in (asked, self.instruction()) if part.strip())

    def nudge(self) -> str:
        """What tells the model of a group whose reply comes."""
        return self.fresh(self.turn.prompt.group_nudge, "group_nudge")

    def instruction(self) -> str:
        """What the person asks beside the story, or their guidance for a message of their own."""
        return self.fresh(self.turn.instruction, "instruction")

    def variables(self) -> Mapping[str, str]:
        """The chat's macro variables after this turn's texts."""
        return dict(self._variables.local)

    def globals(self) -> Mapping[str, str] | None:
        """The variables of all chats, where this turn's texts changed them."""
        return dict(self._variables.shared) if self._variables.changed(shared=True) else None

    def banned(self) -> tuple[str, ...]:
        """Words that the texts ask not to be written."""
        return tuple(self._collected.banned)

    def with_outlets(self, outlets: Mapping[str, str]) -> None:
        """What `{{outlet::NAME}}` stands for from now on."""
        self.base = replace(self.base, outlets=outlets)

    def of_card(self, card: Card, text: str, place: str) -> str:
        """A text of another member's card: there `{{char}}` is that member."""
        return expand(text, replace(self.base, char=card.display_name, place=f"{place}:{card.display_name}",
                                    frozen=self.frozen))

    def _joined(self) -> bool:
        return self.turn.cast is not None and self.turn.cast.join

    def _head_char(self) -> str:
        """Who speaks, as the head says it: all members where their cards are joined, lest the head change with each
        speaker."""
        cast = self.turn.cast
        if cast is None or not cast.join:
            return self.turn.card.display_name
        return ", ".join(card.display_name for card in joined_cards(cast))

    def _field(self, name: str, of: Callable[[Card], str]) -> str:
        """A field of the card, or of all members' where a group's cards are joined."""
        cast = self.turn.cast
        if cast is None or not cast.join:
            return self.stable(of(self.turn.card), f"card.{name}")
        texts = ((card, self.of_card(card, of(card), f"card.{name}").strip()) for card in joined_cards(cast))
        around = {"prefix": cast.prefix, "suffix": cast.suffix}
        return "\n".join(self._between(card, text, name, around) for card, text in texts if text)

    def _between(self, card: Card, text: str, name: str, around: Mapping[str, str]) -> str:
        prefix, suffix = (
            self.of_card(card, part.replace("<FIELDNAME>", name.capitalize()), f"cast.{kind}")
            for kind, part in around.items()
        )
        return f"{prefix}{text}{suffix}"


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its macros filled once, and the variables of the chat and of all chats where it changed them."""

    text: str
    variables: Mapping[str, str] | None = None
    globals: Mapping[str, str] | None = None


def filled(turn: Turn, text: str, place: str) -> Filled:
    """A text that comes into the chat after `turn.path`: what a person typed, or a greeting. `place` seeds its dice.
    Only the text's own macros write variables, not those of the card that it quotes."""
    variables = Variables(dict(turn.state.variables), dict(turn.globals))
    found = expand(text, replace(Texts(turn).base, place=place, variables=variables))
    return Filled(
        found, variables.local if variables.changed() else None,
        variables.shared if variables.changed(shared=True) else None,
    )


def joined_cards(cast: Cast) -> list[Card]:
    """The members whose cards stand in the head."""
    return [card for card in cast.members if cast.with_muted or card.display_name not in cast.muted]
