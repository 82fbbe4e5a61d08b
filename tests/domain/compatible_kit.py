"""Turns for the compatible mode, and the recorded scenarios of SillyTavern as turns."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui.domain.card import Card
from tui.domain.chat import Node, Revision, Role
from tui.domain.lore import LoreSettings
from tui.domain.lore_scan import ScanSettings, scan_lore
from tui.domain.profile import PromptPreset
from tui.domain.prompt.compatible.plan import make_compatible_plan
from tui.domain.prompt.compatible.render import compatible_pieces
from tui.domain.prompt.types import Budget, Cast, Injection, LoreHit, Turn
from tui.domain.prompt.types import Plan as Plan
from tui.domain.template import Template
from tui.formats.card_read import read_card
from tui.formats.lore_read import read_lorebook

DATA = Path(__file__).parents[2].parent / "shared" / "data"
GOLD = DATA / "sillytavern"
STORY = (
    "{{#if anchorBefore}}{{anchorBefore}}\n{{/if}}{{#if system}}{{system}}\n{{/if}}"
    "{{#if wiBefore}}{{wiBefore}}\n{{/if}}"
    "{{#if description}}{{description}}\n{{/if}}{{#if personality}}{{personality}}\n{{/if}}"
    "{{#if scenario}}{{scenario}}\n{{/if}}{{#if wiAfter}}{{wiAfter}}\n{{/if}}{{#if persona}}{{persona}}\n{{/if}}"
    "{{#if anchorAfter}}{{anchorAfter}}\n{{/if}}{{trim}}"
)
CONTEXT: Mapping[str, Any] = {"story_string": STORY, "story_string_position": "0", "always_force_name2": "true"}
#: The recordings' system prompt, read from one of their presets where those are at hand.
_PRESET = DATA / "presets" / "st_openai_Default.json"
SYSTEM = (
    str(json.loads(_PRESET.read_text("utf-8"))["prompts"][0]["content"]) if _PRESET.is_file() else "Write as {{char}}."
)


def _tags(user: str, model: str, system: str, end: str, stop: str, **more: Any) -> dict[str, Any]:
    return {
        "input_sequence": user, "output_sequence": model, "system_sequence": system, "input_suffix": end,
        "output_suffix": end, "system_suffix": end, "stop_sequence": stop, "story_string_prefix": system,
        "story_string_suffix": end, "wrap": "true", **more,
    }


#: The presets of the recordings, written from what the models' makers say, values as text as YAML may hold them.
INSTRUCT: Mapping[str, Mapping[str, Any]] = {
    "ChatML": _tags("<|im_start|>user", "<|im_start|>assistant", "<|im_start|>system", "<|im_end|>\n", "<|im_end|>"),
    "Alpaca": _tags("### Instruction:", "### Response:", "### Input:", "\n\n", "", story_string_prefix=""),
    "Gemma 2": _tags(
        "<start_of_turn>user", "<start_of_turn>model", "<start_of_turn>system", "<end_of_turn>\n", "<end_of_turn>",
        story_string_prefix="<start_of_turn>user", system_same_as_user="true",
    ),
    "Llama 3 Instruct": _tags(
        "<|start_header_id|>user<|end_header_id|>\n\n", "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>", "<|eot_id|>", wrap="false",
    ),
    "Mistral V7": _tags(
        "[INST] ", " ", "[SYSTEM_PROMPT] ", "[/INST]", "</s>", wrap=False, output_suffix="</s>",
        system_suffix="[/SYSTEM_PROMPT]", story_string_suffix="[/SYSTEM_PROMPT]",
    ),
}


def quarter(text: str) -> int:
    """The tokenizer of the recordings: a token for four characters."""
    return math.ceil(len(text) / 4)


def load(name: str) -> dict[str, Any]:
    """A file of recordings; the test is skipped where there is none."""
    path = GOLD / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def cases(*names: str) -> list[Any]:
    """All scenarios of some files, or one that says that there are none."""
    out = []
    for name in names:
        if (GOLD / name).is_file():
            out += [pytest.param(case, name, id=f"{name}:{key}") for key, case in load(name).items()]
    return out or [pytest.param(None, "", marks=pytest.mark.skip(reason="no recordings"))]


def card(name: str) -> Card:
    return read_card((GOLD / "fixtures" / "characters" / f"{name}.png").read_bytes(), f"{name}.png").card


def node(at: int, role: Role, name: str, text: str, reasoning: str = "", hidden: bool = False) -> Node:
    revision = Revision(f"r{at}", text, at, reasoning=reasoning)
    return Node(f"n{at}", f"n{at - 1}" if at else None, role, name, at, at, (revision,), f"r{at}", hidden=hidden)


def lines(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A recorded chat: its metadata, and its messages."""
    header, *messages = (json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip())
    return header["chat_metadata"], messages


