"""What the helper process answers instead of a result, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tui.domain.cleantext import clean_line
from tui.domain.lore_keys import NOT_TRIED
from tui.domain.notice import Notice, notice

#: syntax: it is written wrongly; time, memory, output: a limit was met; raised: the template itself refuses this
#: conversation; security: it reached for what it may not have; failed: any other error; start: there is no process.
RefusalKind = Literal["syntax", "time", "memory", "output", "raised", "security", "failed", "start"]
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """No result, and why."""

    kind: RefusalKind
    why: Notice

    @property
    def final(self) -> bool:
        """Whether the same would be refused again: everything but what a template raises about one conversation."""
        return self.kind not in ("raised", "failed")


def pattern_refusal(kind: str, detail: str = "") -> Refusal:
    """Why a pattern never matches."""
    known = _known(kind)
    if known == "time":
        return Refusal(known, Notice("The pattern takes too long to search with, so it is not used."))
    if known == "memory":
        return Refusal(known, Notice("The pattern takes too much memory, so it is not used."))
    if known == "syntax" and "look-behind" in detail:
        return Refusal(known, Notice("The pattern looks back by a length that varies: it never matches here."))
    if known == "syntax":
        text = clean_line(detail, _SHOWN)
        return Refusal(known, notice("The pattern cannot be read ({reason}), so it never matches.", reason=text))
    return Refusal(known, Notice("The helper process ended while it searched with the pattern, so it is not used."))


def template_refusal(told: Sequence[object]) -> Refusal:
    """Why a template was not rendered: kind, detail and line as the process told them."""
    kind, detail, line = (*told, "", "", 0)[:3]
    text, known = clean_line(str(detail), _SHOWN), _known(str(kind))
    if known == "time":
        return Refusal(known, Notice("The model's template took too long and was stopped."))
    if known == "memory":
        return Refusal(known, Notice("The model's template wanted too much memory and was stopped."))
    if known == "output":
        return Refusal(known, Notice("The model's template wrote too much text and was stopped."))
    if known == "syntax":
        sentence = "The model's template cannot be read: line {line}: {reason}"
        return Refusal(known, notice(sentence, line=line, reason=text))
    if known == "raised":
        return Refusal(known, notice("The model's template refuses this conversation: {reason}", reason=text))
    if known == "security":
        return Refusal(known, notice("The model's template tries what no template may: {reason}", reason=text))
    sentence = "The model's template failed at line {line}: {reason}"
    return Refusal(known, notice(sentence, line=line, reason=text or "?"))


def start_refusal(reason: str) -> Refusal:
    """No helper process could be had."""
    sentence = "The helper process for patterns and templates cannot be started: {reason}"
    return Refusal("start", notice(sentence, reason=clean_line(reason, _SHOWN)))


def together_refusal() -> Refusal:
    """The time of a whole call was used up before this job's turn came."""
    return Refusal("time", NOT_TRIED)


def _known(kind: str) -> RefusalKind:
    return next((known for known in get_args(RefusalKind) if known == kind), "failed")
