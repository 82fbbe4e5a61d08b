"""A profile of presets that were just imported, with which a chat's prompts are SillyTavern's to the byte."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tui.cli.session import Session
from tui.domain.errors import BadInput
from tui.domain.lore import SILLYTAVERN_LORE
from tui.domain.notice import Notice, notice
from tui.formats.files import slug
from tui.formats.presets import read_profile, read_prompt, write_profile, write_prompt

_INSTRUCT, _CONTEXT, _SYSTEM = "SillyTavern instruct", "SillyTavern context", "SillyTavern system prompt"


def hint(taken: Sequence[dict[str, Any]], paths: Sequence[str]) -> Notice | None:
    """What to type so that presets among what was `taken` are followed exactly; None where none are."""
    ours = [item for item in taken if item.get("source") in (_INSTRUCT, _CONTEXT, _SYSTEM)]
    files = {str(item["path"]) for item in ours}
    if "-" in paths or all(item["source"] == _SYSTEM for item in ours):
        return None
    words = list(paths) if len(paths) < len(files) else sorted(files)
    return notice(
        "To write prompts with these presets exactly as SillyTavern does: {command}",
        command=shlex.join(["traktir", "import", "--as-profile", "NAME", *words]),
    )


async def make_profile(session: Session, label: str, taken: Sequence[dict[str, Any]]) -> str:
    """Save a prompt in the compatible mode and a profile that uses it; the backend is that of the profile in use.
    Returns the profile's id. Raises BadInput where a preset is missing or it is not clear which one is meant."""
    name = slug(label)
    if not name:
        raise BadInput(notice("A profile cannot be called {name}.", name=label[:60]), field="as-profile")
    profiles = (await session.call("presets.list", kind="profiles"))["presets"]
    if any(item["id"] == name for item in profiles):
        raise BadInput(notice("There is a profile called {name} already; choose another name.", name=name),
                       field="as-profile")
    template, context = _only(taken, _INSTRUCT), _only(taken, _CONTEXT)
    if template is None or context is None:
        raise BadInput(notice("A profile needs an instruct preset and a context preset among the files."),
                       field="as-profile")
    system = _only(taken, _SYSTEM)
    prompt = await _prompt(session, label, context, system)
    prompts = (await session.call("presets.list", kind="prompts"))["presets"]
    prompt_id = f"{name}-exact" if any(item["id"] == name for item in prompts) else name
    await session.call("presets.save", kind="prompts", id=prompt_id, text=prompt)
    used = next((item["id"] for item in profiles if item["in_use"]), profiles[0]["id"])
    text = (await session.call("presets.get", kind="profiles", id=used))["text"]
    samplers = {item["id"] for item in taken if item["kind"] == "samplers"}
    profile = replace(read_profile(text.encode(), used), label=label, template=template["id"], prompt=prompt_id)
    if len(samplers) == 1:
        profile = replace(profile, samplers=samplers.pop())
    await session.call("presets.save", kind="profiles", id=name, text=write_profile(profile).decode())
    return name


async def _prompt(session: Session, label: str, context: dict[str, Any], system: dict[str, Any] | None) -> str:
    text = (await session.call("presets.get", kind="prompts", id=context["id"]))["text"]
    prompt = replace(read_prompt(text.encode(), ""), label=label, mode="compatible", lore=SILLYTAVERN_LORE)
    if system is not None:
        text = (await session.call("presets.get", kind="prompts", id=system["id"]))["text"]
        own = read_prompt(text.encode(), "")
        prompt = replace(prompt, system=own.system, post_history=own.post_history)
    return write_prompt(prompt).decode()


def _only(taken: Sequence[dict[str, Any]], source: str) -> dict[str, Any] | None:
    found = {str(item["id"]): item for item in taken if item.get("source") == source}
    if len(found) > 1:
        raise BadInput(
            notice("Several presets of one kind are among the files: {names}. Name the files to take.",
                   names=", ".join(sorted(found))), field="as-profile",
        )
    return next(iter(found.values()), None)
