"""What is doubtful about a prompt format: by itself, beside the model's own chat template, and as tokens."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tui.domain.backend import ChatMessage
from tui.domain.notice import Notice, notice
from tui.domain.prompt.probes import CLOCK, TAGS, Check, Model, Probe, Render, all_probes, checks_of, talk
from tui.domain.prompt.render import render_messages, with_mode
from tui.domain.template import Template

Severity = Literal["error", "warning", "note"]

#: One token of each family, by which its markup is told from others'.
_FAMILIES: Mapping[str, str] = {
    "<|im_start|>": "ChatML", "<|start_header_id|>": "Llama 3", "<|eot_id|>": "Llama 3", "<|header_start|>": "Llama 4",
    "[INST]": "Mistral", "[SYSTEM_PROMPT]": "Mistral", "<start_of_turn>": "Gemma", "<end_of_turn>": "Gemma",
    "<|turn>": "Gemma 4", "<|START_OF_TURN_TOKEN|>": "Command R", "<｜User｜>": "DeepSeek",
    "<|start_of_role|>": "Granite", "<|start|>": "Harmony", "[gMASK]": "GLM",
}
#: Probes in which a difference changes every prompt; elsewhere it changes some.
_PLAIN = frozenset({"user", "chat", "system", "system-chat", "long", "long-without-system"})
_BEFORE, _AFTER = 20, 40


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. `field` is the format's field it is about, where it is about one."""

    severity: Severity
    what: Notice
    field: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"severity": self.severity, "what": self.what.to_json(), "field": self.field}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the format and the model's own template part, in one conversation: the character it begins at, and
    what stands there on either side, quoted as JSON does. `required` where prompts of real chats differ by it."""

    probe: str
    at: int
    ours: str
    theirs: str
    required: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "probe": self.probe, "at": self.at, "ours": self.ours, "theirs": self.theirs, "required": self.required,
        }


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model's own tokenizer makes of a beginning. `counts` are the tokens of short texts read as markup,
    without BOS; `bos` is the model's BOS as text. `adds_bos` tells whether the backend puts one before a prompt, and
    `once` that it does not where the prompt begins with one."""

    counts: Mapping[str, int]
    bos: str
    adds_bos: bool
    once: bool = False


def lint(
    template: Template, *, render: Render | None = None, bos_token: str = "", eos_token: str = "",
    vocabulary: Iterable[str] = (), tokens: Tokens | None = None,
) -> tuple[Finding, ...]:
    """Everything doubtful about a format, worst first. `render` is the model's own template; `vocabulary` are the
    strings that its tokenizer reads as control tokens."""
    found = [f for mode in ("", *template.modes) for f in _format(with_mode(template, mode), eos_token)]
    found += _foreign(template, frozenset(vocabulary))
    if render is not None and not template.jinja:           # else it is the model's own template that is run
        found += [_told(d) for d in compare(template, render, bos_token=bos_token, eos_token=eos_token)]
    found += _bos(template, bos_token, eos_token, render, tokens)
    order = ("error", "warning", "note")
    once = [f for at, f in enumerate(found) if f not in found[:at]]     # modes repeat what the format itself has
    return tuple(sorted(once, key=lambda f: order.index(f.severity)))


def compare(
    template: Template, render: Render, *, bos_token: str = "", eos_token: str = "",
) -> tuple[Difference, ...]:
    """Where prompts of the format differ from those of the model's own template; each difference once, those that
    matter most first. Conversations that the template refuses, or of which it loses a text, are left out, and so
    is the BOS, which is a matter of its own."""
    bos, eos = bos_token or template.bos, eos_token or closing(template)
    model = Model(render, {"bos_token": bos, "eos_token": eos})
    tags = (template.reasoning.start, template.reasoning.end) if template.reasoning.end else TAGS[0]
    checks = sorted(checks_of(template, model, all_probes(tags)), key=lambda c: (not c.required, c.name not in _PLAIN))
    found: dict[tuple[str, str], Difference] = {}
    for check in checks:
        difference = _difference(check, [b for b in (template.bos, bos) if b])
        if difference is not None:
            found.setdefault((difference.ours, difference.theirs), difference)
    return tuple(found.values())


def closing(template: Template) -> str:
    """The EOS token that a format writes at the end of a reply, or "": the stop string that stands there."""
    return next((s for s in template.stop if s.strip() and s in template.assistant_suffix), "")


def quoted(text: str) -> str:
    """A piece of a prompt in which line ends and blanks can be seen."""
    return json.dumps(text, ensure_ascii=False)


def _difference(check: Check, bos: Sequence[str]) -> Difference | None:
    ours, theirs = _without(check.got, bos), _without(check.wanted, bos)
    if ours == theirs:
        return None
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    start = max(0, at - _BEFORE)
    return Difference(
        check.name, at, quoted(ours[start : at + _AFTER]), quoted(theirs[start : at + _AFTER]), check.required,
    )


def _without(text: str, bos: Sequence[str]) -> str:
    return next((text.removeprefix(b) for b in bos if text.startswith(b)), text)


def _told(found: Difference) -> Finding:
    sentence = "The format and the model's own template differ ({probe}, character {at}): here {ours}, there {theirs}."
    severity: Severity = "note" if not found.required else "error" if found.probe in _PLAIN else "warning"
    args = {"probe": found.probe, "at": found.at, "ours": found.ours, "theirs": found.theirs}
    return Finding(severity, notice(sentence, **args))


