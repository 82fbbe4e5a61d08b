"""What a finished reply tells about the way it came: things that a person can mend elsewhere."""

from __future__ import annotations

from tui.backends.reply import Reply
from tui.domain.backend import Usage
from tui.domain.notice import Notice, notice

BURST_WAIT, BURST_FRAMES, BURST_RATE = 2.0, 32, 4000.0
"""Seconds before the first word, frames of text, and frames a second from which on no model can have written them."""
TRIMMED_SHARE, TRIMMED_LEAST = 1.6, 900
"""How many times more tokens were sent than the server says it read, and how many it must have read: some tell only
what was new to them."""


def tips(reply: Reply, address: str, estimate: int, usage: Usage) -> tuple[Notice, ...]:
    """The tips for one reply; `estimate` is of its prompt, in tokens."""
    found: list[Notice] = []
    if came_at_once(reply):
        found.append(notice(
            "The whole reply arrived at once: something between here and {address} holds it back until it is "
            "complete. Switch the buffering of that proxy or tunnel off (nginx: proxy_buffering off), or connect "
            "directly.", address=address))
    if trimmed(estimate, usage):
        found.append(notice(
            "{address} says it read {read} tokens, but about {sent} were sent: it seems to drop what exceeds its "
            "context. Set the context length of this connection to what the server has, or give it a larger one.",
            address=address, read=usage.prompt_tokens, sent=estimate))
    return tuple(found)


def came_at_once(reply: Reply) -> bool:
    """Whether many words came together after a long wait."""
    wait, span = reply.wait, reply.span
    return (
        wait is not None and wait >= BURST_WAIT and reply.text_frames >= BURST_FRAMES
        and reply.text_frames >= BURST_RATE * span
    )


def trimmed(estimate: int, usage: Usage) -> bool:
    """Whether the server read far less than it was sent."""
    read = usage.prompt_tokens
    return read is not None and read >= TRIMMED_LEAST and estimate > TRIMMED_SHARE * read
