"""Characters written as YAML: the fields of a V2 card, for people with an editor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tui.domain.card import Card
from tui.domain.notice import Notice
from tui.formats.card_fields import card_from_object
from tui.formats.card_object import object_from_card
from tui.formats.coerce import Repairs, mapping
from tui.formats.yaml_read import read_yaml


def card_from_yaml(data: bytes, stem: str, name: str) -> tuple[Card, tuple[Notice, ...]]:
    """The card in a YAML file; its `raw` is the JSON object it stands for. Raises BadInput with file and line."""
    value: Any = read_yaml(data, name).value
    if isinstance(value, dict) and "user" in value and "bot" in value:
        value = {**value, "name": value["bot"]}        # an early text-generation-webui character
    repairs = Repairs()
    card = card_from_object(value, stem, name, repairs)
    card = replace(card, spec="chara_card_v3" if card.spec == "chara_card_v3" else "chara_card_v2")
    raw = object_from_card(card)
    fields = mapping(value.get("data")) if "data" in value else value
    raw["data"]["extensions"] = {**mapping(fields.get("extensions")), **raw["data"]["extensions"]}
    return replace(card, raw=raw), repairs.done()
