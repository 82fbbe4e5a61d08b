"""What both kinds of prompt, text and messages, are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.domain.prompt.compatible.examples import ExampleBlock, Speakers, example_blocks
from tui.domain.prompt.compatible.extras import Extras, gather_extras, in_order
from tui.domain.prompt.compatible.fields import CardFields
from tui.domain.prompt.compatible.filling import Filling
from tui.domain.prompt.compatible.history import Item, Rewrite, chat_items
from tui.domain.prompt.compatible.settings import CompatibleSettings
from tui.domain.prompt.types import LoreHit, Turn


@dataclass(frozen=True, slots=True)
class Assembly:
    """A turn read: its texts with macros filled, its messages, and what stands beside card and chat (`extras`)."""

    turn: Turn
    settings: CompatibleSettings
    filling: Filling
    fields: CardFields
    extras: Extras
    lore: tuple[LoreHit, ...]
    items: tuple[Item, ...]
    speakers: Speakers

    @staticmethod
    def of(turn: Turn, settings: CompatibleSettings, lore: Sequence[LoreHit], rewrite: Rewrite | None) -> Assembly:
        filling = Filling(turn, settings, lore)
        fields = CardFields.of(turn, settings, filling)
        cast = () if turn.cast is None else tuple(card.display_name for card in turn.cast.members)
        return Assembly(
            turn, settings, filling, fields, gather_extras(turn, fields, lore, filling), tuple(lore),
            tuple(chat_items(turn, settings, filling, rewrite)), Speakers(turn.user, turn.card.display_name, cast),
        )

    def example_blocks(self, heading_line: str) -> list[ExampleBlock]:
        """The card's example blocks, those of lore around them."""
        blocks = example_blocks(self.fields.mes_example, heading_line, "example")
        for hit in in_order(self.lore):
            own = example_blocks(
                self.filling.field(hit.text, "lore.example"), heading_line, f"lore:{hit.book}:{hit.uid}"
            )
            if hit.position == "examples_top":
                blocks[:0] = own
            elif hit.position == "examples_bottom":
                blocks += own
        return blocks
