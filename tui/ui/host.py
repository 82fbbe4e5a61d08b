"""What screens and commands need of the app they stand in."""

from __future__ import annotations

from typing import Any, Protocol, cast

from textual.app import App

from tui.domain.chat import Chat
from tui.domain.errors import Refused
from tui.domain.notice import Notice


class Link(Protocol):
    """The line to the core. `call` raises TraktirError with a sentence for a person."""

    async def call(self, method: str, /, **params: Any) -> Any: ...


class View(Protocol):
    """What is on view: the chat in front (None: no chat yet) and the end of the path shown."""

    @property
    def chat(self) -> Chat | None: ...

    @property
    def head(self) -> str | None: ...

    @property
    def turn(self) -> dict[str, Any]: ...

    @property
    def writing(self) -> bool: ...


class Actions(Protocol):
    """What can be done with the chat in front."""

    async def open_chat(self, chat_id: str, head: str | None = None) -> None: ...
    async def regenerate(self) -> None: ...
    async def swipe(self, step: int) -> None: ...
    async def show_version(self, number: int) -> None: ...
    async def continue_reply(self) -> None: ...
    async def edit_last(self) -> None: ...
    async def delete(self, count: int) -> None: ...
    async def undo(self) -> None: ...
    async def redo(self) -> None: ...
    async def stop(self) -> None: ...
    async def branch(self) -> None: ...
    async def hide(self, value: bool) -> None: ...
    async def copy_last(self) -> None: ...
    async def pin(self) -> None: ...
    async def tokens(self) -> None: ...
    def target_id(self) -> str: ...
    async def take_rival(self, node: str, revision: str, token: int, rival: int) -> None: ...


class Asides(Protocol):
    """What the model writes into the composer."""

    @property
    def active(self) -> bool: ...
    async def impersonate(self, guidance: str = "", begun: str | None = None) -> None: ...
    async def suggest(self) -> None: ...


class Host(Protocol):
    """The app."""

    @property
    def asides(self) -> Asides: ...

    @property
    def link(self) -> Link: ...

    @property
    def state(self) -> View: ...

    @property
    def actions(self) -> Actions: ...

    def open_screen(self, name: str, **options: Any) -> Any: ...
    def close_chat(self) -> None:
        """No chat is in front any more."""
        ...

    def show_head(self, head: str | None, at: str) -> None:
        """Let the path to `head` be on view, and the message `at` be chosen."""
        ...

    def compose_line(self, text: str | None = None) -> None:
        """Back to writing, with `text` begun if it is given."""
        ...

    def run_command(self, line: str) -> None:
        """Do what a slash command line says, in the background; an error becomes a notice."""
        ...

    def say_notice(self, notice: Notice, level: str = "info") -> None: ...


def host(app: App[Any]) -> Host:
    """The app as screens and commands know it."""
    return cast(Host, app)


def link(app: App[Any]) -> Link:
    """The app's line to the core."""
    return host(app).link


def open_chat_of(app: App[Any]) -> Chat:
    """The chat in front. Raises Refused when there is none."""
    chat = host(app).state.chat
    if chat is None:
        raise Refused("No chat is open.", "Press F2 to open one.")
    return chat


def say(app: App[Any], text: str, /, **args: Any) -> None:
    """Tell the person something for a few seconds."""
    host(app).say_notice(Notice(text, args))
