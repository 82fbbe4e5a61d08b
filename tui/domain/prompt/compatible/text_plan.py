"""The plan of a text completion: story, examples, chat and opener, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from tui.domain.notice import Notice
from tui.domain.prompt.compatible.assembly import Assembly
from tui.domain.prompt.compatible.examples import formatted_examples, heading, plain_examples
from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.history import Formatted, Item, Writer, inject, with_post_history
from tui.domain.prompt.compatible.opener import Opener, continued_text
from tui.domain.prompt.compatible.room import Parts, Room, find_room, shed
from tui.domain.prompt.compatible.runs import Run, Runs, text_of_runs, without_last_newline
from tui.domain.prompt.compatible.segments import Sheet
from tui.domain.prompt.compatible.settings import ROLES, CompatibleSettings
from tui.domain.prompt.compatible.stops import compatible_stops
from tui.domain.prompt.compatible.story import IN_CHAT, render_story, wrapped_story
from tui.domain.prompt.types import Counter, Plan, Turn

_EXAMPLES_LEFT = Notice("Example dialogue leaves line by line, from its end, when the conversation needs its room.")


def make_text_plan(assembly: Assembly, count: Counter) -> Plan:
    """The plan of a text completion. `count` counts a stretch of prompt with its special tokens.

    Raises PromptTooLong when not even the newest message fits beside what is always there.
    """
    turn, settings = assembly.turn, assembly.settings
    writer = Writer(turn, settings, assembly.filling)
    opener = Opener(turn, settings, assembly.filling, writer)
    parts, continued = _parts(assembly, writer, opener)
    limit, padding = turn.budget.context - turn.budget.reserve, settings.switches.token_padding
    room = find_room(parts, limit, padding, count)
    if parts.cycle:
        room = shed(parts, room, limit, padding, count)
    _must_fit(assembly, parts, room, count)
    sheet = Sheet(turn, count, settings.switches.collapse_newlines)
    sheet.story(parts.story)
    sheet.examples(parts.examples[: room.examples])
    sheet.template(parts.start)
    if room.aligned:
        sheet.template(parts.alignment, "user")
    shown = {parts.messages[at].item.node for at in room.kept} | {continued.node if continued is not None else ""}
    sheet.left_out(shown)
    _write_chat(assembly, sheet, opener, [parts.messages[at] for at in room.kept])
    if parts.cycle and continued is not None:
        text = continued_text(parts.cycle, turn.card.display_name, settings.instruct.enabled)
        sheet.message(Formatted(continued, text))
    sheet.examples_left(parts.examples[room.examples :], _EXAMPLES_LEFT)
    return sheet.plan(assembly.lore, compatible_stops(turn, settings, assembly.filling), assembly.filling)


def _parts(assembly: Assembly, writer: Writer, opener: Opener) -> tuple[Parts, Item | None]:
    """What the prompt is made of; and the message that is continued, where it stands apart from the others."""
    turn, settings, filling = assembly.turn, assembly.settings, assembly.filling
    instruct = settings.instruct
    line = heading(settings, filling)
    blocks = assembly.example_blocks(line or ("<START>\n" if instruct.enabled else ""))
    examples = (
        formatted_examples(blocks, assembly.speakers, settings, filling) if instruct.enabled else plain_examples(blocks)
    )
    story = render_story(
        turn, settings, assembly.fields, assembly.lore, assembly.extras, examples, blocks, filling
    )
    extras, in_chat = assembly.extras, settings.context.story_string_position == IN_CHAT
    if in_chat and story:
        role = ROLES[settings.context.story_string_role % len(ROLES)]
        extras = extras.with_story(story, settings.context.story_string_depth, role)
    items = with_post_history(inject(assembly.items, extras, turn), assembly.fields.post_history, turn)
    messages = writer.chat(items) or [Formatted(Item("assistant", "", ()), ())]
    continued = messages.pop() if turn.kind == "continue" and len(messages) > 1 else None
    start = settings.context.chat_start
    if settings.examples == "never":
        examples = []
    parts = Parts(
        (*_preamble(settings), *(() if in_chat else wrapped_story(story, settings, filling))),
        filling.sequence(start + "\n") if start else (),
        _alignment(turn, settings, filling, writer), tuple(messages), tuple(examples), settings.examples == "always",
        text_of_runs(opener.after("")), continued.runs if continued is not None else (),
    )
    return parts, continued.item if continued is not None else None


def _preamble(settings: CompatibleSettings) -> Runs:
    return (Run(settings.instruct.preamble, markup=True),) if settings.instruct.preamble else ()


def _alignment(turn: Turn, settings: CompatibleSettings, filling: Filling, writer: Writer) -> Runs:
    """The person's message that formats want at the beginning of a chat."""
    text = settings.instruct.user_alignment_message
    if not text or not settings.instruct.enabled:
        return ()
    said = (Run(filling.macros(text, "user_alignment_message")),)
    return writer.message(Item("user", turn.user, said), "first")


def _write_chat(assembly: Assembly, sheet: Sheet, opener: Opener, messages: Sequence[Formatted]) -> None:
    """The messages and, after the last of them, the opener. The line end before the opener is the opener's."""
    instruct, kind = assembly.settings.instruct, assembly.turn.kind
    for message in messages[:-1]:
        sheet.message(message)
    if not messages:
        return
    last = messages[-1]
    if kind != "continue" and (not instruct.enabled or (instruct.wrap and kind != "quiet")):
        last = Formatted(last.item, without_last_newline(last.runs))
    sheet.message(last)
    end = opener.after(text_of_runs(last.runs))
    whole = text_of_runs((*last.runs, *end))
    sheet.opener((*end, *opener.bias(whole)))


def _must_fit(assembly: Assembly, parts: Parts, room: Room, count: Counter) -> None:
    """Refuse a prompt without the newest message: the model could not answer it."""
    newest = next((at for at in range(len(parts.messages) - 1, -1, -1) if not parts.messages[at].item.injected), None)
    if newest is None or newest in room.kept:
        return
    sheet = Sheet(assembly.turn, count, assembly.settings.switches.collapse_newlines)
    sheet.story(parts.story)
    sheet.template(parts.start)
    sheet.message(parts.messages[newest])
    sheet.template(parts.cycle)
    fixed = "".join(map(text_of_runs, (parts.story, parts.start, parts.messages[newest].runs, parts.cycle)))
    raise sheet.too_long(count(fixed + parts.opener))
