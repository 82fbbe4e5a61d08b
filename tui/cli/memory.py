"""`traktir memory`: what a chat remembers: pinned facts, summaries, chapters, documents, what would be recalled."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.cli.output import add_json, json_line, line, say_aside
from tui.cli.session import Session, add_connect, on_core
from tui.domain.chat import Chat, summary_applies
from tui.domain.documents import read_document
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.operations import node_from_json, summary_from_json
from tui.domain.summaries import nested
from tui.wire.ids import new_id


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("show", help="facts, summaries, chapters and documents of a chat").add_argument("id")
    pin = verbs.add_parser("pin", help="pin a fact: it stands in every prompt")
    pin.add_argument("id")
    pin.add_argument("text")
    unpin = verbs.add_parser("unpin", help="take a pinned fact away")
    unpin.add_argument("id")
    unpin.add_argument("pin", metavar="PIN", help="its id, as show prints it")
    summarise = verbs.add_parser("summarise", help="have the model summarise messages")
    summarise.add_argument("id")
    summarise.add_argument("--first", metavar="N", type=int, help="the number of the first message; default: 1")
    summarise.add_argument("--last", metavar="M", type=int, help="of the last; default: all but the last four")
    fold = verbs.add_parser("fold", help="have all summaries summed up in one")
    fold.add_argument("id")
    document = verbs.add_parser("document", help="add a text or Markdown file to read from")
    document.add_argument("id")
    document.add_argument("file", type=Path)
    drop = verbs.add_parser("forget", help="take a document away")
    drop.add_argument("id")
    drop.add_argument("document", metavar="DOCUMENT", help="its id, as show prints it")
    recall = verbs.add_parser("recall", help="what would be recalled for a text, and why")
    recall.add_argument("id")
    recall.add_argument("text")
    carry = verbs.add_parser("carry", help="begin a new chat from the memory of this one; prints its id")
    carry.add_argument("id")
    carry.add_argument("--title", default="")
    for sub in verbs.choices.values():
        add_connect(sub)
        add_json(sub)


def run(args: argparse.Namespace) -> int:
    act = {
        "show": _show, "pin": _pin, "unpin": _unpin, "summarise": _summarise, "fold": _fold, "document": _document,
        "forget": _forget, "recall": _recall, "carry": _carry,
    }[args.verb]
    return on_core(args, lambda session: act(session, args))


async def _opened(session: Session, chat_id: str) -> Chat:
    got = await session.call("chats.open", id=chat_id)
    nodes = {n["id"]: node_from_json(n) for n in got["nodes"]}
    summaries = {s["id"]: summary_from_json(s) for s in got["summaries"]}
    return Chat(chat_id, 0, head=got["chat"]["head"], fields=got["chat"]["fields"], nodes=nodes, summaries=summaries)


async def _show(session: Session, args: argparse.Namespace) -> int:
    chat = await _opened(session, args.id)
    path = chat.path()
    number = {node.id: at for at, node in enumerate(path, 1)}
    for pin in chat.fields.get("pins") or ():
        _print(args, {"type": "pin", **pin}, f"pin       {pin['id']}  {pin['text']}")
    inside = nested(chat.summaries.values())
    for summary in sorted(chat.summaries.values(), key=lambda s: s.created_ms):
        covered = [number[node] for node, _ in summary.covers if node in number]
        state = "removed" if summary.removed else summary_applies(summary, path)
        said = {
            "type": "summary", "id": summary.id, "first": min(covered, default=None),
            "last": max(covered, default=None), "state": state, "inside": inside.get(summary.id), "text": summary.text,
        }
        where = f"{said['first']}..{said['last']}" if covered else "-"
        note = f" (in {said['inside']})" if said["inside"] else "" if state == "yes" else f" ({state})"
        _print(args, said, f"summary   {summary.id}  {where}{note}  {summary.text}")
    for node in path:
        if title := node.extra.get("chapter"):
            told = {"type": "chapter", "node": node.id, "number": number[node.id], "title": title}
            _print(args, told, f"chapter   {number[node.id]}  {title}")
    for document in chat.fields.get("documents") or ():
        _print(args, {"type": "document", **document}, f"document  {document['id']}  {document['name']}")
    return 0


def _print(args: argparse.Namespace, data: Mapping[str, Any], text: str) -> None:
    if args.json:
        json_line(dict(data))
    else:
        line(" ".join(text.split()) if "\n" in text else text)


async def _pin(session: Session, args: argparse.Namespace) -> int:
    made = new_id()
    await session.call("pins.add", chat=args.id, id=made, text=args.text)
    _print(args, {"type": "pin", "id": made}, made)
    return 0


async def _unpin(session: Session, args: argparse.Namespace) -> int:
    await session.call("pins.remove", chat=args.id, pin=args.pin)
    return 0


async def _summarise(session: Session, args: argparse.Namespace) -> int:
    path = (await _opened(session, args.id)).path()
    ends = []
    for typed in (args.first, args.last):
        if typed is not None and not 1 <= typed <= len(path):
            raise BadInput(notice("This chat has messages 1 to {n}.", n=len(path)))
        ends.append(path[typed - 1].id if typed is not None else "")
    made = await session.call("summary.make", chat=args.id, id=new_id(), first=ends[0], last=ends[1])
    _print(args, {"type": "summary", **made["summary"]}, made["summary"]["texts"][-1])
    return 0


async def _fold(session: Session, args: argparse.Namespace) -> int:
    made = await session.call("summary.fold", chat=args.id, id=new_id())
    _print(args, {"type": "summary", **made["summary"]}, made["summary"]["texts"][-1])
    return 0


async def _document(session: Session, args: argparse.Namespace) -> int:
    try:
        text = read_document(args.file.name, args.file.read_bytes())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(notice("{file} cannot be read: {reason}", file=str(args.file), reason=reason)) from error
    got = await session.call("documents.add", chat=args.id, id=new_id(), name=args.file.name, text=text)
    say_aside(notice("{file} can be read from now: {n} passages.", file=args.file.name, n=got["passages"]))
    _print(args, {"type": "document", **got}, got["id"])
    return 0


async def _forget(session: Session, args: argparse.Namespace) -> int:
    await session.call("documents.remove", chat=args.id, document=args.document)
    return 0


async def _recall(session: Session, args: argparse.Namespace) -> int:
    for one in (await session.call("recall.search", chat=args.id, text=args.text))["found"]:
        why = ", ".join(one["words"])
        if one["likeness"] is not None:
            why += f" ~{one['likeness']:.2f}"
        text = " ".join(str(one["text"]).split())
        _print(args, {"type": "recalled", **one}, f"{one['score']:.2f}  {one['name']}: {text}  [{why.strip()}]")
    return 0


async def _carry(session: Session, args: argparse.Namespace) -> int:
    made = await session.call("chats.carry", chat=args.id, id=new_id(), title=args.title)
    _print(args, {"type": "chat", "id": made["chat"]}, made["chat"])
    return 0
