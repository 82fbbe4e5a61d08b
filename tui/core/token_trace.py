"""The tokens of a reply beside its text: what the shaping took from the text's beginning is taken from them too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.core.shaping import WholeCharacters
from tui.domain.backend import Candidate, Token
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import notice
from tui.domain.samplers import RANGES
from tui.store import Store
from tui.store.reply_tokens import TokenBlock

#: Characters kept of one token's text, and rivals of one token: a server may send what it likes.
_LONGEST, _MOST_RIVALS = 400, int(RANGES["logprobs"].high)


@dataclass(frozen=True, slots=True)
class Known:
    """Tokens that stand in a text already, when a reply goes on from it; they begin at `start`."""

    start: int
    tokens: tuple[Token, ...] = ()


class TokenTrace:
    """Gathers the tokens of a reply that begins with `known`, and gives them out in blocks that lie exactly over its
    text. Until `begin` has told what the shaping drops, nothing is given out."""

    def __init__(self, known: Known) -> None:
        self._known = known.tokens
        self._new: list[Token] = []
        self._number = 0
        self._offset = known.start
        self._whole = WholeCharacters()
        self._drop: int | None = None

    def feed(self, tokens: Sequence[Token]) -> None:
        self._new += [_bounded(token, self._whole.feed(token.text)) for token in tokens]

    def begin(self, dropped: int) -> None:
        """The text has begun, without its first `dropped` characters. Said again, it changes nothing."""
        if self._drop is None:
            self._drop = dropped

    def block(self) -> TokenBlock | None:
        """What came since the last time; None for nothing."""
        if self._drop is None or not self._new:
            return None
        tokens, self._new = self._new, []
        while tokens and self._drop and len(tokens[0].text) <= self._drop:
            self._drop -= len(tokens.pop(0).text)  # gone wholly: no token of this text
        if tokens and self._drop:
            tokens[0], self._drop = replace(tokens[0], text=tokens[0].text[self._drop:]), 0
        whole, self._known = (*self._known, *tokens), ()
        block = TokenBlock(self._number, self._offset, whole)
        self._number += len(whole)
        self._offset += sum(len(token.text) for token in whole)
        return block if whole else None


@dataclass(frozen=True, slots=True)
class TracedText:
    """The tokens that lie over a text from `start` on, as far as they agree with it."""

    start: int
    tokens: tuple[Token, ...]

    def place(self, index: int) -> int:
        """Where in the text token `index` begins."""
        return self.start + sum(len(token.text) for token in self.tokens[:index])

    def known(self, base: str) -> Known:
        """What is known of them when a reply goes on from `base`: all, where they reach to its end."""
        fits = self.tokens and self.place(len(self.tokens)) == len(base)
        return Known(self.start, self.tokens) if fits else Known(len(base))


def lying_over(text: str, blocks: Sequence[TokenBlock]) -> TracedText:
    """What of `blocks` covers `text`: blanks at its end were taken away, and a crash may have kept more of the one than
    of the other. Where a server's tokens are not its text, they end before."""
    start = blocks[0].offset if blocks else len(text)
    at, kept = start, list[Token]()
    for block in blocks:
        if block.number != len(kept) or block.offset != at:
            break
        for token in block.tokens:
            seen = text[at:at + len(token.text)]
            if not token.text.startswith(seen) or (token.text and not seen):
                return TracedText(start, tuple(kept))
            kept.append(token if seen == token.text else replace(token, text=seen))
            at += len(seen)
    return TracedText(start, tuple(kept))


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """A message, one of its texts, and the tokens of that."""

    node: Node
    revision: Revision
    tokens: TracedText


async def traced(store: Store, tree: Chat, node: str, revision: str) -> TracedMessage:
    """A message with the tokens of its text `revision` (that on view where ""). Raises NotFound."""
    if node not in tree.nodes:
        raise NotFound(notice("That message is not in this chat."), node=node[:40])
    there = tree.nodes[node]
    found = next((r for r in there.revisions if r.id == (revision or there.current)), None)
    if found is None:
        raise NotFound(notice("That version of the message does not exist."))
    blocks = await store.reply_tokens(tree.id, node, found.id)
    return TracedMessage(there, found, await asyncio.to_thread(lying_over, found.text, blocks))


def tokens_to_json(message: TracedMessage) -> dict[str, Any]:
    """`from`: the characters of the text before the first of them, of which no tokens are known; `to`: where the last
    ends, which is before the text's end where a server's tokens were not its text."""
    found = message.tokens
    return {
        "revision": message.revision.id, "from": found.start, "to": found.place(len(found.tokens)),
        "length": len(message.revision.text),
        "tokens": [
            {"text": t.text, "logprob": t.logprob,
             "rivals": [{"text": r.text, "logprob": r.logprob} for r in t.rivals]}
            for t in found.tokens
        ],
    }


@dataclass(frozen=True, slots=True)
class OtherWay:
    """A text up to one of its tokens with a rival in that one's place, and the tokens of it."""

    text: str
    known: Known


def other_way(text: str, traced: TracedText, token: int, rival: int) -> OtherWay:
    """What a reply is when `rival` takes the place of `token` (both counted from 0). Raises BadInput, NotFound."""
    if not 0 <= token < len(traced.tokens):
        raise NotFound(notice("This text has no token of that number."), token=token)
    taken = traced.tokens[token]
    if not 0 <= rival < len(taken.rivals):
        raise NotFound(notice("This token has no rival of that number."), rival=rival)
    chosen, place = taken.rivals[rival], traced.place(token)
    said = chosen.text if place else chosen.text.lstrip()
    if not said:
        raise BadInput(notice("This rival is no text: the reply would end here, or nothing would be seen of it."))
    others = (Candidate(taken.text, taken.logprob), *(r for r in taken.rivals if r is not chosen))
    there = Token(said, chosen.logprob, tuple(sorted(others, key=lambda r: -r.logprob)))
    return OtherWay(text[:place] + said, Known(traced.start, (*traced.tokens[:token], there)))


def _bounded(token: Token, text: str) -> Token:
    rivals = [Candidate(WholeCharacters().feed(r.text)[:_LONGEST], r.logprob) for r in token.rivals]
    return Token(text, token.logprob, tuple(r for r in rivals if r.text != text)[:_MOST_RIVALS])
