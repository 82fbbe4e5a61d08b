"""A core that is going to be killed: takes turns for ever and prints what it was told is stored.

Run as: python committing_core.py DATABASE
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tui.domain.chat import Chat
from tui.domain.notice import notice
from tui.domain.operations import apply_all
from tui.store import LockInfo, Store


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def main(path: Path) -> None:
    store = await Store.open(path, owner=LockInfo("here", os.getpid(), "/tmp/the-socket"))
    say("open")
    chat_id = f"chat-{os.getpid()}"
    chat = Chat(chat_id, 1)
    await store.create_chat(chat)
    for number in range(1_000_000):
        node = {
            "id": f"n{number}", "parent": chat.head, "role": "assistant", "name": "Мира", "created_ms": 1,
            "seq": number, "current": "r",
            "revisions": [{"id": "r", "text": "", "created_ms": 1, "finish": "streaming"}],
        }
        ops = [{"op": "add_node", "node": node}, {"op": "set_head", "head": node["id"]}]
        chat, inverses = apply_all(chat, ops)
        await store.commit(chat_id, ops, inverses, label=notice("said"))
        say("turn", chat_id, number)
        text = ""
        for piece in range(number % 5):
            text += f"кусок {piece} ёлки "
            await store.stream_text(chat_id, node["id"], "r", text)
            say("grown", chat_id, number, len(text))
        text += "конец"
        finish = {"op": "finish_revision", "node": node["id"], "revision": "r", "text": text, "finish": "stop"}
        chat, _ = apply_all(chat, [finish])
        await store.commit(chat_id, [finish], [], label=notice("finished"), undoable=False)
        say("done", chat_id, number, len(text))


asyncio.run(main(Path(sys.argv[1])))
