"""Which prompt format a model gets, whether it is the right one, and prompts written by a model's own template."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.core.library import Library
from tui.core.settings import Settings
from tui.domain.backend import Backend, Capabilities, ChatMessage, Piece
from tui.domain.errors import BackendError, Refused
from tui.domain.notice import Notice, notice
from tui.domain.profile import Profile
from tui.domain.prompt.guard import guarded
from tui.domain.prompt.render import TEMPLATE_CLOCK, named_messages, plan_messages, render_plan, with_mode
from tui.domain.prompt.types import Plan, Turn
from tui.domain.template import Template
from tui.sandbox import Renderer, Sandbox

if TYPE_CHECKING:
    # What finds and checks formats is loaded when a model is connected to: a start need not wait for it.
    from tui.domain.prompt.detect import ModelFacts
    from tui.domain.prompt.lint import Finding, Tokens

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

    async def find(
        self, profile: Profile, capabilities: Capabilities, backend: Backend | None = None,
    ) -> tuple[Format, bool]:
        """The format of a model, and whether it was found just now. The tokenizer of `backend` is asked what a
        prompt begins with. Raises Refused when a person must choose."""
        key = self._key(profile, capabilities)
        known = self._known.get(key)
        if isinstance(known, Format):
            return known, False
        render = self._own_template(capabilities)
        found = await asyncio.to_thread(self._found, profile, capabilities, render)
        if isinstance(found, Format) and found.found_by != "server":
            tokens = await ask_tokens(found.template, capabilities, backend)
            found = await asyncio.to_thread(_checked, found, capabilities, render, tokens)
        self._known[key] = found
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
            return Written(bos, pieces, _named(messages, plan, turn))
        from tui.domain.prompt.jinja import jinja_pieces
        from tui.domain.prompt.probes import suited

        continues = bool(plan.segments) and plan.segments[-1].source == "prefill"
        clock = plan.state.frozen.get(TEMPLATE_CLOCK, turn.clock)
        made = jinja_pieces(
            turn.template, messages, suited(self._renderer(turn.template.jinja, capabilities)),
            continue_last=continues, clock=clock, mode=turn.mode, char=turn.card.display_name, group=turn.group,
        )
        pieces = guarded(made.pieces, turn.template)
        return Written(made.bos, pieces, _named(messages, plan, turn), made.notices)

    def _renderer(self, jinja: str, capabilities: Capabilities) -> Renderer:
        tokens = {"bos_token": capabilities.bos_token, "eos_token": capabilities.eos_token}
        return self._sandbox.renderer(jinja.rstrip("\0"), defaults=tokens)

    def _own_template(self, capabilities: Capabilities) -> Renderer | None:
        facts = facts_of(capabilities)
        return self._renderer(facts.jinja, capabilities) if facts.has_template else None

    def _found(
        self, profile: Profile, capabilities: Capabilities, render: Renderer | None,
    ) -> Format | Refused:
        from tui.domain.prompt.probes import PLAIN_CHAT
        from tui.domain.prompt.resolve import resolve_template

        chosen, by = self._chosen(profile, capabilities)
        if chosen is not None:
            return Format(chosen, by, _CHOSEN)
        found = resolve_template(self._library.templates(), facts_of(capabilities), render=render)
        if found.template is not None:
            return Format(found.template, found.found_by, found.why)
        if capabilities.chat_completion and not capabilities.text_completion:
            return Format(self._library.template("chatml"), "server", _SERVERS)
        refusal = render.refusal_of(PLAIN_CHAT) if render is not None else None
        return Refused(
            refusal.why if refusal is not None else found.why,
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

    def _key(self, profile: Profile, capabilities: Capabilities) -> str:
        parts: Sequence[object] = (
            profile.template, self._settings.get("template_pins").get(pin_name(capabilities)), capabilities.model,
            capabilities.chat_template, capabilities.bos_token, capabilities.eos_token,
            capabilities.text_completion, capabilities.dialect, capabilities.adds_bos,
            [id(template) for template in self._library.templates()],
        )
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _named(messages: tuple[ChatMessage, ...], plan: Plan, turn: Turn) -> tuple[ChatMessage, ...]:
    """Messages of a group say who speaks."""
    if not turn.group or turn.prompt.mode == "compatible":
        return messages
    started = bool(plan.segments) and plan.segments[-1].source == "prefill"
    return named_messages(messages, with_mode(turn.template, turn.mode), started=started)


def _checked(
    found: Format, capabilities: Capabilities, render: Renderer | None, tokens: Tokens | None,
) -> Format:
    """The format with what is doubtful about it. Where the model's own template is run, there is nothing to
    compare it with. Only the embedded engine tells the whole vocabulary."""
    from tui.domain.prompt.lint import lint
    from tui.domain.prompt.probes import suited

    vocabulary = capabilities.special_tokens if capabilities.dialect == "embedded" else ()
    own = suited(render) if render is not None and found.found_by != "jinja" else None
    findings = lint(
        found.template, render=own, bos_token=capabilities.bos_token, eos_token=capabilities.eos_token,
        vocabulary=vocabulary, tokens=tokens,
    )
    return replace(found, findings=tuple(f for f in findings if f.severity != "note"))


async def ask_tokens(template: Template, capabilities: Capabilities, backend: Backend | None) -> Tokens | None:
    """What the model's tokenizer makes of the texts that may stand for BOS; None where it cannot be asked, or where
    the server writes the prompt."""
    marks = [mark for mark in dict.fromkeys((template.bos, capabilities.bos_token)) if mark]
    if backend is None or not marks or not (capabilities.exact_tokens and capabilities.text_completion):
        return None
    try:
        told = await backend.exact_counts([[Piece(mark, True)] for mark in marks])
    except BackendError:
        return None
    if None in told:
        return None
    from tui.domain.prompt.lint import Tokens

    counts = {mark: count for mark, count in zip(marks, told, strict=True) if count is not None}
    return Tokens(counts, capabilities.bos_token, capabilities.adds_bos, once=capabilities.dialect == "embedded")


def facts_of(capabilities: Capabilities) -> ModelFacts:
    """What a backend tells of its model, for finding a format."""
    from tui.domain.prompt.detect import ModelFacts

    return ModelFacts(
        capabilities.chat_template, capabilities.model, tokens=frozenset(capabilities.special_tokens),
        bos=capabilities.bos_token, eos=capabilities.eos_token,
        architecture=str(capabilities.details.get("architecture") or ""),
    )


def pin_name(capabilities: Capabilities) -> str:
    """The name under which a person's choice of a format is kept."""
    return capabilities.model or capabilities.dialect
