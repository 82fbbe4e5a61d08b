"""Scripts run, within limits: variables, conditions, loops and arithmetic here, everything else through `World`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tui.domain.errors import BadInput, Refused
from tui.domain.notice import notice
from tui.domain.script.parse import Closure, Command, Value, names_in

#: Commands that a script may run, closures that may run within each other, turns of one loop, and characters that a
#: value may have.
MOST_STEPS, DEEPEST, MOST_TURNS, LONGEST_VALUE = 20_000, 50, 10_000, 200_000
#: A loop ends after so many turns unless it says `guard=off`.
_GUARD = 100
_OWN = re.compile(r"\{\{(pipe|(?:var|arg|getvar|getglobalvar)::([^{}]{1,200}))\}\}", re.IGNORECASE)


class World(Protocol):
    """What a script acts on. `commands` are those it knows by name beside the language's own."""

    commands: frozenset[str]
    local: dict[str, str]
    shared: dict[str, str]

    async def act(self, name: str, named: Mapping[str, str], text: str) -> str:
        """Do what a command says; its result goes into the pipe."""
        ...

    async def fill(self, text: str) -> str:
        """A text with its macros filled."""
        ...


@dataclass
class _Scope:
    values: dict[str, Value] = field(default_factory=dict)
    outer: _Scope | None = None

    def holder(self, name: str) -> _Scope | None:
        at: _Scope | None = self
        while at is not None and name not in at.values:
            at = at.outer
        return at


class _Left(Exception):
    """A closure (`return`), a loop (`break`) or the whole script (`abort`) is left."""

    def __init__(self, what: str, value: str = "") -> None:
        self.what = what
        self.value = value


async def run_script(script: Closure, world: World) -> str:
    """Run it; what the last command left in the pipe. Refuses, before anything ran, a script with commands that are
    not known (BadInput naming them); Refused when it meets a limit."""
    known = world.commands | frozenset(_COMMANDS)
    unknown = sorted({n for n in names_in(script) if n not in known and not n.startswith(":")})
    if unknown:
        names = ", ".join(f"/{name[:40]}" for name in unknown[:8])
        raise BadInput(
            notice("The script uses commands that are not known here: {names}.", names=names),
            "Nothing of it was run.",
        )
    try:
        return await _Run(world).closure(script, _Scope())
    except _Left as left:
        return left.value


class _Run:
    def __init__(self, world: World) -> None:
        self.world = world
        self.steps = 0
        self.depth = 0

    async def closure(self, closure: Closure, outer: _Scope, pipe: str = "", catch: bool = False) -> str:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Refused("The script was stopped: its closures run within each other too deep.")
        scope = _Scope(outer=outer)
        try:
            for command in closure.commands:
                pipe = await self._command(command, scope, pipe)
            return pipe
        except _Left as left:
            if left.what == "return" and catch:
                return left.value
            raise
        finally:
            self.depth -= 1

    async def _command(self, command: Command, scope: _Scope, pipe: str) -> str:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Refused(notice("The script was stopped: it ran more than {n} commands.", n=MOST_STEPS))
        if command.name.startswith(":"):
            return await self._called(command.name[1:], scope, pipe)
        call = await self._call(command, scope, pipe)
        own = _COMMANDS.get(command.name)
        if own is not None:
            result = await own(self, call)
        else:
            text = call.text or (pipe if command.piped else "")
            result = await self.world.act(command.name, {k: _words(v) for k, v in call.named.items()}, text)
        if len(result) > LONGEST_VALUE:
            raise Refused(notice("The script was stopped: a text of it has more than {n} characters.", n=LONGEST_VALUE))
        return result

    async def _call(self, command: Command, scope: _Scope, pipe: str) -> _Call:
        named = {key: await self._value(value, scope, pipe) for key, value in command.named}
        unnamed = [await self._value(value, scope, pipe) for value in command.unnamed]
        return _Call(command, named, unnamed, scope, pipe)

    async def _value(self, value: Value, scope: _Scope, pipe: str) -> Value:
        if isinstance(value, Closure):
            return await self.closure(value, scope, catch=True) if value.immediate else value
        if "{{" not in value:
            return value
        pieces = {}
        for match in _OWN.finditer(value):
            pieces[match[0]] = pipe if match[2] is None else self._read(match[1].partition("::")[0], match[2], scope)
        parts = re.split("(" + "|".join(map(re.escape, pieces)) + ")", value) if pieces else [value]
        return "".join([
            pieces[part] if part in pieces else await self.world.fill(part) if "{{" in part else part for part in parts
        ])

    def _read(self, kind: str, name: str, scope: _Scope) -> str:
        if kind.casefold() in ("var", "arg"):
            holder = scope.holder(name)
            return _words(holder.values[name]) if holder is not None else ""
        return (self.world.shared if "global" in kind.casefold() else self.world.local).get(name, "")

    async def _called(self, name: str, scope: _Scope, pipe: str) -> str:
        holder = scope.holder(name)
        found = holder.values[name] if holder is not None else None
        if not isinstance(found, Closure):
            raise BadInput(notice("The script calls {name}, which is no closure of it.", name=name[:40]))
        return await self.closure(found, scope, pipe, catch=True)

    def resolve(self, value: Value, scope: _Scope) -> str:
        """A name stands for its variable; anything else for itself."""
        text = _words(value)
        holder = scope.holder(text)
        if holder is not None:
            return _words(holder.values[text])
        return self.world.local.get(text, self.world.shared.get(text, text))

    def holds(self, call: _Call) -> bool:
        left = self.resolve(call.named.get("left", ""), call.scope)
        right = self.resolve(call.named.get("right", ""), call.scope)
        rule = _words(call.named.get("rule", "eq" if "right" in call.named else ""))
        if not rule:
            return left.casefold() not in ("", "false", "off", "0")
        if rule == "not":
            return left.casefold() in ("", "false", "off", "0")
        if rule in ("in", "nin"):
            return (right.casefold() in left.casefold()) == (rule == "in")
        compare = _RULES.get(rule)
        if compare is None:
            raise BadInput(notice("The script compares by {rule}, which is not known here.", rule=rule[:40]))
        a, b = _number(left), _number(right)
        if a is not None and b is not None:
            return bool(compare(a, b))
        return bool(compare(left.casefold(), right.casefold()))

    async def body(self, value: Value, call: _Call, index: int | None = None) -> str:
        """Run a closure, or a text that is a command, in a loop or a branch."""
        if not isinstance(value, Closure):
            raise BadInput("A branch or a loop of the script is no closure: write it in {: and :}.")
        scope = _Scope(outer=call.scope)
        if index is None:
            return await self.closure(value, scope)
        self.world.local["timesIndex"] = str(index)
        with_index = Closure(tuple(_with_index(c, index) for c in value.commands))
        return await self.closure(with_index, scope)


