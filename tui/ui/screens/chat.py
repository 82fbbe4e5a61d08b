"""The chat: story above, the line one writes in below, one line of facts at either end."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from tui.domain.chat import Node
from tui.domain.cleantext import clean
from tui.domain.errors import BadInput, ConnectionLost, Refused, TraktirError
from tui.domain.notice import Notice, notice
from tui.domain.pictures import MAX_PICTURES
from tui.i18n import language, tr, tr_notice
from tui.ui.editing import Editing
from tui.ui.keys import CHAT_BINDINGS
from tui.ui.state import Change, ChatState
from tui.ui.widgets.attached import AttachedLines
from tui.ui.widgets.composer import Composer
from tui.ui.widgets.status import StatusLine
from tui.ui.widgets.suggestions import Suggestions
from tui.ui.widgets.topline import TopLine
from tui.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from tui.client.pictures import Attached
    from tui.ui.actions import Saying
    from tui.ui.app import TraktirApp
    from tui.ui.screens.panels import SidePanel

Side = Literal["left", "right"]
#: Where a panel has no room, this screen shows the same.
PANEL_SCREENS: dict[Side, str] = {"left": "chats", "right": "inspector"}

#: Seconds after the last key until a draft is stored, and after the first that is not, for those who never pause.
DRAFT_S, DRAFT_LATEST_S = 0.8, 2.0


class Rule(Widget):
    """A thin line between what is written and what is known."""

    def render(self) -> Content:
        return Content("─" * self.size.width)


class ChatScreen(Screen[None]):
    """Draws a `ChatState` and passes what the person does to the app's actions."""

    AUTO_FOCUS = "#composer"
    BINDINGS: ClassVar[list[BindingType]] = list(CHAT_BINDINGS)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-normal"), (100, "-wide")]  # noqa: RUF012 (Textual's own form)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (14, "-tall"), (20, "-roomy")]  # noqa: RUF012

    def __init__(self, state: ChatState, *, jump: int = 1) -> None:
        super().__init__()
        self._state = state
        self.top = TopLine(state, id="top")
        self.story = Transcript(state, jump=jump, id="story")
        self.suggestions = Suggestions(id="suggestions")
        self.attached = AttachedLines(id="attached")
        self.composer = Composer(id="composer")
        self.status = StatusLine(state, id="status")
        self.editing = Editing(self)
        self._language = language()
        self._stored_draft = ""
        self._images: tuple[Attached, ...] = ()
        self._unsure: Saying | None = None             # said, but the line broke before the core had answered
        self._draft_timer: Timer | None = None
        self._unstored_since: float | None = None
        self._begun = False                            # whether a chat has been in front
        self._panels: dict[Side, SidePanel] = {}

    @property
    def host(self) -> TraktirApp:
        return cast("TraktirApp", self.app)

    def compose(self) -> ComposeResult:
        yield self.top
        yield self.story
        yield self.suggestions
        yield self.attached
        with Horizontal(id="writing"):
            yield Static("›", id="prompt", markup=False)
            yield self.composer
        yield Rule()
        yield self.status

    def on_mount(self) -> None:
        self.composer.placeholder = Content(tr("Write here; / for commands"))

    # ------------------------------------------------------------------ drawing

    def draw(self, changes: set[Change]) -> None:
        """Draw what changed, each thing once."""
        if "path" in changes:
            self._take_back_what_arrived()
        if "path" in changes or "fields" in changes:
            self.story.refresh_path()
        elif "growth" in changes:
            self.story.grow()
        self._draw_tail()
        self.top.redraw()
        self._draw_status()
        for panel in self._panels.values():
            panel.changed(changes)

    def show_chat(self, *, at: str | None = None, draft: bool = True) -> None:
        """Another chat is in front, or the same one anew."""
        if draft:
            self.editing.leave()
            self.composer.put(self._with_what_came_early(self._state.draft))
            self._stored_draft = self._state.draft
        else:
            self._take_back_what_arrived()
            self.host.perform(self.flush_draft())      # the core may have been away when it was to be stored
        self.story.refresh_path(to_end=at is None and draft)
        if at is not None:
            self.story.goto(at)
        self._draw_tail()
        self.top.redraw()
        self._draw_status()
        for panel in self._panels.values():
            panel.fill_soon()

    def _with_what_came_early(self, draft: str) -> str:
        """`draft`, and after it what was typed before the first chat was in front: the line is there to write in at
        once, and who begins to must not find it gone."""
        early = "" if self._begun else self.composer.text
        self._begun = True
        return f"{draft} {early}" if draft and early and not draft[-1].isspace() else draft + early

    def core_event(self, event: Mapping[str, Any]) -> None:
        """For the app: what the core said, for the panels."""
        for panel in self._panels.values():
            panel.hear(event)

    def on_screen_resume(self) -> None:
        """Back from another screen, where the language may have been changed, or what the panels show."""
        for panel in self._panels.values():
            panel.fill_soon()
        if self._language != language():
            self._language = language()
            self.relabel()

    def relabel(self) -> None:
        """The language changed."""
        if self.editing.node is None:
            self.composer.placeholder = Content(tr("Write here; / for commands"))
        self.story.relabel()
        for panel in self._panels.values():
            panel.relabel()
        self.draw({"turn"})

    def _draw_status(self) -> None:
        self.status.unseen = self.story.unseen
        self.status.mode = "messages" if self.focused is self.story else "panel" if self._in_panel() else ""
        self.status.redraw()

    def _draw_tail(self) -> None:
        """Below the last message: what is waited for, or why no reply came."""
        turn = self._state.turn
        if self._state.chat is None:
            trouble = self._state.trouble
            self.story.set_tail(error_words(trouble) if trouble else self._empty_words(), alarm=trouble is not None)
            return
        error = turn.get("error")
        if turn.get("state") == "done" and error:
            self.story.set_tail(error_words(TraktirError.from_json(error)), alarm=True)
            return
        self.story.set_tail(progress_words(turn))

    def _empty_words(self) -> str:
        if not self._state.connection and self._state.linked:
            return tr("Traktir is starting…")
        return tr("No chat is open. F2 shows characters and chats.")

    # ------------------------------------------------------------------ panels

    def toggle_panel(self, side: Side) -> bool:
        """Open the panel of a side, with the keys in it, or close it; False where the screen has no room for it."""
        if side in self._panels:
            self._close_panel(side)
            return True
        from tui.ui.screens.panel_prompt import PromptPanel
        from tui.ui.screens.panels import ChatsPanel, fits

        if not fits(self.size.width, 1):
            return False
        if not fits(self.size.width, 2):
            for other in list(self._panels):
                self._close_panel(other)
        panel = self._panels[side] = ChatsPanel() if side == "left" else PromptPanel()
        self.mount(panel)
        return True

    def _close_panel(self, side: Side) -> None:
        focused = self._in_panel()
        self._panels.pop(side).remove()
        if focused:
            self.composer.focus()

    def _in_panel(self) -> bool:
        return self.focused is not None and any(panel in self.focused.ancestors for panel in self._panels.values())

    def on_side_panel_left(self, event: SidePanel.Left) -> None:
        if event.closed and event.side in self._panels:
            self._close_panel(event.side)
        self.composer.focus()

    def on_resize(self) -> None:
        """On a screen that became too narrow, the panels go; on another, they take their share."""
        if not self._panels:
            return
        from tui.ui.screens.panels import fits

        while self._panels and not fits(self.size.width, len(self._panels)):
            self._close_panel(next(iter(self._panels)))
        for panel in self._panels.values():
            panel.fit()

    # ------------------------------------------------------------------ writing

    @on(Composer.Sent)
    def _sent(self) -> None:
        text = self.composer.text
        if self.editing.node is not None:
            self.editing.keep(text)
        elif not text.strip() and not self._images:
            self.host.do("go_on")
        elif text.startswith(("/", ".")) and self._is_command(text):
            self._command(text)
        else:
            self._say(text[1:] if text.startswith("//") else text)

    @on(Composer.Overlong)
    def _overlong(self, event: Composer.Overlong) -> None:
        told = notice(
            "The pasted text has {n} characters; the line takes {most}. Nothing was pasted: put it in parts, or in a "
            "lorebook.", n=event.length, most=event.most,
        )
        self.host.say_notice(told, "warning")

    def _is_command(self, text: str) -> bool:
        from tui.ui.commands import is_command

        return is_command(text)

    def _command(self, text: str) -> None:
        self._suggest()                                # Enter may be quicker than word of the letters before it
        chosen = self.suggestions.current
        if chosen is not None and chosen.strip() != text.strip() and not text.rstrip().startswith(chosen.strip() + " "):
            self.composer.put(chosen)
            if chosen.endswith(" "):
                return
            text = chosen
        self.composer.remember(text.strip())
        self.composer.put("")
        self.host.run_command(text)

    def _say(self, text: str) -> None:
        if self._state.chat is None:                   # the words stay where they are
            self.host.say_notice(Notice("No chat is open. F2 shows characters and chats."))
            return
        self.composer.remember(text)
        self.composer.put("")
        self._stored_draft = ""                        # the core empties the draft with the message
        self.story.to_end()
        images, self._images = self._images, ()
        self.attached.show(())
        self.host.perform(self._say_or_give_back(text, images))

    def attach(self, picture: Attached) -> None:
        """Let a picture go with the next message. Raises Refused, BadInput."""
        if self._state.chat is None:
            raise Refused(Notice("No chat is open. F2 shows characters and chats."))
        if any(picture.picture.id == other.picture.id for other in self._images):
            return
        if len(self._images) >= MAX_PICTURES:
            raise BadInput(notice("A message takes at most {most} pictures.", most=MAX_PICTURES), field="images")
        self._images = (*self._images, picture)
        self.attached.show(self._images)
        self.composer.focus()

    def drop_pictures(self, number: int | None = None) -> None:
        """Take away a picture that was to go with the next message, or all."""
        self._images = () if number is None else (*self._images[:number], *self._images[number + 1:])
        self.attached.show(self._images)

    @on(AttachedLines.Dropped)
    def _dropped(self, event: AttachedLines.Dropped) -> None:
        self.drop_pictures(event.number)

    @on(Composer.Pictured)
    def _pictured(self, event: Composer.Pictured) -> None:
        from tui.ui.picturing import attach_pasted

        self.host.perform(attach_pasted(self.app, event.path))

    async def _say_or_give_back(self, text: str, images: tuple[Attached, ...] = ()) -> None:
        """Say `text`; where that fails, it is in the composer again. Whether it arrived is perhaps not known: until it
        is, the same words are the same message, and go from the composer when it shows up."""
        again = self._unsure is not None and (self._unsure.chat, self._unsure.text, self._unsure.images) == (
            self._open_chat(), text, images)
        saying = self._unsure if self._unsure is not None and again else self.host.actions.saying(text, images)
        try:
            await self.host.actions.say(saying)
            self._unsure = None
        except TraktirError as error:
            self._unsure = saying if isinstance(error, ConnectionLost) else None
            if not self.composer.text:
                self.composer.put(text)
            if images and not self._images:
                self._images = images
                self.attached.show(images)
            raise

    def _open_chat(self) -> str:
        return self._state.chat.id if self._state.chat is not None else ""

    def _take_back_what_arrived(self) -> None:
        """The line broke before it was known whether a message had arrived: now it is seen in the chat."""
        unsure, chat = self._unsure, self._state.chat
        if unsure is not None and chat is not None and unsure.node in chat.nodes:
            self._unsure = None
            if self.editing.node is None and self.composer.text == unsure.text:
                self.composer.put("")
                self.drop_pictures()

    def _suggest(self) -> None:
        """Show what the text may become."""
        text = self.composer.text
        if text[:1] in ("/", ".") and "\n" not in text and self.editing.node is None:
            from tui.ui.commands import complete

            self.suggestions.show([(c.insert, c.label, c.help) for c in complete(text)])
        else:
            self.suggestions.show([])
        self.composer.steer(self.suggestions.open)

    @on(Composer.Grown)
    def _grown(self) -> None:
        self._suggest()
        if self._draft_timer is not None:
            self._draft_timer.stop()
        if self.editing.node is None:
            now = time.monotonic()
            since = self._unstored_since = now if self._unstored_since is None else self._unstored_since
            wait = min(DRAFT_S, max(0.01, since + DRAFT_LATEST_S - now))
            self._draft_timer = self.set_timer(wait, lambda: self.host.perform(self.flush_draft()))

    async def flush_draft(self) -> None:
        """Store what is being written, if it is not stored yet."""
        if self._draft_timer is not None:
            self._draft_timer.stop()
        self._unstored_since = None
        chat = self._state.chat
        text = self.editing.set_aside if self.editing.node is not None else self.composer.text
        if chat is not None and text != self._stored_draft:
            before, self._stored_draft = self._stored_draft, text
            try:
                await self.host.link.call("chats.draft", id=chat.id, text=text)
            except TraktirError:
                if self._stored_draft == text:
                    self._stored_draft = before        # not stored yet: it is tried again
                raise

    @on(Suggestions.Taken)
    def _taken(self, event: Suggestions.Taken) -> None:
        self.composer.put(event.insert)
        if not event.insert.endswith(" "):
            self._command(event.insert)

    @on(Composer.Asked)
    def _asked(self, event: Composer.Asked) -> None:
        answers: dict[str, Callable[[], None]] = {
            "undo": lambda: self.host.do("undo"), "redo": lambda: self.host.do("redo"), "up": self._up,
            "down": lambda: self.suggestions.move(1), "stop": self._stop, "editor": self._editor, "tab": self._tab,
            "impersonate": lambda: self.host.perform(self.host.asides.impersonate()),
            "copy": lambda: self.host.perform(self.host.copy_text(self.composer.selected_text)),
        }
        answers[event.what]()

    def _up(self) -> None:
        if self.suggestions.open:
            self.suggestions.move(-1)
        elif self._state.last("user") is not None:
            self.host.do("edit_last")
        else:
            self.story.focus()

    def _stop(self) -> None:
        if self.suggestions.open:
            self.composer.put("")
        elif self.editing.node is not None:
            self.editing.leave()
        elif self._state.writing or self.host.asides.active:
            self.host.do("stop")
        else:
            self.story.focus()

    def _tab(self) -> None:
        self._suggest()
        if (chosen := self.suggestions.current) is not None:
            self.composer.put(chosen)
        else:
            self.story.focus()

    def _editor(self) -> None:
        from tui.ui.terminal import edit_text

        try:
            self.composer.put(edit_text(self.app, self.composer.text))
        except TraktirError as error:
            self.host.say_error(error)
        self.refresh(layout=True)

    # ------------------------------------------------------------------ messages

    def chosen(self) -> Node | None:
        """The message chosen in the story, while it has the keys."""
        index = self.story.selected
        if index is None or self.focused is not self.story or index >= len(self._state.path):
            return None
        return self._state.path[index]

    @on(Transcript.VersionTapped)
    def _version_tapped(self, event: Transcript.VersionTapped) -> None:
        actions = self.host.actions
        last = event.index == len(self._state.path) - 1
        work: Coroutine[Any, Any, None] = (
            actions.swipe(event.step) if last else actions.version_of(event.index, event.step)
        )
        self.host.perform(work)

    @on(Transcript.Opened)
    def _opened(self) -> None:
        self.host.open_screen("message")

    @on(Transcript.Scrolled)
    def _scrolled(self) -> None:
        self._draw_status()

    def on_descendant_focus(self) -> None:
        self._draw_status()


def progress_words(turn: dict[str, Any]) -> str:
    """What is being waited for, "" while nothing is."""
    state = turn.get("state")
    if state == "waiting":
        return tr("… one moment")
    if state == "loading":
        told = clean(tr_notice(Notice.from_json(turn["notice"]))) if turn.get("notice") else tr("The model is loading")
        fraction = turn.get("fraction")
        return f"{told} {round(100 * fraction)}%" if fraction is not None else told
    if state == "prefill":
        total, processed = turn.get("total") or 0, turn.get("processed") or 0
        return tr("reading: {done} of {total} tokens", done=processed, total=total) if total else tr("reading…")
    if state == "summarising":
        return tr("writing a summary…")
    if state == "translating":
        return tr("translating…")
    return ""


def error_words(error: TraktirError) -> str:
    """An error as sentences."""
    parts = [tr_notice(error.what)] + ([tr_notice(error.remedy)] if error.remedy else [])
    return clean(" ".join(parts))
