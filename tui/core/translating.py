"""Translations: of what the person says before it enters the prompt, of replies after they ended, of any message when
asked. Both texts are kept."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.core.chats import Chats
from tui.core.connection import Connection, Link
from tui.core.dispatch import Handler
from tui.core.events import EventHub
from tui.core.sent import SentPrompts
from tui.core.settings import Settings
from tui.core.shaping import WholeCharacters
from tui.domain.backend import SIDE, CompletionRequest, Finish, Text
from tui.domain.chat import Chat, Node
from tui.domain.errors import BackendError, NotFound, Refused, TraktirError
from tui.domain.languages import Languages, languages_of, missing, translation
from tui.domain.notice import notice
from tui.domain.operations import Op
from tui.domain.prompt.translation import plan_translation
from tui.domain.samplers import Samplers

#: A translation wants little chance, and nothing that punishes what the text itself repeats.
_SAMPLERS = Samplers(
    temperature=0.2, min_p=0.1, dry_multiplier=0, repetition_penalty=1, frequency_penalty=0, presence_penalty=0,
)
_log = logging.getLogger(__name__)


@dataclass
class _Job:
    """One translation on its way."""

    link: Link | None = None
    stopped: bool = False


class Translations:
    """Use cases of the second language of a chat."""

    def __init__(
        self, chats: Chats, connection: Connection, settings: Settings, events: EventHub, sent: SentPrompts,
    ) -> None:
        self._chats = chats
        self._connection = connection
        self._settings = settings
        self._events = events
        self._sent = sent
        self._jobs: dict[str, _Job] = {}
        self._later: set[asyncio.Task[None]] = set()

    def handlers(self) -> dict[str, Handler]:
        return {"node.translate": self.translate}

    def busy(self) -> bool:
        return bool(self._jobs)

    async def translate(self, chat: str, node: str) -> dict[str, Any]:
        """Put a message into the other of the chat's languages, anew where it was before. Raises NotFound, Refused,
        BackendError."""
        tree = await self._chats.get(chat)
        languages = languages_of(tree.fields)
        if languages is None:
            raise Refused("This chat has one language.", "/languages MINE MODEL gives it two, as in: Russian English.")
        target = tree.nodes.get(node)
        if target is None:
            raise NotFound("That message is not in this chat.")
        return {"text": await self._into(tree, target, languages)}

    async def before(self, tree: Chat, parent: str | None) -> Chat:
        """Translate what the prompt of a reply to `parent` needs. Returns the chat with it. Raises BackendError,
        Refused: no untranslated word enters the prompt."""
        languages = languages_of(tree.fields)
        if languages is None or parent is None:
            return tree
        needed = missing(tree.path(parent), languages)
        if not needed:
            return tree
        self._events.emit("turn", chat=tree.id, node=needed[-1].id, state="translating")
        for node in needed:
            await self._into(tree, node, languages)
        return await self._chats.get(tree.id)

    def after(self, chat: str, node: str) -> None:
        """Translate a reply for the person, in the background. What fails is told, and can be asked for again."""
        task = asyncio.create_task(self._afterwards(chat, node))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def stop(self, chat: str) -> bool:
        """Stop the translation that is being written; nothing of it is kept."""
        job = self._jobs.get(chat)
        if job is None:
            return False
        job.stopped = True
        if job.link is not None:
            await job.link.backend.abort(_request_id(chat))
        return True

    async def close(self) -> None:
        for chat in list(self._jobs):
            await self.stop(chat)
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    async def _afterwards(self, chat: str, node: str) -> None:
        try:
            tree = await self._chats.get(chat)
            languages, target = languages_of(tree.fields), tree.nodes.get(node)
            if languages is None or target is None or not target.text.strip() or translation(target):
                return
            await self._into(tree, target, languages)
        except TraktirError as error:
            _log.info("the translation of a reply: %s", error)
            self._events.emit("untranslated", chat=chat, node=node, error=error.to_json())

    async def _into(self, tree: Chat, node: Node, languages: Languages) -> str:
        """The other language's text of a message, made and kept."""
        if tree.id in self._jobs:
            raise Refused("Something of this chat is being translated already.")
        mine = node.role == "user"
        source, target = (languages.mine, languages.model) if mine else (languages.model, languages.mine)
        job = self._jobs[tree.id] = _Job()
        try:
            text, by = await self._made(tree, node.text, source, target, job)
        finally:
            del self._jobs[tree.id]
        kept = dict(node.extra.get("translation") or {})
        kept[node.current] = {"language": target, "text": text, **by}
        op: Op = {"op": "set_extra", "node": node.id, "name": "translation", "value": kept}
        await self._chats.commit(tree.id, [op], notice("the translation"), undoable=False)
        return text

    async def _made(
        self, tree: Chat, text: str, source: str, target: str, job: _Job
    ) -> tuple[str, Mapping[str, str]]:
        own = self._connection.profile_of(self._connection.chosen(tree.fields)).id
        profile = str(self._settings.get("translation_profile") or own)
        template = tree.fields.get("template") if profile == own else None
        async with self._connection.using(profile, template_id=template) as link:
            if job.stopped:
                raise _stopped()
            job.link = link
            clock = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            plan = plan_translation(link.template, text, source, target, clock)
            used = await link.counts.whole(link.backend, plan.pieces) + 1
            room = link.context - used
            longest = min(room, 4 * len(text.encode()) // 3 + 64)
            if longest < 16:
                raise Refused("This message is too long to be translated in the model's window.")
            request = CompletionRequest(
                id=_request_id(tree.id), pieces=plan.pieces, messages=plan.messages, samplers=_SAMPLERS,
                max_tokens=longest, stop=plan.stops, bos=plan.bos, conversation=tree.id + SIDE,
            )
            if link.place.embedded or profile == own:
                self._sent.held = ""              # the chat's own prompt may be in the backend's memory no more
            answer = await self._collect(link, request)
            return answer, {"profile": link.profile.id, "model": link.capabilities.model}

    async def _collect(self, link: Link, request: CompletionRequest) -> str:
        text, whole = "", WholeCharacters()
        async for event in link.backend.complete(request):
            if isinstance(event, Text):
                text += whole.feed(event.text)
            elif isinstance(event, Finish):
                self._connection.judge(link, event)
                if event.error is not None:
                    raise event.error
                if event.reason == "cut":
                    raise _stopped()
        text = (text + whole.finish()).strip()
        if not text:
            raise BackendError(notice("The model wrote no translation."), notice("Press Ctrl+R to ask again."))
        return text


def _stopped() -> Refused:
    return Refused("The translation was stopped.", "Press Ctrl+R to ask again.")


def _request_id(chat: str) -> str:
    return f"{chat}/translation"