@dataclass(frozen=True, slots=True)
class _Call:
    command: Command
    named: Mapping[str, Value]
    unnamed: list[Value]
    scope: _Scope
    pipe: str

    @property
    def text(self) -> str:
        return " ".join(_words(v) for v in self.unnamed)

    @property
    def given(self) -> str:
        """The text, or what came through the pipe."""
        return self.text or (self.pipe if self.command.piped else "")


_Deed = Callable[[_Run, _Call], Awaitable[str]]


def _with_index(command: Command, index: int) -> Command:
    def put(value: Value) -> Value:
        if isinstance(value, Closure):
            return Closure(tuple(_with_index(c, index) for c in value.commands), value.immediate)
        return value.replace("{{timesIndex}}", str(index))

    named = tuple((k, put(v)) for k, v in command.named)
    return Command(command.name, named, tuple(map(put, command.unnamed)), command.piped)


def _words(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _shown(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


_RULES: Mapping[str, Callable[..., bool]] = {
    "eq": operator.eq, "neq": operator.ne, "lt": operator.lt, "gt": operator.gt, "lte": operator.le, "gte": operator.ge,
}


def _split(call: _Call) -> tuple[str, str]:
    """Name and value of a variable: `key=x value`, or `x value`."""
    name = _words(call.named.get("key", call.named.get("name", "")))
    if name:
        return name, call.given
    first, _, rest = call.text.partition(" ")
    return first, rest.strip() or (call.pipe if call.command.piped else "")


def _store(run: _Run, call: _Call) -> dict[str, str]:
    return run.world.shared if "global" in call.command.name else run.world.local


async def _setvar(run: _Run, call: _Call) -> str:
    name, value = _split(call)
    _store(run, call)[name] = value
    return value


async def _getvar(run: _Run, call: _Call) -> str:
    return _store(run, call).get(_words(call.named.get("key", "")) or call.given, "")


async def _addvar(run: _Run, call: _Call) -> str:
    name, value = _split(call)
    store = _store(run, call)
    a, b = _number(store.get(name) or "0"), _number(value)
    store[name] = _shown(a + b) if a is not None and b is not None else store.get(name, "") + value
    return store[name]


async def _incvar(run: _Run, call: _Call) -> str:
    name = _words(call.named.get("key", "")) or call.given
    store = _store(run, call)
    store[name] = _shown((_number(store.get(name, "0")) or 0.0) + (1 if call.command.name.startswith("inc") else -1))
    return store[name]


async def _flushvar(run: _Run, call: _Call) -> str:
    _store(run, call).pop(call.given, None)
    return ""


async def _let(run: _Run, call: _Call) -> str:
    """`/let x value` makes a variable of this closure; `/var x value` changes the nearest of that name, `/var x` reads
    it."""
    values = list(call.unnamed)
    name = _words(call.named.get("key", ""))
    if not name and values:
        name, _, rest = _words(values.pop(0)).partition(" ")
        if rest.strip():
            values.insert(0, rest.strip())
    let = call.command.name == "let"
    if not values and not let and not call.named:
        return run.resolve(name, call.scope)
    value: Value = values[0] if values else call.pipe
    holder = call.scope if let else call.scope.holder(name)
    if holder is None:
        raise BadInput(notice("The script has no variable called {name}.", name=name[:40]))
    holder.values[name] = value
    return _words(value)


async def _if(run: _Run, call: _Call) -> str:
    if run.holds(call):
        return await run.body(call.unnamed[0] if call.unnamed else "", call)
    otherwise = call.named.get("else")
    return await run.body(otherwise, call) if otherwise is not None else ""


async def _while(run: _Run, call: _Call) -> str:
    value, turns = "", 0
    most = MOST_TURNS if _words(call.named.get("guard", "")) in ("off", "false") else _GUARD
    try:
        while turns < most:
            again = await run._call(call.command, call.scope, call.pipe)     # the condition is read anew
            if not run.holds(again):
                break
            value = await run.body(call.unnamed[0] if call.unnamed else "", call)
            turns += 1
            run.steps += 1
    except _Left as left:
        if left.what != "break":
            raise
        return left.value
    return value


async def _times(run: _Run, call: _Call) -> str:
    words = [v for v in call.unnamed if isinstance(v, str)]
    bodies = [v for v in call.unnamed if isinstance(v, Closure)]
    wanted = _number(run.resolve(words[0], call.scope)) if words else None
    if wanted is None or not bodies:
        raise BadInput("/times takes a number and a closure: /times 3 {: /echo again :}")
    off = _words(call.named.get("guard", "")) in ("off", "false")
    value = ""
    try:
        for index in range(min(int(wanted), MOST_TURNS if off else _GUARD)):
            value = await run.body(bodies[0], call, index)
    except _Left as left:
        if left.what != "break":
            raise
        return left.value
    return value


async def _run_closure(run: _Run, call: _Call) -> str:
    value = call.unnamed[0] if call.unnamed else ""
    if isinstance(value, Closure):
        return await run.closure(value, call.scope, call.pipe, catch=True)
    return await run._called(value, call.scope, call.pipe)


def _leaving(what: str) -> _Deed:
    async def leave(run: _Run, call: _Call) -> str:
        raise _Left(what, "" if what == "abort" else call.given)

    return leave


def _reckoned(work: Callable[[list[float]], float]) -> _Deed:
    async def reckon(run: _Run, call: _Call) -> str:
        words = call.given.split()
        numbers = [n for w in words if (n := _number(run.resolve(w, call.scope))) is not None]
        if not numbers or len(numbers) < len(words):
            raise BadInput(notice("/{name} takes numbers.", name=call.command.name))
        try:
            result = work(numbers)
        except (ZeroDivisionError, OverflowError, ValueError, IndexError):
            result = 0.0
        return _shown(result) if math.isfinite(result) else "0"

    return reckon


def _text(work: Callable[[str], str]) -> _Deed:
    async def change(run: _Run, call: _Call) -> str:
        return work(run.resolve(call.given, call.scope) if call.command.name == "len" else call.given)

    return change


def _folded(work: Callable[[float, float], float]) -> Callable[[list[float]], float]:
    def fold(numbers: list[float]) -> float:
        total = numbers[0]
        for number in numbers[1:]:
            total = work(total, number)
        return total

    return fold


async def _pass(run: _Run, call: _Call) -> str:
    return call.given


_COMMANDS: Mapping[str, _Deed] = {
    **dict.fromkeys(("setvar", "setglobalvar"), _setvar), **dict.fromkeys(("getvar", "getglobalvar"), _getvar),
    **dict.fromkeys(("addvar", "addglobalvar"), _addvar),
    **dict.fromkeys(("incvar", "decvar", "incglobalvar", "decglobalvar"), _incvar),
    **dict.fromkeys(("flushvar", "flushglobalvar"), _flushvar), "let": _let, "var": _let, "if": _if, "while": _while,
    "times": _times, "run": _run_closure, "call": _run_closure, "return": _leaving("return"),
    "break": _leaving("break"), "abort": _leaving("abort"), "pass": _pass,
    "add": _reckoned(sum), "mul": _reckoned(math.prod), "sub": _reckoned(_folded(operator.sub)),
    "div": _reckoned(_folded(operator.truediv)), "mod": _reckoned(_folded(math.fmod)), "max": _reckoned(max),
    "min": _reckoned(min), "abs": _reckoned(lambda n: abs(n[0])), "round": _reckoned(lambda n: math.floor(n[0] + 0.5)),
    "len": _text(lambda text: str(len(text))), "upper": _text(str.upper), "lower": _text(str.lower),
    "trim": _text(str.strip),
}
