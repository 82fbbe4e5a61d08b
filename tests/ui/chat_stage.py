"""The real program on a headless terminal: real core in a thread, real client, a scripted model behind it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tui.cli.session import core_factory
from tui.client.connection import Connection
from tui.server.standalone import run_in_thread
from tui.ui.app import TraktirApp, UiOptions
from tui.ui.widgets.composer import Composer
from tui.wire.target import Target


def scripted() -> Any:
    """The scripted servers of the tests of the backends."""
    if "scripted" not in sys.modules:
        path = Path(__file__).parents[1] / "backends" / "scripted.py"
        spec = importlib.util.spec_from_file_location("scripted", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["scripted"] = module
        spec.loader.exec_module(module)
    return sys.modules["scripted"]


class Stage:
    """A person at the program."""

    def __init__(self, app: TraktirApp, pilot: Pilot[None], server: Any, target: Target) -> None:
        self.app, self.pilot, self.server, self.target = app, pilot, server, target

    async def until(self, wanted: Callable[[], Any], what: str = "", timeout: float = 20) -> None:
        """Wait until something is so; fails with the screen as it is."""
        try:
            async with asyncio.timeout(timeout):
                while not wanted():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}:\n{self.screen()}") from None

    async def sees(self, text: str) -> None:
        await self.until(lambda: text in self.screen(), repr(text))

    async def idle(self) -> None:
        """Wait until no reply is on its way."""
        await self.until(lambda: not self.app.state.writing, "the end of the reply")
        await self.pilot.pause()

    async def type(self, text: str, *keys: str) -> None:
        self.app.chat.composer.insert(text)
        await self.pilot.pause()
        await self.pilot.press(*keys)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def composer(self) -> Composer:
        return self.app.chat.composer

    def story(self) -> list[str]:
        """The rows of the transcript."""
        story = self.app.chat.story
        return [story.render_line(y).text.rstrip() for y in range(story.size.height)]

    def screen(self) -> str:
        """Every row of the screen."""
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    def texts(self) -> list[str]:
        return [node.text for node in self.app.state.path]


@contextlib.asynccontextmanager
async def stage(
    *replies: str, size: tuple[int, int] = (120, 40), character: str | None = "mira", delay: float = 0.0,
    before: Callable[[Connection], Any] | None = None, **options: Any,
) -> AsyncIterator[Stage]:
    """The program with a chat in front, and a model that gives `replies` in turn, `delay` seconds apart a piece."""
    model = scripted()
    server = model.ScriptedServer()
    model.as_koboldcpp(server, *(replies or ('*She nods.* "Yes."',)), delay=delay)
    await server.start()
    target, stop = await asyncio.to_thread(run_in_thread, core_factory)
    try:
        first = await Connection.open(target)
        await first.call("connection.use", kind="koboldcpp", url=server.url, template="chatml")
        if before is not None:
            await before(first)
        await first.close()

        async def connect() -> Connection:
            return await Connection.open(target)

        app = TraktirApp(UiOptions(connect=connect, character=character, **options))
        async with app.run_test(size=size) as pilot:
            play = Stage(app, pilot, server, target)
            if character is not None:
                await play.until(lambda: app.state.chat is not None, "the chat")
                await pilot.pause()
            yield play
            await app.link.close()                 # before the core goes: it would be looked for
    finally:
        await asyncio.to_thread(stop)
        await server.stop()
