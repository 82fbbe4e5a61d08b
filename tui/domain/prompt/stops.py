"""Where a reply ends: the format's own strings, the user's turn, the user's name."""

from __future__ import annotations

from tui.domain.prompt.render import with_mode
from tui.domain.prompt.types import Turn


def stops_of(turn: Turn) -> tuple[str, ...]:
    """Stop strings of a turn in order, each once, none of them blank. What the person's next message ends with is the
    character's turn."""
    form = with_mode(turn.template, turn.mode)
    char, user = turn.card.display_name, turn.user
    persons = turn.kind == "impersonate"
    found = [_filled(stop, char, user) for stop in form.stop]
    opener = _filled(form.assistant_prefix if persons else form.user_prefix, char, user).strip()
    if len(opener) > 2:                                     # a shorter one would end replies by chance
        found.append(opener)
    others = [char] if persons else [user]
    if turn.cast is not None:
        others += [card.display_name for card in turn.cast.members]
    speaker = (user if persons else char).strip()
    found += [f"\n{name.strip()}:" for name in others if name.strip() and name.strip() != speaker]
    return tuple(dict.fromkeys(stop for stop in found if stop.strip()))


def _filled(literal: str, char: str, user: str) -> str:
    return literal.replace("{{user}}", user).replace("{{char}}", char).replace("{{name}}", user)
