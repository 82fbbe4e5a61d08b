"""The plan of a chat completion: prompts in the preset's order, the chat among them, as messages (section 1.6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tui.domain.chat import Role
from tui.domain.errors import PromptTooLong
from tui.domain.prompt.compatible.assembly import Assembly
from tui.domain.prompt.compatible.chat_messages import (
    EXAMPLE_ASSISTANT,
    EXAMPLE_USER,
    Message,
    message,
    post_processed,
    squashed,
)
from tui.domain.prompt.compatible.chat_settings import (
    DEFAULT_ORDER,
    NAMES_CONTENT,
    NAMES_DEFAULT,
    NAMES_FIELD,
    ChatPreset,
    PromptEntry,
)
from tui.domain.prompt.compatible.examples import block_messages
from tui.domain.prompt.compatible.extras import MEMORY_KEY, NOTE_KEY, Extra, lore_runs
from tui.domain.prompt.compatible.history import Item, own_names
from tui.domain.prompt.compatible.runs import Run, Runs, joined_runs, stripped, text_of_runs
from tui.domain.prompt.compatible.segments import Sheet
from tui.domain.prompt.compatible.settings import ROLES
from tui.domain.prompt.types import Counter, Plan

#: Tokens that a message costs beside its text, and those that open the reply.
PER_MESSAGE, REPLY_OPENER = 4, 3
_HISTORY, _EXAMPLES = "chatHistory", "dialogueExamples"
#: Prompts of SillyTavern's own that enter by themselves; others do when they are a person's own.
_KNOWN = frozenset((*DEFAULT_ORDER, "enhanceDefinitions"))
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


def make_chat_plan(assembly: Assembly, preset: ChatPreset, count: Counter) -> Plan:
    """The plan of a chat completion. Raises PromptTooLong when what is always there leaves no room for the newest
    message."""
    return _ChatPlan(assembly, preset, count).plan()


class _ChatPlan:
    """One assembly on its way."""

    def __init__(self, assembly: Assembly, preset: ChatPreset, count: Counter) -> None:
        self._all, self._preset, self._texts = assembly, preset, preset.texts
        self._turn, self._filling = assembly.turn, assembly.filling
        self._count = count
        self._group = assembly.turn.group or assembly.turn.cast is not None
        self._own_names = own_names(assembly.turn)
        self._left = self._turn.budget.context - self._turn.budget.reserve - REPLY_OPENER
        self._placed: list[Message] = []
        self._shown: set[str] = set()

    def plan(self) -> Plan:
        entries = self._entries()
        relative = {e.identifier: self._relative(e) for e in entries if not e.absolute}
        if "main" in relative:
            relative["main"] = self._with_extensions(relative["main"])
        absolute = self._around_main([e for e in entries if e.absolute])
        controls = self._controls()
        self._spend([m for part in relative.values() for m in part] + controls, needed=True)
        placed = {e.identifier for e in entries}
        history, after, examples = self._room(absolute, _HISTORY in placed, _EXAMPLES in placed)
        out: list[Message] = []
        for entry in entries:
            if entry.identifier == _HISTORY:
                out += history
            elif entry.identifier == _EXAMPLES:
                out += examples
            else:
                out += relative.get(entry.identifier, ())
        return self._written([m for m in (*out, *after, *controls) if m.text])

    def _entries(self) -> list[PromptEntry]:
        """The prompts in order, with their texts; what has no place of its own stands at the end."""
        fields, filling, texts = self._all.fields, self._filling, self._texts
        own = {
            "worldInfoBefore": self._lore_text("before_char"), "worldInfoAfter": self._lore_text("after_char"),
            "charDescription": fields.description,
            "charPersonality": self._formatted(texts.personality_format, fields.personality),
            "scenario": self._formatted(texts.scenario_format, fields.scenario),
        }
        if self._turn.persona_position == "head":
            own["personaDescription"] = fields.persona
        overrides = {"main": self._turn.card.system_prompt, "jailbreak": self._turn.card.post_history_instructions}
        out = []
        for entry in self._preset.prompts:
            if entry.identifier in own:
                content = own.pop(entry.identifier)
            else:
                content = filling.macros(entry.content, f"prompt:{entry.identifier}")
                override = overrides.get(entry.identifier, "").strip()
                allowed = not entry.forbid_overrides and entry.identifier not in self._preset.disabled
                if override and allowed:
                    content = filling.macros(override, f"card.{entry.identifier}", original=content)
            out.append(replace(entry, content=content.replace("\r", "")))
        left = [PromptEntry(name, content=text) for name, text in own.items() if name not in self._preset.disabled]
        return [*out, *left]

    def _formatted(self, form: str, text: str) -> str:
        return self._filling.macros(form, "format") if text and form else text

    def _lore_text(self, position: str) -> str:
        text, form = text_of_runs(lore_runs(self._all.lore, position)), self._texts.wi_format
        return form.replace("{0}", text) if text and form.strip() else text

    def _relative(self, entry: PromptEntry) -> list[Message]:
        if entry.identifier in (_HISTORY, _EXAMPLES):
            return []
        known = entry.own or entry.identifier in _KNOWN
        return [Message(entry.role, self._runs(entry))] if entry.content and known else []

    def _runs(self, entry: PromptEntry) -> Runs:
        """The text of a prompt, by its sources where several made it."""
        sources = {
            "main": "system", "personaDescription": "persona", "charDescription": "card.description",
            "charPersonality": "card.personality", "scenario": "card.scenario", "jailbreak": "post_history",
        }
        places = {"worldInfoBefore": "before_char", "worldInfoAfter": "after_char"}
        if entry.identifier in places:
            runs = lore_runs(self._all.lore, places[entry.identifier])
            if text_of_runs(runs) == entry.content:
                return runs
        return (Run(entry.content, sources.get(entry.identifier, f"prompt:{entry.identifier}")),)

    def _with_extensions(self, main: list[Message]) -> list[Message]:
        """The main prompt with what stands before and after it: memory and note first, then all others."""
        for extra in self._extensions():
            one = Message(extra.role, extra.runs)
            main = [one, *main] if extra.place == "before" else [*main, one]
        return main

    def _around_main(self, absolute: list[PromptEntry]) -> list[PromptEntry]:
        """The same, where the main prompt stands in the chat."""
        for extra in self._extensions():
            at = next((n for n, entry in enumerate(absolute) if entry.identifier == "main"), None)
            if at is not None:
                one = replace(absolute[at], identifier=extra.key, role=extra.role, content=text_of_runs(extra.runs))
                absolute.insert(at if extra.place == "before" else at + 1, one)
        return absolute

    def _extensions(self) -> list[Extra]:
        known = (MEMORY_KEY, NOTE_KEY)
        relative = self._all.extras.relative()
        return sorted(relative, key=lambda e: known.index(e.key) if e.key in known else len(known))

    def _controls(self) -> list[Message]:
        """What stands last: the request to speak for the person, or a quiet one."""
        asked = []
        if self._turn.kind == "impersonate":
            text = self._filling.macros(self._texts.impersonation_prompt, "impersonate_prompt")
            asked.append(message("system", text, "impersonate", tail=True))
        if self._turn.instruction and self._turn.kind in ("quiet", "impersonate", "continue"):
            text = self._filling.macros(self._turn.instruction, "instruction")
            asked.append(message("system", text, "instruction", tail=True))
        prefill = self._filling.macros(self._turn.prefill, "prefill")
        if prefill.strip() and self._turn.kind not in ("continue", "impersonate"):
            asked.insert(0, message("assistant", prefill, "prefill", tail=True))
        return asked

    def _room(
        self, absolute: Sequence[PromptEntry], with_history: bool, with_examples: bool
    ) -> tuple[list[Message], list[Message], list[Message]]:
        """Chat, what follows it at the end of everything, and examples; the pinned ones come first."""
        pinned = self._all.settings.examples == "always"
        examples = self._examples() if with_examples and pinned else []
        history, after = self._history(absolute) if with_history else ([], [])
        if with_examples and not pinned and self._all.settings.examples != "never":
            examples = self._examples()
        return history, after, examples

    def _history(self, absolute: Sequence[PromptEntry]) -> tuple[list[Message], list[Message]]:
        filling, texts = self._filling, self._texts
        opening = texts.new_group_chat_prompt if self._group else texts.new_chat_prompt
        new_chat = message("system", filling.macros(opening, "new_chat"), "template", apart=True)
        last: list[Message] = []
        if self._group and self._turn.kind != "impersonate":
            nudge = filling.macros(texts.group_nudge_prompt, "group_nudge")
            last = [message("system", nudge, "template", apart=True, tail=True)]
        self._spend([new_chat, *last], needed=True)
        chat = self._with_absolute([self._of_item(item) for item in self._all.items], absolute)
        after: list[Message] = []
        continued = self._turn.kind == "continue"
        at = max((n for n, m in enumerate(chat) if m.node), default=None) if continued else None
        if at is not None and not texts.continue_prefill:
            wanted = chat.pop(at)
            nudge = texts.continue_nudge_prompt.replace("{{lastChatMessage}}", wanted.text.strip())
            after = [wanted, message("system", filling.macros(nudge, "continue_nudge"), "template", tail=True)]
            self._spend(after, needed=True)
            at = None
        kept = self._fitting(chat)
        if at is not None and chat[at] in kept:
            after = [chat[at]]
            kept.remove(chat[at])
        if chat and chat[-1].role == "assistant" and texts.send_if_empty:
            empty = message("user", texts.send_if_empty, "template", tail=True)
            if self._spend([empty]):
                kept.append(empty)
        self._shown = {m.node for m in (*kept, *after)}
        return [new_chat, *kept, *last], after

    def _of_item(self, item: Item) -> Message:
        """A message of the chat, with its speaker's name where the preset wants it."""
        names, user = self._texts.names, self._turn.user
        foreign = item.name not in self._own_names or (item.role == "user" and item.name != user)
        shown = names == NAMES_CONTENT and item.role != "system"
        if names == NAMES_DEFAULT and item.name != user:
            shown = self._group or (foreign and item.role != "system")
        runs: Runs = item.runs
        if shown and item.name:
            runs = (Run(f"{item.name}: ", runs[0].source if runs else "template"), *runs)
        runs = tuple(replace(run, text=run.text.replace("\r", "")) for run in runs)
        name = _NOT_A_NAME.sub("_", item.name)[:64] if names == NAMES_FIELD else ""
        return Message(item.role, runs, name, node=item.node)

    def _with_absolute(self, chat: list[Message], absolute: Sequence[PromptEntry]) -> list[Message]:
        """The chat with prompts and extra texts at their depths."""
        newest_first = chat[::-1]
        extras, put = self._all.extras, 0
        for depth in sorted({*extras.depths(), *(e.depth for e in absolute)}):
            entries = [e for e in absolute if e.depth == depth and e.content]
            here: list[Message] = []
            for order in sorted({100, *(e.order for e in entries)}, reverse=True):
                for role in ROLES:
                    runs = self._at_depth([e for e in entries if (e.order, e.role) == (order, role)], depth, role,
                                          with_extras=order == 100)
                    here += [Message(role, runs, tail=True)] if runs else []
            at = min(depth + put, len(newest_first))
            newest_first[at:at] = here
            put += len(here)
        return newest_first[::-1]

    def _at_depth(self, entries: Sequence[PromptEntry], depth: int, role: Role, with_extras: bool) -> Runs:
        own = joined_runs([self._runs(e) for e in entries], "\n")
        extra = self._all.extras.at(depth, role) if with_extras else ()
        return joined_runs([part for part in (stripped(own), stripped(extra)) if part], "\n")

    def _fitting(self, chat: Sequence[Message]) -> list[Message]:
        """The newest messages that fit, all up to the first that does not."""
        kept: list[Message] = []
        for at in range(len(chat) - 1, -1, -1):
            newest = not any(m.node for m in kept) and self._turn.kind != "continue"
            if not self._spend([chat[at]], needed=newest):
                break
            kept.insert(0, chat[at])
        return kept

    def _examples(self) -> list[Message]:
        """Whole blocks of examples, as many as fit."""
        opening = self._filling.macros(self._texts.new_example_chat_prompt, "new_example_chat")
        out: list[Message] = []
        for block in self._all.example_blocks("<START>\n"):
            dialogue = [message("system", opening, "template", apart=True)]
            for said in block_messages(block.text.replace("\r", ""), self._all.speakers, self._group):
                name = EXAMPLE_USER if said.speaker == "user" else EXAMPLE_ASSISTANT
                dialogue.append(message("system", said.text, block.source, name=name))
            if not self._spend(dialogue):
                break
            out += dialogue
        return out

    def _spend(self, messages: Sequence[Message], needed: bool = False) -> bool:
        """Whether there is room for the messages, which is then taken. Raises PromptTooLong if it is `needed`."""
        cost = sum(map(self._cost, messages))
        if cost > self._left:
            if needed:
                raise self._too_long(messages)
            return False
        self._left -= cost
        self._placed += messages
        return True

    def _too_long(self, more: Sequence[Message]) -> PromptTooLong:
        """The refusal: what was placed so far, and what did not fit any more."""
        sheet = Sheet(self._turn, self._count, self._all.settings.switches.collapse_newlines)
        for one in (*self._placed, *more):
            sheet.chat_message(one)
        return sheet.too_long(sum(map(self._cost, (*self._placed, *more))) + REPLY_OPENER)

    def _cost(self, one: Message) -> int:
        return self._count(one.text) + PER_MESSAGE if one.text else 0

    def _written(self, messages: Sequence[Message]) -> Plan:
        if self._texts.squash_system_messages:
            messages = squashed(messages)
        messages = post_processed(messages, self._texts.custom_prompt_post_processing, self._all.speakers)
        sheet = Sheet(self._turn, self._count, self._all.settings.switches.collapse_newlines)
        sheet.left_out(self._shown)
        for one in messages:
            sheet.chat_message(one)
        stops = tuple(dict.fromkeys(self._filling.macros(s, "stops") for s in self._all.settings.custom_stops))
        return sheet.plan(self._all.lore, stops, self._filling)
