"""`traktir chats`: list, show, map, tokens, set, search, export, delete, restore, undo, redo."""

from __future__ import annotations

import argparse
import datetime
import json
from typing import Any

from tui.cli.output import add_json, json_line, line, say_aside, sentence
from tui.cli.session import Session, add_connect, on_core, write_file
from tui.cli.tokens_shown import print_tokens
from tui.domain.chat import Chat, Node
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.operations import node_from_json
from tui.domain.picture_marks import pictures_of
from tui.domain.pictures import picture_label
from tui.i18n import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="chats, the last used first")
    listing.add_argument("--character", metavar="C")
    listing.add_argument("--trash", action="store_true", help="those that were deleted")
    show = verbs.add_parser("show", help="print a chat")
    show.add_argument("id")
    how = show.add_mutually_exclusive_group()
    how.add_argument("--path", action="store_true", help="the visible path (default)")
    how.add_argument("--tree", action="store_true", help="the whole tree")
    verbs.add_parser("map", help="the branches, each run of messages on a line").add_argument("id")
    tokens = verbs.add_parser("tokens", help="the tokens of a reply with their probabilities and rivals")
    tokens.add_argument("--chat", metavar="ID", required=True, dest="id")
    tokens.add_argument("--node", metavar="N", help="the message; default: the last reply that has some")
    change = verbs.add_parser("set", help="set fields of a chat; without any, print those that are set")
    change.add_argument("id")
    change.add_argument(
        "fields", nargs="*", metavar="FIELD=VALUE",
        help="note, note_depth, note_position, persona, persona_text, scenario, system_prompt, mes_example, prefill, "
             "lorebooks, injections, variables, profile, prompt, template, …; an empty VALUE takes a field away",
    )
    search = verbs.add_parser("search", help="full text over all branches of all chats")
    search.add_argument("query")
    export = verbs.add_parser("export", help="write a chat to a file")
    export.add_argument("id")
    export.add_argument("-o", "--output", metavar="FILE", help="- is standard output", default="-")
    export.add_argument("--format", choices=("jsonl", "txt"), default="jsonl")
    acts = {
        "delete": "put a chat into the trash", "restore": "take it out again", "undo": "take the last change back",
        "redo": "do again what was taken back",
    }
    for verb, text in acts.items():
        verbs.add_parser(verb, help=text).add_argument("id")
    for sub in verbs.choices.values():
        add_connect(sub)
        add_json(sub)


def run(args: argparse.Namespace) -> int:
    act = {
        "list": _list, "show": _show, "set": _set, "search": _search, "export": _export, "delete": _delete,
        "restore": _restore, "undo": _undo, "redo": _redo, "tokens": print_tokens, "map": _map,
    }[args.verb]
    return on_core(args, lambda session: act(session, args))


async def _list(session: Session, args: argparse.Namespace) -> int:
    found = (await session.call("chats.list", character=args.character, trashed=args.trash))["chats"]
    for chat in found:
        if args.json:
            json_line({"type": "chat", **chat})
        else:
            when = datetime.datetime.fromtimestamp(chat["updated_ms"] / 1000).strftime("%Y-%m-%d %H:%M")
            line(f"{chat['id']}  {when}  {chat['messages']:5}  {chat['name']} · {chat['title']}  {chat['last'][:60]}")
    return 0


async def _show(session: Session, args: argparse.Namespace) -> int:
    snapshot = await session.call("chats.open", id=args.id)
    nodes = {n["id"]: node_from_json(n) for n in snapshot["nodes"]}
    chat = Chat(args.id, 0, head=snapshot["chat"]["head"], nodes=nodes)
    if args.tree:
        _print_tree(chat, {n.id for n in chat.path()}, args.json)
        return 0
    for node in chat.path():
        _print_node(node, args.json, 0)
    return 0


async def _map(session: Session, args: argparse.Namespace) -> int:
    """Ways aside are set in below the run that they leave; ● is the branch on view."""
    for row in (await session.call("chats.map", id=args.id))["rows"]:
        if args.json:
            json_line({"type": "run", **row})
            continue
        last = row["number"] + row["count"] - 1
        numbers = f"#{row['number']}" + (f"–{last}" if row["count"] > 1 else "")
        ways = f"  ‹{row['version']}/{row['versions']}›" if row["versions"] > 1 else ""
        marks = "".join(f"  ⚑ {name}" for _, _, name in row["marks"])
        sign = "●" if row["on_path"] else "○"
        line(f"{'  ' * row['depth']}{sign} {numbers}  {row['name']}: {row['text'][:60]}{ways}{marks}  {row['first']}")
    return 0


