"""What stands in a prompt beside card and chat: notes, lore, the persona, injections, each with its place.

SillyTavern keeps them under names and reads them in the order of the names; those that stand at the same place with
the same role become one text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tui.domain.chat import Role, summary_applies
from tui.domain.prompt.compatible.fields import CardFields
from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.runs import Run, Runs, joined_runs, stripped, stripped_left, text_of_runs
from tui.domain.prompt.compatible.settings import ROLES
from tui.domain.prompt.types import LoreHit, Turn

Place = Literal["before", "after", "chat"]
MEMORY_KEY, NOTE_KEY = "1_memory", "2_floating_prompt"
STORY_KEY = "__STORY_STRING__"
_NOTE_PLACES: dict[str, Place] = {"before_story": "before", "after_story": "after"}


@dataclass(frozen=True, slots=True)
class Extra:
    """One text under its name. `depth` counts messages from the end, where `place` is the chat."""

    key: str
    runs: Runs
    place: Place
    depth: int = 0
    role: Role = "system"


class Extras:
    """The extra texts of a turn."""

    def __init__(self, found: Sequence[Extra]) -> None:
        filled = (Extra(e.key, stripped(e.runs), e.place, e.depth, e.role) for e in found)
        self._all = sorted((e for e in filled if e.runs), key=lambda e: e.key)

    def anchor(self, place: Place) -> Runs:
        """What stands before or after the story."""
        return stripped(joined_runs([e.runs for e in self._all if e.place == place], "\n"))

    def at(self, depth: int, role: Role) -> Runs:
        """What stands at a depth of the chat in one role."""
        here = [e.runs for e in self._all if e.place == "chat" and e.depth == depth and e.role == role]
        return stripped_left(joined_runs(here, "\n"))

    def depths(self) -> list[int]:
        """All depths at which something stands, the newest first."""
        return sorted({e.depth for e in self._all if e.place == "chat"})

    def relative(self) -> list[Extra]:
        """Those before and after the story, one by one."""
        return [e for e in self._all if e.place != "chat"]

    def with_story(self, story: Runs, depth: int, role: Role) -> Extras:
        """The same, and the story among them at a depth."""
        return Extras([*self._all, Extra(STORY_KEY, story, "chat", depth, role)])


def note_is_due(turn: Turn) -> bool:
    """Whether the author's note stands in this prompt: every so many messages of the person, the one that is answered
    among them."""
    if turn.note_interval <= 1:
        return turn.note_interval == 1
    said = sum(1 for node in turn.path if node.role == "user")
    return said >= turn.note_interval and said % turn.note_interval == 0


def gather_extras(turn: Turn, fields: CardFields, lore: Sequence[LoreHit], filling: Filling) -> Extras:
    """All extra texts of a turn. `lore` are the hits of its scan."""
    found: list[Extra] = []
    for at, note in enumerate(fields.notes):
        key = f"DEPTH_PROMPT_{at}" if len(fields.notes) > 1 or turn.cast is not None else "DEPTH_PROMPT"
        found.append(Extra(key, (Run(note.text, note.source),), "chat", note.depth, note.role))
    if turn.persona_position == "at_depth":
        found.append(Extra(
            "PERSONA_DESCRIPTION", (Run(fields.persona, "persona"),), "chat", turn.persona_depth, turn.persona_role
        ))
    if note_is_due(turn):
        found.append(Extra(
            NOTE_KEY, _note(turn, fields, lore, filling), _NOTE_PLACES.get(turn.note_position, "chat"), turn.note_depth,
            turn.note_role,
        ))
    memory = [_summary(turn, s.id, s.text, filling) for s in turn.summaries if summary_applies(s, turn.path) != "no"]
    found.append(Extra(MEMORY_KEY, joined_runs(memory, "\n"), "after"))
    found += _lore_at_depth(lore)
    for one in turn.injections:
        if one.position != "none":
            text = filling.macros(one.text.strip(), f"injection:{one.id}")
            place: Place = "chat" if one.position == "at_depth" else one.position
            found.append(Extra(
                f"script_inject_{one.id}", (Run(text, f"injection:{one.id}"),), place, one.depth, one.role
            ))
    return Extras(found)


def lore_runs(hits: Sequence[LoreHit], position: str) -> Runs:
    """The lore of one position, lower order first."""
    return joined_runs([_hit(h) for h in in_order(hits) if h.position == position], "\n")


def in_order(hits: Sequence[LoreHit]) -> list[LoreHit]:
    """What fired and has a text, lower order first; of equal ones the later comes first."""
    fired = [h for h in hits if h.fired and h.text]
    return sorted(reversed(fired), key=lambda h: h.order)


def _summary(turn: Turn, key: str, text: str, filling: Filling) -> Runs:
    return (Run(filling.macros(turn.prompt.summary_format, "summary", summary=text), f"summary:{key}"),)


def _hit(hit: LoreHit) -> Runs:
    return (Run(hit.text, f"lore:{hit.book}:{hit.uid}"),)


def _lore_at_depth(lore: Sequence[LoreHit]) -> list[Extra]:
    places: dict[tuple[int, Role], list[Runs]] = {}
    for hit in in_order(lore):
        if hit.position == "at_depth":
            places.setdefault((4 if hit.depth is None else hit.depth, hit.role), []).append(_hit(hit))
    return [
        Extra(f"customDepthWI_{depth}_{ROLES.index(role)}", joined_runs(texts, "\n"), "chat", depth, role)
        for (depth, role), texts in places.items()
    ]


def _note(turn: Turn, fields: CardFields, lore: Sequence[LoreHit], filling: Filling) -> Runs:
    """The author's note with the lore around it and, outside of that, the persona."""
    top, bottom = lore_runs(lore, "note_top"), lore_runs(lore, "note_bottom")
    text: Runs = (Run(filling.macros(turn.note, "note"), "note"),)
    if top or bottom:
        text = _edged((*top, Run("\n", "note"), *text, Run("\n", "note"), *bottom))
    if fields.persona and turn.persona_position in ("note_top", "note_bottom"):
        persona = (Run(fields.persona, "persona"),)
        line_end = (Run("\n", "persona"),)
        text = (*persona, *line_end, *text) if turn.persona_position == "note_top" else (*text, *line_end, *persona)
    return text


def _edged(runs: Runs) -> Runs:
    """Without one line end at either edge."""
    whole = text_of_runs(runs)
    if whole.startswith("\n"):
        runs = _without_edge(runs, first=True)
    return _without_edge(runs, first=False) if whole.endswith("\n") else runs


def _without_edge(runs: Runs, first: bool) -> Runs:
    at = next(n for n in (range(len(runs)) if first else range(len(runs) - 1, -1, -1)) if runs[n].text)
    run = runs[at]
    return (*runs[:at], Run(run.text[1:] if first else run.text[:-1], run.source, run.markup), *runs[at + 1 :])
