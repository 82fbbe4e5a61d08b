"""The core's entry object: wires services together and routes calls to them. It decides nothing itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tui import __version__, collecting
from tui.core.afterwards import Afterwards
from tui.core.aside import Aside
from tui.core.auto_rounds import AutoRounds
from tui.core.branching import Branching
from tui.core.chats import Chats
from tui.core.config import CoreConfig
from tui.core.connection import Connection
from tui.core.dispatch import Dispatcher
from tui.core.events import EventHub, Listener
from tui.core.finishing import Finishing
from tui.core.gathering import Gatherer
from tui.core.library import KINDS, PRESET_KINDS, Library
from tui.core.looping import LoopCalls
from tui.core.lore_scans import LoreScans
from tui.core.memory import Memory
from tui.core.methods import register
from tui.core.personas import Personas
from tui.core.pictures import Pictures
from tui.core.planning import Planner
from tui.core.prompt_formats import PromptFormats
from tui.core.pulls import Pulls
from tui.core.queued import QueuedSwipes
from tui.core.recalling import Recalling
from tui.core.regex_files import RegexFiles
from tui.core.regexes import Regexes
from tui.core.sent import SentPrompts
from tui.core.settings import Settings
from tui.core.translating import Translations
from tui.core.turns import Turns
from tui.core.vectors import Vectors
from tui.core.warming import Warming
from tui.domain.errors import StoreError, TraktirError
from tui.sandbox import Sandbox
from tui.store import Store

#: Seconds between looks at whether an idle model should be unloaded.
_HOUSEKEEPING = 30.0
#: The kinds of files that calls read, by name or the first word of it; a turn reads them by itself, when it begins.
_FILES: Mapping[str, Sequence[str]] = {
    "characters": ("characters",), "lorebooks": ("lorebooks",), "presets": PRESET_KINDS, "profiles": ("profiles",),
    "templates": ("templates", "profiles"), "connection": ("profiles", "templates"),
    "models": ("profiles", "templates"), "samplers": ("samplers", "profiles"), "prompt": KINDS, "settings": KINDS,
    "import": ("characters",), "chats.create": ("characters", "profiles"),
    "cast": ("characters", "profiles"), "turn.speak": ("characters",),
    "chats.set": ("profiles", "templates", "lorebooks"),
}
_log = logging.getLogger(__name__)


class Core:
    """What the server serves. Make it with `Core.start`."""

    def __init__(
        self, store: Store, config: Path, events: EventHub | None = None, chats: Chats | None = None
    ) -> None:
        self.events = events or EventHub()
        self.attached = 0                         # clients listening now; the server keeps it
        self.store = store
        self.config = config
        self.settings = Settings(config)
        self.library = Library(config, self._tell_problems)
        self.personas = Personas(config)
        self.sandbox = Sandbox()
        self.formats = PromptFormats(self.library, self.settings, self.sandbox)
        self.connection = Connection(self.library, self.settings, self.events, self.formats, store)
        self.chats = chats or Chats(store, self.events)
        self.gatherer = Gatherer(store, self.library, self.settings, self.connection, self.personas)
        self.regexes = Regexes(
            RegexFiles(config, self.settings), self.chats, self.sandbox, self.events, self.gatherer.speakers,
        )
        self.gatherer.rewriting = self.regexes
        self.vectors = Vectors(store, self.settings, self.connection.endpoint, self.events, self.writing)
        self.recalling = Recalling(store, self.settings, self.vectors)
        self.planner = Planner(self.gatherer, LoreScans(self.sandbox), self.formats, self.recalling)
        self.sent = SentPrompts(store)
        self.pictures = Pictures(store, self.chats)
        self.memory = Memory(
            self.chats, self.planner, self.library, self.connection, self.events, self.sent, self.pictures
        )
        self.warming = Warming(
            self.chats, self.gatherer, self.planner, self.connection, self.sent, self.settings, self.writing,
            self.pictures,
        )
        self.afterwards = Afterwards(store, self.gatherer, self.memory, self.sent, self.warming, self.settings)
        self.translations = Translations(self.chats, self.connection, self.settings, self.events, self.sent)
        self.turns = Turns(
            store, self.chats, self.gatherer, self.planner, self.library, self.connection, self.events,
            self.afterwards, attached=lambda: self.attached, pictures=self.pictures,
            settings=self.settings, translations=self.translations, rewriting=self.regexes,
        )
        self.aside = Aside(
            store, self.chats, self.gatherer, self.planner, self.library, self.connection, self.events, self.pictures,
            self.sent,
        )
        self.loops = LoopCalls(self.chats, self.turns)
        self.finishing = Finishing(self.chats, self.turns, self.events, self.settings)
        self.queued = QueuedSwipes(self.chats, self.turns, self.events)
        self.branching = Branching(self.chats, self.turns)
        self.auto = AutoRounds(self.chats, self.library, self.turns, self.events, lambda: self.attached)
        self.turns.pausing = self.auto.stop
        self.pulls = Pulls(self.events)
        self._told: set[str] = set()
        self._dispatcher = Dispatcher()
        register(self._dispatcher, self)
        self._housekeeping = asyncio.create_task(self._keep_house())

    @classmethod
    async def start(cls, config: CoreConfig | None = None) -> Core:
        """Open the store and everything above it. Raises StoreError."""
        config = config or CoreConfig()
        collecting.put_off()
        return await cls.over(await config.open_store(), config.config_dir)

    @classmethod
    async def over(
        cls, store: Store, config: Path, events: EventHub | None = None, chats: Chats | None = None
    ) -> Core:
        """A core over an open store; `events` and `chats` where they are in use already."""
        core = cls(store, config, events, chats)
        await core.library.refresh(PRESET_KINDS)
        return core

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """Run a method of the API. Raises TraktirError."""
        await self.library.refresh(_FILES.get(method) or _FILES.get(method.partition(".")[0], ()))
        try:
            return await self._dispatcher.call(method, params)
        finally:
            self._tell_problems()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        return self.events.subscribe(listener)

    def busy(self) -> bool:
        """Whether something is being generated or downloaded."""
        return self.writing() or self.pulls.busy()

    def writing(self) -> bool:
        """Whether something is being generated."""
        return any(part.busy() for part in (self.turns, self.memory, self.translations, self.aside, self.queued))

    def environment(self, values: Mapping[str, str]) -> None:
        """Variables that a client hands over (a key, a device list), kept in memory only."""
        self.connection.environment.update(values)

    def wanted_variables(self) -> list[str]:
        """The variables that profiles name and that nobody has handed over yet."""
        return self.connection.wanted_variables()

    def status(self) -> dict[str, Any]:
        return {
            "version": __version__, "writing_in": self.turns.writing_in(), "connection": self.connection.describe(),
            "store": {"notices": [n.to_json() for n in self.store.notices]},
        }

    async def close(self) -> None:
        """Store what is being written, marked cut, and let go of everything."""
        self._housekeeping.cancel()
        await self.auto.close()
        await asyncio.gather(self.queued.close(), self.finishing.close())
        await asyncio.gather(self.turns.close(), self.memory.close(), self.pulls.close())
        await asyncio.gather(self.translations.close(), self.aside.close())
        await self.afterwards.close()
        await self.vectors.close()
        await self.connection.close()
        await asyncio.to_thread(self.sandbox.close)
        try:
            await self.chats.close()
        except StoreError as error:
            _log.error("not all could be written: %s", error)
        finally:
            await self.store.close()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING)
            try:
                await self.chats.held.catch_up_all()
                if not self.writing():
                    await self.connection.unload_idle()
                    collecting.tidy() if self.attached else collecting.tidy_all()
            except TraktirError as error:         # tried again next time
                _log.warning("housekeeping: %s", error)
            self._tell_problems()

    def _tell_problems(self) -> None:
        """What is wrong with files and store, each once, as soon as somebody is there to hear it."""
        if not self.attached:
            return
        found = (*self.store.notices, *self.settings.problems.values(), *self.library.known_problems())
        problems = {str(problem): problem for problem in found}
        for words, problem in problems.items():
            if words not in self._told:
                self.events.tell(problem, "warning")
        self._told = set(problems)
