"""Instruction templates of text-generation-webui as prompt formats: Jinja, and the older turn templates."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.template import Template
from tui.formats.preset_report import Derive, Report

_USER, _BOT, _USER_TEXT, _BOT_TEXT = "<|user|>", "<|bot|>", "<|user-message|>", "<|bot-message|>"
_SYSTEM_TEXT = "<|system-message|>"
_OPENING = re.compile(r"<\|[^<>|]{1,40}\|>\s*")
_TOKEN = re.compile(r"</?[a-z_]{1,24}>|<\|[^<>|]{1,40}\|>")


def jinja_template(fields: Mapping[str, Any], name: str, report: Report, derive: Derive | None) -> Template:
    """The prompt format of a Jinja chat template: derived where it can be, else with the Jinja itself."""
    text = report.text(fields, "instruction_template")
    for field in fields:
        if field != "instruction_template":
            report.leave(str(field))
    derived = derive(text) if derive is not None else None
    made = derived or Template(id="", jinja=text)
    if made.jinja:
        report.add("The Jinja template is kept and run in a sandbox: its turns could not be read as fields.")
    else:
        report.add("The Jinja template was read as fields; its turns are the same.")
    return dataclasses.replace(made, id="", label=name)


def turn_template(fields: Mapping[str, Any], name: str, report: Report) -> Template:
    """The prompt format of the older form. Raises BadInput where the turn template names no texts."""
    turn = report.text(fields, "turn_template")
    user, bot = report.text(fields, "user"), report.text(fields, "bot")
    before, found, rest = turn.partition(_USER_TEXT)
    between, found_too, end = rest.partition(_BOT_TEXT)
    if not (found and found_too):
        raise BadInput(
            notice("{field} has no place for the texts of both sides, so no prompt format can be made of it.",
                   field="turn_template"),
            "It needs <|user-message|> and, after it, <|bot-message|>.",
        )
    user_end, opener, bot_begin = between.partition(_BOT)
    if not opener:
        user_end, bot_begin = "", between
    assistant = (bot if opener else "") + bot_begin
    for field in fields:
        if field not in ("turn_template", "user", "bot", "context"):
            report.leave(str(field))
    prefix, suffix, missing = _context(report.text(fields, "context"))
    person = before.replace(_USER, user)
    generation = assistant.rstrip(" ")                            # the program cuts blanks from an open line
    stops = [person.strip(), *_TOKEN.findall(end)]
    return Template(
        id="", label=name, system_prefix=prefix, system_suffix=suffix, system_missing=missing,
        user_prefix=person, user_suffix=user_end, assistant_prefix=assistant, assistant_suffix=end,
        generation_prefix=None if generation == assistant else generation,
        stop=tuple(dict.fromkeys(stop for stop in stops if stop)),
    )


def _context(context: str) -> tuple[str, str, str]:
    """What stands around a system text, and what stands there without one."""
    before, found, after = context.partition(_SYSTEM_TEXT)
    if found:
        return before, after, ""
    opening = _OPENING.match(context)
    ending = context[len(context.rstrip()):]
    return (opening[0] if opening else ""), ending or "\n", context
