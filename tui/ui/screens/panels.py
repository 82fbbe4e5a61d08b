"""The panels beside the story of a wide screen, and the one at the left: chats and characters.

They are loaded and made when first opened; nothing of them exists while they are closed.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.css.query import NoMatches
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from tui.domain.errors import TraktirError
from tui.i18n import tr
from tui.ui.host import host, link
from tui.ui.screens.library_lines import character_lines, chat_lines
from tui.ui.state import Change
from tui.ui.widgets.listing import Line
from tui.ui.widgets.picker import Picker
from tui.ui.widgets.tapline import Part, TapLine
from tui.wire.ids import new_id

Side = Literal["left", "right"]
#: Seconds that several changes in a row are waited for before a panel is filled again.
_SETTLE_S = 0.15
_NARROWEST, _WIDEST = 34, 48
#: Cells of a screen from which on there are panels, and those that must be left to the story.
_SCREEN_LEAST, _STORY_LEAST = 100, 60


def fits(screen: int, panels: int) -> bool:
    """Whether a screen of `screen` cells has room for that many panels."""
    return screen >= _SCREEN_LEAST and screen - panels * panel_width(screen) >= _STORY_LEAST


def panel_width(screen: int) -> int:
    """Cells of a panel on a screen of `screen` cells: three tenths of it, within what a list needs and can use."""
    return max(_NARROWEST, min(_WIDEST, screen * 3 // 10))


class PanelHeading(TapLine):
    """What the panel is, and a sign that closes it."""

    def __init__(self, side: Side) -> None:
        super().__init__()
        self._side = side

    def left_parts(self, width: int) -> Sequence[Part]:
        words = tr("Chats and characters") if self._side == "left" else tr("What the model sees")
        return (Part(words, style="bold $foreground"),)

    def right_parts(self, width: int) -> Sequence[Part]:
        return (Part(" ✕ ", f"panel('{self._side}')"),)


class SidePanel(Widget):
    """A panel: a heading over a list. `changed` and `hear` tell it of what may have to be drawn again."""

    DEFAULT_CSS = """
    SidePanel { layout: vertical; background: $background; }
    SidePanel.-left { dock: left; border-right: solid $faint; }
    SidePanel.-right { dock: right; border-left: solid $faint; }
    SidePanel PanelHeading { height: 1; margin: 0 1 1 1; }
    """
    BINDINGS = [  # noqa: RUF012 (Textual's own form)
        Binding("escape", "close", id="panel.close", show=False),
        Binding("tab,shift+tab", "leave", id="panel.leave", show=False),
    ]

    class Left(Message):
        """Back to writing; with `closed`, the panel goes."""

        def __init__(self, side: Side, *, closed: bool) -> None:
            super().__init__()
            self.side, self.closed = side, closed

    def __init__(self, side: Side) -> None:
        super().__init__(classes=f"-{side}")
        self.side: Side = side
        self._settling: Timer | None = None

    def compose(self) -> ComposeResult:
        yield PanelHeading(self.side)
        yield from self.body()

    def body(self) -> ComposeResult:
        """What stands below the heading."""
        yield from ()

    async def fill(self) -> None:
        """Fetch and show. Raises TraktirError."""

    def take_focus(self) -> None:
        """Keys go to the list from now on."""

    def on_mount(self) -> None:
        self.fit()
        self.take_focus()
        self._fill_now()

    def fit(self) -> None:
        """As wide as suits the screen."""
        self.styles.width = panel_width(self.app.size.width)

    def relabel(self) -> None:
        """The language changed."""
        self.query_one(PanelHeading).redraw()
        self.fill_soon()

    def changed(self, changes: set[Change]) -> None:
        """The chat in front changed."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """The core said something."""

    def fill_soon(self) -> None:
        """Fill again, once for all that changes at about the same time."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(_SETTLE_S, self._fill_now)

    def _fill_now(self) -> None:
        self._settling = None
        self.run_worker(self._guarded(self.fill()), exclusive=True, group="fill")

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that may wait; an error of it is said in the top line."""
        self.run_worker(self._guarded(work), group="deed")

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except TraktirError as error:
            if self.is_attached:
                self.failed(error)
        except NoMatches:
            return                                # the panel is being taken off the screen, and its list went first

    def failed(self, error: TraktirError) -> None:
        """Say what went wrong."""
        host(self.app).say_notice(error.what, "error")

    def action_leave(self) -> None:
        self.post_message(self.Left(self.side, closed=False))

    def action_close(self) -> None:
        self.post_message(self.Left(self.side, closed=True))


class ChatsPanel(SidePanel):
    """Chats, and characters to begin one with. Enter opens; what else can be done is done on the full screen."""

    DEFAULT_CSS = "ChatsPanel Picker SearchBox { margin: 0 1 1 1; padding: 0; }"

    def __init__(self) -> None:
        super().__init__("left")

    def body(self) -> ComposeResult:
        yield Picker(tr("type to search"))

    @property
    def picker(self) -> Picker:
        return self.query_one(Picker)

    def take_focus(self) -> None:
        self.picker.query_one("SearchBox").focus()

    async def fill(self) -> None:
        chats = (await link(self.app).call("chats.list"))["chats"]
        characters = (await link(self.app).call("characters.list"))["characters"]
        front = host(self.app).state.chat
        lines = chat_lines(chats, tr("Chats"), front.id if front is not None else "")
        lines += character_lines(characters, tr("Start a new chat with"))
        self.picker.show([*lines, Line("", tr("More")), Line("more", tr("Rename, delete, import, trash…"), "F2")])

    def changed(self, changes: set[Change]) -> None:
        if "path" in changes or "fields" in changes:
            self.fill_soon()

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") in ("chats", "library"):
            self.fill_soon()

    @on(Picker.Chosen)
    def _chosen(self, event: Picker.Chosen) -> None:
        event.stop()
        kind, _, rest = event.line.id.partition(":")
        if kind == "more":
            host(self.app).open_screen("chats")
        else:
            self.perform(self._open(kind, rest))

    @on(Picker.MoreAsked)
    @on(Picker.RemoveAsked)
    def _more_asked(self, event: Message) -> None:
        event.stop()
        host(self.app).open_screen("chats")

    @on(Picker.Back)
    def _back_asked(self, event: Picker.Back) -> None:
        event.stop()
        self.action_leave()

    async def _open(self, kind: str, rest: str) -> None:
        chat = rest
        if kind == "char":
            chat = new_id()
            await link(self.app).call("chats.create", id=chat, character=rest)
        await host(self.app).actions.open_chat(chat)
        self.picker.clear_search()
        self.action_leave()
