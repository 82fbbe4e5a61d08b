"""Chats that other programs than SillyTavern export, as one JSON value (cards.md 8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tui.domain.chat import Role
from tui.formats.chat_file import ChatFile, ImportedMessage, when
from tui.formats.coerce import Repairs, flag, mapping, plain_name

ForeignKind = Literal["webui", "lite", "risu", "agnai", "messages", "cai", "tavern_list"]
_CHAT_LIMIT = 1000
#: How text-generation-webui marks a greeting that nobody asked for.
_GREETING_MARK = "<|BEGIN-VISIBLE-CHAT|>"


def foreign_kind(value: Any) -> ForeignKind | None:
    """Which program wrote a parsed file, None where it is none of these."""
    if isinstance(value, list):
        return "tavern_list" if value and all(isinstance(v, str) and ": " in v for v in value[:20]) else None
    if not isinstance(value, Mapping):
        return None
    if isinstance(value.get("internal"), list) or isinstance(value.get("data_visible"), list):
        return "webui"
    if "gamestarted" in value and "actions" in value:
        return "lite"
    if value.get("type") in ("risuChat", "risuAllChats"):
        return "risu"
    if isinstance(mapping(value.get("histories")).get("histories"), list):
        return "cai"
    messages = value.get("messages")
    if isinstance(messages, list):
        first = next((m for m in messages if isinstance(m, Mapping)), {})
        if "msg" in first:
            return "agnai"
        if "role" in first and "content" in first:
            return "messages"
    return None


def foreign_chats(value: Any, title: str, repairs: Repairs) -> list[ChatFile]:
    """The chats in a parsed file; empty where it is none of the known kinds."""
    kind = foreign_kind(value)
    return _READERS[kind](value, title, repairs) if kind is not None else []


def _chat(title: str, character: str, user: str, messages: list[ImportedMessage], repairs: Repairs) -> ChatFile:
    kept = tuple(m for m in messages if m.text.strip())
    return ChatFile(title, plain_name(character), plain_name(user), kept, repairs.done())


def _webui(value: Mapping[str, Any], title: str, repairs: Repairs) -> list[ChatFile]:
    """`internal` holds pairs (person, character); `visible` is HTML and is left alone."""
    pairs = value.get("internal") if isinstance(value.get("internal"), list) else value.get("data")
    messages: list[ImportedMessage] = []
    for pair in pairs if isinstance(pairs, list) else []:
        if not isinstance(pair, list) or len(pair) != 2:
            repairs.add("A pair of messages that is none was left out.")
            continue
        asked, answered = (repairs.text(text, "message") for text in pair)
        if asked != _GREETING_MARK:
            messages.append(ImportedMessage("user", "", asked))
        messages.append(ImportedMessage("assistant", "", answered))
    return [_chat(title, "", "", messages, repairs)]


def _lite(value: Mapping[str, Any], title: str, repairs: Repairs) -> list[ChatFile]:
    """One text with turn marks, or a story without any. Settings, keys and addresses are not looked at."""
    settings = mapping(value.get("savedsettings"))
    user = settings["chatname"] if isinstance(settings.get("chatname"), str) else ""
    opponents = settings["chatopponent"] if isinstance(settings.get("chatopponent"), str) else ""
    character = opponents.split("||$||")[0]
    actions = value.get("actions")
    parts = [value.get("prompt"), *(actions if isinstance(actions, list) else [])]
    text = "".join(part for part in parts if isinstance(part, str))
    messages: list[ImportedMessage] = []
    role: Role = "assistant"
    for part in re.split(r"(\{\{\[INPUT\]\}\}|\{\{\[OUTPUT\]\}\})", text):
        if part.startswith("{{["):
            role = "user" if part == "{{[INPUT]}}" else "assistant"
        else:
            name = plain_name(user if role == "user" else character)
            messages.append(ImportedMessage(role, name, repairs.text(part.strip(), "text")))
    return [_chat(title, character, user, messages, repairs)]


def _risu(value: Mapping[str, Any], title: str, repairs: Repairs) -> list[ChatFile]:
    found = value.get("data")
    chats = found if isinstance(found, list) else [found]
    out = []
    for chat in chats[:_CHAT_LIMIT]:
        listed = mapping(chat).get("message")
        messages = [
            ImportedMessage(
                "user" if item.get("role") == "user" else "assistant", "", repairs.text(item.get("data"), "data"),
                when(item.get("time")), hidden=flag(item.get("isComment"), False),
            )
            for item in (listed if isinstance(listed, list) else []) if isinstance(item, Mapping)
        ]
        name = mapping(chat).get("name")
        out.append(_chat(plain_name(name) if isinstance(name, str) else title, "", "", messages, repairs))
    return out


def _agnai(value: Mapping[str, Any], title: str, repairs: Repairs) -> list[ChatFile]:
    messages = []
    for item in value["messages"]:
        if isinstance(item, Mapping):
            role: Role = "user" if item.get("userId") else "assistant"
            name = item.get("name") or item.get("handle")
            messages.append(ImportedMessage(
                role, plain_name(name) if isinstance(name, str) else "", repairs.text(item.get("msg"), "msg"),
                when(item.get("createdAt")),
            ))
    own = value.get("name")
    return [_chat(plain_name(own) if isinstance(own, str) and own else title, "", "", messages, repairs)]


def _messages(value: Mapping[str, Any], title: str, repairs: Repairs) -> list[ChatFile]:
    """Roles and contents, as chat-completion servers take them; of parts only the texts."""
    messages = []
    for item in value["messages"]:
        if not isinstance(item, Mapping):
            continue
        content = item.get("content")
        if isinstance(content, list):
            content = "\n".join(str(mapping(p).get("text") or "") for p in content)
        role: Role = item["role"] if item.get("role") in ("user", "system") else "assistant"
        messages.append(ImportedMessage(role, "", repairs.text(content, "content"), when(item.get("created"))))
    character = value.get("character")
    stem = re.sub(r"\.(png|json)$", "", character) if isinstance(character, str) else ""
    return [_chat(title, stem, "", messages, repairs)]


def _cai(value: Mapping[str, Any], title: str, repairs: Repairs) -> list[ChatFile]:
    out = []
    for history in value["histories"]["histories"][:_CHAT_LIMIT]:
        listed = mapping(history).get("msgs")
        messages, names = [], {"user": "", "assistant": ""}
        for item in listed if isinstance(listed, list) else []:
            if not isinstance(item, Mapping):
                continue
            source = mapping(item.get("src"))
            role: Literal["user", "assistant"] = "user" if flag(source.get("is_human"), False) else "assistant"
            name = plain_name(source["name"]) if isinstance(source.get("name"), str) else ""
            names[role] = names[role] or name
            text = repairs.text(item.get("text"), "text")
            messages.append(ImportedMessage(role, name, text, when(item.get("created"))))
        out.append(_chat(title, names["assistant"], names["user"], messages, repairs))
    return out


def _tavern_list(value: list[Any], title: str, repairs: Repairs) -> list[ChatFile]:
    """TavernAI's first form: texts that begin with a name; the first to speak is the character."""
    split = [repairs.text(line, "line").partition(": ") for line in value if isinstance(line, str)]
    character = split[0][0] if split else ""
    messages = [
        ImportedMessage("assistant" if name == character else "user", plain_name(name), text.strip())
        for name, _, text in split
    ]
    user = next((m.name for m in messages if m.role == "user"), "")
    return [_chat(title, character, user, messages, repairs)]


_READERS: dict[ForeignKind, Callable[[Any, str, Repairs], list[ChatFile]]] = {
    "webui": _webui, "lite": _lite, "risu": _risu, "agnai": _agnai, "messages": _messages, "cai": _cai,
    "tavern_list": _tavern_list,
}
