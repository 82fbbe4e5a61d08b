"""Which prompt format a model gets, whether it is the right one, and prompts written by a model's own template."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from tui.core.library import Library
from tui.core.settings import Settings
from tui.domain.backend import Capabilities, ChatMessage, Piece
from tui.domain.errors import Refused
from tui.domain.notice import Notice, notice
from tui.domain.profile import Profile
from tui.domain.prompt.detect import ModelFacts
from tui.domain.prompt.jinja import jinja_pieces
from tui.domain.prompt.lint import Finding, lint
from tui.domain.prompt.render import TEMPLATE_CLOCK, plan_messages, render_plan
from tui.domain.prompt.resolve import Resolved, resolve_template
from tui.domain.prompt.types import Plan, Turn
from tui.domain.template import Template
from tui.sandbox import Renderer, Sandbox

_REMEMBERED = 16
_CHOSEN = Notice("The profile names this prompt format.")
_SERVERS = Notice("The server writes the prompt itself, from messages.")


@dataclass(frozen=True, slots=True)
class Format:
    """A format for a model: how it was found, in a word and in a sentence, and what is doubtful about it."""

    template: Template
    found_by: str
    why: Notice
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A plan as text and as messages, and what a person should know of how it was written."""

    bos: str
    pieces: tuple[Piece, ...]
    messages: tuple[ChatMessage, ...]
    notices: tuple[Notice, ...] = ()


class PromptFormats:
    """Finds the format of each model once, running its own template in the helper process, and remembers it."""

    def __init__(self, library: Library, settings: Settings, sandbox: Sandbox) -> None:
        self._library = library
        self._settings = settings
        self._sandbox = sandbox
        self._known: OrderedDict[str, Format | Refused] = OrderedDict()

    def known(self, profile: Profile, capabilities: Capabilities) -> Format | Refused | None:
        """What was found for a model; None before `find` was asked."""
        return self._known.get(self._key(profile, capabilities))

    async def find(self, profile: Profile, capabilities: Capabilities) -> tuple[Format, bool]:
        """The format of a model, and whether it was found just now. Raises Refused when a person must choose."""
        key = self._key(profile, capabilities)
        known = self._known.get(key)
        if isinstance(known, Format):
            return known, False
        found = self._known[key] = await asyncio.to_thread(self._found, profile, capabilities)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        if isinstance(found, Refused):
            raise found
        return found, True

    def write(self, plan: Plan, turn: Turn, capabilities: Capabilities) -> Written:
        """A plan written out. Blocks while the model's own template runs. Raises BadInput where that refuses."""
        messages = plan_messages(plan, turn)
        if not turn.template.jinja or turn.prompt.mode == "compatible":
            bos, pieces = render_plan(plan, turn)
            return Written(bos, pieces, messages)
        continues = bool(plan.segments) and plan.segments[-1].source == "prefill"
        clock = plan.state.frozen.get(TEMPLATE_CLOCK, turn.clock)
        made = jinja_pieces(
            turn.template, messages, self._renderer(turn.template.jinja, capabilities), continue_last=continues,
            clock=clock, mode=turn.mode, char=turn.card.display_name, group=turn.group,
        )
        return Written(made.bos, made.pieces, messages, made.notices)

    def _renderer(self, jinja: str, capabilities: Capabilities) -> Renderer:
        tokens = {"bos_token": capabilities.bos_token, "eos_token": capabilities.eos_token}
        return self._sandbox.renderer(jinja.rstrip("\0"), defaults=tokens)

    def _found(self, profile: Profile, capabilities: Capabilities) -> Format | Refused:
        chosen, by = self._chosen(profile, capabilities)
        facts = facts_of(capabilities)
        render = self._renderer(facts.jinja, capabilities) if facts.has_template else None
        if chosen is not None:
            return self._checked(chosen, by, _CHOSEN, capabilities, render)
        found = resolve_template(self._library.templates(), facts, render=render)
        if found.template is not None:
            return self._checked(found.template, found.found_by, found.why, capabilities, render, found)
        if capabilities.chat_completion and not capabilities.text_completion:
            return Format(self._library.template("chatml"), "server", _SERVERS)
        broken = render.refusal if render is not None else None
        return Refused(
            broken.why if broken is not None and broken.final else found.why,
            notice("Choose one with /template NAME; the choice is kept for this model."),
            kind="template_unknown", model=capabilities.model,
        )

    def _chosen(self, profile: Profile, capabilities: Capabilities) -> tuple[Template | None, str]:
        pinned = self._settings.get("template_pins").get(pin_name(capabilities))
        if pinned:
            return self._library.template(str(pinned)), "pinned"
        if profile.template != "auto":
            return self._library.template(profile.template), "profile"
        return None, ""

    @staticmethod
    def _checked(
        template: Template, by: str, why: Notice, capabilities: Capabilities, render: Renderer | None,
        found: Resolved | None = None,
    ) -> Format:
        """The format with what is doubtful about it. Where the model's own template is run, there is nothing to
        compare it with. Only the embedded engine tells the whole vocabulary."""
        own = None if found is not None and found.found_by == "jinja" else render
        vocabulary = capabilities.special_tokens if capabilities.dialect == "embedded" else ()
        findings = lint(
            template, render=own, bos_token=capabilities.bos_token, eos_token=capabilities.eos_token,
            vocabulary=vocabulary,
        )
        return Format(template, by, why, tuple(f for f in findings if f.severity != "note"))

    def _key(self, profile: Profile, capabilities: Capabilities) -> str:
        parts: Sequence[object] = (
            profile.template, self._settings.get("template_pins").get(pin_name(capabilities)), capabilities.model,
            capabilities.chat_template, capabilities.bos_token, capabilities.eos_token,
            capabilities.text_completion, [id(template) for template in self._library.templates()],
        )
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def facts_of(capabilities: Capabilities) -> ModelFacts:
    """What a backend tells of its model, for finding a format."""
    return ModelFacts(
        capabilities.chat_template, capabilities.model, tokens=frozenset(capabilities.special_tokens),
        bos=capabilities.bos_token, eos=capabilities.eos_token,
        architecture=str(capabilities.details.get("architecture") or ""),
    )


def pin_name(capabilities: Capabilities) -> str:
    """The name under which a person's choice of a format is kept."""
    return capabilities.model or capabilities.dialect
