"""The part of Handlebars that story strings use: fields, `if`, `unless`, `else`, comments, white space control.

Blocks that stand alone on their lines take the line ends with them, as Handlebars has it. A name that is no field is
handed to `macro`, which resolves it as the macro it may be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tui.domain.prompt.compatible.runs import Run, Runs, text_of_runs

MAX_DEPTH = 50
#: What `{{trim}}` leaves in the story: line ends on both sides of it go.
TRIM = Run("", "trim")
_COMMENT, _COMMENT_END = "{{!--", "--}}"
_TAG = re.compile(r"\{\{\{?([^{}]*)\}\}\}?")
_BLOCK = re.compile(r"#\s*(if|unless)\s+(\S+)")
_ELSE = re.compile(r"(?:\^|else)(?:\s+(if|unless)\s+(\S+))?")


class BadStory(ValueError):
    """The story string is no Handlebars that is understood here."""


@dataclass(slots=True)
class _Node:
    """A text, a field, a block or a comment. `text` is a text's value after white space control (`written` before),
    or a field's name; `strips` say for each of a block's tags (open, else, close) on which sides `~` stands."""

    kind: Literal["text", "field", "block", "comment"]
    text: str = ""
    written: str = ""
    negated: bool = False
    then: list[_Node] = field(default_factory=list)
    other: list[_Node] | None = None
    chained: bool = False                         # opened by an `else if`, closed with the block around it
    strips: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)


def render_handlebars(story: str, values: Mapping[str, Sequence[Run]], macro: Callable[[str], Runs]) -> Runs:
    """The story with its fields filled; its own text is markup. Raises BadStory."""
    nodes = _parse(story)
    _control(nodes, root=True)
    return tuple(_rendered(nodes, values, macro))


def trimmed_runs(runs: Sequence[Run]) -> Runs:
    """The runs with the marks of `{{trim}}` applied, across stretches."""
    out: list[Run] = []
    trimming = False
    for run in runs:
        if run == TRIM:
            while out and not (kept := out[-1].text.rstrip("\r\n")):
                out.pop()
            if out:
                out[-1] = replace(out[-1], text=kept)
            trimming = True
            continue
        text = run.text.lstrip("\r\n") if trimming else run.text
        if text:
            trimming = False
            out.append(replace(run, text=text))
    return tuple(out)


def _parse(story: str) -> list[_Node]:
    bodies: list[list[_Node]] = [[]]
    stack: list[_Node] = []
    at = 0
    while (start := story.find("{{", at)) >= 0:
        tag = _TAG.match(story, start)
        if story.startswith(_COMMENT, start):
            end = story.find(_COMMENT_END, start)
            if end < 0:
                raise BadStory(_COMMENT)
            _add_text(bodies[-1], story[at:start])
            bodies[-1].append(_Node("comment"))
            at = end + len(_COMMENT_END)
        elif tag is None:
            _add_text(bodies[-1], story[at : start + 2])
            at = start + 2
        else:
            _add_text(bodies[-1], story[at:start])
            _take(tag[1], bodies, stack)
            at = tag.end()
    if stack:
        raise BadStory(stack[-1].text)
    _add_text(bodies[-1], story[at:])
    return bodies[0]


def _add_text(body: list[_Node], text: str) -> None:
    if text and body and body[-1].kind == "text":
        text = body.pop().text + text
    if text:
        body.append(_Node("text", text, text))


def _take(tag: str, bodies: list[list[_Node]], stack: list[_Node]) -> None:
    """One tag into the tree."""
    strip = (tag.startswith("~"), tag.endswith("~"))
    body = tag.removeprefix("~").removesuffix("~").strip()
    if body.startswith("!"):
        bodies[-1].append(_Node("comment"))
    elif match := _BLOCK.fullmatch(body):
        _open(_Node("block", match[2], negated=match[1] == "unless", strips={"open": strip}), bodies, stack)
    elif match := _ELSE.fullmatch(body):
        if not stack or stack[-1].other is not None:
            raise BadStory(body)
        stack[-1].strips["else"] = strip
        stack[-1].other = []
        bodies[-1] = stack[-1].other
        if match[1]:
            inner = _Node("block", match[2], negated=match[1] == "unless", chained=True, strips={"open": strip})
            _open(inner, bodies, stack)
    elif body.startswith("/"):
        if not stack:
            raise BadStory(body)
        while True:
            block = stack.pop()
            bodies.pop()
            block.strips["close"] = strip
            if not block.chained:
                break
    else:
        bodies[-1].append(_Node("field", body, strips={"open": strip}))


def _open(block: _Node, bodies: list[list[_Node]], stack: list[_Node]) -> None:
    bodies[-1].append(block)
    stack.append(block)
    bodies.append(block.then)
    if len(stack) > MAX_DEPTH:
        raise BadStory(block.text)


def _control(body: list[_Node], root: bool = False) -> None:
    """White space control: `~` takes all of it, a block's tag that stands alone on its line takes the line."""
    for at, node in enumerate(body):
        if node.kind == "text":
            continue
        if node.kind == "block":
            _control_block(node)
        before, after = _blank_before(body, at, root), _blank_after(body, at, root)
        opening, closing = node.strips.get("open", (False, False)), node.strips.get("close", (False, False))
        right = closing[1] if node.kind == "block" else opening[1]
        if right:
            _cut_after(body, at, everything=True)
        if opening[0]:
            _cut_before(body, at, everything=True)
        if node.kind == "comment" and before and after:
            _cut_after(body, at)
            _cut_before(body, at)
        if node.kind == "block" and before and _blank_after(node.then, -1, False):
            _cut_after(node.then, -1)
            _cut_before(body, at)
        last = _last_branch(node)
        if node.kind == "block" and after and _blank_before(last, len(last), False):
            _cut_after(body, at)
            _cut_before(last, len(last))


