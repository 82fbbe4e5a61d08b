"""`traktir prompt`: render messages in a format, or show the plan of a chat's next turn."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tui.cli.output import add_json, exactly, json_line, line, say_aside, sentence
from tui.cli.session import Session, add_connect, on_core
from tui.domain.backend import ChatMessage
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.i18n import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    render = verbs.add_parser("render", help="print exactly the prompt text of a list of messages")
    render.add_argument("--template", required=True, metavar="T")
    render.add_argument(
        "--messages", required=True, metavar="FILE", help="a JSON list of {role, content, name?}; - reads stdin"
    )
    render.add_argument("--mode", default="", metavar="M")
    render.add_argument("--clock", default="", metavar="ISO", help="the time for formats that write the date")
    render.add_argument("--no-generation", action="store_true", help="without the opener of a reply")
    render.add_argument(
        "--continue", action="store_true", dest="continue_last", help="the last message is a reply begun"
    )
    show = verbs.add_parser("show", help="the plan of the next turn")
    show.add_argument("--chat", required=True, metavar="ID")
    show.add_argument("--text", default="", help="as if this had been said")
    show.add_argument("--raw", action="store_true", help="the rendered text only")
    show.add_argument(
        "--kind", default="normal", choices=("normal", "continue", "impersonate", "swipe", "quiet"),
        help="plan something else than a reply; quiet answers TEXT beside the story",
    )
    show.add_argument("--diff", action="store_true", help="where it departs from the last prompt that was sent")
    add_connect(show)
    add_json(show)


def run(args: argparse.Namespace) -> int:
    if args.verb == "render":
        return _render(args)
    return on_core(args, lambda session: _show(session, args))


def _render(args: argparse.Namespace) -> int:
    from tui.cli.local import library
    from tui.domain.prompt.render import render_messages, text_of

    bos, pieces = render_messages(
        library().template(args.template), _messages(args.messages), generation=not args.no_generation,
        continue_last=args.continue_last, mode=args.mode, clock=args.clock,
    )
    exactly(text_of(pieces, bos))
    return 0


def _messages(file: str) -> list[ChatMessage]:
    from tui.cli.templates import read_text

    text = sys.stdin.read() if file == "-" else read_text(Path(file), 64 << 20)
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = getattr(error, "lineno", "?")
        raise BadInput(notice("{file} is not JSON (line {line}).", file=file, line=at), file=file) from None
    if not isinstance(data, list):
        raise BadInput(notice("{file} must be a list of messages.", file=file), file=file)
    return [_message(item, file, number) for number, item in enumerate(data, 1)]


def _message(item: Any, file: str, number: int) -> ChatMessage:
    if not isinstance(item, dict) or item.get("role") not in ("system", "user", "assistant"):
        raise BadInput(
            notice("{file}: message {number} needs a role (system, user or assistant).", file=file, number=number),
            file=file, field="role",
        )
    content, name = item.get("content"), item.get("name", "")
    if not isinstance(content, str) or not isinstance(name, str):
        raise BadInput(
            notice("{file}: message {number} needs a content that is text.", file=file, number=number),
            file=file, field="content",
        )
    return ChatMessage(item["role"], content, name)


async def _show(session: Session, args: argparse.Namespace) -> int:
    head = await _answered(session, args.chat) if args.kind == "swipe" and not args.text else None
    plan = await session.call("prompt.show", chat=args.chat, text=args.text, kind=args.kind, head=head)
    if args.raw:
        exactly(plan["text"])
    elif args.json:
        _as_json(plan)
    elif args.diff:
        _print_difference(plan["difference"])
    else:
        _print_plan(plan)
    if not args.raw:
        for told in plan["notices"]:
            say_aside(sentence(told))
    return 0


async def _answered(session: Session, chat: str) -> str | None:
    """The message that the last reply answers: another version of that reply is planned. None where there is none."""
    found = await session.call("chats.open", id=chat, last=2)
    last = next((node for node in found["nodes"] if node["id"] == found["chat"]["head"]), None)
    return last["parent"] if last is not None and last["role"] == "assistant" else None


def _as_json(plan: dict[str, Any]) -> None:
    for segment in plan["segments"]:
        json_line({"type": "segment", **segment, "why": sentence(segment["why"]) or None})
    for hit in plan["lore"]:
        json_line({"type": "entry", **hit, "why": sentence(hit["why"]) or None})
    for frozen in plan["frozen"]:
        json_line({"type": "frozen", **frozen})
    if plan["difference"]:
        json_line({"type": "difference", **plan["difference"], "cause": sentence(plan["difference"]["cause"])})
    facts = (
        "tokens", "context", "reserve", "expected_reuse", "first_change", "template", "found_by", "mode", "rebase",
        "moving", "stops", "variables",
    )
    json_line({"type": "plan", **{k: plan[k] for k in facts}})


def _print_plan(plan: dict[str, Any]) -> None:
    for segment in plan["segments"]:
        mark = " " if segment["included"] else "-"
        reused = "=" if segment["reused"] else " "
        why = f"  ({sentence(segment['why'])})" if segment["why"] else ""
        place = f"{segment['volatility']:8} {segment['role']:10} {segment['source']}"
        line(f"{mark}{reused}{segment['tokens']:6}  {place}{why}")
    for hit in plan["lore"]:
        line(_lore_line(hit))
    for frozen in plan["frozen"]:
        line(tr("frozen in {place}: {macro} = {value}", **frozen))
    line(tr("{tokens} of {context} tokens, {reserve} kept for the reply, {expected_reuse} expected in the cache",
            **{k: plan[k] for k in ("tokens", "context", "reserve", "expected_reuse")}))
    if plan["difference"]:
        found = plan["difference"]
        line(tr("It departs from the last prompt at token {token} ({source}): {cause}", token=found["token"],
                source=found["source"], cause=sentence(found["cause"])))


def _lore_line(hit: dict[str, Any]) -> str:
    """One entry of the trace: whether it fired, through which key and where, or why not."""
    found = tr("[{key}] in message {message}", key=hit["key"], message=hit["message"]) if hit["key"] else ""
    parent = tr("from {parent}", parent=hit["parent"]) if hit["parent"] else ""
    words = "  ".join(part for part in (found, parent, sentence(hit["why"])) if part)
    return f"{'*' if hit['fired'] else ' '} lore {hit['book']}/{hit['uid']} {hit['comment']}  {hit['tokens']}  {words}"


def _print_difference(found: dict[str, Any] | None) -> None:
    if not found:
        line(tr("It only goes on where the last prompt ended."))
        return
    line(sentence(found["cause"]))
    for mark, text in found["lines"]:
        line(f"{mark} {text}")