def node_of(at: int, line: Mapping[str, Any]) -> Node:
    narrator = (line.get("extra") or {}).get("type") == "narrator"
    role: Role = "system" if narrator else "user" if line["is_user"] else "assistant"
    return node(at, role, line["name"], line["mes"], line["extra"].get("reasoning", ""), bool(line["is_system"]))


def turn(path: Sequence[Node], instruct: Mapping[str, Any] | str = "ChatML", **more: Any) -> Turn:
    """A turn in the recordings' conditions; `context` and `prompt` change fields of the presets."""
    fields = INSTRUCT[instruct] if isinstance(instruct, str) else instruct
    context = {**CONTEXT, **more.pop("context", {})}
    prompt = replace(PromptPreset("p", system=SYSTEM, mode="compatible", sillytavern=context), **more.pop("prompt", {}))
    values: dict[str, Any] = {
        "card": Card("Mira"), "user": "Alex", "persona": "Alex is a courier.", "budget": Budget(8192, 256), "note": "",
        **more,
    }
    return Turn(path=path, prompt=prompt, template=Template("t", sillytavern=fields), **values)


def prompt_of(of: Turn, lore: Sequence[LoreHit] = ()) -> tuple[Plan, str]:
    plan = make_compatible_plan(of, quarter, quarter, lore)
    bos, pieces = compatible_pieces(plan, of)
    return plan, bos + "".join(p.text for p in pieces)


ROLES: tuple[Role, ...] = ("system", "user", "assistant")
#: SillyTavern's settings of World Info as they come.
LORE = LoreSettings(scan_depth=2, recursive=True, whole_words=True, ascii_words=True, book_recursion=False)


def scanned(of: Turn, worlds: Sequence[str]) -> list[LoreHit]:
    """What fires of recorded worlds in a turn."""
    if not worlds:
        return []
    books = [read_lorebook((GOLD / "fixtures" / "worlds" / f"{name}.json").read_bytes(), name) for name in worlds]
    said = [f"{n.name}: {n.text}" for n in of.path if not n.hidden]
    return list(scan_lore(books, said, quarter, settings=ScanSettings(lore=LORE, exact=True)).active)


_ASSIGNMENT = re.compile(r"(?:window\.__(\w+)|\b(i))\.([\w.]+)=('(?:[^'\\]|\\.)*'|[\w.-]+)")


def tweaks(script: str | None) -> dict[str, Any]:
    """The assignments of a scenario's script, by path; `i` is the instruct template there."""
    out: dict[str, Any] = {}
    for _, instruct, path, value in _ASSIGNMENT.findall(script or ""):
        name = f"instruct.{path}" if instruct else path
        if value.startswith("'"):
            out[name] = json.loads(f'"{value[1:-1]}"')
        else:
            out[name] = {"true": True, "false": False}.get(value, value)
    return out


def scenario(case: Mapping[str, Any], file: str) -> tuple[Turn, list[LoreHit]]:
    """A recorded text completion as a turn and the lore that fired."""
    cfg = case["cfg"]
    changes = tweaks(cfg.get("tweak"))
    if file == "gold2.json":
        changes["strip_examples"] = True
    meta, said = lines(GOLD / "fixtures" / "chats_input" / cfg["char"] / f"{cfg['chat']}.jsonl")
    path = [node_of(at, line) for at, line in enumerate(said)]
    injections = []
    for command in cfg["pre"]:
        if match := re.fullmatch(r"/sys at=(\d+) (.*)", command):
            path.insert(int(match[1]), node(900, "system", "System", match[2]))
        elif match := re.match(r"/inject id=(\w+) position=(\w+)(?: depth=(\d+))?(?: role=(\w+))? (.*)", command):
            where: Any = {"chat": "at_depth"}.get(match[2], match[2])
            role: Any = match[4] or "system"
            injections.append(Injection(match[1], match[5], where, int(match[3] or 4), role))
    if cfg["type"] == "swipe":
        path.pop()
    if cfg["text"]:
        path.append(node(901, "user", "Alex", cfg["text"]))
    made = turn(
        path, _instruct(cfg, changes), card=card(cfg["char"]), kind=cfg["type"], injections=injections,
        instruction=(cfg["opts"] or {}).get("quiet_prompt", ""), **_common(changes, meta),
    )
    return made, scanned(made, cfg["worlds"])


