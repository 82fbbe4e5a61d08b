"""Inclusion groups: of the entries of one group that would enter, one does.

As in SillyTavern, in this order: entries that stay from earlier (sticky) push out the others; by score, if scoring is
on, the weaker leave; a group that has an entry in the prompt already takes no more; an entry with `group_override`
wins, the highest order first; otherwise chance decides by weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tui.domain.lore_prepare import Item
from tui.domain.notice import Notice, notice


@dataclass(slots=True)
class GroupRound:
    """What the groups made of the entries of one pass: who is left, and by which group the others left and why."""

    fresh: Sequence[Item]
    lost: dict[int, tuple[str, Notice]] = field(default_factory=dict)
    won: dict[int, str] = field(default_factory=dict)

    @property
    def left(self) -> list[Item]:
        return [item for item in self.fresh if item.at not in self.lost]

    def drop(self, item: Item, group: str, why: Notice) -> None:
        self.lost.setdefault(item.at, (group, why))


@dataclass(frozen=True, slots=True)
class GroupRules:
    """What groups ask the scan: who is sticky, how many keys of an entry occur, and a chance (0 ≤ x < 1) by name.
    `scoring` is the setting for entries that do not say; `exact` also takes over two habits of SillyTavern: only
    entries of a single group count as being in it already, and who lost one group still takes part in the next."""

    sticky: Callable[[Item], bool]
    score: Callable[[Item], int]
    chance: Callable[[str], float]
    scoring: bool
    exact: bool


def settle_groups(fresh: Sequence[Item], active: Sequence[Item], rules: GroupRules) -> GroupRound:
    """Let each group choose among the entries of one pass. `active` are those that entered in earlier passes."""
    result = GroupRound(fresh)
    groups: dict[str, list[Item]] = {}
    for item in fresh:
        for name in dict.fromkeys(item.entry.groups):
            groups.setdefault(name, []).append(item)
    if not groups:
        return result
    taken = {name for item in active for name in _counts_for(item, rules.exact)}
    stuck = {name for name, members in groups.items() if _keep_sticky(name, members, rules, result)}
    strongest = {n: _keep_best(n, members, rules, result) for n, members in groups.items() if n not in stuck}
    for name, members in strongest.items():
        here = members if rules.exact else [m for m in members if m.at not in result.lost]
        _choose(name, here, name in taken, rules, result)
    return result


def _counts_for(item: Item, exact: bool) -> tuple[str, ...]:
    """The groups that an entry which entered stands for."""
    return () if exact and len(item.entry.groups) != 1 else item.entry.groups


def _keep_sticky(name: str, members: Sequence[Item], rules: GroupRules, result: GroupRound) -> bool:
    sticky = {m.at for m in members if rules.sticky(m)}
    for member in members:
        if sticky and member.at not in sticky:
            result.drop(member, name, notice("An entry of its group {group} stays from earlier.", group=name))
    return bool(sticky)


def _keep_best(name: str, members: list[Item], rules: GroupRules, result: GroupRound) -> list[Item]:
    if not rules.scoring and not any(m.entry.group_scoring for m in members):
        return members
    scores = {m.at: rules.score(m) for m in members}
    best = max(scores.values())
    weak = {m.at: m for m in members if scores[m.at] < best and _scored(m, rules)}
    for member in weak.values():
        result.drop(member, name, notice(
            "Of its group {group}, another entry has more keys that occur ({count} of its own).",
            group=name, count=scores[member.at],
        ))
    return [m for m in members if m.at not in weak]


def _scored(item: Item, rules: GroupRules) -> bool:
    return rules.scoring if item.entry.group_scoring is None else item.entry.group_scoring


def _choose(name: str, members: Sequence[Item], taken: bool, rules: GroupRules, result: GroupRound) -> None:
    if taken:
        for member in members:
            result.drop(member, name, notice("Its group {group} has an entry in the prompt already.", group=name))
        return
    if len(members) <= 1:
        return
    forced = [m for m in members if m.entry.group_override]
    winner = max(forced, key=lambda m: m.order) if forced else _by_chance(name, members, rules)
    for member in members:
        if member is not winner:
            result.drop(member, name, notice("Another entry of its group {group} was chosen.", group=name))
    result.won.setdefault(winner.at, name)


def _by_chance(name: str, members: Sequence[Item], rules: GroupRules) -> Item:
    weights = [max(0, m.entry.group_weight) for m in members]
    point = rules.chance(name) * sum(weights)
    for member, weight in zip(members, weights, strict=True):
        point -= weight
        if point < 0:
            return member
    return members[0]
