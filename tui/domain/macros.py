"""`{{macros}}` in cards, prompts, notes and lore: innermost first, each resolved once, with limits on everything.

What a macro stands for is put in once and not read again, so a name or a description that contains macros is harmless.
Unknown macros stay as they are written, with what is nested in them resolved. Time comes from a clock that is passed
in, dice from a seed. The syntax is in `macro_parse`, the list of macros in `macro_values`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tui.domain.macro_context import Collected, Frozen, MacroContext
from tui.domain.macro_parse import Item, Legacy, Macro, all_macros, parse, read_macro
from tui.domain.macro_values import ARITY, MACROS, Call
from tui.domain.macro_variables import Variables, compared, is_true

__all__ = [
    "MAX_DEPTH", "MAX_STEPS", "Collected", "Frozen", "MacroContext", "MacroUse", "Variables", "expand", "macro_uses",
    "volatile_macros",
]

MAX_DEPTH = 20
MAX_STEPS = 10_000
MAX_KEY = 200
#: Characters of variables that one text may have read, parsed or copied.
MAX_WORK = 4_000_000
_COMPARING = ("==", "!=", ">", ">=", "<", "<=")
_READING = ("", "++", "--", "??", "||", "??=", "||=", *_COMPARING)
_SILENT = ("//", "comment", "hidden_key", "else")
_BLANK = re.compile(r"[ \t]*")


def expand(text: str, context: MacroContext) -> str:
    """`text` with its macros resolved. Linear in its length: at most 20 levels, 10,000 macros, and a result of at most
    four times the text and 64 kB; what goes beyond stays as it is written. Writes `context.variables`, `frozen` and
    `collected`."""
    if not _may_change(text):
        return text
    return _Expansion(text, context).run()


@dataclass(frozen=True, slots=True)
class MacroUse:
    """A macro in a text: its name (a variable's with `.` or `$`), how it is written (at most 200 characters of it),
    whether it is one that exists, and whether its value differs from turn to turn."""

    name: str
    text: str
    known: bool
    volatile: bool


def macro_uses(text: str) -> list[MacroUse]:
    """The macros written in `text`, nested ones too, in the order in which they begin."""
    if not _may_change(text):
        return []
    return [_use(macro, text) for macro in all_macros(parse(text, ARITY)) if isinstance(macro, Legacy) or macro.name]


def volatile_macros(text: str) -> list[str]:
    """Names of the macros in `text` whose value differs from turn to turn, each once: before the history they cost the
    prompt cache, unless they are frozen."""
    return list(dict.fromkeys(use.name for use in macro_uses(text) if use.volatile))


def _use(macro: Macro | Legacy, text: str) -> MacroUse:
    if isinstance(macro, Legacy):
        return MacroUse(macro.name, macro.text, True, False)
    written = text[macro.start : min(macro.end, macro.start + MAX_KEY)]
    if macro.sigil:
        return MacroUse(macro.sigil + macro.name, written, True, macro.operator in _READING)
    if macro.name == "if":
        asked = _asked(macro)
        changes = asked is not None and (asked.operator in _READING if asked.sigil else MACROS[asked.name].volatile)
        return MacroUse("if", written, True, changes)
    spec = MACROS.get(macro.name)
    return MacroUse(macro.name, written, macro.name in ARITY or macro.name == "else", bool(spec and spec.volatile))


def _may_change(text: str) -> bool:
    return "{{" in text or "<" in text or "\\{" in text or "\\}" in text


class _Mark(Enum):
    """Stands where a macro was that concerns the white space around it: line ends on both sides of a `{{trim}}` go,
    and none are cut across a `{{noop}}`."""

    TRIM = "trim"
    STOP = "noop"


_Part = str | _Mark


class _Expansion:
    """One pass over one text."""

    def __init__(self, text: str, context: MacroContext) -> None:
        self.text = text
        self.context = context
        self.room = 3 * len(text) + 65_536
        self.work = MAX_WORK
        self.steps = 0
        self.seen: dict[str, int] = {}
        self.original_used = False

    def run(self) -> str:
        return _joined(self._all(parse(self.text, ARITY), 0))

    def _all(self, items: Sequence[Item], depth: int) -> list[_Part]:
        out: list[_Part] = []
        for item in items:
            if isinstance(item, str):
                out.append(item)
            elif isinstance(item, Legacy):
                out.append(self._legacy(item))
            else:
                out += self._macro(item, depth + 1)
        return out

    def _legacy(self, item: Legacy) -> str:
        self.steps += 1
        value = MACROS[item.name].make(self._call((), "")) if self.steps <= MAX_STEPS else None
        return item.text if value is None else self._limited(value, item.text)

    def _macro(self, macro: Macro, depth: int) -> list[_Part]:
        self.steps += 1
        if self.steps > MAX_STEPS or depth > MAX_DEPTH:
            return [self.text[macro.start : macro.end]]
        if macro.sigil:
            return [self._variable(macro, depth)]
        least, most = ARITY.get(macro.name, (0, -1))
        fits = least <= macro.count <= most and not macro.closing
        if fits and macro.name == "if":
            return self._if(macro, depth)
        if fits and macro.name in _SILENT:
            return []
        return self._resolved(macro, depth, fits)

    def _resolved(self, macro: Macro, depth: int, fits: bool) -> list[_Part]:
        """The value of a macro whose arguments are resolved first, or the macro as it is written with them in it."""
        parts = [self._all(arg, depth) for arg in macro.args]
        literal = "{{" + macro.lead + "::".join(_joined(arg) for arg in parts) + "}}"
        given = [_argument(arg, given) for arg, given in zip(macro.args, parts, strict=True)] if macro.form else []
        if macro.scope is not None:
            scope = self._all(macro.scope, depth)
            given.append(_joined(scope if macro.keep else _tidied(scope)))
            literal = "".join((literal, _joined(scope), macro.closer))
        if fits and macro.name == "trim":
            return [given[0].strip()] if given else [_Mark.TRIM]
        if fits and macro.name == "noop":
            return [_Mark.STOP]
        if fits and macro.name == "original":
            return [self._original(literal)]
        value = self._value(macro.name, tuple(given), literal) if fits and macro.name in MACROS else None
        if value is None:
            return [literal]
        return [value if MACROS[macro.name].own else self._limited(value, literal)]

    def _value(self, name: str, args: tuple[str, ...], literal: str) -> str | None:
        """What a macro of the list stands for, frozen or new; None if it stays as it is."""
        spec = MACROS[name]
        key = self._key(literal) if spec.volatile or spec.keyed else ""
        value = spec.make(self._call(args, key))
        return self._frozen(key, value) if value is not None and spec.freezes else value

    def _call(self, args: tuple[str, ...], key: str) -> Call:
        return Call(self.context, args, key, self._spend)

    def _spend(self, work: int) -> bool:
        self.work -= work
        return self.work >= 0

    def _limited(self, value: str, literal: str) -> str:
        if len(value) > self.room:
            return literal
        self.room -= len(value)
        return value

    def _frozen(self, key: str, value: str) -> str:
        return value if self.context.frozen is None else self.context.frozen.value(key, lambda: value)

    def _key(self, literal: str) -> str:
        """Place and text of a macro, and which of its like it is there."""
        if len(literal) > MAX_KEY:
            digest = hashlib.sha256(literal.encode("utf-8", "replace")).hexdigest()[:16]
            literal = literal[: MAX_KEY // 2] + "…" + digest
        self.seen[literal] = count = self.seen.get(literal, 0) + 1
        return f"{self.context.place}|{literal}|{count}"

    def _original(self, literal: str) -> str:
        """The text that an override replaces, once; a second one is empty."""
        if self.context.original is None:
            return literal
        value = "" if self.original_used else self.context.original
        self.original_used = True
        return self._limited(value, literal)

    def _if(self, macro: Macro, depth: int) -> list[_Part]:
        """One of two branches; nothing in the other is resolved."""
        holds = self._holds(macro, depth)
        if macro.scope is None:
            return [self._argument(macro.args[1], depth)] if holds else []
        at = next((i for i, item in enumerate(macro.scope) if _is_else(item)), len(macro.scope))
        branch = self._all(macro.scope[:at] if holds else macro.scope[at + 1 :], depth)
        return branch if macro.keep else _tidied(branch)

    def _holds(self, macro: Macro, depth: int) -> bool:
        condition, negated = _condition(macro)
        asked = _asked(macro)
        if asked is None:
            return is_true(_joined(self._all(condition, depth))) is not negated
        literal = "{{" + _written(condition).strip() + "}}"
        if asked.sigil:
            value = self._operation(asked, depth, self._key(literal))
        else:
            value = self._value(asked.name, (), literal)
        return is_true(value or "") is not negated

    def _variable(self, macro: Macro, depth: int) -> str:
        literal = self.text[macro.start : macro.end]
        reads = macro.operator in _READING
        value = self._operation(macro, depth, self._key(literal) if reads else "")
        if value is None:
            return literal
        return self._limited(value, literal) if reads else value

    def _operation(self, macro: Macro, depth: int, key: str) -> str | None:
        """The value of `.name operator …`; frozen under `key` if that is given. Nothing is resolved that is not needed:
        the other side of `??` and `||` only where the variable lacks a value."""
        variables, name, shared, operator = self.context.variables, macro.name, macro.sigil == "$", macro.operator
        if variables is None:
            return None
        present = variables.get(name, shared)
        if operator in ("++", "--"):
            value = variables.add(name, "1" if operator == "++" else "-1", shared) if self._afford(present) else None
        elif operator == "":
            value = present or ""
        elif operator in ("??", "||", "??=", "||="):
            value = present if (present is not None if operator[0] == "?" else is_true(present or "")) else None
            if value is None:
                value = self._argument(macro.args[0], depth)
                if operator.endswith("=") and not variables.set(name, value, shared):
                    return None
        elif operator in _COMPARING:
            value = "true" if compared(present or "", operator, self._argument(macro.args[0], depth)) else "false"
        else:
            return self._written_to(variables, macro, self._argument(macro.args[0], depth), present)
        return None if value is None else self._frozen(key, value)

    def _written_to(self, variables: Variables, macro: Macro, value: str, present: str | None) -> str | None:
        """`=`, `+=` and `-=`: nothing is seen of them."""
        shared = macro.sigil == "$"
        if macro.operator == "=":
            return "" if variables.set(macro.name, value, shared) else None
        if not self._afford(present):
            return None
        change = variables.add if macro.operator == "+=" else variables.subtract
        return "" if change(macro.name, value, shared) is not None else None

    def _afford(self, present: str | None) -> bool:
        return self._spend(len(present or ""))

    def _argument(self, items: Sequence[Item], depth: int) -> str:
        return _argument(items, self._all(items, depth))


def _is_else(item: Item) -> bool:
    return isinstance(item, Macro) and item.name == "else" and not item.form and not item.closing


def _condition(macro: Macro) -> tuple[list[Item], bool]:
    """The condition of an `{{if}}` without its `!`, and whether it had one."""
    items = macro.args[0]
    if not items or not isinstance(items[0], str) or not (text := items[0].lstrip()).startswith("!"):
        return items, False
    return [text[1:], *items[1:]], True


def _asked(macro: Macro) -> Macro | None:
    """The macro or variable that the condition of an `{{if}}` names without braces, or None if it is a text."""
    if not macro.form:
        return None
    items, _ = _condition(macro)
    if len(items) != 1 or not isinstance(items[0], str):
        return None
    text = items[0].strip()
    asked = read_macro([text], 0, 0)
    if asked.sigil:
        return asked if asked.operator not in ("=", "+=", "-=", "++", "--", "??=", "||=") else None
    bare = asked.name in MACROS and not asked.form and not asked.closing and asked.lead == text
    return asked if bare and MACROS[asked.name].least == 0 and text[:1] not in "!?~>#" else None


def _written(items: Sequence[Item]) -> str:
    return "".join(item for item in items if isinstance(item, str))


def _argument(written: Sequence[Item], parts: Sequence[_Part]) -> str:
    """An argument without the white space that is written at its ends; what macros put there stays."""
    trimmed = list(parts)
    if written and isinstance(written[0], str) and isinstance(first := trimmed[0], str):
        trimmed[0] = first.lstrip()
    if written and isinstance(written[-1], str) and isinstance(last := trimmed[-1], str):
        trimmed[-1] = last.rstrip()
    return _joined(trimmed)


def _joined(parts: Sequence[_Part]) -> str:
    """The parts as one text, line ends around each trim mark gone."""
    if _Mark.TRIM not in parts:
        return "".join(part for part in parts if isinstance(part, str))
    out: list[_Part] = []
    trimming = False
    for part in parts:
        if part is _Mark.TRIM:
            while out and isinstance(last := out[-1], str):
                out.pop()
                if kept := last.rstrip("\r\n"):
                    out.append(kept)
                    break
            trimming = True
        elif part is _Mark.STOP:
            out.append(part)
            trimming = False
        elif rest := part.lstrip("\r\n") if trimming else part:
            out.append(rest)
            trimming = False
    return "".join(part for part in out if isinstance(part, str))


def _tidied(parts: Sequence[_Part]) -> list[_Part]:
    """What stands between two marks: without white space at its ends, and without the indentation of its first line.
    Trim marks at the ends stay, for they mean what is outside too."""
    said = [at for at, part in enumerate(parts) if part is _Mark.STOP or (isinstance(part, str) and part.strip())]
    marks = [at for at, part in enumerate(parts) if part is _Mark.TRIM]
    before = [at for at in marks if not said or at < said[0]]
    after = [at for at in marks if said and at > said[-1]]
    inner = parts[before[-1] + 1 if before else 0 : after[0] if after else len(parts)]
    text = _dedented(_joined(inner))
    if not said or parts[said[0]] is not _Mark.STOP:
        text = text.lstrip()
    if not said or parts[said[-1]] is not _Mark.STOP:
        text = text.rstrip()
    return [*([_Mark.TRIM] if before else []), text, *([_Mark.TRIM] if after else [])]


def _dedented(text: str) -> str:
    """Every line without as much white space as the first that says something begins with."""
    lines = text.split("\n")
    indent = _blanks(next((line for line in lines if line.strip()), ""))
    return "\n".join(line[min(indent, _blanks(line)) :] for line in lines) if indent else text


def _blanks(line: str) -> int:
    match = _BLANK.match(line)
    return match.end() if match else 0
