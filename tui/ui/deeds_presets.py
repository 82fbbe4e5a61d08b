"""Commands that choose profiles, prompt formats and samplers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import App

from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import Notice, notice
from tui.domain.samplers import RANGES, SWITCHES, TEXTS, parse_value
from tui.ui.commands import latin_word
from tui.ui.host import host, link, open_chat_of
from tui.ui.host import say as _say
from tui.ui.layouts import matches
from tui.ui.profiling import connection_of, read_binding


async def _presets_of(app: App[Any], kind: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = (await link(app).call("presets.list", kind=kind))["presets"]
    return found


async def _preset_id(app: App[Any], kind: str, name: str) -> str:
    """The preset meant by a name typed: its id, its label, or the only one that begins so. Raises NotFound."""
    presets = await _presets_of(app, kind)
    for preset in presets:
        if name.casefold() in (str(preset["id"]).casefold(), str(preset.get("label") or "").casefold()):
            return str(preset["id"])
    found = [str(p["id"]) for p in presets if matches(name, f"{p['id']} {p.get('label') or ''}") is not None]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(notice("{name} could be {names}.", name=name[:40], names=", ".join(found[:6])))
    raise NotFound(notice("There is no preset called {name}.", name=name[:40]), "Press F3 to see them.")


async def profile(app: App[Any], rest: str) -> None:
    if not rest:
        host(app).open_screen("presets", kind="profiles")
        return
    name, place = read_binding(rest)
    profile, chat = await _preset_id(app, "profiles", name) if name else "", host(app).state.chat
    if place or not name:
        await _bind(app, profile, place or "chat")
        return
    if chat is None:
        await link(app).call("profiles.use", id=profile)
    else:
        await link(app).call("chats.set", id=chat.id, field="profile", value=profile)
    _say(app, "The profile is now {name}.", name=profile)


async def _bind(app: App[Any], profile: str, place: str) -> None:
    """Let a profile hold for this chat, for its character, or for all summaries; "" takes that away."""
    chat = host(app).state.chat
    if place == "summaries":
        await link(app).call("settings.set", name="summary_profile", value=profile)
        _say(app, "The profile {name} now writes all summaries." if profile
             else "Summaries are written by the model that replies.", name=profile)
        return
    if chat is None:
        raise BadInput("No chat is open; a profile can be chosen, the rest belongs to a chat.")
    whom = str(chat.fields.get("character") or "") if place == "character" else chat.id
    got = await link(app).call("profiles.bind", profile=profile, **{place: whom})
    _say(app, "The profile is now {name}.", name=got["profile"])


async def template(app: App[Any], rest: str) -> None:
    """Also the answer to a model whose format is unknown: then the choice is kept for the model."""
    if not rest:
        host(app).open_screen("presets", kind="templates")
        return
    template, chat = await _preset_id(app, "templates", rest), host(app).state.chat
    connection = await link(app).call("connection.get", **connection_of(host(app).state.chat))
    if chat is None or connection.get("ask_template"):
        await link(app).call("templates.pin", template=template)
    else:
        await link(app).call("chats.set", id=chat.id, field="template", value=template)
    _say(app, "The prompt format is now {name}.", name=template)


async def instructions(app: App[Any], rest: str) -> None:
    """A prompt preset for this chat; “profile” takes the profile's again."""
    from tui.ui.screens.presets import prompt_words

    if not rest:
        host(app).open_screen("presets", kind="prompts")
        return
    back = rest.casefold() in ("profile", "профиль") or latin_word(rest) == "profile"
    preset = "" if back else await _preset_id(app, "prompts", rest)
    await link(app).call("chats.set", id=open_chat_of(app).id, field="prompt", value=preset or None)
    host(app).say_notice(Notice(prompt_words(preset).replace("{", "(").replace("}", ")")))


async def samplers(app: App[Any], rest: str) -> None:
    if not rest:
        host(app).open_screen("presets", kind="samplers")
        return
    from tui.ui.screens.presets import sampler_values

    preset = await _preset_id(app, "samplers", rest)
    got = await link(app).call("presets.get", kind="samplers", id=preset)
    await link(app).call("samplers.set", chat=open_chat_of(app).id, values=sampler_values(got))
    _say(app, "This chat now uses the sampler values of {name}.", name=preset)


async def set_value(app: App[Any], rest: str) -> None:
    name, _, value = rest.replace("=", " ", 1).partition(" ")
    if not name:
        host(app).open_screen("samplers")
        return
    name = sampler_named(name)
    if not value.strip():
        raise BadInput(notice("/set {name} needs a value; “preset” takes the preset's again.", name=name))
    taken = latin_word(value) in ("preset", "ghtctn", "пресет")
    parsed = None if taken or value.strip().casefold() == "пресет" else parse_value(name, sampler_value(name, value))
    got = await link(app).call("samplers.set", chat=open_chat_of(app).id, values={name: parsed})
    _say(app, "{name} is now {value}.", name=name, value=got["samplers"].get(name))


def sampler_named(typed: str) -> str:
    """A sampler by its name, or by a beginning that only it has (`temp`). Raises BadInput."""
    from tui.domain.samplers import SAMPLER_NAMES
    from tui.ui.layouts import readings

    for reading in readings(typed):
        if reading in SAMPLER_NAMES:
            return reading
    found = [name for name in SAMPLER_NAMES for reading in readings(typed) if name.startswith(reading)]
    if len(set(found)) == 1:
        return found[0]
    if found:
        raise BadInput(notice("{name} could be {names}.", name=typed[:40], names=", ".join(dict.fromkeys(found))))
    raise BadInput(notice("There is no sampler called {field}.", field=typed[:40]), "/samplers shows them.")


def sampler_value(name: str, text: str) -> Any:
    """A value as typed: a number with either decimal sign, a text, a switch, or texts divided by commas."""
    if name in RANGES:
        return text.strip().replace(",", ".")
    if name in TEXTS or name in SWITCHES:
        return text.strip() if name in TEXTS else latin_word(text)
    if name == "logit_bias":
        pairs = [part.rpartition(":") for part in text.split(",")]
        return {key.strip(): bias for key, _, bias in pairs}
    return [part.strip().replace("\\n", "\n") for part in text.split(",") if part.strip()]
