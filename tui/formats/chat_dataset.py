"""Chats as data to train on: one JSON object a line, one line a path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tui.domain.chat import Chat, Node
from tui.domain.errors import Refused
from tui.domain.notice import notice
from tui.formats.chat_parts import Choice, leaf_paths

#: Bytes of one export: a chat with very many swipes far down repeats what stands above them.
LIMIT = 256 << 20
_TURNS = {"system": "system", "user": "human", "assistant": "gpt"}
_NAMES = re.compile(r"\{\{(char|user)\}\}", re.IGNORECASE)


def chat_dataset(chat: Chat, form: str, choice: Choice) -> bytes:
    """The chat in the form `sharegpt`, `messages` or `completion` (the last reply after all that came before).

    What never reaches a model is left out: hidden messages and comments. Raises Refused for more than `LIMIT`."""
    write = _FORMS[form]
    system = _system(chat)
    out: dict[bytes, None] = {}                    # branches that differ in what is left out come to the same line
    size = 0
    for path in leaf_paths(chat, Choice(choice.branches, choice.replies, hidden=False)):
        nodes = [n for n in path if n.extra.get("kind") != "comment" and n.text.strip()]
        record = write(system, nodes)
        if record is None:
            continue
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        size += len(line) if line not in out else 0
        if size > LIMIT:
            raise Refused(notice("All branches of this chat come to more than {limit} MiB.", limit=LIMIT >> 20),
                          "Export the path on view only.")
        out[line] = None
    return b"".join(out)


def _sharegpt(system: str, nodes: Sequence[Node]) -> dict[str, Any] | None:
    turns = [{"from": "system", "value": system}] if system else []
    turns += [{"from": _TURNS[n.role], "value": n.text} for n in nodes]
    return {"conversations": turns} if nodes else None


def _messages(system: str, nodes: Sequence[Node]) -> dict[str, Any] | None:
    turns = [{"role": "system", "content": system}] if system else []
    turns += [{"role": n.role, "content": n.text} for n in nodes]
    return {"messages": turns} if nodes else None


def _completion(system: str, nodes: Sequence[Node]) -> dict[str, Any] | None:
    last = next((at for at in range(len(nodes) - 1, -1, -1) if nodes[at].role == "assistant"), None)
    if last is None:
        return None
    before = [*([system] if system else []), *(f"{n.name}: {n.text}" for n in nodes[:last]), f"{nodes[last].name}:"]
    return {"prompt": "\n".join(before), "completion": f" {nodes[last].text}"}


_FORMS: Mapping[str, Callable[[str, Sequence[Node]], dict[str, Any] | None]] = {
    "sharegpt": _sharegpt, "messages": _messages, "completion": _completion,
}


def _system(chat: Chat) -> str:
    """Who the character is, from the card as the chat has it."""
    card = chat.fields.get("card")
    if not isinstance(card, Mapping):
        return ""
    names = {"char": str(card.get("nickname") or card.get("name") or ""),
             "user": str(chat.fields.get("persona") or "User")}
    texts = [str(card.get(field) or "").strip() for field in ("description", "personality", "scenario")]
    whole = "\n\n".join(text for text in texts if text)
    return _NAMES.sub(lambda found: names[found[1].lower()], whole)
