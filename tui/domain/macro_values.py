"""What each macro stands for: SillyTavern's list and that of character cards V3, as a table by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tui.domain.clock import parse_clock
from tui.domain.macro_context import MacroContext
from tui.domain.macro_time import at_offset, moment_format, parse_moment, seconds_between, span_from_now, span_in_words

MAX_DICE = 100
MAX_SIDES = 1_000_000
MAX_REPEAT = 100
MANY = 1_000_000
_ROLL = re.compile(r"(?:(\d{1,4})?d)?(\d{1,9}|%)(?:([+-])(\d{1,9}))?", re.IGNORECASE | re.ASCII)
_COMMA = re.compile(r"(?<!\\),")


@dataclass(frozen=True, slots=True)
class Call:
    """A macro to be resolved. `key` tells apart macros of one text whose values may differ; `spend` asks for that much
    work (in characters) and says whether it may be done."""

    context: MacroContext
    args: tuple[str, ...]
    key: str
    spend: Callable[[int], bool]

    @property
    def first(self) -> str:
        return self.args[0] if self.args else ""


@dataclass(frozen=True, slots=True)
class Spec:
    """`make` gives the value, or None for what stays as it is written. `least` and `most` count arguments.
    `volatile`: the value differs from turn to turn. `freezes`: in frozen text the first value stays. `own`: it is made
    of the macro's own text, so it costs no room."""

    make: Callable[[Call], str | None]
    least: int = 0
    most: int = 0
    volatile: bool = False
    freezes: bool = False
    keyed: bool = False
    own: bool = False


#: Further values that the caller gives in `facts`: each with its other names. Those of the chat change every turn.
_FACTS = (
    ("groupnotmuted",), ("notchar",), ("mesexamples",), ("mesexamplesraw",), ("charprompt",),
    ("charinstruction", "charjailbreak"), ("chardepthprompt",), ("charcreatornotes", "creatornotes"),
    ("charversion", "version", "char_version"), ("charprefix",), ("charnegativeprefix",), ("model",), ("ismobile",),
    ("maxprompt", "maxprompttokens"), ("maxcontext", "maxcontexttokens"), ("maxresponse", "maxresponsetokens"),
    ("instructuserprefix", "instructinput"), ("instructusersuffix",), ("instructassistantprefix", "instructoutput"),
    ("instructassistantsuffix", "instructseparator"), ("instructsystemprefix",), ("instructsystemsuffix",),
    ("instructfirstassistantprefix", "instructfirstoutput", "instructfirstoutputprefix"),
    ("instructlastassistantprefix", "instructlastoutput", "instructlastoutputprefix"),
    ("instructfirstuserprefix", "instructfirstinput", "instructfirstinputprefix"),
    ("instructlastuserprefix", "instructlastinput", "instructlastinputprefix"),
    ("instructsysteminstructionprefix", "instructlastsystem", "instructlastsystemprefix"), ("instructstop",),
    ("instructuserfiller",), ("instructstorystringprefix",), ("instructstorystringsuffix",), ("systemprompt",),
    ("defaultsystemprompt", "instructsystem", "instructsystemprompt"), ("exampleseparator", "chatseparator"),
    ("chatstart",), ("authorsnote",), ("charauthorsnote",), ("defaultauthorsnote",), ("reasoningprefix",),
    ("reasoningsuffix",), ("reasoningseparator",),
)
_CHAT_FACTS = (
    ("lastmessageid",), ("firstincludedmessageid",), ("firstdisplayedmessageid",), ("lastswipeid",),
    ("currentswipeid",), ("allchatrange",), ("input",), ("lastgenerationtype",), ("lastexpression",),
)


def _fact(names: Sequence[str], instead: Callable[[MacroContext], str | None]) -> Callable[[Call], str | None]:
    """A value out of `facts`, under whichever of its names it is there."""

    def make(call: Call) -> str | None:
        facts = call.context.facts or {}
        return next((facts[name] for name in names if name in facts), instead(call.context))

    return make


def _empty(context: MacroContext) -> str | None:
    return None if context.facts is None else ""


#: What stands in for a fact that is not given.
_INSTEAD: Mapping[str, Callable[[MacroContext], str | None]] = {
    "groupnotmuted": lambda c: c.char, "notchar": lambda c: c.user,
    "ismobile": lambda c: None if c.facts is None else "false",
}


def _plain(field: Callable[[MacroContext], str | None], fact: str = "") -> Callable[[Call], str | None]:
    """A field of the context, or else the fact of that name."""

    def make(call: Call) -> str | None:
        value = field(call.context)
        if value is not None or not fact or call.context.facts is None:
            return value
        return call.context.facts.get(fact, "")

    return make


def _group(call: Call) -> str:
    return (call.context.facts or {}).get("group", call.context.char)


