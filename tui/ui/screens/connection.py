"""F4: what answers the next turn, how that was found, and what else could."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.binding import Binding

from tui.domain.samplers import RANGES
from tui.i18n import tr
from tui.ui.host import host
from tui.ui.profiling import connection_of
from tui.ui.screens.confirm import choose
from tui.ui.screens.formpage import FormPage
from tui.ui.screens.models import ModelChoice
from tui.ui.screens.page import Hint, notice_text
from tui.ui.screens.server import ServerPage
from tui.ui.servermodels import abilities, pick_model
from tui.ui.widgets.form import Field
from tui.ui.words import BROKEN, IN_USE, rounded, thousands

#: Samplers that a backend does not know, of which the names are told; the samplers' own screen tells all.
_FEW = 6


class Connection(FormPage):
    """Facts first, then what can be done."""

    BINDINGS = [Binding("f4", "back", id="connection.close", show=False)]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._connection: Mapping[str, Any] = {}

    def heading(self) -> str:
        return tr("Connection and model")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("choose"), "choose"), self.back_hint())

    async def fetch(self) -> None:
        self._connection = await self.call("connection.get", **connection_of(host(self.app).state.chat))
        self._tell()

    def hear(self, event: Mapping[str, Any]) -> None:
        super().hear(event)
        if event.get("type") == "connection":
            self.start(self._again())
        elif event.get("type") == "server_model":
            self.say(notice_text(event.get("notice")))
            if event.get("fraction") is not None:
                self.head(f"{float(event['fraction']):.0%}")
        elif event.get("type") == "turn" and event.get("state") == "loading" and event.get("fraction") is not None:
            self.head(f"{float(event['fraction']):.0%}")

    async def _again(self) -> None:
        await self.fetch()
        self.refill()

    def _tell(self) -> None:
        self.head(state_word(str(self._connection.get("state") or "")))
        problem = notice_text(self._connection.get("notice"))
        self.say(problem, problem=self._connection.get("state") == "error")

    def fields(self) -> Sequence[Field | str]:
        facts = facts_of(self._connection)
        fields: list[Field | str] = [
            Field(f"fact:{i}", label, kind="action", shown=value) for i, (label, value) in enumerate(facts)
        ]
        capabilities = self._connection.get("capabilities") or {}
        for number, told in enumerate(capabilities.get("notices") or ()):
            fields.append(Field(f"notice:{number}", notice_text(told), kind="action", mark=BROKEN))
        return [*fields, *self._deeds()]

    def _deeds(self) -> list[Field | str]:
        connection = self._connection
        deeds: list[Field | str] = [tr("Change")]
        if connection.get("ask_template"):
            deeds.append(Field("template", tr("Choose the prompt format of this model"), kind="action", mark=BROKEN))
        if connection.get("kind") == "embedded" and connection.get("state") == "ready":
            deeds.append(Field("unload", tr("Take the model out of memory"), kind="action"))
        elif connection.get("kind") == "embedded":
            deeds.append(Field("load", tr("Load the model now"), kind="action"))
        else:
            deeds.append(Field("load", tr("Look at the server now"), kind="action"))
            deeds.append(Field("model", tr("Choose another model of the server…"), kind="action"))
            if (connection.get("capabilities") or {}).get("switch"):
                deeds.append(Field("leave", tr("Take the model out of the server's memory"), kind="action"))
        if (connection.get("kept") or {}).get("files"):
            deeds.append(Field("forget", tr("Remove what is kept on disk"), kind="action"))
        starter = connection.get("kind") == "embedded" and connection.get("model") == "starter"
        deeds += [
            Field(
                "starter",
                tr("Use the small model inside"),
                kind="action",
                mark=IN_USE if starter else "",
            ),
            Field("gguf", tr("Use a GGUF file…"), kind="action"),
            Field("server", tr("Connect to a server…"), kind="action"),
        ]
        if not connection.get("ask_template"):
            deeds.append(Field("template", tr("Choose another prompt format…"), kind="action"))
        return deeds

    async def act(self, item: Field) -> None:
        deeds = {
            "load": self._load,
            "unload": self._unload,
            "model": self._model,
            "leave": self._leave,
            "forget": self._forget,
            "starter": self._starter,
            "gguf": self._file,
            "server": self._server,
            "template": self._template,
        }
        if (deed := deeds.get(item.id)) is not None:
            await deed()
            await self.fetch()

    async def _load(self) -> None:
        self.say(tr("Looking…") if self._connection.get("kind") != "embedded" else tr("Loading the model…"))
        await self.call("models.load", profile=str(self._connection.get("profile") or ""))

    async def _model(self) -> None:
        if (name := await pick_model(self.app)) is not None:
            self.say(tr("The server's model is now {name}.", name=name))

    async def _leave(self) -> None:
        profile = str(self._connection.get("profile") or "")
        await self.call("connection.unload_model", profile=profile)

    async def _unload(self) -> None:
        await self.call("models.unload")

    async def _forget(self) -> None:
        gone = await self.call("states.clear") or {}
        size = round(gone.get("bytes", 0) / 1e6)
        self.say(tr("Removed {size} MB; chats will be read again when they are opened.", size=size))

    async def _starter(self) -> None:
        await self.call("connection.use", kind="embedded", model="starter")
        await self._free_the_chat()

    async def _file(self) -> None:
        if await self.app.push_screen_wait(ModelChoice()):
            await self._free_the_chat()

    async def _server(self) -> None:
        if await self.app.push_screen_wait(ServerPage(str(self._connection.get("url") or ""))):
            await self._free_the_chat()

    async def _free_the_chat(self) -> None:
        """A chat with a profile of its own follows what was chosen here."""
        chat = host(self.app).state.chat
        if chat is not None and chat.fields.get("profile"):
            await self.call("chats.set", id=chat.id, field="profile", value=None)

    async def _template(self) -> None:
        presets = (await self.call("presets.list", kind="templates"))["presets"]
        choices = [(str(p["id"]), str(p.get("label") or p["id"])) for p in presets if not p.get("problem")]
        told = tr("The right format is the one that the model was trained with; its page says which.")
        if (template := await choose(self.app, tr("Prompt format"), choices, told)) is not None:
            await self.call("templates.pin", template=template)


def state_word(state: str) -> str:
    """The state of a connection in a word."""
    return {
        "idle": tr("not looked at yet"),
        "loading": tr("loading"),
        "ready": tr("ready"),
        "error": tr("does not work"),
    }.get(state, state)


def found_by_words(found_by: str) -> str:
    """How the prompt format was found."""
    return {
        "sha256": tr("it is the model's own, known to the letter"),
        "rules": tr("seen by its signs in the model's own template"),
        "name": tr("guessed from the model's name"),
        "derived": tr("read off the model's own template"),
        "jinja": tr("the model's own template is run"),
        "tokens": tr("seen by the control tokens of the model"),
        "pinned": tr("you chose it for this model"),
        "profile": tr("the profile says so"),
        "chat": tr("you chose it for this chat"),
        "server": tr("the server formats the prompt itself"),
    }.get(found_by, found_by)


def facts_of(connection: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known of a connection, as label and value."""
    capabilities: Mapping[str, Any] = connection.get("capabilities") or {}
    embedded = connection.get("kind") == "embedded"
    where = tr("llama.cpp in this program") if embedded else str(connection.get("url") or "")
    answers = " ".join(str(capabilities.get(k) or "") for k in ("dialect", "version")).strip()
    facts = [(tr("Backend"), where if embedded or not answers else f"{where} · {answers}")]
    if connection.get("model") or capabilities:                  # before it was looked at, nothing could be said
        facts.append((tr("Model"), str(connection.get("model") or tr("the server does not say"))))
    if connection.get("context"):
        facts.append((tr("Context"), thousands(int(connection["context"]))))
    template: Mapping[str, Any] = connection.get("template") or {}
    if template:
        how = found_by_words(str(template.get("found_by") or ""))
        facts.append((tr("Prompt format"), f"{template.get('label') or template.get('id')} · {how}"))
        facts += [(tr("Doubtful"), notice_text(finding.get("what"))) for finding in template.get("findings") or ()]
    facts.append((tr("Profile"), str(connection.get("label") or connection.get("profile") or "")))
    if (kept := connection.get("kept") or {}).get("files"):
        size, quota = round(kept["bytes"] / 1e6), round(kept["quota"] / 1e6)
        shown = tr("{count} of them, {size} MB of {quota} MB", count=kept["files"], size=size, quota=quota)
        facts.append((tr("Chats kept on disk"), shown))
    if can := abilities(capabilities):
        facts.append((tr("It can"), can))
    if capabilities:
        known = set(capabilities.get("samplers") or ())
        missing = [name for name in RANGES if name not in known and name != "max_tokens"]
        if missing and known:
            facts.append((tr("Samplers it does not know"), _some(missing)))
        if adapters := (capabilities.get("details") or {}).get("adapters"):
            facts.append((tr("LoRA adapters"), ", ".join(f"{name} × {rounded(scale)}" for name, scale in adapters)))
        facts.append((tr("Counts tokens"), tr("exactly") if capabilities.get("exact_tokens") else tr("by estimate")))
    return facts


def _some(names: Sequence[str]) -> str:
    """The first few of many names."""
    few = ", ".join(names[:_FEW])
    return few if len(names) <= _FEW else tr("{names} and {n} more", names=few, n=len(names) - _FEW)
