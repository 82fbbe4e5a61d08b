"""Every call of the API, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.core.backup_calls import BackupCalls
from tui.core.carrying import Carrying
from tui.core.cast_calls import CastCalls
from tui.core.chat_calls import ChatCalls
from tui.core.dispatch import Dispatcher
from tui.core.library_calls import LibraryCalls
from tui.core.memory_calls import MemoryCalls
from tui.core.model_calls import ModelCalls
from tui.core.model_files import ModelFiles
from tui.core.personas import PersonaCalls
from tui.core.posting import Posting
from tui.core.profile_calls import ProfileCalls
from tui.core.prompt_calls import PromptCalls
from tui.core.scripting import Scripting
from tui.core.server_models import ServerModels

if TYPE_CHECKING:
    from tui.core.app import Core


def register(dispatcher: Dispatcher, core: Core) -> None:
    """Teach `dispatcher` all methods of `core`."""
    profiles = ProfileCalls(core.connection, core.library, core.settings, core.chats, core.config)
    for calls in (
        ChatCalls(
            core.store, core.chats, core.turns, core.memory, core.gatherer, core.planner, core.library, core.settings,
            core.connection, core.warming, core.aside, core.queued,
        ),
        PromptCalls(core.store, core.chats, core.gatherer, core.planner, core.connection, core.sent),
        profiles,
        ModelCalls(core.connection, core.library, core.settings, profiles, core.config),
        ModelFiles(core.settings, core.pulls),
        ServerModels(core.connection, core.events),
        LibraryCalls(core.library, core.settings, core.chats, core.events, core.store),
        MemoryCalls(core.store, core.chats, core.memory, core.recalling),
        Carrying(core.store, core.chats, core.memory),
        CastCalls(core.store, core.chats, core.library, core.gatherer, core.turns),
        core.auto,
        PersonaCalls(core.personas, core.chats, core.library, core.events),
        core.pictures,
        core.loops,
        core.regexes,
        Scripting(core.store, core.chats, core.gatherer, core.config),
        Posting(core.chats, core.gatherer, core.library, core.regexes),
        core.branching,
        core.queued,
        core.finishing,
        core.aside,
        core.translations,
        core.connection.kept,
        BackupCalls(core.store, core.config, core.events),
    ):
        dispatcher.add(calls.handlers())