def _greeting(call: Call) -> str | None:
    """The first message, or that of the number given (0 is the first, then the alternates)."""
    greetings, number = call.context.greetings, call.first or "0"
    if not greetings and not call.args:
        return _fact(("greeting", "charfirstmessage"), _empty)(call)
    if not (number.isascii() and number.isdecimal() and len(number) < 6):
        return None
    return greetings[int(number)] if int(number) < len(greetings) else _empty(call.context)


def _outlet(call: Call) -> str | None:
    return None if call.context.outlets is None else call.context.outlets.get(call.first, "")


def _has_extension(call: Call) -> str | None:
    if call.context.facts is None:
        return None
    named = {name.strip().casefold() for name in call.context.facts.get("extensions", "").split(",")}
    return "true" if call.first.casefold() in named - {""} else "false"


def _banned(call: Call) -> str | None:
    word = call.first
    if len(word) > 1 and word[0] == word[-1] == '"':
        word = word[1:-1]
    if call.context.collected is None:
        return None if call.context.facts is None else ""
    call.context.collected.ban(word)
    return ""


def _time(call: Call) -> str | None:
    now = parse_clock(call.context.clock)
    if now is not None and call.args:
        now = at_offset(now, call.first)
    return None if now is None else moment_format("LT", now)


def _moment(form: str) -> Callable[[Call], str | None]:
    def make(call: Call) -> str | None:
        now = parse_clock(call.context.clock)
        return None if now is None else moment_format(form or call.first, now)

    return make


def _idle(call: Call) -> str | None:
    now, since = parse_clock(call.context.clock), call.context.idle_since
    if now is None or since is None:
        return None
    last = parse_clock(since)
    return "just now" if last is None else span_in_words(seconds_between(now, last))


def _time_difference(call: Call) -> str | None:
    first, second = parse_moment(call.args[0]), parse_moment(call.args[1])
    return None if first is None or second is None else span_from_now(seconds_between(first, second))


def _random(call: Call) -> str | None:
    return _chosen(call.args, f"{call.context.seed}|{call.key}")


def _pick(call: Call) -> str | None:
    return _chosen(call.args, f"{call.context.pick_seed}|{call.key}")


def _chosen(args: Sequence[str], seed: str) -> str | None:
    if not args:
        return ""
    choices = _choices(args[0]) if len(args) == 1 else list(args)
    return choices[_number(seed) % len(choices)]


def _choices(text: str) -> list[str]:
    """The alternatives of a single argument: `a::b`, or `a,b`, where `\\,` is a comma inside one."""
    if "::" in text:
        return [part.strip() for part in text.split("::")]
    return [part.strip().replace("\\,", ",") for part in _COMMA.split(text)]


def _roll(call: Call) -> str | None:
    match = _ROLL.fullmatch(call.first.replace(" ", ""))
    if match is None:
        return None
    dice, sides = int(match[1] or 1), 100 if match[2] == "%" else int(match[2])
    if not (1 <= dice <= MAX_DICE and 1 <= sides <= MAX_SIDES):
        return None
    total = sum(_number(f"{call.context.seed}|{call.key}|{i}") % sides + 1 for i in range(dice))
    bonus = int(match[4] or 0)
    return str(total - bonus if match[3] == "-" else total + bonus)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _repeated(unit: str) -> Callable[[Call], str | None]:
    def make(call: Call) -> str | None:
        if not call.args:
            return unit
        number = call.first
        fits = number.isascii() and number.isdecimal() and len(number) <= 9
        return unit * min(int(number), MAX_REPEAT) if fits else None

    return make


def _set(shared: bool) -> Callable[[Call], str | None]:
    def make(call: Call) -> str | None:
        variables = call.context.variables
        return "" if variables is not None and variables.set(call.args[0], call.args[1], shared) else None

    return make


def _add(shared: bool, step: str | None) -> Callable[[Call], str | None]:
    """Adds the second argument and says nothing, or adds `step` and gives the new value."""

    def make(call: Call) -> str | None:
        variables = call.context.variables
        if variables is None or not call.spend(len(variables.get(call.first, shared) or "")):
            return None
        new = variables.add(call.first, call.args[1] if step is None else step, shared)
        return "" if new is not None and step is None else new

    return make


def _get(shared: bool) -> Callable[[Call], str | None]:
    def make(call: Call) -> str | None:
        variables = call.context.variables
        return None if variables is None else variables.get(call.first, shared) or ""

    return make


def _has(shared: bool) -> Callable[[Call], str | None]:
    def make(call: Call) -> str | None:
        variables = call.context.variables
        return None if variables is None else "false" if variables.get(call.first, shared) is None else "true"

    return make


def _delete(shared: bool) -> Callable[[Call], str | None]:
    def make(call: Call) -> str | None:
        if call.context.variables is None:
            return None
        call.context.variables.delete(call.first, shared)
        return ""

    return make


def _get_key(shared: bool) -> Callable[[Call], str | None]:
    def make(call: Call) -> str | None:
        variables = call.context.variables
        if variables is None or not call.spend(len(variables.get(call.first, shared) or "")):
            return None
        return variables.get_key(call.first, call.args[1], shared)

    return make


