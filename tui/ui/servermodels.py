"""Another model of the server: chosen from its list or by name, with its loading shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import App

from tui.i18n import tr
from tui.ui.host import host, link
from tui.ui.profiling import connection_of
from tui.ui.screens.confirm import choose
from tui.ui.words import thousands


async def pick_model(app: App[Any]) -> str | None:
    """Let a person choose from the server's list, and change over. The model's name, None where none was chosen."""
    models = (await link(app).call("connection.models", **connection_of(host(app).state.chat)))["models"]
    told = tr("What the server says it has. One that is not loaded may take a while.")
    name = await choose(app, tr("Model of the server"), choices_of(models), told)
    return None if name is None else await change_model(app, name)


async def change_model(app: App[Any], name: str) -> str:
    """Have the server use that model from now on. Raises BackendError, BadInput."""
    got = await link(app).call("connection.load_model", model=name, **connection_of(host(app).state.chat))
    return str(got["model"])


def choices_of(models: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Key and line of each model: those in use and loaded first."""
    ranked = sorted(models, key=lambda m: (not m.get("used"), m.get("state") != "loaded"))
    return [(str(m.get("id") or ""), _line(m)) for m in ranked]


def _line(model: Mapping[str, Any]) -> str:
    context = model.get("context")
    parts = [
        str(model.get("id") or ""), tr("in use") if model.get("used") else "",
        state_word(str(model.get("state") or "")),
        tr("{tokens} tokens", tokens=thousands(int(context))) if isinstance(context, int) else "",
    ]
    return " · ".join(part for part in parts if part)


def state_word(state: str) -> str:
    """The state of a server's model, "" where it is not known."""
    return {
        "loaded": tr("loaded"), "loading": tr("loading"), "unloaded": tr("not loaded"),
    }.get(state, "")


def abilities(capabilities: Mapping[str, Any]) -> str:
    """What a backend can beyond writing, in a line; "" while nothing is known of it."""
    words = {
        "prefill": tr("go on with a started reply"), "images": tr("see pictures"),
        "logprobs": tr("tell what else it might have said"), "warm": tr("read ahead"),
        "switch": tr("change its model"),
    }
    return " · ".join(word for name, word in words.items() if capabilities.get(name))
