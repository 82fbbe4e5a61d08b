"""Chats of a group that was read from elsewhere: the cast by the library's own names, and who said what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tui.core.cast_fields import checked_cast
from tui.core.library import Library
from tui.core.snapshots import card_to_json
from tui.domain.cast import Member
from tui.domain.chat import Chat
from tui.formats.groups import GroupFile


def in_group(
    chat: Chat, group: GroupFile, library: Library, find: Callable[[str], str]
) -> tuple[Chat, tuple[str, ...]]:
    """An imported chat as one of `group`, and the members that are not in the library (they are left out of the cast;
    what they said stays). `find` gives the library id of the character whose picture has that stem, "" for none."""
    found = {m.id: find(m.id) for m in group.cast.members}
    members = tuple(Member(found[m.id], muted=m.muted) for m in group.cast.members if found[m.id])
    missing = tuple(stem for stem, card in found.items() if not card)
    if not members:
        return replace(chat, fields={**chat.fields, "title": group.name or chat.fields.get("title", "")}), missing
    cast = checked_cast(library, "cast", replace(group.cast, members=members).to_json())
    first = library.card(members[0].id)
    fields = {
        **chat.fields, "title": group.name or chat.fields.get("title", ""), "character": members[0].id,
        "card": card_to_json(first), "cast": cast,
    }
    names: dict[str, str] = {}
    for member in members:
        card = library.card(member.id)
        for name in (card.name, card.display_name):
            names.setdefault(name, member.id)
    nodes = {
        i: replace(n, extra={**n.extra, "speaker": names[n.name]}) if n.role == "assistant" and n.name in names else n
        for i, n in chat.nodes.items()
    }
    return replace(chat, fields=fields, nodes=nodes), missing
