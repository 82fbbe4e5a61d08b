"""F3: profiles, templates, samplers and prompts in one list; what is in use is marked, what is broken says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from tui.domain.chat import Chat
from tui.i18n import tr
from tui.ui.host import host
from tui.ui.profiling import connection_of, holds_words
from tui.ui.screens.confirm import ask_secret, choose
from tui.ui.screens.page import Hint, Page, notice_text
from tui.ui.screens.reading import Reading
from tui.ui.screens.samplers import SamplerForm
from tui.ui.widgets.listing import Line
from tui.ui.widgets.picker import Picker
from tui.ui.words import BROKEN, IN_USE, rounded

KINDS = ("profiles", "templates", "samplers", "prompts")


class Presets(Page):
    """Enter uses; Tab asks what else. A sampler preset sets its values for this chat; what a chat does not choose for
    itself, its profile says."""

    BINDINGS = [  # noqa: RUF012
        Binding("f3", "back", id="presets.close", show=False),
        Binding("tab", "more", id="presets.more", show=False),
    ]

    def __init__(self, kind: str = "") -> None:
        super().__init__()
        self._kinds = (kind,) if kind in KINDS else KINDS
        self._presets: dict[str, Mapping[str, Any]] = {}

    def heading(self) -> str:
        return kind_heading(self._kinds[0]) if len(self._kinds) == 1 else tr("Profile and presets")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("use"), "choose"), Hint("Tab", tr("what else"), "more"), self.back_hint())

    def body(self) -> ComposeResult:
        yield Picker(tr("type to search"))

    @property
    def picker(self) -> Picker:
        return self.query_one(Picker)

    def hear(self, event: Mapping[str, Any]) -> None:
        if event.get("type") in ("library", "connection", "chat"):
            self.start(self._show())

    async def load(self) -> None:
        self.picker.query_one("SearchBox").focus()
        await self._show()

    async def _show(self) -> None:
        chat = host(self.app).state.chat
        connection = await self.call("connection.get", **connection_of(chat))
        lines: list[Line] = []
        for kind in self._kinds:
            presets = (await self.call("presets.list", kind=kind))["presets"]
            self._presets |= {f"{kind}:{p['id']}": p for p in presets}
            current = in_use(kind, chat, connection)
            lines += [Line("", kind_heading(kind)), *preset_lines(kind, presets, current)]
            if kind == "samplers" and chat is not None:
                lines.append(Line("values", tr("Values of this chat…"), "", _own_values(chat)))
            if kind == "prompts" and chat is not None and chat.fields.get("prompt"):
                lines.append(Line("prompt:", tr("As the profile has it")))
        self.picker.show(lines)

    @on(Picker.Chosen)
    def _chosen(self, event: Picker.Chosen) -> None:
        self.start(self._use(event.line.id))

    @on(Picker.MoreAsked)
    def _more_asked(self, event: Picker.MoreAsked) -> None:
        self.start(self._more(event.line.id))

    @on(Picker.Back)
    def _left(self) -> None:
        self.action_back()

    def action_choose(self) -> None:
        if (line := self.picker.listing.chosen) is not None:
            self.start(self._use(line.id))

    def action_more(self) -> None:
        self.picker.ask_more()

    async def _use(self, line_id: str) -> None:
        kind, _, preset_id = line_id.partition(":")
        if kind == "values":
            await self.app.push_screen_wait(SamplerForm())
        elif kind == "prompt":
            self.say(await use_preset(self, "prompts", ""))
        elif self._presets[line_id].get("problem"):
            await self._read(kind, preset_id)
            return
        else:
            told = await use_preset(self, kind, preset_id)
            self.say(told)
        await self._show()

    async def _more(self, line_id: str) -> None:
        kind, _, preset_id = line_id.partition(":")
        if kind in ("values", "prompt"):
            await self._use(line_id)
            return
        preset = self._presets[line_id]
        deeds = [("read", tr("Read it"))]
        if not preset.get("problem"):
            deeds.insert(0, ("use", tr("Use it for this chat") if host(self.app).state.chat else tr("Use it")))
        if kind == "profiles" and not preset.get("problem"):
            deeds += profile_deeds(preset, host(self.app).state.chat)
        deed = await choose(self.app, str(preset.get("label") or preset_id), deeds)
        if deed == "use":
            await self._use(line_id)
        elif deed == "read":
            await self._read(kind, preset_id)
        elif deed == "default":
            await self.call("profiles.use", id=preset_id)
            self.say(tr("The profile {name} is now the one for all chats that name no other.", name=preset_id))
            await self._show()
        elif deed is not None:
            await self._bind(deed, preset_id)

    async def _bind(self, deed: str, preset_id: str) -> None:
        """Let a profile hold for a character, for the summaries, or no longer; or take its key."""
        chat = host(self.app).state.chat
        if deed == "key":
            key = await ask_secret(self.app, tr("The key of this server"),
                                   tr("It goes into a file that only you can read, not into the profile."))
            if key:
                await self.call("profiles.key", profile=preset_id, key=key)
                self.say(tr("The key is kept."))
        elif deed == "summaries":
            await self.call("settings.set", name="summary_profile", value=preset_id)
            self.say(tr("The profile {name} now writes all summaries.", name=preset_id))
        elif deed == "character" and chat is not None:
            await self.call("profiles.bind", profile=preset_id, character=str(chat.fields.get("character") or ""))
            self.say(tr("The profile {name} now holds for this character.", name=preset_id))
        elif deed == "free" and chat is not None:
            await self.call("profiles.bind", profile="", chat=chat.id)
            await self.call("profiles.bind", profile="", character=str(chat.fields.get("character") or ""))
            self.say(tr("Nothing is bound here any more; the default profile holds."))
        await self._show()

    async def _read(self, kind: str, preset_id: str) -> None:
        got = await self.call("presets.get", kind=kind, id=preset_id)
        text = str(got.get("text") or "")
        problem = notice_text(self._presets.get(f"{kind}:{preset_id}", {}).get("problem"))
        self.app.push_screen(Reading(f"{kind_heading(kind)}: {preset_id}", f"{problem}\n\n{text}" if problem else text))


def profile_deeds(preset: Mapping[str, Any], chat: Chat | None) -> list[tuple[str, str]]:
    """What else can be done with a profile."""
    deeds = [("default", tr("Use it for all chats that name no other"))]
    if chat is not None:
        deeds.append(("character", tr("Use it for all chats with this character")))
        bound = str(chat.fields.get("character") or "") in (preset.get("characters") or ())
        if bound or chat.fields.get("profile") == preset["id"]:
            deeds.append(("free", tr("Bind it no longer, neither to the chat nor to the character")))
    deeds.append(("summaries", tr("Let it write the summaries")))
    if (preset.get("holds") or {}).get("kind") != "embedded":
        deeds.append(("key", tr("Keep the key of its server…")))
    return deeds


async def use_preset(page: Page, kind: str, preset_id: str) -> str:
    """Use a profile, template, prompt or sampler preset for the chat in front (a profile without one: by default; no
    prompt: its profile's). Returns the sentence that says so. Raises TraktirError."""
    chat = host(page.app).state.chat
    if kind == "profiles" and chat is not None:
        await page.call("chats.set", id=chat.id, field="profile", value=preset_id)
        return tr("This chat now uses the profile {name}.", name=preset_id)
    if kind == "profiles":
        await page.call("profiles.use", id=preset_id)
        return tr("The profile {name} is now the one for all chats that name no other.", name=preset_id)
    if chat is None:
        return tr("No chat is open; a profile can be chosen, the rest belongs to a chat.")
    if kind == "templates":
        await page.call("chats.set", id=chat.id, field="template", value=preset_id)
        return tr("This chat now uses the prompt format {name}.", name=preset_id)
    if kind == "prompts":
        await page.call("chats.set", id=chat.id, field="prompt", value=preset_id or None)
        return prompt_words(preset_id)
    got = await page.call("presets.get", kind="samplers", id=preset_id)
    await page.call("samplers.set", chat=chat.id, values=sampler_values(got))
    return tr("This chat now uses the sampler values of {name}.", name=preset_id)


def prompt_words(preset_id: str) -> str:
    """What a chat's prompt preset now is."""
    if preset_id:
        return tr("This chat now uses the prompt {name}.", name=preset_id)
    return tr("This chat now uses the prompt that its profile names.")


def sampler_values(preset: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a sampler preset as `presets.get` tells it."""
    return dict(preset.get("values") or {})


def in_use(kind: str, chat: Chat | None, connection: Mapping[str, Any]) -> str:
    """The id of the preset of that kind that the next turn uses, as far as it is known here."""
    if kind == "profiles":
        return str(connection.get("profile") or "")
    if kind == "templates":
        own = chat.fields.get("template") if chat is not None else ""
        return str(own or (connection.get("template") or {}).get("id") or "")
    if kind == "prompts":
        return str(chat.fields.get("prompt") or "") if chat is not None else ""
    return ""


def kind_heading(kind: str) -> str:
    return {
        "profiles": tr("Profiles"),
        "templates": tr("Prompt formats"),
        "samplers": tr("Samplers"),
        "prompts": tr("Prompts"),
    }[kind]


def preset_lines(kind: str, presets: Sequence[Mapping[str, Any]], current: str) -> list[Line]:
    """Presets of a kind as lines."""
    lines = []
    for preset in presets:
        problem = notice_text(preset.get("problem"))
        used = preset["id"] == current or (not current and bool(preset.get("in_use")))
        own = preset.get("source") == "own"
        lines.append(
            Line(
                f"{kind}:{preset['id']}",
                str(preset.get("label") or preset["id"]),
                tr("yours") if own else "",
                problem or (holds_words(preset) if kind == "profiles" else ""),
                mark=BROKEN if problem else IN_USE if used else "",
                wrap=True,
            )
        )
    return lines


def _own_values(chat: Chat) -> str:
    own = dict(chat.fields.get("samplers") or {})
    return ", ".join(f"{name} {rounded(value)}" for name, value in own.items()) or tr("as the preset has them")
