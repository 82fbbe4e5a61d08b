"""Chat files of one folder come in together: branches as one tree, nothing twice, a broken one named."""

from __future__ import annotations

import base64
import json
from typing import Any

from core_table import Table


def _file(name: str, lines: list[dict[str, Any]], **meta: Any) -> dict[str, str]:
    header = {"user_name": "unused", "character_name": "unused", "chat_metadata": meta}
    data = "\n".join(json.dumps(line) for line in [header, *lines]).encode()
    return {"name": f"chats/Mira/{name}.jsonl", "data_base64": base64.b64encode(data).decode()}


def _said(text: str, user: bool = False, at: int = 0, **more: Any) -> dict[str, Any]:
    when = 1_700_000_000_000 + at
    return {"name": "Ann" if user else "Mira", "is_user": user, "mes": text, "send_date": when, **more}


async def test_branches_come_back_into_one_tree_and_nothing_comes_twice(table: Table) -> None:
    start = [_said("Hello"), _said("Hi", True), _said("Tea?", swipes=["Tea?", "Rain."], swipe_id=0)]
    files = [
        _file("main", [*start, _said("Yes", True, 5), _said("Here.", at=6)]),
        _file("Branch #1", [*start, _said("No", True, 3), _said("Pity.", at=4)], main_chat="main"),
        _file("another", [_said("Hello"), _said("Hi", True), _said("Go away.")]),
        {"name": "chats/Mira/broken.jsonl", "data_base64": base64.b64encode(b"not a chat").decode()},
    ]
    answer = await table.call("import.chats", files=files)
    refused = [r for r in answer["files"] if r["error"]]
    assert [r["path"] for r in refused] == ["chats/Mira/broken.jsonl"]
    first, second = (r for r in answer["files"] if not r["error"])
    tree = await table.core.chats.get(first["id"])
    assert [n.text for n in tree.path()] == ["Hello", "Hi", "Tea?", "Yes", "Here."]
    assert len(tree.nodes) == 8
    end = next(n for n in tree.nodes.values() if n.text == "Pity.")
    assert end.extra["checkpoint"] == "Branch #1"
    assert [n.text for n in tree.path(end.id)] == ["Hello", "Hi", "Tea?", "No", "Pity."]
    assert len((await table.core.chats.get(second["id"])).nodes) == 3
    again = await table.call("import.chats", files=files)
    assert [r.get("id") for r in again["files"]] == [r.get("id") for r in answer["files"]]
    assert all("already" in r["warnings"][0]["id"] for r in again["files"] if not r["error"])
