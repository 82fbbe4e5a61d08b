"""Regex scripts at work: which apply in a chat, what they make of texts, and the calls that list and try them."""

from __future__ import annotations

import asyncio
import datetime
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from tui.core.chats import Chats, now_ms
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.core.regex_files import RegexFiles, named
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import NotFound
from tui.domain.lore import Lorebook
from tui.domain.macros import MacroContext, expand
from tui.domain.notice import Notice, notice
from tui.domain.operations import Op
from tui.domain.regex_scripts import (
    AI_OUTPUT,
    REASONING,
    USER_INPUT,
    WORLD_INFO,
    RegexScript,
    Step,
    Use,
    chosen,
    step_of,
)
from tui.sandbox import Sandbox
from tui.sandbox.scripts import Changed, run_scripts
from tui.wire.ids import new_id

if TYPE_CHECKING:
    from tui.core.gathering import Speakers

#: Texts that go to the helper process in one call, and results that are remembered.
_BATCH, _REMEMBERED = 400, 20_000
_Job = tuple[str, tuple[RegexScript, ...]]


class Regexes:
    """`regex.*`, and what turns, edits and prompts ask of scripts."""

    def __init__(self, files: RegexFiles, chats: Chats, sandbox: Sandbox, events: EventHub,
                 speakers: Callable[[Chat], Speakers]) -> None:
        self.files = files
        self._chats = chats
        self._sandbox = sandbox
        self._events = events
        self._speakers = speakers
        self._known: OrderedDict[tuple[Any, ...], Changed] = OrderedDict()
        self._told: set[str] = set()

    def handlers(self) -> dict[str, Handler]:
        return {
            "regex.list": self.list_scripts, "regex.switch": self.switch, "regex.allow": self.allow,
            "regex.test": self.test, "regex.display": self.display,
        }

    # ------------------------------------------------------------------ the calls

    async def list_scripts(self, chat: str = "") -> dict[str, Any]:
        """All scripts: those of files, and those of the chat's character with whether they may run."""
        tree = await self._chats.get(chat) if chat else None
        return await asyncio.to_thread(self._listed, tree)

    def _listed(self, tree: Chat | None) -> dict[str, Any]:
        rows = [{**s.to_json(), "id": s.id, "scope": "all"} for s in self.files.everywhere()]
        character, allowed = "", False
        if tree is not None:
            character = str(tree.fields.get("character") or "")
            card = self._speakers(tree).card
            allowed = self.files.allowed(character, card)
            rows += [{**s.to_json(), "id": s.id, "scope": "card"} for s in self.files.of_card(character, card)]
        return {
            "scripts": rows, "character": character, "allowed": allowed, "folder": str(self.files.folder),
            "problems": [p.to_json() for p in self.files.problems()],
        }

    async def switch(self, id: str, value: bool, chat: str = "") -> dict[str, Any]:  # noqa: A002
        """Let a script run, or no more. Raises NotFound."""
        script = named(await self._all(chat), id)
        await asyncio.to_thread(self.files.switch, script, value)
        self._events.emit("regex")
        return {"id": script.id, "name": script.name}

    async def allow(self, chat: str, value: bool) -> None:
        """Let the scripts that the chat's character brings run, or no more. Raises NotFound where it brings none."""
        tree = await self._chats.get(chat)
        character, card = str(tree.fields.get("character") or ""), self._speakers(tree).card
        if value and not self.files.of_card(character, card):
            raise NotFound(notice("This character brings no regex scripts."))
        await asyncio.to_thread(self.files.allow, character, card, value)
        self._events.emit("regex")

    async def test(self, text: str, chat: str = "", id: str = "") -> dict[str, Any]:  # noqa: A002
        """What a script makes of a text, or all that are on, one after the other; nothing is kept."""
        everything = await self._all(chat)
        scripts = (named(everything, id),) if id else tuple(s for s in everything if not s.disabled)
        fill = await self._filling(await self._chats.get(chat) if chat else None)
        steps = [step_of(script, fill) for script in scripts]
        outcome = await asyncio.to_thread(run_scripts, self._sandbox, [(text, steps)])
        changed = outcome.texts[0]
        troubles = {s.name: outcome.troubles[s.id].to_json() for s in scripts if s.id in outcome.troubles}
        return {"text": changed.text, "by": [s.name for s in changed.by], "troubles": troubles}

    async def display(self, chat: str, head: str | None = None, last: int = 0) -> dict[str, Any]:
        """What is shown instead of messages on the path to `head` (the last `last` of them; 0: all), by revision;
        `active` says whether any script changes what is shown."""
        tree = await self._chats.get(chat)
        scripts = await self._of_chat(tree)
        if not any(s.display and not s.disabled for s in scripts):
            return {"active": False, "texts": {}}
        path = tree.path(head)
        jobs: list[_Job] = []
        nodes: list[Node] = []
        for at in range(max(0, len(path) - last) if last else 0, len(path)):
            node = path[at]
            if node.revision.finish != "streaming":
                jobs.append((node.text, _for_node(scripts, "shown", node, len(path) - 1 - at)))
                nodes.append(node)
        changed = await self._changed(tree, jobs)
        texts = {n.current: c.text for n, c in zip(nodes, changed, strict=True) if c.text != n.text}
        return {"active": True, "texts": texts}

    # ------------------------------------------------------------------ for turns, edits and prompts

    async def kept(self, tree: Chat, text: str, placement: int, *, edited: bool = False) -> Changed:
        """A text as it is to be kept."""
        scripts = chosen(await self._of_chat(tree), "kept", placement, edited=edited)
        return (await self._changed(tree, [(text, scripts)]))[0]

    async def reply(self, chat: str, node_id: str) -> None:
        """Change a reply that has come, for good; the model's own words stay as its earlier revision. Raises
        StoreError."""
        tree = await self._chats.get(chat)
        node = tree.nodes[node_id]
        text = await self.kept(tree, node.text, AI_OUTPUT)
        thought = await self.kept(tree, node.revision.reasoning, REASONING)
        if (not text.by and not thought.by) or not text.text.strip():
            return
        revision = replace(
            node.revision, id=new_id(), text=text.text, reasoning=thought.text, kind="edit", created_ms=now_ms(),
            base=0, generation={**node.revision.generation, "scripts": [s.name for s in (*text.by, *thought.by)]},
        )
        op: Op = {"op": "add_revision", "node": node_id, "revision": asdict(revision)}
        await self._chats.commit(chat, [op], notice("the regex scripts"))

    async def said(self, tree: Chat, written: Revision) -> tuple[Revision, ...]:
        """What the person said, as it is to be kept: the last revision counts, and before it stands what they typed
        where scripts changed that."""
        return _both(written, await self.kept(tree, written.text, USER_INPUT))

    async def edited(self, tree: Chat, node_id: str, written: Revision) -> tuple[Revision, ...]:
        """An edit as it is to be kept, after what was typed where scripts that run on edits changed that."""
        node = tree.nodes.get(node_id)
        if node is None or node.role == "system":
            return (written,)
        placement = USER_INPUT if node.role == "user" else AI_OUTPUT
        return _both(written, await self.kept(tree, written.text, placement, edited=True))

    async def sent(self, tree: Chat, path: Sequence[Node]) -> Sequence[Node]:
        """A path as scripts let the model read it."""
        scripts = [s for s in await self._of_chat(tree) if s.prompt and not s.disabled]
        if not scripts:
            return path
        depths = _depths(path)
        jobs = [(n.text, _for_node(scripts, "sent", n, d)) for n, d in zip(path, depths, strict=True)]
        thoughts = [
            (n.revision.reasoning, chosen(scripts, "sent", REASONING, d)) for n, d in zip(path, depths, strict=True)
        ]
        changed = await self._changed(tree, [*jobs, *thoughts])
        texts, reasons = changed[: len(path)], changed[len(path) :]
        return [_rewritten(n, t.text, r.text) for n, t, r in zip(path, texts, reasons, strict=True)]

    async def lore(self, tree: Chat, books: Sequence[Lorebook]) -> tuple[Lorebook, ...]:
        """Lorebooks as scripts let the model read them."""
        scripts = chosen(await self._of_chat(tree), "sent", WORLD_INFO)
        if not scripts:
            return tuple(books)
        entries = [entry for book in books for entry in book.entries]
        changed = iter(await self._changed(tree, [(entry.content, scripts) for entry in entries]))
        return tuple(
            replace(book, entries=tuple(replace(entry, content=next(changed).text) for entry in book.entries))
            for book in books
        )

    # ------------------------------------------------------------------ within

    async def _all(self, chat: str) -> tuple[RegexScript, ...]:
        tree = await self._chats.get(chat) if chat else None
        found = await asyncio.to_thread(self.files.everywhere)
        if tree is not None:
            found += self.files.of_card(str(tree.fields.get("character") or ""), self._speakers(tree).card)
        return found

    async def _of_chat(self, tree: Chat) -> tuple[RegexScript, ...]:
        return await asyncio.to_thread(self._running, tree)

    def _running(self, tree: Chat) -> tuple[RegexScript, ...]:
        """The scripts that may run in a chat: those of files, then the card's where they are allowed."""
        found = self.files.everywhere()
        character = str(tree.fields.get("character") or "")
        if character in self.files.allowances():
            card = self._speakers(tree).card
            if self.files.allowed(character, card):
                found += self.files.of_card(character, card)
        return found

    async def _filling(self, tree: Chat | None) -> Callable[[str], str]:
        who = await asyncio.to_thread(self._speakers, tree) if tree is not None else None
        clock = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        context = MacroContext(
            user=who.user if who else "", char=who.card.display_name if who else "", clock=clock, place="regex",
        )
        return lambda text: expand(text, context) if "{{" in text or "<" in text else text

    async def _changed(self, tree: Chat, jobs: Sequence[_Job]) -> list[Changed]:
        """Texts after their scripts, from memory where they were done before."""
        if not any(scripts for _, scripts in jobs):
            return [Changed(text) for text, _ in jobs]
        fill = await self._filling(tree)
        steps: dict[RegexScript, Step] = {}
        keys: list[tuple[Any, ...]] = []
        for text, scripts in jobs:
            for script in scripts:
                if script not in steps:
                    steps[script] = step_of(script, fill)
            keys.append((text, *((steps[s].pattern, steps[s].replace, steps[s].trims) for s in scripts)))
        fresh = [at for at, key in enumerate(keys) if jobs[at][1] and key not in self._known]
        results: dict[int, Changed] = {}
        for begin in range(0, len(fresh), _BATCH):
            some = fresh[begin : begin + _BATCH]
            work = [(jobs[at][0], [steps[s] for s in jobs[at][1]]) for at in some]
            outcome = await asyncio.to_thread(run_scripts, self._sandbox, work)
            self._tell(list(steps), outcome.troubles)
            for at, changed in zip(some, outcome.texts, strict=True):
                results[at] = changed
                if not outcome.troubles:
                    self._known[keys[at]] = changed
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return [results.get(at) or self._known.get(key) or Changed(jobs[at][0]) for at, key in enumerate(keys)]

    def _tell(self, scripts: Sequence[RegexScript], troubles: Mapping[str, Notice]) -> None:
        """Say of each script once why it is passed over."""
        for script in scripts:
            why = troubles.get(script.id)
            if why is not None and script.id not in self._told:
                self._told.add(script.id)
                self._events.tell(notice("The regex script {name} is passed over.", name=script.name), "warning")
                self._events.tell(why, "warning")


def _both(written: Revision, changed: Changed) -> tuple[Revision, ...]:
    """What was typed, and after it, with the id that was asked for, what scripts made of it."""
    if not changed.by or (not changed.text.strip() and not written.images):
        return (written,)
    made = {"scripts": [script.name for script in changed.by]}
    return replace(written, id=new_id()), replace(written, text=changed.text, kind="edit", generation=made)


def _for_node(scripts: Sequence[RegexScript], use: Use, node: Node, depth: int) -> tuple[RegexScript, ...]:
    if node.role == "system":
        return ()
    return chosen(scripts, use, USER_INPUT if node.role == "user" else AI_OUTPUT, depth)


def _depths(path: Sequence[Node]) -> list[int]:
    """How far each message stands from the end, those hidden not counted."""
    out, depth = [], 0
    for node in reversed(path):
        out.append(depth)
        depth += not node.hidden
    return out[::-1]


def _rewritten(node: Node, text: str, reasoning: str) -> Node:
    """The message with other texts; itself where nothing changed."""
    if text == node.text and reasoning == node.revision.reasoning:
        return node
    revisions = tuple(
        replace(r, text=text, reasoning=reasoning) if r.id == node.current else r for r in node.revisions
    )
    return replace(node, revisions=revisions)