def _set_key(shared: bool) -> Callable[[Call], str | None]:
    def make(call: Call) -> str | None:
        variables = call.context.variables
        if variables is None or not call.spend(len(variables.get(call.first, shared) or "")):
            return None
        name, key, value = call.args
        return "" if variables.set_key(name, key, value, shared) else None

    return make


def _variable_macros() -> dict[str, Spec]:
    table: dict[str, Spec] = {}
    for shared in (False, True):
        for verb, spec in (
            ("set{}var", Spec(_set(shared), 2, 2, own=True)), ("add{}var", Spec(_add(shared, None), 2, 2, own=True)),
            ("inc{}var", Spec(_add(shared, "1"), 1, 1, True, True)),
            ("dec{}var", Spec(_add(shared, "-1"), 1, 1, True, True)),
            ("get{}var", Spec(_get(shared), 1, 1, True, True)), ("has{}var", Spec(_has(shared), 1, 1, True, True)),
            ("{}varexists", Spec(_has(shared), 1, 1, True, True)),
            ("delete{}var", Spec(_delete(shared), 1, 1, own=True)),
            ("flush{}var", Spec(_delete(shared), 1, 1, own=True)),
            ("set{}varkey", Spec(_set_key(shared), 3, 3, own=True)),
            ("get{}varkey", Spec(_get_key(shared), 2, 2, True, True)),
        ):
            table[verb.format("global" if shared else "")] = spec
    return table


def _table() -> dict[str, Spec]:
    specs = {
        "user": Spec(_plain(lambda c: c.user)), "char": Spec(_plain(lambda c: c.char)),
        "group": Spec(_group), "charifnotgroup": Spec(_group),
        "persona": Spec(_plain(lambda c: c.persona)),
        "description": Spec(_plain(lambda c: c.description)),
        "chardescription": Spec(_plain(lambda c: c.description)),
        "personality": Spec(_plain(lambda c: c.personality)),
        "charpersonality": Spec(_plain(lambda c: c.personality)),
        "scenario": Spec(_plain(lambda c: c.scenario)), "charscenario": Spec(_plain(lambda c: c.scenario)),
        "summary": Spec(_plain(lambda c: c.summary, "summary")),
        "lastmessage": Spec(_plain(lambda c: c.last_message, "lastmessage"), 0, 0, True, True),
        "lastusermessage": Spec(_plain(lambda c: c.last_user_message, "lastusermessage"), 0, 0, True, True),
        "lastcharmessage": Spec(_plain(lambda c: c.last_char_message, "lastcharmessage"), 0, 0, True, True),
        "greeting": Spec(_greeting, 0, 1), "charfirstmessage": Spec(_greeting, 0, 1),
        "outlet": Spec(_outlet, 1, 1, True), "hasextension": Spec(_has_extension, 1, 1),
        "banned": Spec(_banned, 1, 1, own=True), "noop": Spec(lambda call: "", own=True),
        "newline": Spec(_repeated("\n"), 0, 1), "space": Spec(_repeated(" "), 0, 1),
        "reverse": Spec(lambda call: call.first[::-1], 1, 1, own=True),
        "time": Spec(_time, 0, 1, True, True), "date": Spec(_moment("LL"), 0, 0, True, True),
        "weekday": Spec(_moment("dddd"), 0, 0, True, True), "isotime": Spec(_moment("HH:mm"), 0, 0, True, True),
        "isodate": Spec(_moment("YYYY-MM-DD"), 0, 0, True, True),
        "datetimeformat": Spec(_moment(""), 1, 1, True, True),
        "idleduration": Spec(_idle, 0, 0, True, True), "idle_duration": Spec(_idle, 0, 0, True, True),
        "timediff": Spec(_time_difference, 2, 2), "random": Spec(_random, 0, MANY, True, True, own=True),
        "roll": Spec(_roll, 1, 1, True, True), "pick": Spec(_pick, 0, MANY, keyed=True, own=True),
    }
    for names in (*_FACTS, *_CHAT_FACTS):
        chat = names in _CHAT_FACTS
        for name in names:
            specs[name] = Spec(_fact(names, _INSTEAD.get(names[0], _empty)), 0, 0, chat, chat)
    return specs | _variable_macros()


#: Every macro with a value of its own, by lower-case name.
MACROS: Mapping[str, Spec] = _table()
#: Those that decide over the text in them, with the least and the most arguments; the reader knows them by name.
_SHAPING = {
    "if": (2, 2), "else": (0, 0), "//": (0, MANY), "comment": (1, MANY), "hidden_key": (1, MANY), "trim": (0, 1),
    "original": (0, 0),
}
ARITY: Mapping[str, tuple[int, int]] = {name: (spec.least, spec.most) for name, spec in MACROS.items()} | _SHAPING
