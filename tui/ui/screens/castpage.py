"""The cast of a group chat: who is in it, who speaks next and why, and how they take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.domain.samplers import parse_value
from tui.i18n import tr
from tui.ui.deeds_presets import sampler_named, sampler_value
from tui.ui.host import host, open_chat_of
from tui.ui.screens.castchoice import JoinChoice
from tui.ui.screens.confirm import ask_line, choose
from tui.ui.screens.formpage import FormPage
from tui.ui.screens.page import Hint, notice_text
from tui.ui.widgets.form import Field
from tui.ui.words import BROKEN, IN_USE, UNUSED


class CastPage(FormPage):
    """Members first, then what holds for all."""

    def __init__(self) -> None:
        super().__init__()
        self._cast: Mapping[str, Any] | None = None
        self._next: Sequence[Mapping[str, Any]] = ()
        self._nobody = ""

    def heading(self) -> str:
        return tr("Who plays in this chat")

    def hints(self) -> Sequence[Hint]:
        return (Hint("Enter", tr("choose, change"), "choose"), self.back_hint())

    async def fetch(self) -> None:
        told = await self.call("cast.get", chat=open_chat_of(self.app).id)
        self._cast, self._next, self._nobody = told["cast"], told["next"], notice_text(told["why_nobody"])

    def hear(self, event: Mapping[str, Any]) -> None:
        done = event.get("type") == "turn" and event.get("state") == "done"
        if event.get("type") in ("chat", "head") or done:
            self.start(self._again())

    async def _again(self) -> None:
        await self.fetch()
        self.refill()

    def fields(self) -> Sequence[Field | str]:
        if self._cast is None:
            return [
                tr("One character plays here alone."),
                Field("add", tr("Let somebody join…"), kind="action", hint=tr("The chat goes on as a group.")),
            ]
        return [
            tr("Who speaks next"), self._next_field(), tr("Members"),
            *(self._member_field(m) for m in self._cast["members"]),
            Field("add", tr("Let somebody join…"), kind="action"),
            tr("How they take turns"), *self._turn_fields(self._cast), tr("What stands in the prompt"),
            *self._prompt_fields(self._cast), tr("More"),
            Field("name", tr("Name of the group"), str(self._cast["name"])),
            Field("end", tr("End the group"), kind="action", hint=tr("The chat's own character plays alone again.")),
        ]

    def _next_field(self) -> Field:
        if not self._next:
            return Field("nobody", tr("Nobody"), kind="action", hint=self._nobody)
        first = self._next[0]
        names = ", ".join(str(c["name"]) for c in self._next)
        return Field("next", names, kind="action", shown=tr("let them speak"), hint=notice_text(first["why"]))

    def _member_field(self, member: Mapping[str, Any]) -> Field:
        parts = [tr("muted")] if member["muted"] else []
        if member["talkativeness"] is not None:
            parts.append(f"{round(100 * member['talkativeness'])} %")
        parts += [str(member["profile"])] if member["profile"] else []
        parts += [f"{name} {value}" for name, value in member["samplers"].items()]
        speaks = any(c["id"] == member["id"] for c in self._next)
        mark = BROKEN if not member["there"] else IN_USE if speaks else UNUSED if member["muted"] else ""
        hint = "" if member["there"] else tr("It is no longer in the library, and cannot speak.")
        return Field(f"member:{member['id']}", str(member["name"]), kind="action", shown=" · ".join(parts), hint=hint,
                     mark=mark)

    @staticmethod
    def _turn_fields(cast: Mapping[str, Any]) -> Sequence[Field]:
        switch = (("on", tr("yes")), ("off", tr("no")))
        return (
            Field("strategy", tr("Who answers"), str(cast["strategy"]), kind="choice", choices=(
                ("natural", tr("who is mentioned, and who feels like it")), ("list", tr("all, in order")),
                ("pooled", tr("one who has not spoken yet")), ("manual", tr("only who is asked")),
            )),
            Field("self_replies", tr("May answer themselves"), "on" if cast["self_replies"] else "off", kind="choice",
                  choices=switch),
            Field("auto", tr("Goes on by itself"), "on" if cast["auto"] else "off",
                  tr("Round after round; Esc stops it."), kind="choice", choices=switch),
            Field("delay", tr("Seconds between rounds"), f"{cast['delay']:g}"),
        )

    @staticmethod
    def _prompt_fields(cast: Mapping[str, Any]) -> Sequence[Field]:
        unused = UNUSED if cast["joining"] == "swap" else ""
        return (
            Field("joining", tr("Cards"), str(cast["joining"]),
                  tr("Together, the beginning of the prompt stays the same whoever speaks."), kind="choice", choices=(
                      ("swap", tr("of who speaks alone")), ("join", tr("of all who are not muted")),
                      ("join_all", tr("of all")),
                  )),
            Field("prefix", tr("Before each text"), str(cast["prefix"]), tr("<FIELDNAME> is the field's name"),
                  mark=unused),
            Field("suffix", tr("After each text"), str(cast["suffix"]), mark=unused),
        )

    async def change(self, item: Field, value: str) -> None:
        chat = open_chat_of(self.app).id
        if item.id == "auto":
            await self.call("cast.auto", chat=chat, value=value == "on")
        else:
            new: Any = value == "on" if item.id == "self_replies" else value
            if item.id == "delay":
                new = _number(value)
            await self.call("cast.set", chat=chat, values={item.id: new})
        await self.fetch()

    async def act(self, item: Field) -> None:
        chat = open_chat_of(self.app).id
        if item.id == "next":
            await host(self.app).actions.speak()
            self.dismiss(None)
            return
        if item.id == "add":
            await self._join(chat)
        elif item.id == "end":
            await self.call("cast.end", chat=chat)
        elif item.id.startswith("member:") and self._cast is not None:
            member = next(m for m in self._cast["members"] if m["id"] == item.id.partition(":")[2])
            if await self._of_member(chat, member):
                return
        await self.fetch()

    async def _join(self, chat: str) -> None:
        present = [m["id"] for m in self._cast["members"]] if self._cast is not None else []
        character = str(open_chat_of(self.app).fields.get("character") or "")
        who = await self.app.push_screen_wait(JoinChoice({*present, character} if not present else set(present)))
        if isinstance(who, str):
            await self.call("cast.add", chat=chat, member=who)

    async def _of_member(self, chat: str, member: Mapping[str, Any]) -> bool:
        """What is done with one member. Returns whether they now speak, and this page is closed."""
        place = [m["id"] for m in self._cast["members"]].index(member["id"]) if self._cast is not None else 0
        muted = bool(member["muted"])
        deed = await choose(self.app, str(member["name"]), [
            ("speak", tr("Let them speak now")), ("mute", tr("Let them answer again") if muted else tr("Mute")),
            ("up", tr("Earlier in the order")), ("down", tr("Later in the order")),
            ("talkativeness", tr("How talkative they are")), ("names", tr("What else they are called")),
            ("profile", tr("A profile of their own")), ("samplers", tr("Samplers of their own")),
            ("remove", tr("Let them go")),
        ])
        if deed == "speak":
            await host(self.app).actions.speak(str(member["id"]))
            self.dismiss(None)
            return True
        if deed in ("up", "down"):
            to = place + (1 if deed == "down" else -1)
            await self.call("cast.move", chat=chat, member=member["id"], to=max(0, to))
        elif deed == "remove":
            await self.call("cast.remove", chat=chat, member=member["id"])
        elif deed == "mute":
            await self._set(chat, member, muted=not muted)
        elif deed is not None:
            await self._ask_of(chat, member, deed)
        return False

    async def _ask_of(self, chat: str, member: Mapping[str, Any], deed: str) -> None:
        if deed == "profile":
            presets = (await self.call("presets.list", kind="profiles"))["presets"]
            choices = [("", tr("that of the chat")), *((str(p["id"]), str(p.get("label") or p["id"])) for p in presets)]
            profile = await choose(self.app, tr("A profile of their own"), choices)
            if profile is not None:
                await self._set(chat, member, profile=profile)
            return
        present, hint = _as_typed(member, deed)
        typed = await ask_line(self.app, str(member["name"]), present, hint)
        if typed is not None and typed.strip() != present:
            await self._set(chat, member, **{deed: _read(deed, typed.strip())})

    async def _set(self, chat: str, member: Mapping[str, Any], **values: Any) -> None:
        await self.call("cast.member", chat=chat, member=member["id"], values=values)


def _as_typed(member: Mapping[str, Any], deed: str) -> tuple[str, str]:
    """What a member has of it as a person types it, and what that means."""
    if deed == "talkativeness":
        own = "" if member["own"] is None else f"{round(100 * member['own'])}"
        return own, tr("In percent: how often they speak unasked. Empty: as the card says.")
    if deed == "names":
        others = [n for n in member["names"] if n != member["name"]]
        return ", ".join(others), tr("Nicknames, with commas between them; a mention of one calls them.")
    pairs = (f"{name}={value}" for name, value in member["samplers"].items())
    return ", ".join(pairs), tr("Like temperature=0.7, min_p=0.05. Empty: those of the chat.")


def _read(deed: str, typed: str) -> Any:
    """What was typed as the core takes it. Raises BadInput."""
    if deed == "talkativeness":
        return _number(typed.removesuffix("%")) / 100 if typed else None
    parts = [part.strip() for part in typed.split(",") if part.strip()]
    if deed == "names":
        return parts
    pairs = [part.replace("=", " ", 1).partition(" ") for part in parts]
    found = [(sampler_named(name), value) for name, _, value in pairs]
    return {name: parse_value(name, sampler_value(name, value)) for name, value in found}


def _number(typed: str) -> float:
    """A number with either decimal sign; one that is none is refused by the core, in words."""
    try:
        return float(typed.strip().replace(",", "."))
    except ValueError:
        return -1.0
