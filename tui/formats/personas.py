"""SillyTavern's persona backup (`{personas, persona_descriptions, default_persona}`), in and out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from tui.domain.chat import Role
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.persona import Persona, PersonaBook
from tui.domain.prompt.types import PersonaPosition
from tui.formats.files import slug

_POSITIONS: Mapping[int, PersonaPosition] = {
    0: "head", 1: "head", 2: "note_top", 3: "note_bottom", 4: "at_depth", 9: "none",
}
_NUMBERS = {"head": 0, "note_top": 2, "note_bottom": 3, "at_depth": 4, "none": 9}
_ROLES: tuple[Role, ...] = ("system", "user", "assistant")
#: Personas of one file; SillyTavern shows them in pages of at most 100.
_MOST = 5000


def is_persona_backup(data: Any) -> bool:
    """Whether this is a persona backup, or settings that hold personas."""
    return isinstance(data, Mapping) and isinstance(data.get("personas"), Mapping) and (
        isinstance(data.get("persona_descriptions"), Mapping) or "default_persona" in data
    )


def read_personas(data: Any) -> PersonaBook:
    """The personas of a backup or of a whole settings.json (there in `power_user`), by the names of their picture
    files. Characters are named by the stems of theirs. Raises BadInput."""
    if isinstance(data, Mapping) and is_persona_backup(data.get("power_user")):
        data = data["power_user"]
    if not is_persona_backup(data) or len(data["personas"]) > _MOST:
        raise BadInput(notice("This is no backup of personas."))
    descriptions = data.get("persona_descriptions")
    descriptions = descriptions if isinstance(descriptions, Mapping) else {}
    personas, bound, ids = [], {}, dict[str, str]()
    for avatar, name in data["personas"].items():
        if not isinstance(name, str) or not name.strip():
            continue
        ids[avatar] = _free(slug(PurePosixPath(str(avatar)).stem) or "persona", set(ids.values()))
        more = descriptions.get(avatar)
        more = more if isinstance(more, Mapping) else {}
        personas.append(_persona(ids[avatar], name, more))
        links = more.get("connections")
        for link in links if isinstance(links, list) else ():
            if isinstance(link, Mapping) and link.get("type") == "character" and isinstance(link.get("id"), str):
                bound[PurePosixPath(link["id"]).stem] = ids[avatar]
    default = data.get("default_persona")
    return PersonaBook(tuple(personas), ids.get(default, "") if isinstance(default, str) else "", bound)


def _persona(persona_id: str, name: str, more: Mapping[str, Any]) -> Persona:
    role, depth, book = more.get("role"), more.get("depth"), more.get("lorebook")
    return Persona(
        persona_id, name.strip(), _text(more.get("title")), _text(more.get("description")),
        _POSITIONS.get(_whole(more.get("position"), 0), "head"), min(9999, max(0, _whole(depth, 2))),
        _ROLES[_whole(role, 0)] if 0 <= _whole(role, 0) < len(_ROLES) else "system",
        (book,) if isinstance(book, str) and book else (),
    )


def write_personas(book: PersonaBook) -> dict[str, Any]:
    """The same as SillyTavern reads it; of several lorebooks, the first."""
    pictures = {p.id: f"{p.id}.png" for p in book.personas}
    described = {}
    for persona in book.personas:
        links = [{"type": "character", "id": f"{c}.png"} for c, p in book.characters.items() if p == persona.id]
        described[pictures[persona.id]] = {
            "description": persona.description, "position": _NUMBERS[persona.position], "depth": persona.depth,
            "role": _ROLES.index(persona.role), "lorebook": persona.lorebooks[0] if persona.lorebooks else "",
            "title": persona.title, "connections": links,
        }
    return {
        "personas": {pictures[p.id]: p.name for p in book.personas}, "persona_descriptions": described,
        "default_persona": pictures.get(book.default),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _free(wanted: str, taken: set[str]) -> str:
    """`wanted`, or the first of its numbered forms that is free."""
    names = (wanted if n == 1 else f"{wanted}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
