"""`traktir say`: one turn without the terminal UI."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from tui.cli.output import add_json, fail, json_line, say_aside, sentence
from tui.cli.session import Session, add_connect, on_core
from tui.client.pictures import read_picture
from tui.domain.cleantext import clean
from tui.domain.errors import BadInput, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.i18n import tr_notice
from tui.wire.deltas import apply_delta
from tui.wire.ids import new_id


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="what to say; - reads standard input")
    parser.add_argument("--character", metavar="C", help="whom to talk to (with a new chat)")
    parser.add_argument("--chat", metavar="ID|new", help="a chat's id, or new; default: the last chat")
    parser.add_argument("--profile", metavar="P", help="backend, template, samplers and prompt for this chat")
    parser.add_argument("--image", metavar="FILE", action="append", default=[], dest="images",
                        help="a picture that goes with the text; may be given several times")
    parser.add_argument("--set", metavar="sampler=value", action="append", default=[], dest="values")
    add_connect(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    text = sys.stdin.read() if args.text == "-" else args.text
    values = _values(args.values)
    args.pictures = [read_picture(path) for path in args.images]
    return on_core(args, lambda session: _say(session, args, text, values))


def _values(pairs: list[str]) -> dict[str, str]:
    values = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise BadInput(notice("--set takes sampler=value, not {value}.", value=pair[:60]), field="set")
        values[name.strip()] = value.strip()
    return values


async def _say(session: Session, args: argparse.Namespace, text: str, values: dict[str, str]) -> int:
    snapshot = await _chat(session, args)
    chat = snapshot["chat"]["id"]
    if args.profile:
        await session.call("chats.set", id=chat, field="profile", value=args.profile)
    if values:
        await session.call("samplers.set", chat=chat, values=values)
    reply, revision = new_id(), new_id()
    writer = _Writer(args.json, chat, reply, revision)
    async with session.events(after=snapshot.get("event")) as events:
        await session.call(
            "turn.say", chat=chat, parent=snapshot["chat"]["head"], node=new_id(), revision=new_id(), text=text,
            reply=reply, reply_revision=revision, **_pictures(args),
        )
        try:
            async for event in events:
                if writer.take(event.data):
                    break
        except BaseException:
            await session.call("turn.stop", chat=chat)
            raise
    return writer.close()


def _pictures(args: argparse.Namespace) -> dict[str, Any]:
    return {"images": [picture.to_json() for picture in args.pictures]} if args.pictures else {}


async def _chat(session: Session, args: argparse.Namespace) -> dict[str, Any]:
    """The chat to speak in, made when it has to be."""
    if args.chat and args.chat != "new":
        return dict(await session.call("chats.open", id=args.chat))
    character = args.character
    if not args.chat:
        chats = (await session.call("chats.list", character=character, limit=1))["chats"]
        if chats:
            return dict(await session.call("chats.open", id=chats[0]["id"]))
    if not character:
        characters = (await session.call("characters.list"))["characters"]
        usable = [c["id"] for c in characters if not c["problem"]]
        if not usable:
            raise Refused("There is no character to talk to.", "Import a card with: traktir import FILE")
        character = "mira" if "mira" in usable else usable[0]
    return dict(await session.call("chats.create", id=new_id(), character=character))


class _Writer:
    """Prints one reply as its events come."""

    def __init__(self, as_json: bool, chat: str, node: str, revision: str) -> None:
        self._json = as_json
        self._chat, self._node, self._revision = chat, node, revision
        self._text = ""
        self._outcome: dict[str, Any] = {}
        self._told = ""

    def take(self, event: dict[str, Any]) -> bool:
        """Returns whether this was the end."""
        if event.get("type") == "reset":
            raise Refused(
                "The connection to the core was lost; the reply goes on there.", "Look with: traktir chats show"
            )
        if event.get("chat") != self._chat:
            return False
        if event["type"] == "node" and event["node"]["id"] == self._node:
            self._whole(event["node"])
        elif event["type"] == "delta" and event["revision"] == self._revision:
            self._grow(apply_delta(self._text, event["offset"], event["text"]))
        elif event["type"] == "turn" and event.get("node") == self._node:
            return self._status(event)
        return False

    def _whole(self, node: dict[str, Any]) -> None:
        for revision in node["revisions"]:
            if revision["id"] == self._revision:
                self._grow(revision["text"])

    def _grow(self, text: str | None) -> None:
        if text is None or not text.startswith(self._text):
            return
        offset, new, self._text = len(self._text), text[len(self._text):], text
        if not new:
            return
        if self._json:
            json_line({"type": "delta", "node": self._node, "offset": offset, "text": new})
        else:
            sys.stdout.write(clean(new))
            sys.stdout.flush()

    def _status(self, event: dict[str, Any]) -> bool:
        if event["state"] == "done":
            self._outcome = event
            return True
        told = sentence(event.get("notice"))
        if told and told != self._told and event.get("fraction") in (None, 0, 0.0):
            self._told = told
            say_aside(told)
        return False

    def close(self) -> int:
        """End the output. Returns the exit status."""
        done = self._outcome
        error = TraktirError.from_json(done["error"]) if done.get("error") else None
        if self._json:
            json_line(self._done(done))
        elif self._text:
            print(flush=True)
        for told in done.get("notices") or ():
            say_aside(tr_notice(Notice.from_json(told)))
        for line in sampler_lines(done):
            say_aside(line)
        if error is not None:
            fail(error)
            return 1
        return 0

    def _done(self, done: dict[str, Any]) -> dict[str, Any]:
        usage = {
            "prompt_tokens": done.get("prompt_tokens"), "cached_tokens": done.get("reused"),
            "completion_tokens": done.get("completion_tokens"),
        }
        return {
            "type": "done", "chat": self._chat, "node": self._node, "text": self._text, "finish": done.get("finish"),
            "usage": usage,
            "timings": {"ttft_ms": done.get("ttft_ms"), "tokens_per_second": done.get("tokens_per_second")},
            "dropped": done.get("dropped") or [], "clamped": done.get("clamped") or {},
            "reasons": {name: sentence(told) for name, told in (done.get("reasons") or {}).items()},
            "error": done.get("error"),
        }


def sampler_lines(done: Mapping[str, Any]) -> list[Notice]:
    """What the server did not take of the samplers, and why."""
    reasons = {name: sentence(told) for name, told in (done.get("reasons") or {}).items()}
    lines = [
        notice("{name} was left out: {why}", name=name, why=reasons[name]) if reasons.get(name)
        else notice("The server does not know {name}; it was left out.", name=name)
        for name in done.get("dropped") or ()
    ]
    for name, value in (done.get("clamped") or {}).items():
        why = reasons.get(name) or ""
        lines.append(notice("{name} became {value}: {why}", name=name, value=f"{value:g}", why=why) if why
                     else notice("{name} became {value}.", name=name, value=f"{value:g}"))
    return lines
