"""The chat that the replay benchmark plays: seeded, 300 turns, lore that comes and goes, a note that is edited."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tui.domain.card import Card
from tui.domain.chat import Node, Revision, Role, Summary
from tui.domain.lore import Lorebook, LoreEntry, LorePosition
from tui.domain.profile import PromptMode, PromptPreset
from tui.domain.prompt.types import Budget, Plan, PlanState, Turn
from tui.domain.template import Template

PLACES = ("harbour", "mill", "chapel", "orchard", "quarry", "bridge", "market", "tower")
_SPOKEN = (
    "lantern door road tea rain roof snow window cat stove guest fire letter table wind shutter morning river stone "
    "bread salt rope boat net bell key coat boot horse cart field wall garden song brother storm wave"
)
_WORDS = _SPOKEN.split()
_TOKEN = re.compile(r"<\|\w+\|>|\w+|[^\w\s]|\n")
_PLAIN = re.compile(r"\w+|[^\w\s]|\n")

FORMAT = Template(
    "replay", system_prefix="<|im_start|>system\n", system_suffix="<|im_end|>\n", user_prefix="<|im_start|>user\n",
    user_suffix="<|im_end|>\n", assistant_prefix="<|im_start|>assistant\n", assistant_suffix="<|im_end|>\n",
    stop=("<|im_end|>",),
)


def tokens(text: str) -> list[str]:
    """A tokenizer to which a control marker is one token, as to real ones, and which never joins across the ends of
    words, so that counts of parts add up."""
    return _TOKEN.findall(text)


def plain_tokens(text: str) -> list[str]:
    """As `tokens`, where markers are not to be read as such."""
    return _PLAIN.findall(text)


def count(text: str) -> int:
    return len(tokens(text))


def note(turn: int) -> str:
    """The author's note, which the person writes anew every hundred turns."""
    return f"Part {1 + turn // 100} of the story: keep it quiet, and close to what the keeper can see and hear."


def added(text: str, role: str) -> int:
    """Tokens of a message as it stands in a prompt, its turn's opening and end too."""
    ends = {
        "user": FORMAT.user_prefix + FORMAT.user_suffix,
        "assistant": FORMAT.assistant_prefix + FORMAT.assistant_suffix,
    }
    return count(ends[role]) + count(text)


@dataclass(frozen=True)
class Setting:
    """What is played: window and reply in tokens; lore `anchored`, or at depth 4 together with the author's note.
    `sliding`: assembled as SillyTavern does, the newest messages that fit, lore before the character's description."""

    context: int
    anchored: bool
    low_water: float = 0.7
    summaries: bool = True
    sliding: bool = False
    turns: int = 300
    reply: int = 250
    reserve: int = 300
    user: int = 60
    seed: int = 7


class Story:
    """The growing chat. The person edits the note twice; a summary is made when the window is nearly full."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._dice = random.Random(setting.seed)
        self.path: list[Node] = []
        self.state = PlanState()
        self.summaries: list[Summary] = []
        self.card = Card("Mira", description=self.prose(1100), personality=self.prose(60), scenario=self.prose(120),
                         mes_example="<START>\n{{user}}: " + self.prose(60) + "\n{{char}}: " + self.prose(100))
        place_of_lore: LorePosition = "before_char" if setting.sliding else "at_depth"
        self.book = Lorebook("places", anchored=setting.anchored, entries=tuple(
            LoreEntry(str(at), (place,), content=f"[{place}] " + self.prose(146), position=place_of_lore, depth=4)
            for at, place in enumerate(PLACES)
        ))
        self._say("assistant", self.prose(120))

    def turns(self) -> Iterator[Turn]:
        """Each turn once the person has spoken; the caller answers with `reply`."""
        for number in range(self.setting.turns):
            self._say("user", self.spoken())
            yield self.turn(number)

    def turn(self, number: int) -> Turn:
        mode: PromptMode = "compatible" if self.setting.sliding else "stable"
        return Turn(
            path=tuple(self.path), card=self.card, user="Alex", persona="Alex is a courier.",
            prompt=replace(PromptPreset("replay"), history_share=self.setting.low_water, mode=mode), template=FORMAT,
            budget=Budget(self.setting.context, self.setting.reserve), books=(self.book,),
            summaries=tuple(self.summaries), note=note(number), state=self.state,
            note_position="anchored" if self.setting.anchored else "at_depth",
        )

    def begin(self, exchanges: int) -> None:
        """A chat that is that long already, as one that was imported."""
        for _ in range(exchanges):
            self._say("user", self.spoken())
            self._say("assistant", self.prose(self.setting.reply))

    def reply(self, plan: Plan, text: str = "") -> str:
        """The model's answer, made up unless it is given, stored; returns its text."""
        text = text or self.prose(self.setting.reply)
        self._say("assistant", text)
        self.state = plan.state
        if self.setting.summaries:
            self._summarise(plan)
        return text

    def spoken(self) -> str:
        """A place is named now and then, and stays the talk for a while."""
        at = self._dice.choice(PLACES) if self._dice.random() < 0.5 else "road"
        return self.prose(self.setting.user - 3) + f" the {at}."

    def prose(self, length: int) -> str:
        """So many words."""
        return " ".join(self._dice.choice(_WORDS) for _ in range(length))

    def _say(self, role: Role, text: str) -> None:
        at = len(self.path)
        revision = Revision(f"r{at}", text, at)
        name = "Alex" if role == "user" else "Mira"
        self.path.append(Node(f"n{at}", f"n{at - 1}" if at else None, role, name, at, at, (revision,), f"r{at}"))

    def _summarise(self, plan: Plan) -> None:
        """What the program does in idle time when the window is nearly full: sums up what the next cut takes."""
        kept = [s for s in plan.segments if s.included and s.source.startswith("message:")]
        setting = self.setting
        if plan.tokens < 0.85 * (setting.context - setting.reserve) or self._pending():
            return
        total, keep, leaving = sum(s.tokens for s in kept), 0.0, []
        keep = setting.low_water * total
        for segment in kept[:-2]:
            if total <= keep:
                break
            total -= segment.tokens
            leaving.append(segment.source.removeprefix("message:"))
        earlier = tuple(pair for s in self.summaries[-1:] for pair in s.covers)
        covers = (*earlier, *((n, f"r{n[1:]}") for n in leaving))
        at = len(self.summaries)
        text = " ".join([*(s.text for s in self.summaries[-1:]), self.prose(40)])[-2400:]
        self.summaries = [*self.summaries, Summary(f"s{at}", covers, (text,), at, generation={"by": "program"})]

    def _pending(self) -> bool:
        return any(s.id not in self.state.memory for s in self.summaries[-1:])