def _control_block(block: _Node) -> None:
    _control(block.then)
    if block.strips["open"][1]:
        _cut_after(block.then, -1, everything=True)
    if block.other is not None:
        _control(block.other)
        left, right = block.strips["else"]
        chained = bool(block.other) and block.other[0].chained
        below = block.other[0].then if chained else block.other
        if left:
            _cut_before(block.then, len(block.then), everything=True)
        if right:
            _cut_after(below, -1, everything=True)
        if _blank_before(block.then, len(block.then), False) and _blank_after(below, -1, False):
            _cut_before(block.then, len(block.then))
            _cut_after(below, -1)
    if block.strips["close"][0]:
        last = _last_branch(block)
        _cut_before(last, len(last), everything=True)


def _last_branch(block: _Node) -> list[_Node]:
    while block.other and block.other[0].chained:
        block = block.other[0]
    return block.then if block.other is None else block.other


def _blank_before(body: list[_Node], at: int, root: bool) -> bool:
    """Whether nothing stands on the line before node `at`."""
    if at < 1:
        return root
    previous = body[at - 1]
    pattern = r"(?:\A|\r?\n)[^\S\n]*\Z" if at == 1 and root else r"\r?\n[^\S\n]*\Z"
    return previous.kind == "text" and re.search(pattern, previous.written) is not None


def _blank_after(body: list[_Node], at: int, root: bool) -> bool:
    """Whether nothing stands on the line after node `at`."""
    if at + 1 >= len(body):
        return root
    following = body[at + 1]
    pattern = r"\s*?(?:\r?\n|\Z)" if at + 2 >= len(body) and root else r"\s*?\r?\n"
    return following.kind == "text" and re.match(pattern, following.written) is not None


def _cut_after(body: list[_Node], at: int, everything: bool = False) -> None:
    """White space at the beginning of the text behind node `at`: all of it, or to the end of the line, once."""
    node = body[at + 1] if at + 1 < len(body) else None
    if node is None or node.kind != "text" or ("left" in node.touched and not everything):
        return
    kept = node.text.lstrip() if everything else re.sub(r"\A[ \t]*\r?\n?", "", node.text)
    if kept != node.text:
        node.touched.add("left")
    node.text = kept


def _cut_before(body: list[_Node], at: int, everything: bool = False) -> None:
    """White space at the end of the text before node `at`: all of it, or blanks on its last line, once."""
    node = body[at - 1] if 0 < at <= len(body) else None
    if node is None or node.kind != "text" or ("right" in node.touched and not everything):
        return
    kept = node.text.rstrip() if everything else node.text.rstrip(" \t")
    if kept != node.text:
        node.touched.add("right")
    node.text = kept


def _rendered(nodes: Sequence[_Node], values: Mapping[str, Sequence[Run]], macro: Callable[[str], Runs]) -> list[Run]:
    out: list[Run] = []
    for node in nodes:
        if node.kind == "text":
            out.append(Run(node.text, "story", True))
        elif node.kind == "field":
            if node.text.lower() == "trim":
                out.append(TRIM)
            else:
                out.extend(values[node.text] if node.text in values else macro(node.text))
        elif node.kind == "block":
            filled = bool(text_of_runs(values.get(node.text, ())))
            chosen = node.then if filled != node.negated else node.other or ()
            out.extend(_rendered(chosen, values, macro))
    return out
