"""Chats, cards and errors as the JSON that travels and that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from tui.domain.card import Card
from tui.domain.chat import Chat, Node
from tui.domain.lore import Lorebook, LoreEntry
from tui.domain.operations import node_to_json, summary_to_json
from tui.store.text import dump, load
from tui.wire.pace import Steps


def chat_to_json(chat: Chat) -> dict[str, Any]:
    """A chat without its nodes."""
    return {
        "id": chat.id, "created_ms": chat.created_ms, "updated_ms": chat.updated_ms, "head": chat.head,
        "fields": dict(chat.fields),
    }


def tree_to_json(chat: Chat, last: int = 0) -> Steps[dict[str, Any]]:
    """A chat with everything in it; or, with `last`, no more than the end of its path.

    That is the last so many messages, what was deleted between them, and their siblings. `before` counts the messages
    of the path that are left out.
    """
    nodes, before = _end_of(chat, last) if last > 0 else (list(chat.nodes.values()), 0)
    written = []
    for node in nodes:
        written.append(node_to_json(node))
        yield
    return {
        "chat": chat_to_json(chat),
        "nodes": written,
        "before": before,
        "summaries": [summary_to_json(s) for s in chat.summaries.values()],
    }


def _end_of(chat: Chat, last: int) -> tuple[list[Node], int]:
    path = chat.path()
    if len(path) <= last:
        return list(chat.nodes.values()), 0
    first = path[-last]
    parents = {first.parent}
    at = chat.nodes[str(chat.head)]
    while at.id != first.id:
        parents.add(at.parent)
        at = chat.nodes[str(at.parent)]
    return [n for n in chat.nodes.values() if n.parent in parents], len(path) - last


def card_to_json(card: Card) -> dict[str, Any]:
    """The snapshot of a card that a chat keeps: all that prompts are made of, the raw object left out."""
    data = asdict(card)
    data.pop("raw")
    if data["book"] is not None:
        data["book"].pop("raw")
    plain: dict[str, Any] = load(dump(data))       # as it comes back from the store, so that the two can be compared
    return plain


def card_from_json(data: Mapping[str, Any]) -> Card:
    """The card of a snapshot, be it one that another version of the program wrote."""
    book = data.get("book")
    return Card(
        **{
            **_known(Card, data),
            "alternate_greetings": tuple(data.get("alternate_greetings") or ()),
            "group_only_greetings": tuple(data.get("group_only_greetings") or ()),
            "tags": tuple(data.get("tags") or ()),
            "book": _book_from_json(book) if book else None,
        }
    )


def _book_from_json(data: Mapping[str, Any]) -> Lorebook:
    entries = tuple(_entry_from_json(e) for e in data["entries"])
    return Lorebook(**{**_known(Lorebook, data), "entries": entries})


def _entry_from_json(data: Mapping[str, Any]) -> LoreEntry:
    """JSON knows neither tuples nor sets."""
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in _known(LoreEntry, data).items()
    }
    return LoreEntry(**{**values, "match_fields": frozenset(values.get("match_fields") or ())})


def _known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    return {name: value for name, value in data.items() if name in names}
