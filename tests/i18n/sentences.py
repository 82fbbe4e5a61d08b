"""Every sentence for a person that the source code holds, found by reading the syntax trees.

A sentence is the literal first argument of `tr`, `notice`, `Notice` or `mark`, and the first two of an error. Where
such a call passes on an argument or an attribute instead, the literals are looked for in the calls of that function,
or of the class that has the attribute.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "tui"
_SAYERS = frozenset({"tr", "notice", "Notice", "mark"})
_ERRORS = frozenset({
    "TraktirError", "BadInput", "NotFound", "Refused", "PromptTooLong", "BackendError", "EngineError", "StoreError",
    "ConnectionLost",
})


@dataclass
class Source:
    """What was found: sentences with their places, and calls whose sentence nobody could find."""

    found: dict[str, list[str]] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)


def read_source() -> Source:
    """Read the whole package."""
    trees = {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
        if "i18n" not in path.relative_to(PACKAGE).parts
    }
    passed_on = {name: places for tree in trees.values() for name, places in _passers(tree).items()}
    attributes = {name for tree in trees.values() for name in _attributes_said(tree)}
    holders = {name: places for tree in trees.values() for name, places in _holders(tree, attributes).items()}
    source = Source()
    for name, tree in trees.items():
        for call in _calls(tree):
            _read_call(source, name, tree, call, passed_on, holders)
    return source


def _read_call(
    source: Source, name: str, tree: ast.Module, call: ast.Call, passed_on: dict[str, dict[int, str]],
    holders: dict[str, dict[int, str]],
) -> None:
    called = _called(call)
    arguments: list[ast.expr] = []
    if called in _SAYERS:
        arguments = call.args[:1]
    elif called in _ERRORS or called in _own_errors(tree):
        arguments = [*call.args[:2], *(k.value for k in call.keywords if k.arg == "remedy")]
    literal_only = called in holders
    for places in (passed_on.get(called, {}), holders.get(called, {})):
        arguments += [call.args[at] for at in places if at < len(call.args)]
        arguments += [k.value for k in call.keywords if k.arg in places.values()]
    for argument in arguments:
        texts = list(_literals(argument, tree))
        if called in passed_on and called not in _SAYERS and not literal_only:
            texts = [text for text in texts if " " in text]    # `add` of a set is no sayer
        for text in texts:
            source.found.setdefault(text, []).append(f"{name}:{call.lineno}")
    if called in _SAYERS and call.args and isinstance(call.args[0], ast.JoinedStr):
        source.unclear.append(f"{name}:{call.lineno}")


def _passers(tree: ast.Module) -> dict[str, dict[int, str]]:
    """Functions that say one of their arguments: name → {place (without self): argument}."""
    out: dict[str, dict[int, str]] = {}
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or function.name in _SAYERS:
            continue
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")]
        for call in _calls(function):
            said = call.args[:1] if _called(call) in _SAYERS else call.args[:2] if _called(call) in _ERRORS else []
            for argument in said:
                if isinstance(argument, ast.Name) and argument.id in names:
                    out.setdefault(function.name, {})[names.index(argument.id)] = argument.id
    return out


def _attributes_said(tree: ast.Module) -> set[str]:
    return {
        call.args[0].attr for call in _calls(tree)
        if _called(call) in _SAYERS and call.args and isinstance(call.args[0], ast.Attribute)
    } - {"id"}


def _holders(tree: ast.Module, attributes: set[str]) -> dict[str, dict[int, str]]:
    """Dataclasses with an attribute that is said: name → {place: attribute}."""
    out: dict[str, dict[int, str]] = {}
    for kind in ast.walk(tree):
        if isinstance(kind, ast.ClassDef):
            fields = [n.target.id for n in kind.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
            places = {at: name for at, name in enumerate(fields) if name in attributes}
            if places and any("dataclass" in ast.unparse(d) for d in kind.decorator_list):
                out[kind.name] = places
    return out


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    if not isinstance(call.func, ast.Attribute) or ast.unparse(call.func.value) == "_log":
        return ""                                      # the log speaks to developers
    return call.func.attr


@cache
def _own_errors(tree: ast.Module) -> set[str]:
    return {
        node.name for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id in _ERRORS for b in node.bases)
    }


def _literals(node: ast.expr, tree: ast.Module, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The texts that an argument may be: a literal, either side of a condition, or a name that was given one. `seen`
    are the names on the way here: a name may be given itself."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value:
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body, tree, seen)
        yield from _literals(node.orelse, tree, seen)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _literals(value, tree, seen)
    elif isinstance(node, ast.Name) and node.id not in seen:
        for value in _given(tree).get(node.id, ()):
            yield from _literals(value, tree, seen | {node.id})


@cache
def _given(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """Names of a module and the literals that they are given somewhere in it."""
    out: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        value = node.value
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name) and isinstance(value, (ast.Constant, ast.IfExp)):
                out.setdefault(target.id, []).append(value)
    return out
