"""Chats, cards and errors as the JSON that travels and that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tui.domain.card import Card
from tui.domain.chat import Chat
from tui.domain.lore import Lorebook, LoreEntry
from tui.domain.operations import node_to_json, summary_to_json


def chat_to_json(chat: Chat) -> dict[str, Any]:
    """A chat without its nodes."""
    return {
        "id": chat.id, "created_ms": chat.created_ms, "updated_ms": chat.updated_ms, "head": chat.head,
        "fields": dict(chat.fields),
    }


def tree_to_json(chat: Chat) -> dict[str, Any]:
    """A chat with everything in it."""
    return {
        "chat": chat_to_json(chat),
        "nodes": [node_to_json(n) for n in chat.nodes.values()],
        "summaries": [summary_to_json(s) for s in chat.summaries.values()],
    }


def card_to_json(card: Card) -> dict[str, Any]:
    """The snapshot of a card that a chat keeps: all that prompts are made of, the raw object left out."""
    data = asdict(card)
    data.pop("raw")
    if data["book"] is not None:
        data["book"].pop("raw")
    return data


def card_from_json(data: Mapping[str, Any]) -> Card:
    book = data.get("book")
    return Card(
        **{
            **data,
            "alternate_greetings": tuple(data.get("alternate_greetings") or ()),
            "group_only_greetings": tuple(data.get("group_only_greetings") or ()),
            "tags": tuple(data.get("tags") or ()),
            "book": _book_from_json(book) if book else None,
        }
    )


def _book_from_json(data: Mapping[str, Any]) -> Lorebook:
    entries = tuple(
        LoreEntry(**{**e, "keys": tuple(e["keys"]), "secondary_keys": tuple(e["secondary_keys"])})
        for e in data["entries"]
    )
    return Lorebook(**{**data, "entries": entries})
