"""Where a prompt departs from the one before it, which part of the plan that is, and why."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.notice import Notice
from tui.domain.prompt.forecast import Rendered, departure
from tui.domain.prompt.types import Plan, PlanState, Segment

#: Characters shown of each side where two prompts part.
_SHOWN = 160
#: Lines that are compared after that place, and lines of difference that are told.
_COMPARED, _TOLD = 400, 200

_CAUSES: Mapping[str, Notice] = {
    "template": Notice("The prompt format or its date is another one."),
    "system": Notice("The system prompt is another one."),
    "story": Notice("The text between the parts of the head is another one."),
    "persona": Notice("The persona was changed."),
    "note": Notice("The author's note was changed, or moved on with the conversation."),
    "post_history": Notice("The post-history instructions moved on to the newest message."),
    "prefill": Notice("The reply begins with other words."),
    "instruction": Notice("Something else is asked for at the end."),
}
_KINDS: Mapping[str, Notice] = {
    "card": Notice("The character was changed, or its note moved on with the conversation."),
    "lore": Notice("A lore entry came, went, moved or was changed."),
    "example": Notice("Example dialogue came, went or was changed."),
    "summary": Notice("A summary came, went or was changed."),
    "injection": Notice("An injected text came, went, moved or was changed."),
}
_CUT = Notice("The oldest messages were cut, so that everything after the head moved.")
_MESSAGE = Notice("A message was edited, hidden, deleted or swiped, or another branch is on view.")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two prompts part. `offset` in characters of the new prompt, `token` in tokens (None: not counted);
    `before` and `after` are what stands there; `lines` are (mark, text): "-" gone, "+" new, " " the same."""

    offset: int
    source: str
    before: str
    after: str
    cause: Notice
    token: int | None = None
    lines: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "offset": self.offset, "token": self.token, "source": self.source, "before": self.before,
            "after": self.after, "cause": self.cause.to_json(), "lines": [list(line) for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class Sent:
    """A prompt that was sent, with the reply to it, and (source, digest) of its segments."""

    text: str
    rendered: Rendered = ()


def difference(sent: Sent, new: str, plan: Plan, previous: PlanState) -> Difference | None:
    """How `new`, the text of `plan`, departs from what was sent; None when it only goes on where that ended."""
    old = sent.text
    at = common_length(old, new)
    if at >= len(old):
        return None
    source = _source_at(new, at, plan.segments)
    if source.startswith("message:"):                     # it may only have taken the place of something that left
        source = departure(sent.rendered, plan.state.rendered) or source
    return Difference(
        at, source, old[at : at + _SHOWN], new[at : at + _SHOWN], _cause(source, plan, previous),
        lines=tuple(_lines(old, new, at)),
    )


def common_length(one: str, other: str) -> int:
    """Characters that two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _source_at(text: str, offset: int, segments: Sequence[Segment]) -> str:
    """The segment in whose text `offset` lies, or after which it does."""
    found, place = "template", 0
    for segment in segments:
        if not segment.included or not segment.text.strip():
            continue
        body = segment.text.strip()
        start = text.find(body, place)
        if start < 0:
            continue
        if start > offset:
            return segment.source if not text[offset:start].strip() or found == "template" else found
        found, place = segment.source, start + len(body)
        if place > offset:
            return found
    return found


def _cause(source: str, plan: Plan, previous: PlanState) -> Notice:
    if plan.rebase and (plan.cut or previous.anchor != plan.state.anchor):
        return _CUT
    if source in _CAUSES:
        return _CAUSES[source]
    kind = source.split(":", 1)[0].split(".", 1)[0]
    return _KINDS.get(kind, _MESSAGE)


def _lines(old: str, new: str, at: int) -> list[tuple[str, str]]:
    """The lines from the first difference on, marked; at most some hundred of them."""
    start = old.rfind("\n", 0, at) + 1
    left, right = old[start:].splitlines()[:_COMPARED], new[start:].splitlines()[:_COMPARED]
    out: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            same = left[a:b] if b - a <= 4 else [left[a], "…", left[b - 1]]
            out += [(" ", line) for line in same]
        else:
            out += [("-", line) for line in left[a:b]]
            out += [("+", line) for line in right[c:d]]
    return out[:_TOLD]

