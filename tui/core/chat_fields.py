"""What a chat's fields may hold: checked when they are set, so that no later turn meets a value that it cannot take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tui.core.cast_fields import checked_cast
from tui.core.library import Library
from tui.domain.errors import BadInput
from tui.domain.languages import SHOWS
from tui.domain.notice import Notice, notice
from tui.domain.samplers import Samplers

#: An author's note may stand this many messages from the end.
DEEPEST_NOTE = 9999
#: Characters of one text field, such as a note; prompts are far shorter.
LONGEST_TEXT = 200_000
#: Facts that a chat may have pinned, and documents that it may have.
MOST_PINS, MOST_DOCUMENTS = 200, 50
_ROLES = ("system", "user", "assistant")

_Check = Callable[[Library, str, Any], Any]


def checked(library: Library, field: str, value: Any, present: Any = None) -> Any:
    """The value as the chat may keep it; None takes the field away. Raises BadInput naming the field, and NotFound
    for a profile, template or lorebook that does not exist (lorebooks that are in `present` already may stay)."""
    if field == "lorebooks" and value:
        return _lorebooks(library, field, value, present or ())
    check = _CHECKS.get(field)
    if check is None:
        raise BadInput(notice("A chat has no field called {name}.", name=field[:40]), field=field[:40])
    return None if value is None or value == "" else check(library, field, value)


def _refused(field: str, told: Notice) -> BadInput:
    return BadInput(told, field=field)


def _text(_: Library, field: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise _refused(field, notice("{field} must be a text of at most {n} characters.", field=field, n=LONGEST_TEXT))
    return value


def _depth(_: Library, field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= DEEPEST_NOTE:
        raise _refused(
            field, notice("{field} must be a whole number between {low} and {high}.", field=field, low=0,
                          high=DEEPEST_NOTE)
        )
    return value


def _role(_: Library, field: str, value: Any) -> str:
    if value not in _ROLES:
        raise _refused(field, notice("{field} must be one of: {names}.", field=field, names=", ".join(_ROLES)))
    return str(value)


def _samplers(_: Library, field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _refused(field, notice("{field} must map samplers to their values.", field=field))
    plain = Samplers().with_values(value).to_json()
    return {name: plain[name] for name in value}


def _profile(library: Library, field: str, value: Any) -> str:
    return library.profile(_text(library, field, value)).id


def _template(library: Library, field: str, value: Any) -> str:
    return library.template(_text(library, field, value)).id


def _lorebooks(library: Library, field: str, value: Any, present: Collection[str]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _refused(field, notice("{field} must be a list of names.", field=field))
    for name in value:
        if name not in present:
            library.lorebook(name)
    return list(dict.fromkeys(value))


def _prompt(library: Library, field: str, value: Any) -> str:
    return library.prompt(_text(library, field, value)).id


def _one_of(*names: str) -> _Check:
    def check(_: Library, field: str, value: Any) -> str:
        if value not in names:
            raise _refused(field, notice("{field} must be one of: {names}.", field=field, names=", ".join(names)))
        return str(value)

    return check


_SHOWN = _one_of(*SHOWS)
_INJECTED = _one_of("before", "after", "at_depth", "none")


def _injections(library: Library, field: str, value: Any) -> list[dict[str, Any]]:
    """Texts put into the prompt from outside card and chat, each with an id of its own."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value) or len(value) > 100:
        raise _refused(field, notice("{field} must be a list of texts with their places.", field=field))
    out: dict[str, dict[str, Any]] = {}
    for item in value:
        name = _text(library, field, item.get("id"))
        out[name] = {
            "id": name, "text": _text(library, field, item.get("text")),
            "position": _INJECTED(library, field, item.get("position", "at_depth")),
            "depth": _depth(library, field, item.get("depth", 4)),
            "role": _role(library, field, item.get("role", "system")), "scan": item.get("scan") is True,
        }
    return list(out.values())


def _languages(library: Library, field: str, value: Any) -> dict[str, Any]:
    """The two languages of a chat."""
    if not isinstance(value, Mapping):
        raise _refused(field, notice("{field} must name two languages.", field=field))
    names = {name: _text(library, field, value.get(name)).strip()[:60] for name in ("mine", "model")}
    if not all(names.values()) or names["mine"].casefold() == names["model"].casefold():
        raise _refused(field, notice("{field} must name two languages.", field=field))
    since = value.get("since", 0)
    if isinstance(since, bool) or not isinstance(since, int):
        raise _refused(field, notice("{field} must name two languages.", field=field))
    return {**names, "show": _SHOWN(library, field, value.get("show", "mine")), "since": since}


def _variables(library: Library, field: str, value: Any) -> dict[str, str]:
    """The macro variables that a chat begins with, by name."""
    if not isinstance(value, Mapping) or len(value) > 1000:
        raise _refused(field, notice("{field} must map names to texts.", field=field))
    return {_text(library, field, name): _text(library, field, text) for name, text in value.items()}


def _listed(library: Library, field: str, value: Any, names: Collection[str], most: int) -> list[dict[str, str]]:
    """Things with an id and texts by those names, each id once."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value) or len(value) > most:
        raise _refused(field, notice("{field} must be a list of at most {n} things.", field=field, n=most))
    out = {}
    for item in value:
        texts = {name: _text(library, field, item.get(name) or "") for name in ("id", *names)}
        if not texts["id"]:
            raise _refused(field, notice("{field} must be a list of at most {n} things.", field=field, n=most))
        out[texts["id"]] = texts
    return list(out.values())


def _pins(library: Library, field: str, value: Any) -> list[dict[str, str]] | None:
    """Pinned facts; `node` is the message that one was taken from."""
    return _listed(library, field, value, ("text", "node"), MOST_PINS) or None


def _documents(library: Library, field: str, value: Any) -> list[dict[str, str]] | None:
    """What a person has added to read from; their bytes lie beside the chat by their digest."""
    return _listed(library, field, value, ("name", "digest"), MOST_DOCUMENTS) or None


_CHECKS: Mapping[str, _Check] = {
    "title": _text, "character": _text, "persona": _text, "persona_text": _text, "note": _text, "note_depth": _depth,
    "note_role": _role, "note_interval": _depth,
    "note_position": _one_of("at_depth", "anchored", "before_story", "after_story"),
    "persona_position": _one_of("head", "note_top", "note_bottom", "at_depth", "none"), "persona_depth": _depth,
    "persona_role": _role, "scenario": _text, "mes_example": _text, "system_prompt": _text, "prefill": _text,
    "languages": _languages,
    "injections": _injections, "variables": _variables, "prompt": _prompt, "samplers": _samplers, "profile": _profile,
    "template": _template, "lorebooks": _text, "pins": _pins, "documents": _documents, "cast": checked_cast,
    "persona_id": _text,
}
