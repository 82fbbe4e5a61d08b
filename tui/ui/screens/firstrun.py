"""The first start: three lines and a choice, then a character, then the greeting. Nothing else is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.domain.errors import TraktirError
from tui.i18n import tr
from tui.ui.screens.chats import Library
from tui.ui.screens.formpage import FormPage
from tui.ui.screens.models import ModelChoice
from tui.ui.screens.page import Hint, notice_text
from tui.ui.screens.server import ServerPage
from tui.ui.widgets.form import Field, Form

#: The character that was written for the small model: short enough to leave its window to the conversation.
FOR_THE_STARTER = "mira"


class FirstRun(FormPage):
    """Who writes the other side? Dismisses with the id of the chat that was opened, or None."""

    def __init__(self) -> None:
        super().__init__()
        self._connection: Mapping[str, Any] = {}
        self._models: list[Mapping[str, Any]] | None = None

    def heading(self) -> str:
        return tr("Traktir")

    def hints(self) -> Sequence[Hint]:
        return (
            Hint("↑↓", tr("walk"), "choose"),
            Hint("Enter", tr("choose"), "choose"),
            Hint("Esc", tr("later"), "back"),
        )

    def body(self) -> ComposeResult:
        intro = (
            tr("You write your part of a story, a language model writes the others'."),
            tr("Nothing leaves this machine unless you connect to a server yourself."),
        )
        yield Static(Content(" ".join(intro)), id="intro", markup=False)
        yield Static(Content(tr("Who shall write? F4 changes it at any time.")), id="ask", markup=False)
        yield Form()

    async def load(self) -> None:
        self.refill()
        self.form.focus()
        await self.fetch()
        self.refill()

    async def fetch(self) -> None:
        self._connection = await self.call("connection.get")
        self.refill()
        try:
            self._models = (await self.call("models.scan"))["models"]
        except TraktirError:
            self._models = []  # the list of files says more when it is opened

    def _engine_problem(self) -> str:
        connection = self._connection
        embedded = connection.get("kind", "embedded") == "embedded"
        return notice_text(connection.get("notice")) if embedded and connection.get("state") == "error" else ""

    def fields(self) -> Sequence[Field | str]:
        toy = tr("A toy: simple stories, often without sense.")
        if self._models is None:
            found = tr("Looking for model files…")
        elif self._models:
            found = tr("Found here: {n}. A path can be typed too.", n=len(self._models))
        else:
            found = tr("None found in the usual folders; type a path.")
        return (
            Field(
                "starter",
                tr("Talk now with the small model inside"),
                kind="action",
                hint=self._engine_problem() or toy,
                mark="1",
            ),
            Field("gguf", tr("Use a model file of mine (GGUF)"), kind="action", hint=found, mark="2"),
            Field(
                "server",
                tr("Connect to a server"),
                kind="action",
                mark="3",
                hint=tr("KoboldCpp, llama.cpp, Ollama …: type its address."),
            ),
        )

    async def act(self, item: Field) -> None:
        if await self._choose(item.id):
            first = FOR_THE_STARTER if item.id == "starter" else ""
            chat_id = await self.app.push_screen_wait(Library("characters", first=first))
            if chat_id is not None:
                self.dismiss(chat_id)

    async def _choose(self, what: str) -> bool:
        if what == "gguf":
            return bool(await self.app.push_screen_wait(ModelChoice()))
        if what == "server":
            return bool(await self.app.push_screen_wait(ServerPage()))
        await self.call("connection.use", kind="embedded", model="starter")
        if problem := self._engine_problem():
            self.say(problem, problem=True)
            return False
        return True

    def key_1(self) -> None:
        self._press("starter")

    def key_2(self) -> None:
        self._press("gguf")

    def key_3(self) -> None:
        self._press("server")

    def _press(self, field_id: str) -> None:
        form = self.query_one(Form)
        form.go_to(field_id)
        form.action_select()
