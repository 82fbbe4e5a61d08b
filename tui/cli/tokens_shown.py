"""`traktir chats tokens`: every token of a reply with its probability, and what might have stood there."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import Any

from tui.cli.output import json_line, line
from tui.cli.session import Session
from tui.domain.chat import Chat
from tui.domain.cleantext import clean
from tui.domain.errors import NotFound, Refused
from tui.domain.notice import notice
from tui.domain.operations import node_from_json


async def print_tokens(session: Session, args: argparse.Namespace) -> int:
    """A token a line. Raises NotFound for no such message, Refused where no tokens were told for it."""
    node, found = await _found(session, args.id, args.node)
    if args.json:
        at = int(found["from"])
        for number, token in enumerate(found["tokens"]):
            json_line({"type": "token", "node": node, "number": number, "offset": at, **token})
            at += len(token["text"])
        return 0
    for token in found["tokens"]:
        rivals = "   ".join(_shown(rival) for rival in token["rivals"])
        line(f"{_shown(token):<28}  {rivals}".rstrip())
    return 0


async def _found(session: Session, chat_id: str, wanted: str | None) -> tuple[str, Mapping[str, Any]]:
    snapshot = await session.call("chats.open", id=chat_id)
    nodes = {n["id"]: node_from_json(n) for n in snapshot["nodes"]}
    if wanted and wanted not in nodes:
        raise NotFound(notice("That message is not in this chat."), node=wanted[:40])
    path = Chat(chat_id, 0, head=snapshot["chat"]["head"], nodes=nodes).path()
    tried = [wanted] if wanted else [n.id for n in reversed(path) if n.role == "assistant"]
    for node in tried[:20]:
        found: dict[str, Any] = await session.call("replies.tokens", chat=chat_id, node=node)
        if found["tokens"]:
            return node, found
    raise Refused(
        notice("No probabilities were kept with this reply."),
        notice("Ask for them with the next one: traktir say --set logprobs=5 TEXT"),
    )


def _shown(token: Mapping[str, Any]) -> str:
    """`" word" 42.1%`: a token as it can be read on a line."""
    text = str(token["text"]).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return f'"{clean(text, 60)}" {100 * math.exp(float(token["logprob"])):.1f}%'
