"""The order of roles in a chat, made so that a server takes it: pure functions from messages to messages.

Servers and templates differ in what they refuse: neighbours of one role, a system's message that is not the first, any
system's message, a beginning or an end that is not the user's. What one refuses is read from its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tui.domain.backend import ChatMessage

DUMMY = "…"
"""What a user says who says nothing: a message that stands only for the order."""
GO_ON = "(Go on with your last message exactly where it breaks off. Repeat nothing of it.)"
"""Stands after a started reply where a server cannot be handed one. Asked in English, which all models know."""
_BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class RoleRules:
    """What a server or its template wants of the order."""

    alternate: bool = False                       # no neighbours of one role
    system_first: bool = False                    # one message of the system, and nowhere but at the beginning
    no_system: bool = False
    user_first: bool = False                      # after the system's
    user_last: bool = False                       # unless a started reply is handed over
    developer: bool = False                       # what others call system

    def __or__(self, other: RoleRules) -> RoleRules:
        return RoleRules(*(getattr(self, f) or getattr(other, f) for f in self.__slots__))


ANY_ORDER = RoleRules()
ALTERNATING = RoleRules(alternate=True, system_first=True, user_first=True)
_SAYINGS: tuple[tuple[re.Pattern[str], RoleRules], ...] = (
    (re.compile(r"alternat|consecutive|same role in a row"), ALTERNATING),
    (re.compile(r"expected last role|\b3230\b|last message (must|should|role)|must end with a user|"
                r"last message.{0,40}\buser\b"), RoleRules(alternate=True, user_last=True)),
    (re.compile(r"unexpected role .?system|system .{0,60}(must|should) be (the |at the )?(first|beginning)|"
                r"(only|single) .{0,20}system message"), RoleRules(alternate=True, system_first=True)),
    (re.compile(r"(system|developer) (role|message|instruction)s? (is |are )?(not|un)[\s-]?"
                r"(supported|allowed|enabled|available)|(not|n't) support .{0,30}\bsystem\b|"
                r"developer instruction is not enabled"),
     RoleRules(alternate=True, no_system=True, system_first=True)),
    (re.compile(r"(first|start)\w* .{0,40}\buser\b|no user query|at least one user|"
                r"contents? (is|are) (required|empty)"),
     RoleRules(alternate=True, user_first=True)),
)


def wanted_rules(said: str) -> RoleRules:
    """The rules that a server's words ask for; none of them where the words are about something else."""
    found, lowered = RoleRules(), said.lower()
    for pattern, rules in _SAYINGS:
        if pattern.search(lowered):
            found |= rules
    return found


def arranged(messages: Sequence[ChatMessage], rules: RoleRules, started: bool) -> tuple[ChatMessage, ...]:
    """`messages` as `rules` want them. `started` says that the last one is the beginning of the reply, which stays
    the last."""
    found = list(messages)
    if rules.system_first or rules.no_system:
        found = _system_first(found)
    if rules.no_system:
        found = [replace(m, role="user") if m.role == "system" else m for m in found]
    if rules.user_first:
        found = _user_first(found)
    if rules.alternate:
        found = _joined(found)
    if rules.user_last and not started and found and found[-1].role == "assistant":
        found.append(ChatMessage("user", DUMMY))
    if rules.developer:
        found = [replace(m, role="developer") if m.role == "system" else m for m in found]
    return tuple(found)


def _system_first(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The system's messages at the beginning as one; later ones become the user's, where they stand."""
    at = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    return [*_joined(messages[:at]), *(replace(m, role="user") if m.role == "system" else m for m in messages[at:])]


def _user_first(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    at = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    if at < len(messages) and messages[at].role == "user":
        return list(messages)
    return [*messages[:at], ChatMessage("user", DUMMY), *messages[at:]]


def _joined(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Neighbours of one role as one message. Of different speakers each says who it is."""
    found: list[ChatMessage] = []
    for message in messages:
        if found and found[-1].role == message.role:
            last = found[-1]
            found[-1] = replace(
                last, content=_BETWEEN.join(filter(None, (last.content, message.content))),
                name=last.name if last.name == message.name else "", images=(*last.images, *message.images))
        else:
            found.append(message)
    return found
