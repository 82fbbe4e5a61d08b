"""The story string: card, person, system prompt and lore in the order that the context template gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.prompt.compatible.examples import ExampleBlock
from tui.domain.prompt.compatible.extras import Extras, lore_runs
from tui.domain.prompt.compatible.fields import CardFields
from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.handlebars import TRIM, BadStory, render_handlebars, trimmed_runs
from tui.domain.prompt.compatible.runs import Run, Runs, stripped_left, text_of_runs
from tui.domain.prompt.compatible.settings import CompatibleSettings
from tui.domain.prompt.types import LoreHit, Turn

IN_CHAT = 1


def render_story(
    turn: Turn, settings: CompatibleSettings, fields: CardFields, lore: Sequence[LoreHit], extras: Extras,
    examples: Sequence[Runs], raw_examples: Sequence[ExampleBlock], filling: Filling,
) -> Runs:
    """The story without the instruct format's literals around it. Raises BadInput for one that cannot be read."""
    before, after = lore_runs(lore, "before_char"), lore_runs(lore, "after_char")
    own = {
        "system": (fields.system, "system"), "description": (fields.description, "card.description"),
        "personality": (fields.personality, "card.personality"), "scenario": (fields.scenario, "card.scenario"),
        "persona": (fields.persona if turn.persona_position == "head" else "", "persona"),
        "char": (turn.card.display_name, "story"), "user": (turn.user, "story"),
    }
    values: dict[str, Runs] = {name: (Run(text, source),) for name, (text, source) in own.items()}
    values |= {name: before for name in ("wiBefore", "loreBefore", "lore_before")}
    values |= {name: after for name in ("wiAfter", "loreAfter", "lore_after")}
    values |= {
        "anchorBefore": extras.anchor("before"), "anchorAfter": extras.anchor("after"),
        "mesExamples": tuple(run for line in examples for run in line),
        "mesExamplesRaw": tuple(Run(block.text, block.source) for block in raw_examples),
    }

    def macro(name: str) -> Runs:
        return (Run(filling.macros("{{" + name + "}}", "story"), "story"),)

    try:
        runs = render_handlebars(settings.context.story_string, values, macro)
    except BadStory as wrong:
        raise BadInput(
            notice("The story string of {preset} cannot be read: the block {block} is not opened and closed properly.",
                   preset=turn.prompt.label or turn.prompt.id, block=str(wrong)),
            "Each #if and #unless needs its end (/if, /unless). Mend the preset, or choose another one.",
            field="story_string",
        ) from None
    own_text = [part for run in runs for part in (_own(run, filling) if run.markup else (run,))]
    return _ended(stripped_left(trimmed_runs(own_text), "\n"), settings)


def wrapped_story(story: Runs, settings: CompatibleSettings, filling: Filling) -> Runs:
    """The story between the instruct format's literals for it, where it stands at the beginning."""
    instruct = settings.instruct
    if not story or not instruct.enabled or settings.context.story_string_position == IN_CHAT:
        return story
    prefix = filling.sequence(instruct.story_string_prefix, "System", instruct.macro)
    suffix = filling.sequence(instruct.story_string_suffix, "System", instruct.macro)
    glue = (Run("\n", markup=True),) if prefix and instruct.wrap else ()
    return (*prefix, *glue, *story, *suffix)


def _own(run: Run, filling: Filling) -> Runs:
    """The template's own text; old ways to write names in it are filled."""
    if run == TRIM or "<" not in run.text:
        return (run,)
    return tuple(replace(part, source="story") for part in filling.sequence(run.text))


def _ended(story: Runs, settings: CompatibleSettings) -> Runs:
    """With the line end that follows a story, except where the format writes its own end or it stands in the chat."""
    text, instruct = text_of_runs(story), settings.instruct
    if not text or text.endswith("\n") or settings.context.story_string_position == IN_CHAT:
        return story
    if instruct.enabled and (not instruct.wrap or instruct.story_string_suffix):
        return story
    return (*story, Run("\n", "story", True))
