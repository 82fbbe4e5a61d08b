"""What the chat field `cast` may hold, and the members as the library has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tui.core.library import Library
from tui.domain.card import Card
from tui.domain.cast import AUTO_DELAY, JOININGS, STRATEGIES, CastSettings, Member
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import notice
from tui.domain.samplers import Samplers

#: Members that a group may have, and names that each may be called by.
MOST_MEMBERS, MOST_NAMES = 50, 20
#: Seconds that auto mode may wait at most.
LONGEST_DELAY = 3600.0
_LONGEST = 2000


def checked_cast(library: Library, field: str, value: Any) -> dict[str, Any] | None:
    """The cast as the chat may keep it; None for a group of nobody. Raises BadInput naming the field."""
    if not isinstance(value, Mapping) or not isinstance(value.get("members"), list):
        raise BadInput(notice("{field} must be a group with its members.", field=field), field=field)
    members = [_member(library, field, m) for m in value["members"]]
    if len(members) > MOST_MEMBERS:
        raise BadInput(notice("A group has at most {n} members.", n=MOST_MEMBERS), field=field)
    if len({m.id for m in members}) < len(members):
        raise BadInput(notice("Everybody is in a group once."), field=field)
    found = CastSettings(
        tuple(members), _text(field, value.get("name")), _one_of(field, value.get("strategy"), STRATEGIES),
        _one_of(field, value.get("joining"), JOININGS), value.get("self_replies") is True, value.get("auto") is True,
        number(field, value.get("delay", AUTO_DELAY), 0.0, LONGEST_DELAY), _text(field, value.get("prefix")),
        _text(field, value.get("suffix")),
    )
    return found.to_json() if members else None


def _member(library: Library, field: str, value: Any) -> Member:
    if not isinstance(value, Mapping) or not isinstance(value.get("id"), str) or not value["id"]:
        raise BadInput(notice("{field} must be a group with its members.", field=field), field=field)
    names = value.get("names") or ()
    if not isinstance(names, (list, tuple)) or len(names) > MOST_NAMES:
        raise BadInput(notice("{field} must be a group with its members.", field=field), field=field)
    talk, profile, samplers = value.get("talkativeness"), _text(field, value.get("profile")), value.get("samplers")
    if samplers is not None and not isinstance(samplers, Mapping):
        raise BadInput(notice("{field} must map samplers to their values.", field=field), field=field)
    if profile:
        library.profile(profile)
    plain = Samplers().with_values(samplers).to_json() if samplers else {}
    return Member(
        value["id"][:200], tuple(dict.fromkeys(n for name in names if (n := _text(field, name).strip()))),
        value.get("muted") is True, None if talk is None else number(field, talk, 0.0, 1.0), profile,
        {name: plain[name] for name in samplers or {}},
    )


def number(field: str, value: Any, low: float, high: float) -> float:
    """A number of a field. Raises BadInput."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        told = notice("{field} must be between {low} and {high}.", field=field, low=low, high=high)
        raise BadInput(told, field=field)
    return float(value)


def _text(field: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST:
        told = notice("{field} must be a text of at most {n} characters.", field=field, n=_LONGEST)
        raise BadInput(told, field=field)
    return value


def _one_of(field: str, value: Any, names: tuple[Any, ...]) -> Any:
    if value is None:
        return names[0]
    if value not in names:
        raise BadInput(notice("{field} must be one of: {names}.", field=field, names=", ".join(names)), field=field)
    return value


def talkativeness_of(card: Card) -> float | None:
    """How gladly a character speaks, as their card has it; None where it says nothing."""
    data = card.raw.get("data")
    extensions = data.get("extensions") if isinstance(data, Mapping) else None
    value: Any = extensions.get("talkativeness") if isinstance(extensions, Mapping) else None
    value = card.raw.get("talkativeness") if value is None else value
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(found) else min(1.0, max(0.0, found))


def cast_of(fields: Mapping[str, Any], library: Library) -> CastSettings | None:
    """The cast of a chat with names and talkativeness from the cards; None where one character plays alone. Those who
    are no longer in the library cannot speak: they count as muted."""
    if not (data := fields.get("cast")):
        return None
    cast = CastSettings.from_json(data)
    return replace(cast, members=tuple(_as_they_are(m, library) for m in cast.members))


def _as_they_are(member: Member, library: Library) -> Member:
    try:
        card = library.card(member.id)
    except NotFound:
        return replace(member, muted=True)
    names = tuple(dict.fromkeys(n for n in (card.display_name, card.name, *member.names) if n))
    talk = talkativeness_of(card) if member.talkativeness is None else member.talkativeness
    return replace(member, names=names, talkativeness=talk)
