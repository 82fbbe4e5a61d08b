"""Chats from files: SillyTavern's JSONL with swipes, and the exports of others (cards.md 8, sillytavern.md 2.4).

A bad line costs that line, not the chat. Names, texts, thoughts, times, swipes and the header's fields are taken over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tui.domain.chat import Role
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.formats.chat_file import ChatFile, ImportedMessage, when
from tui.formats.chat_foreign import foreign_chats, foreign_kind
from tui.formats.chat_meta import fields_of_header, lorebook_of_header
from tui.formats.coerce import Repairs, flag, mapping, plain_name, whole
from tui.formats.files import FILE_LIMIT, shown_name
from tui.formats.jsontext import JSON_LIMIT, decode_text, parse_json

__all__ = ["ChatFile", "ImportedMessage", "looks_like_chat", "read_chat", "when"]

MESSAGE_LIMIT = 200_000
SWIPE_LIMIT = 10_000


def read_chat(data: bytes, filename: str = "") -> list[ChatFile]:
    """All chats in a file, at least one. Raises BadInput naming the file where there is none."""
    name = shown_name(filename) or "chat"
    title = plain_name(name.rsplit(".", 1)[0])
    if len(data) > FILE_LIMIT:
        raise BadInput(
            notice("{file} is larger than {limit} bytes, the most that is read.", file=name, limit=FILE_LIMIT),
            file=name,
        )
    repairs = Repairs()
    records = _records(data, name, repairs)
    if len(records) == 1 and not _is_line(records[0]):
        chats = foreign_chats(records[0], title, repairs)
    else:
        chats = [_from_lines(records, title, repairs)]
    chats = [chat for chat in chats if chat.messages]
    if not chats:
        raise BadInput(
            notice("{file} holds no chat that can be read.", file=name),
            "Traktir reads chats of SillyTavern, text-generation-webui, KoboldAI Lite, RisuAI, Agnai and CAI Tools.",
            file=name,
        )
    return chats


def looks_like_chat(value: Any) -> bool:
    """Whether a parsed file, or the start of a JSONL file (bytes), is a chat."""
    if isinstance(value, bytes):
        first = value.lstrip(b"\xef\xbb\xbf \t\r\n")[:JSON_LIMIT].split(b"\n", 1)[0].split(b"\r", 1)[0]
        if not first.startswith(b"{"):
            return False
        try:
            value = parse_json(first, "chat").value
        except BadInput:
            return False
    if isinstance(value, list):
        return bool(value) and (_is_line(value[0]) or foreign_kind(value) is not None)
    return _is_line(value) or foreign_kind(value) is not None


def _is_line(value: Any) -> bool:
    """A header or a message of SillyTavern's JSONL."""
    if not isinstance(value, Mapping):
        return False
    return "chat_metadata" in value or ("user_name" in value and "character_name" in value) or (
        "mes" in value and ("name" in value or "is_user" in value)
    )