def _instruct(cfg: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    own = {k.removeprefix("instruct."): v for k, v in changes.items() if k.startswith("instruct.")}
    return {**INSTRUCT[cfg["instruct"]], **own}


def _common(changes: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """What metadata and tweaks say, as fields of a turn."""
    places = {0: "after_story", 1: "at_depth", 2: "before_story"}
    persona = {"2": "note_top", "3": "note_bottom", "4": "at_depth", "9": "none"}
    context = {k.removeprefix("context."): v for k, v in changes.items() if k.startswith("context.")}
    context |= {k: v for k, v in changes.items() if k in ("single_line", "always_force_name2", "collapse_newlines")}
    context["reasoning"] = {k.removeprefix("reasoning."): v for k, v in changes.items() if k.startswith("reasoning.")}
    examples = "never" if changes.get("strip_examples") else "always" if changes.get("pin_examples") else "gradual"
    return {
        "context": context, "prompt": {"examples": examples}, "prefill": changes.get("user_prompt_bias", ""),
        "note": meta["note_prompt"], "note_interval": meta["note_interval"], "note_depth": meta["note_depth"],
        "note_position": places[meta["note_position"]], "note_role": ROLES[meta["note_role"]],
        "persona_position": persona.get(str(changes.get("persona_description_position")), "head"),
        "persona_depth": int(changes.get("persona_description_depth", 2)),
        "persona_role": ROLES[int(changes.get("persona_description_role", 0))],
        "reasoning_added": int(changes.get("reasoning.max_additions", 0)),
    }


def chat_scenario(case: Mapping[str, Any]) -> tuple[Turn, list[LoreHit]]:
    """A recorded chat completion. What asks for the person's message is read from the recording itself."""
    cfg = case["cfg"]
    changes = tweaks(cfg.get("tweak"))
    meta, said = lines(GOLD / "fixtures" / "chats_input" / cfg["char"] / f"{cfg['chat']}.jsonl")
    path = [node_of(at, line) for at, line in enumerate(said)]
    if cfg["text"]:
        path.append(node(901, "user", "Alex", cfg["text"]))
    asked = case["messages"][-1]["content"].replace("Alex", "{{user}}").replace("Mira", "{{char}}")
    common = _common({}, meta)
    common["context"] = {**changes, "impersonation_prompt": asked}
    made = turn(path, card=card(cfg["char"]), kind=cfg["type"], as_messages=True, **common)
    return made, scanned(made, cfg["worlds"])


def group_scenario(case: Mapping[str, Any]) -> list[Turn]:
    """A recorded group round: a turn for each member that spoke."""
    cfg = case["cfg"]
    group = json.loads((GOLD / "fixtures" / "groups" / f"{cfg['gid']}.json").read_text("utf-8"))
    meta, said = lines(GOLD / "fixtures" / "group chats" / f"{group['chat_id']}.jsonl")
    members = [card(name.removesuffix(".png")) for name in group["members"]]
    muted = [card(name.removesuffix(".png")).name for name in group["disabled_members"]]
    mode = group["generation_mode"]
    cast = Cast(
        tuple(members), frozenset(muted), mode > 0, mode == 2, group["generation_mode_join_prefix"],
        group["generation_mode_join_suffix"],
    )
    path = [node_of(at, line) for at, line in enumerate(said)]
    path.append(node(900, "user", "Alex", cfg["text"]))
    changes = tweaks(cfg["tweak"])
    turns = []
    for at, member in enumerate(m for m in members if m.name not in muted):
        turns.append(turn(
            list(path), _instruct({"instruct": cfg["ins"]}, changes), card=member, kind=cfg["type"], cast=cast,
            group=True, **_common(changes, meta),
        ))
        path.append(node(901 + at, "assistant", member.name, case["result"]))
    return turns