def _format(form: Template, eos: str) -> list[Finding]:
    """What a format says about itself."""
    opener = form.assistant_prefix if form.generation_prefix is None else form.generation_prefix
    found: list[Finding] = []
    if opener.endswith((" ", "\t")) and opener.strip():
        sentence = "The opener of a reply, {text}, ends with a blank: a token that the model never saw there."
        found.append(Finding("warning", notice(sentence, text=quoted(opener)), "generation_prefix"))
    if _unrelated(opener, form.assistant_prefix):
        sentence = "A new reply is opened by {text}, earlier ones by {other}: they have nothing in common."
        args = {"text": quoted(opener), "other": quoted(form.assistant_prefix)}
        found.append(Finding("warning", notice(sentence, **args), "generation_prefix"))
    return found + _stops(form, opener, eos)


def _unrelated(opener: str, earlier: str) -> bool:
    one, other = opener.strip(), earlier.strip()
    return bool(one and other) and one[0] != other[0]


def _stops(form: Template, opener: str, eos: str) -> list[Finding]:
    end = form.assistant_suffix + form.user_prefix.replace("{{name}}", "{{user}}")
    stops = [s for s in (*form.stop, eos) if s]
    found: list[Finding] = []
    if blank := [s for s in form.stop if not s.strip()]:
        sentence = "The stop string {text} is only white space: it ends replies in the middle."
        found.append(Finding("error", notice(sentence, text=quoted(blank[0])), "stop"))
    if not stops:
        severity: Severity = "warning" if end.strip() else "note"
        what = Notice("The format has no stop strings: only the model itself ends a reply.")
        return [*found, Finding(severity, what, "stop")]
    if end.strip() and not _covered(end, stops) and form.assistant_suffix != form.reasoning.end:
        sentence = "A reply ends with {text}, and no stop string is there: more than the reply may be taken in."
        found.append(Finding("warning", notice(sentence, text=quoted(end)), "stop"))
    for stop in form.stop:
        if stop.strip() and stop in opener:
            sentence = "The stop string {text} occurs in the opener of a reply."
            found.append(Finding("note", notice(sentence, text=quoted(stop)), "stop"))
        if stop.strip() and any(stop in tag for tag in (form.reasoning.start, form.reasoning.end)):
            sentence = "The stop string {text} occurs in the tags of a thought, so that a reply ends with its thought."
            found.append(Finding("warning", notice(sentence, text=quoted(stop)), "stop"))
    return found


def _covered(end: str, stops: Sequence[str]) -> bool:
    """Whether a stop string stands where a reply ends, with nothing but white space before it."""
    return any((at := end.find(s.strip() if not s.isspace() else s)) >= 0 and not end[:at].strip() for s in stops)


def _foreign(template: Template, vocabulary: frozenset[str]) -> list[Finding]:
    literals = " ".join((
        template.preamble, template.system_prefix, template.system_suffix, template.user_prefix, template.user_suffix,
        template.assistant_prefix, template.assistant_suffix, template.generation_prefix or "",
    ))
    here = {token: family for token, family in _FAMILIES.items() if token in literals}
    found: list[Finding] = []
    if len(set(here.values())) > 1:
        sentence = "The format mixes control tokens of several families: {names}."
        found.append(Finding("warning", notice(sentence, names=", ".join(here))))
    unknown = [token for token in here if vocabulary and token not in vocabulary]
    if unknown:
        sentence = "The model's vocabulary has no {names}: it reads them as ordinary letters."
        found.append(Finding("warning", notice(sentence, names=", ".join(unknown))))
    return found


def _bos(
    template: Template, bos_token: str, eos_token: str, render: Render | None, tokens: Tokens | None,
) -> list[Finding]:
    """How many BOS tokens a finished prompt begins with. Without a tokenizer only its text can be looked at."""
    chat = [ChatMessage("system", "Qs"), ChatMessage("user", "Qu")]
    literal, pieces = render_messages(template, chat, clock=CLOCK)
    marks = [mark for mark in dict.fromkeys((template.bos, tokens.bos if tokens else bos_token)) if mark]
    text = "".join(piece.text for piece in itertools.takewhile(lambda piece: piece.markup, pieces))
    if tokens is None:
        return [_double(2)] if template.bos and text.startswith(tuple(marks)) else []
    single = tuple(mark for mark in marks if tokens.counts.get(mark) == 1)
    written = _leading(text if tokens.adds_bos else literal + text, single)
    count = written if tokens.once and written else written + tokens.adds_bos
    if count > 1:
        return [_double(count)]
    if not count and marks and (template.bos or _writes_bos(render, marks[-1], eos_token)):
        return [Finding("error", Notice("A prompt of this format begins without BOS, which the model expects."), "bos")]
    return []


def _leading(text: str, marks: tuple[str, ...]) -> int:
    """How many of `marks` a text begins with, one after another."""
    count = 0
    while (mark := next((m for m in marks if text.startswith(m)), "")):
        text, count = text[len(mark) :], count + 1
    return count


def _writes_bos(render: Render | None, bos: str, eos: str) -> bool:
    """Whether the model's own template begins with BOS."""
    if render is None:
        return False
    text = Model(render, {"bos_token": bos, "eos_token": eos}).write(Probe("", talk("u")))
    return text is not None and text.startswith(bos)


def _double(count: int) -> Finding:
    return Finding("error", notice("A prompt of this format begins with {count} BOS tokens.", count=count), "bos")
