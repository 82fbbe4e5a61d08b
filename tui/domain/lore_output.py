"""Where lore that fired stands: SillyTavern's places and its order within each.

Lower `order` stands first, higher nearer to the end; of equal ones, what fired later stands first. Outlets are the
other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tui.domain.chat import Role
from tui.domain.prompt.types import LoreHit


@dataclass(frozen=True, slots=True)
class DepthLore:
    """The lore of one role at one depth, in the order in which it stands."""

    depth: int
    role: Role
    hits: tuple[LoreHit, ...]


@dataclass(frozen=True, slots=True)
class LoreOutput:
    """Lore by place, in the order in which it stands there. `examples` holds what goes before and after the examples
    of the card (each hit's `position` says which). `outlets` are by name."""

    before: tuple[LoreHit, ...] = ()
    after: tuple[LoreHit, ...] = ()
    note_top: tuple[LoreHit, ...] = ()
    note_bottom: tuple[LoreHit, ...] = ()
    examples: tuple[LoreHit, ...] = ()
    depth: tuple[DepthLore, ...] = ()
    outlets: Mapping[str, tuple[LoreHit, ...]] = field(default_factory=dict)


def lore_output(active: Sequence[LoreHit]) -> LoreOutput:
    """Sort what a scan let in (`LoreScan.active`, in the order of firing) by place. Entries without text, and those
    for an outlet without a name, stand nowhere."""
    falling = sorted((hit for hit in active if hit.text), key=lambda hit: -hit.order)
    outlets: dict[str, list[LoreHit]] = {}
    for hit in falling:
        if hit.position == "outlet" and hit.outlet:
            outlets.setdefault(hit.outlet, []).append(hit)
    return LoreOutput(
        _at(falling, "before_char"), _at(falling, "after_char"), _at(falling, "note_top"),
        _at(falling, "note_bottom"), _at(falling, "examples_top", "examples_bottom"), _by_depth(falling),
        {name: tuple(hits) for name, hits in outlets.items()},
    )


def joined(hits: Iterable[LoreHit]) -> str:
    """The texts of one place, a line break between."""
    return "\n".join(hit.text for hit in hits)


def _at(falling: Sequence[LoreHit], *positions: str) -> tuple[LoreHit, ...]:
    return tuple(hit for hit in reversed(falling) if hit.position in positions)


def _by_depth(falling: Sequence[LoreHit]) -> tuple[DepthLore, ...]:
    groups: dict[tuple[int, Role], list[LoreHit]] = {}
    for hit in falling:
        if hit.position == "at_depth":
            groups.setdefault((hit.depth if hit.depth is not None else 4, hit.role), []).append(hit)
    return tuple(DepthLore(depth, role, tuple(reversed(hits))) for (depth, role), hits in groups.items())
