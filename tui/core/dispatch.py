"""From a method's name and its JSON parameters to a typed call."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import notice

Handler = Callable[..., Awaitable[Any]]
_NAMES = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "an object",
}


class Dispatcher:
    """Methods by name. Parameters are checked against the handler's signature before it runs."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def add(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers.update(handlers)

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """Run `method`. Raises NotFound for an unknown one, BadInput naming the parameter that is off."""
        handler = self._handlers.get(method)
        if handler is None:
            raise NotFound(notice("There is no method called {name}.", name=method[:60]), method=method[:60])
        return await handler(**_checked(handler, params))


@lru_cache(maxsize=256)
def _signature(handler: Handler) -> tuple[Mapping[str, inspect.Parameter], Mapping[str, Any]]:
    return inspect.signature(handler).parameters, get_type_hints(handler)


def _checked(handler: Handler, params: Mapping[str, Any]) -> dict[str, Any]:
    parameters, hints = _signature(handler)
    unknown = sorted(set(params) - set(parameters))
    if unknown:
        raise BadInput(notice("There is no parameter called {field}.", field=unknown[0][:60]), field=unknown[0][:60])
    for name, parameter in parameters.items():
        if name not in params:
            if parameter.default is inspect.Parameter.empty:
                raise BadInput(notice("The parameter {field} is missing.", field=name), field=name)
        elif not _fits(params[name], hints.get(name, Any)):
            raise BadInput(
                notice("{field} must be {kind}.", field=name, kind=_kind(hints[name])), field=name
            )
    return dict(params)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _fits(value: Any, hint: Any) -> bool:
    for one in _alternatives(hint):
        kind = get_origin(one) or one
        if kind is Any or (kind is NoneType and value is None):
            return True
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return True
        if isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return not isinstance(value, list) or _items_fit(value, get_args(one))
    return False


def _items_fit(items: list[Any], hints: tuple[Any, ...]) -> bool:
    return not hints or all(_fits(item, hints[0]) for item in items)


def _kind(hint: Any) -> str:
    return " or ".join(_name(one) for one in _alternatives(hint))


def _name(hint: Any) -> str:
    if get_origin(hint) is list and get_args(hint) == (str,):
        return "a list of texts"
    return _NAMES.get(get_origin(hint) or hint, "null")
