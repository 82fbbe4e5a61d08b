"""The lore of one turn: what the scan found, what of it is anchored, and the timers for the next turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tui.domain.lore import SILLYTAVERN_LORE, LoreSettings
from tui.domain.notice import Notice
from tui.domain.prompt.anchoring import anchor_lore, anchor_note
from tui.domain.prompt.memory import RECALL
from tui.domain.prompt.texts import Texts, turn_seed
from tui.domain.prompt.types import Anchored, Counter, LoreHit, LoreTimer, Turn

if TYPE_CHECKING:
    # The scan is loaded by the first turn that has lorebooks: a start need not wait for it.
    from tui.domain.lore_keys import KeyFinder
    from tui.domain.lore_prepare import PreparedBooks
    from tui.domain.lore_scan import LoreScan, ScanSettings

#: Where triggered lore goes that asks for a place in the head: the head must not change from turn to turn.
STABLE_DEPTH = 4
_KEPT_OUT = Notice("It asks for a place around the character, which stays the same on every turn; so it stands deeper.")
#: Messages that any scan looks at, at most.
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class LoreScanner:
    """What makes scans cost only what is new: a finder that remembers texts, and the turn's books prepared."""

    finder: KeyFinder
    books: PreparedBooks


@dataclass(frozen=True, slots=True)
class TurnLore:
    """`hits` one an entry; `standing` is the lore in history; `outlets` are texts by name."""

    hits: tuple[LoreHit, ...] = ()
    standing: tuple[Anchored, ...] = ()
    timers: tuple[LoreTimer, ...] = ()
    notices: tuple[Notice, ...] = ()
    outlets: Mapping[str, str] = field(default_factory=dict)

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
    note = () if turn.side_job else anchor_note(turn, texts.fresh(turn.note, "note"), rebase)
    stood = _stood(turn) if turn.side_job else note
    if not turn.books:
        return TurnLore(standing=stood)
    from tui.domain.lore_output import joined, lore_output
    from tui.domain.lore_scan import scan_lore

    scanned = scan_lore(
        scan.books if scan else turn.books, _said(turn), count, settings=_settings(turn, texts),
        finder=scan.finder if scan else None, resolve=texts.stable,
    )
    outlets = {name: joined(hits) for name, hits in lore_output(scanned.active).outlets.items()}
    if turn.side_job:
        return TurnLore(tuple(_placed(hit) for hit in scanned.hits), stood, outlets=outlets)
    found = anchor_lore(turn, scanned.hits, texts.stable)
    hits = tuple(_placed(hit) for hit in found.hits)
    return TurnLore(hits, (*found.standing, *note), scanned.timers, scanned.notices, outlets)


def _placed(hit: LoreHit) -> LoreHit:
    """A hit with the place that it really has: what does not fire on every turn stays out of the head."""
    around = hit.position not in ("at_depth", "note_top", "note_bottom", "outlet")
    if not hit.fired or hit.anchored or hit.stable or not around:
        return hit
    return replace(hit, position="at_depth", depth=STABLE_DEPTH, role="system", why=hit.why or _KEPT_OUT)


def scan_exactly(turn: Turn, count: Counter, scan: LoreScanner | None) -> LoreScan:
    """The scan of the compatible mode: SillyTavern's rules, and its settings where the preset sets none."""
    from tui.domain.lore_scan import scan_lore

    lore = SILLYTAVERN_LORE if turn.prompt.lore == LoreSettings() else turn.prompt.lore
    texts = Texts(replace(turn, prompt=replace(turn.prompt, lore=lore)))
    settings = replace(_settings(texts.turn, texts), exact=True, tags=turn.card.tags or None)
    said = _said(texts.turn)
    return scan_lore(
        scan.books if scan else turn.books, said, count, settings=settings, finder=scan.finder if scan else None,
        resolve=texts.fresh,
    )


def _said(turn: Turn) -> list[str]:
    """The newest visible messages, oldest first, each with its speaker's name where names are looked at. No scan goes
    further back."""
    out: list[str] = []
    for node in reversed(turn.path):
        if len(out) >= _MOST:
            break
        if not node.hidden and (text := node.text).strip():
            out.append(f"{node.name}: {text}" if node.name and turn.prompt.lore.include_names else text)
    return out[::-1]


def _stood(turn: Turn) -> tuple[Anchored, ...]:
    """What is anchored in the messages of a side job, as the last reply's prompt had it."""
    there = {node.id for node in turn.path if not node.hidden}
    return tuple(a for a in turn.state.anchored if a.node in there and a.book != RECALL)


def _settings(turn: Turn, texts: Texts) -> ScanSettings:
    from tui.domain.lore_scan import ScanSettings, lore_budget

    card, lore = turn.card, turn.prompt.lore
    window = max(0, turn.budget.context - turn.budget.reserve)
    return ScanSettings(
        lore, lore_budget(lore, window), seed=turn_seed(turn),
        replies=sum(1 for n in turn.path if n.role == "assistant"), greeting=_greeting(turn),
        sources=turn.sources, kind=turn.kind,
        characters=tuple(dict.fromkeys((card.name, card.display_name, turn.character))), tags=card.tags,
        fields={
            "persona": texts.persona, "description": texts.description, "personality": texts.personality,
            "scenario": texts.scenario, "character_note": card.depth_prompt, "creator_notes": card.creator_notes,
        },
        timers=turn.state.timers, chat_length=sum(1 for n in turn.path if not n.hidden),
        injections=tuple(i.text for i in turn.injections if i.scan),
    )


def _greeting(turn: Turn) -> int | None:
    """With which of the card's greetings the chat began: they are its first message's versions, in their order."""
    first = turn.path[0] if turn.path else None
    if first is None or first.parent is not None or first.role != "assistant" or first.name != turn.card.display_name:
        return None
    given = [at for at, text in enumerate((turn.card.first_mes, *turn.card.alternate_greetings)) if text.strip()]
    return given[first.seq] if 0 <= first.seq < len(given) else None
