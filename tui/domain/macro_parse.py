"""The syntax of macros: a text as plain text and macros, nested and with what stands between their marks.

`{{name}}`, `{{name::a::b}}`, `{{name:a}}`, `{{name a}}`, `{{#name}}…{{/name}}`, `{{.variable += 1}}`, `{{// note}}`,
`<USER>` and the like, `\\{` and `\\}` for braces that mean nothing. One pass from left to right, no recursion, linear
time. Braces that are not closed, and ends without a beginning, are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

_TOKEN = re.compile(
    r"\\\{(?!\{)|\\\}(?!\})|\{\{(?!\{)|\\?\}\}|<(?:USER|BOT|CHAR|GROUP|CHARIFNOTGROUP)>", re.IGNORECASE
)
_FLAGS = re.compile(r"[\s!?~>#]*")
_NAME = re.compile(r"[^\W\d][\w-]*")
_CLOSING = re.compile(r"/\s*([^\W\d][\w-]*)\s*")
_VARIABLE = re.compile(r"([.$])\s*([^\W\d](?:[\w-]*\w)?)\s*(\+\+|--|\?\?=?|\|\|=?|[+-]=|[=!<>]=|[=<>])?")
_TIME = re.compile(r"time_(?=UTC[+-]\d[\d:]*\s*$)", re.IGNORECASE)
_SPACE = re.compile(r"\s*")
#: Operators with nothing after them.
_BARE = ("", "++", "--")
LEGACY = {"<user>": "user", "<bot>": "char", "<char>": "char", "<group>": "group", "<charifnotgroup>": "charifnotgroup"}

Form = Literal["", ":", "::"]


@dataclass(slots=True)
class Macro:
    """A pair of braces. `name` is lower-case, "" for what cannot be read as a macro and "//" for a comment.

    `lead` is what stands before the arguments, `args` are the arguments with the macros in them; `form` says how they
    are separated (":" also for a space). `keep` is the flag `#`. `sigil` and `operator` belong to a variable, whose
    name keeps its case. `closing` marks `{{/name}}`. With a `scope`, `closer` is the text of its end. `start` and
    `end` are where it all stands in the text.
    """

    start: int
    end: int
    name: str = ""
    lead: str = ""
    args: list[list[Item]] = field(default_factory=list)
    form: Form = ""
    keep: bool = False
    sigil: str = ""
    operator: str = ""
    closing: bool = False
    scope: list[Item] | None = None
    closer: str = ""

    @property
    def count(self) -> int:
        """How many arguments there are, the scope among them."""
        return (len(self.args) if self.form else 0) + (self.scope is not None)


@dataclass(frozen=True, slots=True)
class Legacy:
    """`<USER>` and the like: the macro's name, and the text."""

    name: str
    text: str


Item = str | Macro | Legacy
#: The least and the most arguments of each macro, by lower-case name.
Arity = Mapping[str, tuple[int, int]]


def parse(text: str, arity: Arity) -> list[Item]:
    """`text` as a list of plain texts and macros. `arity` decides which macro an end belongs to."""
    frames: list[list[Item]] = [[]]
    starts: list[int] = []
    at = 0
    for token in _TOKEN.finditer(text):
        _put(frames[-1], text[at : token.start()])
        at = token.end()
        if token[0] == "{{":
            frames.append([])
            starts.append(token.start())
        elif token[0].endswith("}}") and starts:
            _put(frames[-1], token[0][:-2])
            parts = frames.pop()
            frames[-1].append(read_macro(_paired(parts, text, arity), starts.pop(), at))
        elif token[0].startswith("<"):
            frames[-1].append(Legacy(LEGACY[token[0].lower()], token[0]))
        else:
            _put(frames[-1], token[0].replace("\\", ""))
    _put(frames[-1], text[at:])
    whole = frames[0]
    for unclosed in frames[1:]:
        whole += ["{{", *unclosed]
    return _paired(whole, text, arity)