def _print_tree(chat: Chat, on_path: set[str], as_json: bool) -> None:
    waiting: list[tuple[Node, int]] = [(n, 0) for n in reversed(chat.children(None))]
    while waiting:
        node, depth = waiting.pop()
        _print_node(node, as_json, depth, marked=node.id in on_path)
        children = chat.children(node.id)
        deeper = depth + 1 if len(children) > 1 else depth
        waiting.extend((child, deeper) for child in reversed(children))


def _print_node(node: Node, as_json: bool, depth: int, *, marked: bool = True) -> None:
    if as_json:
        json_line({
            "type": "message", "node": node.id, "parent": node.parent, "role": node.role, "name": node.name,
            "text": node.text, "finish": node.revision.finish, "hidden": node.hidden, "depth": depth, "on_path": marked,
            **({"images": [picture.to_json() for picture in pictures_of(node)]} if node.revision.images else {}),
        })
        return
    indent = "    " * depth
    line(f"{indent}{'●' if marked else '○'} {node.name}  {node.id}")
    for picture in pictures_of(node):
        line(f"{indent}  {picture_label(picture)}")
    for text in node.text.split("\n"):
        line(f"{indent}  {text}")
    line()


#: Fields that are no texts: their values are JSON. Lorebooks may be names with commas between them.
_WHOLE = ("note_depth", "note_interval", "persona_depth")
_JSON = ("injections", "languages", "samplers", "variables")
#: Fields that hold what the program keeps for itself.
_INNER = ("card", "sillytavern", "lore_timers")


async def _set(session: Session, args: argparse.Namespace) -> int:
    changes = [_field(pair) for pair in args.fields]
    for name, value in changes:
        await session.call("chats.set", id=args.id, field=name, value=value)
    if changes:
        return 0
    fields = (await session.call("chats.open", id=args.id, last=1))["chat"]["fields"]
    for name, value in sorted(fields.items()):
        if name in _INNER or value in (None, ""):
            continue
        if args.json:
            json_line({"type": "field", "field": name, "value": value})
        else:
            line(f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    return 0


def _field(pair: str) -> tuple[str, Any]:
    name, sign, value = pair.partition("=")
    name = name.strip()
    if not sign:
        raise BadInput(notice("A field is set as FIELD=VALUE, not {value}.", value=pair[:60]), field=name[:40])
    if name == "lorebooks" and not value.lstrip().startswith("["):
        return name, [word.strip() for word in value.split(",") if word.strip()] or None
    if not value or name not in (*_WHOLE, *_JSON, "lorebooks"):
        return name, value or None
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        raise BadInput(notice("{field} takes JSON, not {value}.", field=name, value=value[:60]), field=name) from None


async def _search(session: Session, args: argparse.Namespace) -> int:
    for hit in (await session.call("chats.search", query=args.query))["hits"]:
        if args.json:
            json_line({"type": "hit", **hit})
        else:
            snippet = hit["snippet"].replace("\x02", "[").replace("\x03", "]")
            line(f"{hit['chat']}  {hit['title']}  {hit['name']}: {snippet}")
    return 0


async def _export(session: Session, args: argparse.Namespace) -> int:
    result = await session.call("chats.export", id=args.id, format=args.format)
    return write_file(result, args.output)


async def _delete(session: Session, args: argparse.Namespace) -> int:
    gone: dict[str, Any] = await session.call("chats.delete", id=args.id)
    say_aside(notice("The chat is in the trash: {messages} messages; the last: {last}", **gone))
    return 0


async def _restore(session: Session, args: argparse.Namespace) -> int:
    await session.call("chats.restore", id=args.id)
    return 0


async def _undo(session: Session, args: argparse.Namespace) -> int:
    done = await session.call("chats.undo", id=args.id)
    say_aside(tr("Taken back: {label}", label=sentence(done["label"])))
    return 0


async def _redo(session: Session, args: argparse.Namespace) -> int:
    done = await session.call("chats.redo", id=args.id)
    say_aside(tr("Done again: {label}", label=sentence(done["label"])))
    return 0
