"""What macros of a turn stand for beside names and fields: the card's other texts, the chat, the window, the format."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from tui.domain.card import Card
from tui.domain.prompt.render import with_mode
from tui.domain.prompt.types import Turn


def turn_facts(turn: Turn) -> Mapping[str, str]:
    """Values by lower-case macro name. What a caller gave in `turn.facts` goes before."""
    return {**_of_card(turn.card), **_of_cast(turn), **_of_chat(turn), **_of_format(turn), **turn.facts}


def idle_since(turn: Turn) -> str:
    """When the person spoke last before the newest message, ISO 8601 in UTC; "" if they never did."""
    said = [node.created_ms for node in turn.path[:-1] if node.role == "user"][-1:]
    return datetime.datetime.fromtimestamp(said[0] / 1000, datetime.UTC).isoformat() if said else ""


def _of_card(card: Card) -> dict[str, str]:
    return {
        "charprompt": card.system_prompt, "charinstruction": card.post_history_instructions,
        "chardepthprompt": card.depth_prompt, "charcreatornotes": card.creator_notes,
        "charversion": card.character_version, "mesexamples": card.mes_example, "mesexamplesraw": card.mes_example,
    }


def _of_cast(turn: Turn) -> dict[str, str]:
    speaker = turn.card.display_name
    if turn.cast is None:
        return {"group": speaker, "groupnotmuted": speaker, "notchar": turn.user}
    names = [card.display_name for card in turn.cast.members]
    return {
        "group": ", ".join(names), "groupnotmuted": ", ".join(n for n in names if n not in turn.cast.muted),
        "notchar": ", ".join([*(n for n in names if n != speaker), turn.user]),
    }


def _of_chat(turn: Turn) -> dict[str, str]:
    last = len(turn.path) - 1
    first = next((at for at, node in enumerate(turn.path) if node.id == turn.state.anchor), 0)
    return {
        "lastmessageid": str(last) if last >= 0 else "", "allchatrange": f"0-{last}" if last >= 0 else "",
        "firstincludedmessageid": str(first) if last >= 0 else "", "firstdisplayedmessageid": "0" if last >= 0 else "",
        "lastgenerationtype": turn.kind, "authorsnote": turn.note, "charauthorsnote": turn.card.depth_prompt,
        "maxcontext": str(turn.budget.context), "maxresponse": str(turn.budget.reserve),
        "maxprompt": str(max(0, turn.budget.context - turn.budget.reserve)),
    }


def _of_format(turn: Turn) -> dict[str, str]:
    form = with_mode(turn.template, turn.mode)
    opener = form.assistant_prefix if form.generation_prefix is None else form.generation_prefix
    return {
        "instructuserprefix": form.user_prefix, "instructusersuffix": form.user_suffix,
        "instructassistantprefix": form.assistant_prefix, "instructassistantsuffix": form.assistant_suffix,
        "instructlastassistantprefix": opener, "instructsystemprefix": form.system_prefix,
        "instructsystemsuffix": form.system_suffix, "instructstop": form.stop[0] if form.stop else "",
        "instructuserfiller": form.filler, "instructstorystringprefix": form.system_prefix,
        "instructstorystringsuffix": form.system_suffix, "defaultsystemprompt": turn.prompt.system,
        "systemprompt": turn.card.system_prompt or turn.prompt.system, "chatstart": form.chat_start,
        "exampleseparator": turn.prompt.example_separator or "<START>", "reasoningprefix": form.reasoning.start,
        "reasoningsuffix": form.reasoning.end,
    }
