"""Who a person can be in a story: several of them, and what holds for which chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast

from tui.domain.chat import Role
from tui.domain.prompt.types import PersonaPosition

POSITIONS: tuple[PersonaPosition, ...] = ("head", "note_top", "note_bottom", "at_depth", "none")
ROLES: tuple[Role, ...] = ("system", "user", "assistant")
#: Why a persona is the one in a chat.
LockKind = Literal["chat", "character", "default"]


@dataclass(frozen=True, slots=True)
class Persona:
    """`name` is what {{user}} stands for, `title` what tells two of one name apart. `position` says where the
    description stands; `depth` and `role` matter at a depth. `lorebooks` go with this persona."""

    id: str
    name: str
    title: str = ""
    description: str = ""
    position: PersonaPosition = "head"
    depth: int = 2
    role: Role = "system"
    lorebooks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"lorebooks": list(self.lorebooks)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Persona:
        """From what `to_json` wrote; what does not fit is as it is by default."""
        position, role, depth = data.get("position"), data.get("role"), data.get("depth")
        books = data.get("lorebooks")
        return cls(
            str(data.get("id") or ""), str(data.get("name") or ""), str(data.get("title") or ""),
            str(data.get("description") or ""),
            cast(PersonaPosition, position) if position in POSITIONS else "head",
            depth if isinstance(depth, int) and not isinstance(depth, bool) and 0 <= depth <= 9999 else 2,
            cast(Role, role) if role in ROLES else "system",
            tuple(b for b in books if isinstance(b, str)) if isinstance(books, (list, tuple)) else (),
        )


@dataclass(frozen=True, slots=True)
class PersonaBook:
    """All personas, which is the default ("" none), and which go with a character (by library id)."""

    personas: tuple[Persona, ...] = ()
    default: str = ""
    characters: Mapping[str, str] = field(default_factory=dict)

    def get(self, persona_id: str) -> Persona | None:
        return next((p for p in self.personas if p.id == persona_id), None)

    def chosen(self, locked: str, character: str) -> tuple[Persona | None, LockKind | None]:
        """The persona of a chat that has `locked` one ("" none) and is with `character`, and by what it holds."""
        ways: Sequence[tuple[str, LockKind]] = (
            (locked, "chat"), (self.characters.get(character, ""), "character"), (self.default, "default"),
        )
        for persona_id, kind in ways:
            if (found := self.get(persona_id)) is not None:
                return found, kind
        return None, None

    def with_persona(self, persona: Persona) -> PersonaBook:
        """The same with `persona` as it now is, or as one more."""
        if self.get(persona.id) is None:
            return replace(self, personas=(*self.personas, persona))
        return replace(self, personas=tuple(persona if p.id == persona.id else p for p in self.personas))

    def without(self, persona_id: str) -> PersonaBook:
        """The same without a persona, and without what was locked to it."""
        return PersonaBook(
            tuple(p for p in self.personas if p.id != persona_id), "" if self.default == persona_id else self.default,
            {c: p for c, p in self.characters.items() if p != persona_id},
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "personas": [p.to_json() for p in self.personas], "default": self.default,
            "characters": dict(self.characters),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PersonaBook:
        listed, bound = data.get("personas"), data.get("characters")
        found = [Persona.from_json(p) for p in listed if isinstance(p, Mapping)] if isinstance(listed, list) else []
        known = {p.id: p for p in found if p.id and p.name}
        return cls(
            tuple(known.values()), str(data.get("default") or ""),
            {str(c): str(p) for c, p in bound.items() if p in known} if isinstance(bound, Mapping) else {},
        )