def _records(data: bytes, name: str, repairs: Repairs) -> list[Any]:
    """The JSON values of a file: one, or one a line, or one after the other."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start not in (b"{", b"[") and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(notice("{file} is not a chat: it is not JSON.", file=name), file=name)
    text, notes = decode_text(data)
    for note in notes:
        repairs.add(note.id)
    lines = text.split("\n") if "\n" in text else text.split("\r")
    if len(data) <= JSON_LIMIT and not _lines_stand_alone(lines):
        whole_file = parse_json(text, name)
        if not any(n.id.startswith("Text after the end") for n in whole_file.notes):
            value = whole_file.value
            return value if isinstance(value, list) and value and _is_line(value[0]) else [value]
    return _each_line(lines, repairs)


def _lines_stand_alone(lines: list[str]) -> bool:
    first = next((line for line in lines if line.strip()), "")
    more = next((line for line in lines[1:] if line.strip()), "")
    return first.strip().endswith("}") and more.startswith("{")


def _each_line(lines: list[str], repairs: Repairs) -> list[Any]:
    out: list[Any] = []
    bad = 0
    for line in lines:
        if not line.strip():
            continue
        if len(out) >= MESSAGE_LIMIT:
            repairs.add("The chat has more than {limit} messages; the rest was left out.", limit=MESSAGE_LIMIT)
            break
        try:
            out.extend(_values(line))
        except (BadInput, ValueError):
            bad += 1
    if bad:
        repairs.add("Lines that could not be read were left out: {count}.", count=bad)
    return out


def _values(line: str) -> list[Any]:
    """The value of a line, or several that stand one after the other."""
    parsed = parse_json(line, "line")
    if not parsed.notes:
        return [parsed.value]
    decoder = json.JSONDecoder(strict=False)
    out, at = [], 0
    while at < len(line) and line[at:].lstrip()[:1] == "{":
        at += len(line) - at - len(line[at:].lstrip())
        value, at = decoder.raw_decode(line, at)
        out.append(value)
    return out or [parsed.value]


def _from_lines(records: list[Any], title: str, repairs: Repairs) -> ChatFile:
    header: Mapping[str, Any] = {}
    messages: list[ImportedMessage] = []
    for record in records:
        if not isinstance(record, Mapping):
            repairs.add("Something that is no message was left out.")
        elif "mes" not in record and ("chat_metadata" in record or "user_name" in record) and not messages:
            header = record
        elif (message := _message(record, repairs)) is not None:
            messages.append(message)
    if messages and not any("is_user" in r for r in records if isinstance(r, Mapping)):
        messages = _guess_users(messages, repairs)
    character, user = _header_name(header, "character_name"), _header_name(header, "user_name")
    meta = mapping(header.get("chat_metadata"))
    fields = fields_of_header(meta, repairs)
    return ChatFile(
        title, character or _first_name(messages, "assistant"), user or _first_name(messages, "user"),
        tuple(messages), fields=fields, lorebook=lorebook_of_header(meta), notes=repairs.done(),
    )


def _header_name(header: Mapping[str, Any], key: str) -> str:
    value = header.get(key)
    name = plain_name(value) if isinstance(value, str) else ""
    return "" if name == "unused" else name


def _first_name(messages: Iterable[ImportedMessage], role: Role) -> str:
    return next((m.name for m in messages if m.role == role and m.name and not m.hidden), "")


def _guess_users(messages: list[ImportedMessage], repairs: Repairs) -> list[ImportedMessage]:
    """CAI Tools writes no `is_user`: the first to speak is the character."""
    repairs.add("The file does not say who is the person; the first to speak was taken for the character.")
    first = messages[0].name
    return [replace(m, role="assistant" if m.name == first else "user") for m in messages]


def _message(record: Mapping[str, Any], repairs: Repairs) -> ImportedMessage | None:
    if "mes" not in record and "swipes" not in record:
        repairs.add("Something that is no message was left out.")
        return None
    listed = record.get("swipes")
    swipes = tuple(_text(s, repairs) for s in listed[:SWIPE_LIMIT]) if isinstance(listed, list) else ()
    index = whole(record.get("swipe_id"), 0, 0, 2**31)
    text = _text(record.get("mes"), repairs)
    if swipes:
        if index >= len(swipes):
            index = next((n for n, swipe in enumerate(swipes) if swipe == text), len(swipes) - 1)
        text = text or swipes[index]
        swipes = (*swipes[:index], text, *swipes[index + 1:])   # `mes` is the authoritative copy
    role: Role = "user" if flag(record.get("is_user"), False) else "assistant"
    extra = mapping(record.get("extra"))
    if extra.get("type") == "narrator":
        role = "system"
    return ImportedMessage(
        role, plain_name(str(record.get("name") or "")), text, when(record.get("send_date")),
        swipes if len(swipes) > 1 else (), index if len(swipes) > 1 else 0,
        hidden=flag(record.get("is_system"), False) and role != "system",
        reasoning=_thought(extra, repairs), thoughts=_thoughts(record, len(swipes), repairs),
    )


def _thought(extra: Mapping[str, Any], repairs: Repairs) -> str:
    return repairs.text(extra.get("reasoning"), "reasoning")


def _thoughts(record: Mapping[str, Any], count: int, repairs: Repairs) -> tuple[str, ...]:
    """The thoughts before each of `count` swipes; empty where there are none."""
    infos = record.get("swipe_info")
    if count < 2 or not isinstance(infos, list):
        return ()
    found = [_thought(mapping(mapping(info).get("extra")), repairs) for info in infos[:count]]
    return (*found, *[""] * (count - len(found))) if any(found) else ()


def _text(value: Any, repairs: Repairs) -> str:
    if isinstance(value, Mapping) and "message" in value:      # chub wraps texts
        value = value["message"]
    return repairs.text(value, "mes")
