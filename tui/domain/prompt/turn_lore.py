"""The lore of one turn: what the scan found, what of it is anchored, and the timers for the next turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tui.domain.lore_scan import ScanSettings, scan_lore
from tui.domain.notice import Notice
from tui.domain.prompt.anchoring import anchor_lore, anchor_note
from tui.domain.prompt.texts import Texts, turn_seed
from tui.domain.prompt.types import Anchored, Counter, LoreHit, LoreTimer, Turn

LoreScanner = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class TurnLore:
    """`hits` one an entry; `standing` is the lore in history."""

    hits: tuple[LoreHit, ...] = ()
    standing: tuple[Anchored, ...] = ()
    timers: tuple[LoreTimer, ...] = ()
    notices: tuple[Notice, ...] = ()

    def without(self, source: str, why: Notice) -> TurnLore:
        """The same without one entry (`lore:BOOK:UID`), for a reason."""
        return replace(
            self,
            hits=tuple(
                replace(h, fired=False, anchored=False, why=why) if f"lore:{h.book}:{h.uid}" == source else h
                for h in self.hits
            ),
            standing=tuple(a for a in self.standing if f"lore:{a.book}:{a.uid}" != source),
        )


def scan_turn(
    turn: Turn, texts: Texts, count: Counter, scan: LoreScanner | None, rebase: bool = False
) -> TurnLore:
    """Lore over the visible messages, each with its speaker's name before it; and the author's note, where it is
    anchored as lore is."""
    note = anchor_note(turn, texts.fresh(turn.note, "note"), rebase)
    if not turn.books:
        return TurnLore(standing=note)
    said = [f"{n.name}: {n.text}" if n.name else n.text for n in turn.path if not n.hidden and n.text.strip()]
    window = max(0, turn.budget.context - turn.budget.reserve)
    settings = ScanSettings(
        turn.prompt.lore.scan_depth, int(window * max(0.0, min(turn.prompt.lore.budget_share, 1.0))), turn_seed(turn),
        sum(1 for n in turn.path if n.role == "assistant"),
    )
    hits = scan_lore(turn.books, said, count, settings=settings, match=scan, resolve=texts.stable)
    found = anchor_lore(turn, hits, texts.stable)
    return TurnLore(found.hits, (*found.standing, *note))
