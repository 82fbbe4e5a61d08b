"""The terminal program: paints first, then connects, then follows the core's events. It decides nothing about chats."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.timer import Timer

from tui import collecting, paths
from tui.domain.chat import Node
from tui.domain.errors import ConnectionLost, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.i18n import tr_notice, use_language
from tui.ui import prefs, theme
from tui.ui.actions import SIMPLE, Actions
from tui.ui.asides import Asides
from tui.ui.beginning import open_first
from tui.ui.fetching import Fetching, Opened
from tui.ui.keys import APP_BINDINGS, latin_key, with_own
from tui.ui.link import Connect, Link
from tui.ui.profiling import connection_of
from tui.ui.rewriting import Rewriting
from tui.ui.screens.chat import PANEL_SCREENS, ChatScreen, Side, error_words
from tui.ui.state import Change, ChatState
from tui.ui.stylesheet import KeptStylesheet
from tui.watchdog import Watchdog, watch_loop

#: Seconds between two paintings of a growing reply: 15 Hz keeps a typed key's echo at 5 ms.
FLUSH_S = 1 / 15
#: Writes waiting for the terminal above which nothing new is drawn. Textual blocks at 30.
BACKLOG = 6
#: Paintings in a row that the terminal was too far behind for, from which on the line to it counts as slow, and the
#: least rows by which a growing reply moves the view then: a repainted view for each row is most of what is written.
SLOW_LINE, SLOW_JUMP = 4, 8
#: Seconds that a dying terminal leaves for storing the draft.
GRACE_S = 0.8
_LONGEST_PAUSE_S = 30.0
#: Seconds without a key after which Python may look for rubbish.
_TIDY_S = 20.0
#: Seconds after the first chat is on view until the other screens are loaded, on a thread.
_LOAD_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UiOptions:
    """How the terminal is opened.

    `connect` is called once, after the first frame. `chat` names the chat to open, `character` the character whose last
    chat is opened or a new one begun, `profile` the profile to use there. `mouse` None: as this device prefers.
    `ending` is called when the terminal dies and nothing returns from `run` any more.
    """

    connect: Connect
    chat: str | None = None
    character: str | None = None
    profile: str | None = None
    mouse: bool | None = None
    ending: Callable[[], None] | None = None


def run(options: UiOptions) -> int:
    """Open the terminal UI and stay until it is left. Returns the exit status."""
    from tui.ui import terminal

    preferences = prefs.read()
    use_language(preferences.language)
    restore = terminal.guard_terminal(paths.log_dir() / "terminal.log")
    terminal.install_key_parser()
    terminal.pace_frames(preferences.frame_rate)
    app = TraktirApp(options, preferences, driver_class=terminal.TerminalDriver)
    terminal.on_hang_up(app.hang_up_soon, 5.0 if options.ending else GRACE_S)
    mouse = preferences.mouse if options.mouse is None else options.mouse
    try:
        app.run(mouse=mouse)
    finally:
        restore()
    return app.return_code or 0


class TraktirApp(App[None]):
    """Holds the state on view, the line to the core, and what can be done; screens draw it."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "screens/chat.tcss"]
    TITLE = "Traktir"
    BINDINGS: ClassVar[list[BindingType]] = list(APP_BINDINGS)
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self, options: UiOptions, preferences: prefs.Preferences | None = None, driver_class: Any = None
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.options = options
        self.preferences = preferences or prefs.read()
        self.state = ChatState()
        self.link = Link(options.connect, self.on_core_event)
        self.fetching = Fetching(self.link)
        self.asides = Asides(self)
        self.rewriting = Rewriting(self)
        self.actions, self._told = Actions(self), ""
        self.chat = ChatScreen(self.state, jump=self.preferences.jump_scroll)
        self.animation_level = "none"
        self.scroll_sensitivity_y = 1.0 if "TERMUX_VERSION" in os.environ else 3.0   # there a finger sends each row
        self._changes: set[Change] = set()
        self._flush_timer: Timer | None = None
        self._flushed = 0.0
        self._behind = 0
        self._leaving = self._begun = False
        self._main_loop: asyncio.AbstractEventLoop | None = None
        self._watchdog: Watchdog | None = None
        self._typed = time.monotonic()
        for own in theme.OWN:
            self.register_theme(own)
        self.theme = theme.choose(self.preferences.theme)
        self.stylesheet = KeptStylesheet(variables=self.get_css_variables())

    def get_default_screen(self) -> ChatScreen:
        return self.chat

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of our own for speech, actions and what is least important, in every theme."""
        return theme.reading_colours(self.current_theme)

    async def on_mount(self) -> None:
        self._main_loop = asyncio.get_running_loop()
        self._watchdog = watch_loop("screen")
        collecting.put_off()
        self.set_interval(_TIDY_S, self._tidy)
        if self.preferences.keys:
            self.set_keymap(with_own(self.preferences.keys))
        self.call_after_refresh(self._start)

    def _tidy(self) -> None:
        """Let Python collect its rubbish while nobody types or reads what grows."""
        if not self.state.writing and time.monotonic() - self._typed > _TIDY_S:
            collecting.tidy()

    def on_unmount(self) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()

    def _start(self) -> None:
        self.perform(self._begin())

    # ------------------------------------------------------------------ beginning and end

    async def _begin(self) -> None:
        """Connect and bring the first chat into view."""
        for problem in self.preferences.problems:
            self.say_notice(problem, "warning")
        await self._connect()
        try:
            if not await open_first(self.link, self.actions, self.options.chat, self.options.character):
                await self._show_where_to_begin()
        finally:
            self.perform(self._look_at_connection())
        if self.options.profile is not None and self.state.chat is not None:
            await self.actions.use_profile(self.options.profile)
        self.set_timer(_LOAD_S, lambda: self.perform(self._load_screens()))
        collecting.settle()

    async def _load_screens(self) -> None:
        """Loading a screen takes a tenth of a second, in which no key would be answered."""
        from tui.ui.screens import load_all

        await asyncio.to_thread(load_all)

    async def _connect(self) -> None:
        """Connect, however long that takes; what stands in the way is said once."""
        told, pause = "", 1.0
        while True:
            try:
                await self.link.start()
                break
            except ConnectionLost as error:
                self.state.linked = False
                self._changed("connection")
                if str(error) != told:
                    self.say_error(error)
                told = str(error)
            except TraktirError as error:               # it cannot be started: nothing is on its way any more
                self.state.linked, self.state.trouble = False, error
                self._changed("connection")
                raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        self.state.linked = self._begun = True
        self.state.trouble = None

    async def _show_where_to_begin(self) -> None:
        """There is no chat yet."""
        chosen = (await self.link.call("settings.get"))["settings"].get("chosen")
        self._changed("connection")
        self.open_screen("characters" if chosen else "firstrun")

    async def _look_at_connection(self) -> None:
        self.state.connection = told = await self.link.call("connection.get", **connection_of(self.state.chat))
        self._told = told.get("profile")          # what events tell is the default profile's
        self._changed("connection")

    def exit(self, *args: Any, **kwargs: Any) -> None:
        """Leave: store the draft and let go of the core, which goes on; then end."""
        if self._leaving or self._main_loop is None:
            super().exit(*args, **kwargs)
            return
        self._leaving = True

        async def leave() -> None:
            await self._let_go(2.0)
            App.exit(self, *args, **kwargs)

        self.run_worker(leave())

    async def action_leave(self) -> None:
        self.exit()

    def action_help_quit(self) -> None:
        """Ctrl+C where nothing else answers to it."""
        self.say_notice(notice("Ctrl+Q leaves; a reply goes on."))

    def hang_up_soon(self) -> None:
        """From a signal handler: `hang_up`, as soon as the loop turns."""
        if self._main_loop is None:
            os._exit(0)
        self._main_loop.call_soon_threadsafe(self.hang_up)

    def hang_up(self) -> None:
        """The terminal is gone: store the draft, let go, and be gone too."""
        if not self._leaving:
            self._leaving = True
            self._hanging = asyncio.ensure_future(self._hang_up())

    async def _hang_up(self) -> None:
        try:
            await self._let_go(GRACE_S / 2)
            if self.options.ending is not None:
                await asyncio.to_thread(self.options.ending)
        finally:
            os._exit(0)

    async def _let_go(self, seconds: float) -> None:
        with contextlib.suppress(TraktirError, TimeoutError):
            await asyncio.wait_for(self.flush_draft(), seconds)
        with contextlib.suppress(Exception):             # leaving must not fail over a line that is already dead
            await asyncio.wait_for(self.link.close(), seconds)

    # ------------------------------------------------------------------ what the core says

    def on_core_event(self, event: Mapping[str, Any]) -> None:
        """Take in one event; what it changed is painted at most fifteen times a second."""
        kind = event.get("type")
        if kind == "notice":
            self.say_notice(Notice.from_json(event["notice"]), str(event.get("level") or "info"))
        elif kind == "failure":
            self.say_error(event["error"])
        elif kind == "untranslated" and self.state.chat is not None and event.get("chat") == self.state.chat.id:
            self.say_error(TraktirError.from_json(event["error"]))
        self.fetching.hear(event)
        self.asides.hear(event)
        self.rewriting.hear(event)
        self._hear_of_the_rest(event)
        before = connection_of(self.state.chat)
        change = self.state.apply(event)
        if change == "stale":
            self.perform(self._reload())
        elif kind == "link" and event.get("state") == "back" and self._begun:
            self.perform(self._reload())
            self.say_notice(notice("The core is back."))
        own = connection_of(self.state.chat)
        if own != before or (kind == "connection" and own and self.state.connection.get("profile") != self._told):
            self.perform(self._look_at_connection())
        if change != "nothing":
            self._changed(change)
        tell = getattr(self.screen, "core_event", None) if self.screen_stack else None
        if tell is not None:
            tell(event)

    def _changed(self, change: Change) -> None:
        self._changes.add(change)
        if self._flush_timer is None:
            wait = max(0.0, FLUSH_S - (time.monotonic() - self._flushed))
            self._flush_timer = self.set_timer(wait, self._draw) if wait else None
            if self._flush_timer is None:
                self._draw()

    def _draw(self) -> None:
        """Paint what changed, unless the terminal is behind: then a little later."""
        self._flush_timer = None
        backlog = getattr(self._driver, "backlog", None)
        if backlog is not None and backlog() > BACKLOG:
            self._behind += 1
            if self._behind == SLOW_LINE:
                self.chat.story.set_jump(max(SLOW_JUMP, self.preferences.jump_scroll))
            self._flush_timer = self.set_timer(FLUSH_S, self._draw)
            return
        self._behind = 0
        self._flushed = time.monotonic()
        changes, self._changes = self._changes, set()
        if self.chat.is_mounted:
            self.chat.draw(changes)

    async def _reload(self) -> None:
        if self.state.chat is not None:
            chat = self.state.chat.id
            opened = await self.fetching.chat(chat)
            if self.state.chat is not None and self.state.chat.id == chat:
                opened.show_in(self.state)
                collecting.settle()
                self.chat.show_chat(draft=False)
                self.rewriting.look()
        await self._look_at_connection()

    # ------------------------------------------------------------------ what actions ask for

    def show_chat(self, snapshot: Mapping[str, Any], *, at: str | None = None, opened: Opened | None = None) -> None:
        """Bring a chat into view; `at` is a message that the path leads through and that is then chosen."""
        self.state.close()
        opened.show_in(self.state) if opened is not None else self.state.load(snapshot)
        if at is not None and self.state.chat is not None and at in self.state.chat.nodes:
            self.state.show(self.state.chat.leaf_below(at))
        self.chat.show_chat(at=at)
        self.rewriting.look()
        self._tell_away()
        rest = self._reload if self.state.before else self._look_at_connection
        self.call_after_refresh(lambda: self.perform(rest()))   # first the end of the chat on the screen

    def redraw_path(self) -> None:
        """What is shown of messages has changed."""
        self._changed("path")

    def close_chat(self) -> None:
        """No chat is in front any more: the one that was is in the trash."""
        self.state.close()
        self.chat.show_chat()

    def _tell_away(self) -> None:
        if self.state.away:
            tokens = self.state.away.get("tokens") or 0
            self.say_notice(notice("Finished while you were away: a reply of {n} tokens.", n=tokens))
            self.state.away = None

    def _hear_of_the_rest(self, event: Mapping[str, Any]) -> None:
        """Say what has finished where nobody looks."""
        chat = self.state.chat
        front = chat is not None and event.get("chat") == chat.id
        if event.get("type") == "queue" and not event.get("left"):
            if event.get("failed"):
                self.say_notice(notice("The versions in the background were not all written."), "warning")
            elif front:
                self.say_notice(notice("The other versions are written: Alt+→ walks through them."))
            else:
                self.say_notice(notice("In “{title}” the other versions are written.", title=str(event.get("title"))))
        elif event.get("type") == "turn" and event.get("state") == "done" and not front and event.get("title"):
            self.say_notice(notice("In “{title}” the reply is written.", title=str(event["title"])))

    def show_head(self, head: str | None, at: str) -> None:
        """Let another path be on view."""
        self.state.show(head)
        last = bool(self.state.path) and self.state.path[-1].id == at
        self.chat.story.refresh_path(to_end=last and self.chosen() is None)
        if not last or self.chosen() is not None:
            self.chat.story.goto(at)
        self._changed("turn")

    def after_delete(self, head: str | None) -> None:
        """The core deleted messages of the view, and names its new head."""
        self._to(head)

    def after_undo(self, head: str | None) -> None:
        self._to(head)

    def _to(self, head: str | None) -> None:
        self.state.show(head)
        self._changed("path")

    def begin_edit(self, node: Node, *, branch: bool = False) -> None:
        self.chat.editing.begin(node, branch=branch)

    def chosen(self) -> Node | None:
        """The message chosen in the story, None while one writes."""
        return self.chat.chosen() if self.screen is self.chat else None

    def compose_line(self, text: str | None = None) -> None:
        """Back to writing, with `text` begun if it is given."""
        self.chat.set_focus(self.chat.composer)       # at once: the next key may be under way already
        if text is not None:
            self.chat.composer.put(text)

    async def flush_draft(self) -> None:
        await self.chat.flush_draft()

    async def copy_text(self, text: str) -> None:
        """Put `text` on the person's clipboard and say how."""
        from tui.ui.clipboard import copy

        driver = self._driver
        write = driver.write if driver is not None and not driver.is_headless else None
        self.say_notice(await copy(text, write, paths.data_dir()))

    # ------------------------------------------------------------------ for screens and commands

    def open_screen(self, name: str, **options: Any) -> Any:
        """Show a screen by its name; it is loaded when first asked for."""
        from tui.ui.screens import make_screen

        return self.push_screen(make_screen(name, **options))

    def run_command(self, line: str) -> None:
        """Do what a slash command line says, in the background; an error becomes a notice."""
        self.perform(self._run_command(line))

    async def _run_command(self, line: str) -> None:
        from tui.ui.commands import run_line

        if self.state.before:
            await self._reload()                       # numbers in commands count from the first message
        await run_line(self, line)

    def say_notice(self, notice: Notice, level: str = "info") -> None:
        """A sentence on whatever screen is in front."""
        self._tell(tr_notice(notice), level)

    def say_error(self, error: TraktirError) -> None:
        self._tell(error_words(error), "error")

    def _tell(self, text: str, level: str) -> None:
        say = getattr(self.screen, "say", None)
        if say is not None:
            say(text, problem=level != "info")
        elif self.chat.is_mounted:
            self.chat.top.flash(text, level)

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that may wait on the core; its error becomes a sentence."""
        self.run_worker(self._guarded(work), exit_on_error=True)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except TraktirError as error:
            self.say_error(error)
            self._changed("connection")
        except Exception as error:  # a fault of ours must not end a conversation; the log has it all
            _log.exception("an action failed")
            reason = f"{type(error).__name__}: {error}"[:200]
            self.say_notice(notice("Something went wrong inside Traktir: {reason}.", reason=reason), "error")

    def do(self, name: str) -> None:
        """Run an action by name, in the background."""
        if name not in SIMPLE:
            raise Refused(notice("There is no action called {name}.", name=name[:40]))
        self.perform(getattr(self.actions, name)())

    # ------------------------------------------------------------------ keys

    async def on_event(self, event: events.Event) -> None:
        """Shortcuts of other keyboard layouts are the keys that they lie on."""
        if isinstance(event, events.Key):
            self._typed = time.monotonic()
        if isinstance(event, events.Key) and "+" in event.key and not event.is_forwarded:
            meant = latin_key(event.key)
            if meant != event.key:
                event = events.Key(meant, None)
        await super().on_event(event)

    def action_do(self, name: str) -> None:
        self.do(name)

    def action_send(self) -> None:
        self.chat.composer.action_send()

    def action_compose_line(self) -> None:
        self.compose_line()

    def action_begin_command(self) -> None:
        self.compose_line("/")

    def action_messages(self) -> None:
        self.chat.story.focus()

    def action_to_end(self) -> None:
        self.chat.story.to_end()
        self._changed("turn")

    def action_page(self, pages: int) -> None:
        self.chat.story.page(pages)

    def action_command_palette(self) -> None:
        """Ours: a list like all others, which fits a phone and speaks Russian."""
        self.action_screen_named("palette")

    def action_panel(self, side: Side) -> None:
        """Open a panel beside the story, or close it; where there is no room, its full screen."""
        if self.screen is self.chat and not self.chat.toggle_panel(side):
            self.open_screen(PANEL_SCREENS[side])

    def action_screen_named(self, name: str) -> None:
        if self.screen is self.chat:
            self.open_screen(name)

    # ------------------------------------------------------------------ preferences, changed while running

    def default_theme_name(self) -> str:
        """The theme that suits the terminal."""
        return theme.choose("")

    def set_mouse(self, value: bool) -> None:
        """Let the terminal report the mouse, or keep it for itself."""
        driver = self._driver
        if driver is not None and hasattr(driver, "set_mouse"):
            driver.set_mouse(value)

    def set_jump_scroll(self, rows: int) -> None:
        self.chat.story.set_jump(rows)

    def relabel(self) -> None:
        """The language changed: draw every word anew."""
        self.chat.relabel()

