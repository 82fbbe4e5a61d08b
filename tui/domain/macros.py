"""`{{macros}}` in cards, prompts, notes and lore: one pass, no recursion, limits on everything.

What a macro stands for is put in once and not read again, so a name or a description that contains macros is harmless.
Unknown macros stay as they are. Time comes from a clock that is passed in, dice from a seed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tui.domain.clock import MONTHS, WEEKDAYS, parse_clock

MAX_DEPTH = 20
MAX_STEPS = 10_000
_TOKEN = re.compile(r"\{\{(?!\{)|\}\}|<(?:USER|BOT|CHAR)>", re.IGNORECASE)
_NAME = re.compile(r"\s*(//|[A-Za-z_][\w+-]*)\s*")
_ROLL = re.compile(r"(?:(\d{1,4})?d)?(\d{1,9})(?:([+-])(\d{1,9}))?", re.IGNORECASE)
_COMMA = re.compile(r"(?<!\\),")
#: Macros whose value depends on the moment or on chance (so does the last message's).
VOLATILE = frozenset({"time", "date", "weekday", "isotime", "isodate", "random", "roll"})


@dataclass(slots=True)
class Frozen:
    """Values of time and random macros, resolved once for the stable part of a prompt. `known` are those of
    earlier turns; `used` collects what this one needed, old and new."""

    known: Mapping[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)

    def value(self, key: str, make: Callable[[], str]) -> str:
        self.used[key] = found = self.known[key] if key in self.known else make()
        return found


@dataclass(frozen=True, slots=True)
class MacroContext:
    """What macros stand for. None: that macro is left as it is written. `clock` is ISO 8601, `seed` is for
    `{{random}}` and `{{roll}}`, `place` names the text (dice in different places fall differently)."""

    user: str = ""
    char: str = ""
    persona: str | None = None
    description: str | None = None
    personality: str | None = None
    scenario: str | None = None
    original: str | None = None
    summary: str | None = None
    last_message: str | None = None
    last_user_message: str | None = None
    last_char_message: str | None = None
    clock: str = ""
    seed: int = 0
    place: str = ""
    frozen: Frozen | None = None


def expand(text: str, context: MacroContext) -> str:
    """`text` with its macros resolved. Linear in its length: at most 20 levels, 10,000 macros, and no more new text
    than four times the input and 64 kB; what goes beyond stays as it is written."""
    if "{{" not in text and "<" not in text:
        return text
    return _Expansion(text, context).run()


class _Trim:
    """Stands where `{{trim}}` was: line ends on both sides of it go."""


_TRIM = _Trim()
_Part = str | _Trim


class _Expansion:
    """One pass over one text."""

    def __init__(self, text: str, context: MacroContext) -> None:
        self.text = text
        self.context = context
        self.room = 4 * len(text) + 65_536
        self.steps = 0
        self.seen: dict[str, int] = {}
        self.original_used = False

    def run(self) -> str:
        frames: list[list[_Part]] = [[]]
        at = 0
        for token in _TOKEN.finditer(self.text):
            frames[-1].append(self.text[at : token.start()])
            at = token.end()
            if token[0] == "{{" and len(frames) <= MAX_DEPTH:
                frames.append([])
            elif token[0] == "}}" and len(frames) > 1:
                inner = _joined(frames.pop())
                frames[-1].append(self._resolve(inner))
            elif token[0][0] == "<":
                name = self.context.user if token[0][1:-1].upper() == "USER" else self.context.char
                frames[-1].append(self._limited(name, token[0]))
            else:
                frames[-1].append(token[0])
        frames[-1].append(self.text[at:])
        while len(frames) > 1:                              # unclosed: as it is written
            frames[-2].append("{{" + _joined(frames.pop()))
        return _joined(frames[0])

    def _resolve(self, inner: str) -> _Part:
        literal = "{{" + inner + "}}"
        self.steps += 1
        match = _NAME.match(inner)
        if self.steps > MAX_STEPS or match is None:
            return literal
        name, rest = match[1].lower(), inner[match.end() :]
        if name == "trim" and not rest:
            return _TRIM
        value = self._value(name, rest, literal)
        return literal if value is None else self._limited(value, literal)

    def _limited(self, value: str, literal: str) -> str:
        self.room -= len(value)
        return value if self.room >= 0 else literal

    def _value(self, name: str, rest: str, literal: str) -> str | None:
        if name in ("//", "comment", "hidden_key"):
            return "" if name == "//" or rest.startswith(":") else None
        if name == "original":
            return self._original() if not rest else None
        if name in _PLAIN:
            return self._plain(name, literal) if not rest else None
        if name in _TEXT:
            return _TEXT[name](_argument(rest))
        if name == "pick":
            return self._pick(_choices(rest), literal, 0)
        if name in VOLATILE or name.startswith("time_utc"):
            return self._volatile(name, rest, literal)
        return None

    def _plain(self, name: str, literal: str) -> str | None:
        value = _PLAIN[name](self.context)
        if value is not None and name.startswith("last") and self.context.frozen is not None:
            return self.context.frozen.value(self._key(literal), lambda: value)
        return value

    def _original(self) -> str | None:
        """The text that an override replaces, once; a second one is empty."""
        if self.context.original is None:
            return None
        value = "" if self.original_used else self.context.original
        self.original_used = True
        return value

    def _volatile(self, name: str, rest: str, literal: str) -> str | None:
        key = self._key(literal)
        value = self._moment(name, rest) if name not in ("random", "roll") else self._chance(name, rest, key)
        frozen = self.context.frozen
        if value is None or frozen is None:
            return value
        return frozen.value(key, lambda: value)

    def _moment(self, name: str, rest: str) -> str | None:
        now = parse_clock(self.context.clock)
        if now is None or rest:
            return None
        if name == "time":
            return f"{(now.hour - 1) % 12 + 1}:{now.minute:02d} {'AM' if now.hour < 12 else 'PM'}"
        if name == "date":
            return f"{MONTHS[now.month - 1]} {now.day}, {now.year}"
        if name == "weekday":
            return WEEKDAYS[now.weekday()]
        if name == "isotime":
            return f"{now.hour:02d}:{now.minute:02d}"
        return now.date().isoformat() if name == "isodate" else None

    def _chance(self, name: str, rest: str, key: str) -> str | None:
        if name == "random":
            choices = _choices(rest)
            return choices[_number(f"{self.context.seed}|{key}") % len(choices)] if choices else None
        match = _ROLL.fullmatch(_argument(rest).replace(" ", ""))
        if match is None:
            return None
        dice, sides = int(match[1] or 1), int(match[2])
        if not (1 <= dice <= 100 and 1 <= sides <= 1_000_000):
            return None
        total = sum(_number(f"{self.context.seed}|{key}|{i}") % sides + 1 for i in range(dice))
        bonus = int(match[4] or 0)
        return str(total - bonus if match[3] == "-" else total + bonus)

    def _pick(self, choices: list[str], literal: str, seed: int) -> str | None:
        return choices[_number(f"{seed}|{self._key(literal)}") % len(choices)] if choices else None

    def _key(self, literal: str) -> str:
        """Place and text of a macro, and which of its like it is there."""
        self.seen[literal] = count = self.seen.get(literal, 0) + 1
        return f"{self.context.place}|{literal}|{count}"


_PLAIN: Mapping[str, Callable[[MacroContext], str | None]] = {
    "user": lambda c: c.user,
    "char": lambda c: c.char,
    "persona": lambda c: c.persona,
    "description": lambda c: c.description,
    "chardescription": lambda c: c.description,
    "personality": lambda c: c.personality,
    "charpersonality": lambda c: c.personality,
    "scenario": lambda c: c.scenario,
    "charscenario": lambda c: c.scenario,
    "summary": lambda c: c.summary,
    "lastmessage": lambda c: c.last_message,
    "lastusermessage": lambda c: c.last_user_message,
    "lastcharmessage": lambda c: c.last_char_message,
    "group": lambda c: c.char,
    "charifnotgroup": lambda c: c.char,
    "noop": lambda c: "",
}


def _repeated(unit: str) -> Callable[[str], str | None]:
    def make(argument: str) -> str | None:
        if not argument:
            return unit
        return unit * min(int(argument), 100) if argument.isdecimal() and len(argument) <= 9 else None

    return make


_TEXT: Mapping[str, Callable[[str], str | None]] = {
    "newline": _repeated("\n"),
    "space": _repeated(" "),
    "reverse": lambda text: text[::-1],
}


def _argument(rest: str) -> str:
    """What stands after `name::`, `name:` or `name `."""
    return rest[2:] if rest.startswith("::") else rest[1:] if rest.startswith(":") else rest


def _choices(rest: str) -> list[str]:
    """The alternatives of `::a::b` or of `:a,b`, where `\\,` is a comma inside one."""
    body = _argument(rest)
    if "::" in body:
        return [part.strip() for part in body.split("::")]
    if not body.strip():
        return []
    return [part.strip().replace("\\,", ",") for part in _COMMA.split(body)]


def _joined(parts: list[_Part]) -> str:
    """The parts as one text, line ends around each trim mark gone."""
    if not any(isinstance(part, _Trim) for part in parts):
        return "".join(part for part in parts if isinstance(part, str))
    out: list[str] = []
    trimming = False
    for part in parts:
        if isinstance(part, _Trim):
            while out and not (kept := out[-1].rstrip("\r\n")):
                out.pop()
            if out:
                out[-1] = kept
            trimming = True
        elif part:
            rest = part.lstrip("\r\n") if trimming else part
            if rest:
                out.append(rest)
                trimming = False
    return "".join(out)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