def _put(items: list[Item], text: str) -> None:
    if text:
        items.append(text)


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where `pattern` ends that may begin at `at`."""
    match = pattern.match(text, at)
    return match.end() if match else at


def read_macro(parts: list[Item], start: int, end: int) -> Macro:
    """The macro with `parts` between its braces."""
    first = parts[0] if parts and isinstance(parts[0], str) else ""
    alone = len(parts) == (1 if first else 0)
    at = _past(_FLAGS, first, 0)
    keep = "#" in first[:at]
    if first.startswith("//", at):
        closing = alone and first[at:].strip() == "///"
        return Macro(start, end, "//", "", [parts], closing=closing, keep=keep)
    if closed := _CLOSING.fullmatch(first, at):
        return Macro(start, end, closed[1].lower() if alone else "", "", [parts], closing=alone)
    if variable := _VARIABLE.match(first, at):
        return _variable(variable, parts, first, start, end)
    if time := _TIME.match(first, at):
        at = time.end()
        return Macro(start, end, "time", first[:at], [[first[at:]]], ":", keep) if alone else _unread(parts, start, end)
    return _named(parts, first, at, alone, Macro(start, end, keep=keep))


def _unread(parts: list[Item], start: int, end: int) -> Macro:
    return Macro(start, end, "", "", [parts])


def _variable(match: re.Match[str], parts: list[Item], first: str, start: int, end: int) -> Macro:
    operator = match[3] or ""
    rest = first[match.end() :]
    if operator in _BARE and (rest.strip() or len(parts) > 1):
        return _unread(parts, start, end)
    value: list[Item] = [rest, *parts[1:]] if rest else parts[1:]
    lead = first[: match.end()]
    return Macro(start, end, match[2], lead, [value], "", False, match[1], operator)


def _named(parts: list[Item], first: str, at: int, alone: bool, macro: Macro) -> Macro:
    """A macro with a name: what follows the name decides how its arguments are separated."""
    name = _NAME.match(first, at)
    if name is None:
        return _unread(parts, macro.start, macro.end)
    space = _past(_SPACE, first, name.end())
    if first.startswith("::", space):
        macro.form, begin = "::", space + 2
    elif first.startswith(":", space):
        macro.form, begin = ":", space + 1
    elif space == len(first) and alone:
        macro.form, begin = "", len(first)
    elif space > name.end():
        macro.form, begin = ":", space
    else:
        return _unread(parts, macro.start, macro.end)
    macro.name, macro.lead = name[0].lower(), first[:begin]
    body: list[Item] = [first[begin:], *parts[1:]]
    macro.args = _split(body) if macro.form == "::" else [[item for item in body if item != ""]]
    return macro


def _split(body: Sequence[Item]) -> list[list[Item]]:
    """The arguments between `::`, which counts only where it is written, not in what a macro stands for."""
    args: list[list[Item]] = [[]]
    for item in body:
        if not isinstance(item, str):
            args[-1].append(item)
            continue
        for number, piece in enumerate(item.split("::")):
            if number:
                args.append([])
            if piece:
                args[-1].append(piece)
    return args


def _paired(items: list[Item], text: str, arity: Arity) -> list[Item]:
    """`items` with everything between `{{x}}` and `{{/x}}` put into that macro.

    An end belongs to the nearest beginning that takes one more argument, or, if there is none, to the nearest of that
    name (which then stays as it is written).
    """
    if not any(isinstance(item, Macro) and item.closing for item in items):
        return items
    out: list[Item] = []
    fitting: dict[str, list[tuple[int, Macro]]] = {}
    others: dict[str, list[tuple[int, Macro]]] = {}
    for item in items:
        if not isinstance(item, Macro):
            out.append(item)
            continue
        if item.closing:
            begin = _nearest(fitting.get(item.name), out) or _nearest(others.get(item.name), out)
            if begin is not None:
                at, macro = begin
                macro.scope, macro.closer, macro.end = out[at + 1 :], text[item.start : item.end], item.end
                del out[at + 1 :]
                continue
        elif item.name in arity and not item.sigil and item.scope is None:
            least, most = arity[item.name]
            fits = least <= item.count + 1 <= most
            (fitting if fits else others).setdefault(item.name, []).append((len(out), item))
        out.append(item)
    return out


def _nearest(begun: list[tuple[int, Macro]] | None, out: Sequence[Item]) -> tuple[int, Macro] | None:
    """The last of `begun` that still stands where it was, open; those above it are dropped."""
    while begun:
        at, macro = begun.pop()
        if at < len(out) and out[at] is macro and macro.scope is None:
            return at, macro
    return None


def all_macros(items: Sequence[Item]) -> Iterator[Macro | Legacy]:
    """Every macro in `items`, those in arguments and scopes too, in the order in which they begin."""
    waiting: list[Item] = list(reversed(items))
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            continue
        yield item
        if isinstance(item, Macro):
            inner = [part for arg in item.args for part in arg] + (item.scope or [])
            waiting.extend(reversed(inner))
