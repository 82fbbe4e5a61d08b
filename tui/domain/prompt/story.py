"""The story string: which parts of the head stand where, with the text around each.

Understood are `{{field}}`, `{{#if field}}…{{else}}…{{/if}}`, `{{#unless field}}…{{/unless}}` and `{{trim}}`; whatever
else stands there is text (and may hold macros). Blocks that are not closed, or close nothing, are text too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: A stretch of the head: where it comes from, and what it says.
Stretch = tuple[str, str]

FIELDS = ("system", "description", "personality", "scenario", "persona", "lore_before", "lore_after")
ALIASES = {"wiBefore": "lore_before", "loreBefore": "lore_before", "wiAfter": "lore_after", "loreAfter": "lore_after"}
_SOURCES = {"description": "card.description", "personality": "card.personality", "scenario": "card.scenario"}
_NAMES = "|".join((*FIELDS, *ALIASES))
_TOKEN = re.compile(
    r"\{\{\s*#(?P<open>if|unless)\s+(?P<cond>\w+)\s*\}\}|\{\{\s*(?P<else>else)\s*\}\}|\{\{\s*/(?P<close>if|unless)\s*\}\}"
    rf"|\{{\{{\s*(?P<field>{_NAMES})\s*\}}\}}|\{{\{{\s*(?P<trim>trim)\s*\}}\}}"
)


def render_story(
    story: str, values: Mapping[str, Sequence[Stretch]], extra: Mapping[str, str], literal: Callable[[str], str]
) -> list[Stretch]:
    """The head in order. `values` gives the stretches of each field; `extra` are other names that conditions may ask
    for (char, user); `literal` resolves macros in the story's own text. Text inside an `{{#if field}}` belongs to that
    field; white space at both ends of the whole goes."""
    out: list[Stretch] = []
    blocks = [_Block(True, True, "story", "story")]
    trimming = False

    def put(source: str, text: str) -> None:
        nonlocal trimming
        text = text.lstrip("\r\n") if trimming else text
        if text:
            trimming = False
            out.append((source, text))

    at = 0
    paired = _paired(story)
    for token in _TOKEN.finditer(story):
        kind = "open" if token["open"] else token.lastgroup
        if kind in ("open", "else", "close") and token.start() not in paired:
            continue                                        # stays in the text that follows
        block = blocks[-1]
        if block.shown:
            put(block.source, literal(story[at : token.start()]))
        at = token.end()
        if kind == "open":
            name = ALIASES.get(token["cond"], token["cond"])
            filled = any(text.strip() for _, text in values.get(name, ())) or bool(extra.get(name))
            source = _SOURCES.get(name, name) if filled and name in FIELDS else block.source
            blocks.append(block.inner(filled == (token["open"] == "if"), source))
        elif kind == "else":
            blocks[-1] = blocks[-2].inner(not block.holds, block.around)
        elif kind == "close":
            blocks.pop()
        elif block.shown and kind == "trim":
            _strip_end(out)
            trimming = True
        elif block.shown:
            for source, text in values.get(ALIASES.get(token["field"], token["field"]), ()):
                put(source, text)
    put("story", literal(story[at:]))
    return _tidy(out, values)


@dataclass(frozen=True, slots=True)
class _Block:
    """A condition: whether it holds, whether its text counts (those around it hold too), to which field that text
    belongs, and to which the text around it does."""

    holds: bool
    shown: bool
    source: str
    around: str

    def inner(self, holds: bool, source: str) -> _Block:
        return _Block(holds, self.shown and holds, source, self.source)


def _paired(story: str) -> set[int]:
    """Where the openings, alternatives and ends are that belong together."""
    stack: list[list[int]] = []
    kinds: list[str] = []
    found: set[int] = set()
    for token in _TOKEN.finditer(story):
        if token["open"]:
            stack.append([token.start()])
            kinds.append(token["open"])
        elif token["else"] and stack and len(stack[-1]) == 1:
            stack[-1].append(token.start())
        elif token["close"] and stack and kinds[-1] == token["close"]:
            kinds.pop()
            found.update([*stack.pop(), token.start()])
    return found


def _strip_end(out: list[Stretch]) -> None:
    while out:
        source, text = out.pop()
        if kept := text.rstrip("\r\n"):
            out.append((source, kept))
            return


def _tidy(stretches: Sequence[Stretch], values: Mapping[str, Sequence[Stretch]]) -> list[Stretch]:
    """Neighbours of one source joined, glue beside a single lore entry given to it, both ends stripped."""
    out: list[Stretch] = []
    for source, text in stretches:
        if source in ("lore_before", "lore_after") and values.get(source):
            # The text around lore stands with its nearest entry, so that each segment is a real source.
            source = values[source][-1 if out and out[-1][0].startswith("lore:") else 0][0]
        if out and out[-1][0] == source:
            out[-1] = (source, out[-1][1] + text)
        else:
            out.append((source, text))
    while out and not out[0][1].strip():
        out.pop(0)
    while out and not out[-1][1].strip():
        out.pop()
    if out:
        out[0] = (out[0][0], out[0][1].lstrip("\r\n"))
        out[-1] = (out[-1][0], out[-1][1].rstrip())
    return out
