"""Messages put into a chat by hand: the person's without a reply, a character's, the narrator's, comments; and dice."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import replace
from typing import Any

from tui.core.chats import Chats, new_node, now_ms
from tui.core.dispatch import Handler
from tui.core.gathering import Gatherer
from tui.core.library import Library
from tui.core.regexes import Regexes
from tui.domain.cast import CastSettings
from tui.domain.chat import Chat, Revision, Role
from tui.domain.errors import BadInput, NotFound, StoreError
from tui.domain.narration import COMMENT, NARRATOR, Throw, read_throws
from tui.domain.notice import notice
from tui.domain.operations import Op, node_to_json
from tui.domain.picture_marks import without_marks
from tui.domain.regex_scripts import SLASH_COMMAND, USER_INPUT
from tui.wire.ids import new_id

_KINDS = ("user", "character", NARRATOR, COMMENT)
_ROLES: dict[str, Role] = {"user": "user", "character": "assistant", NARRATOR: "system", COMMENT: "system"}


class Posting:
    """`node.add` and `dice.roll`."""

    def __init__(self, chats: Chats, gatherer: Gatherer, library: Library, regexes: Regexes) -> None:
        self._chats = chats
        self._gatherer = gatherer
        self._library = library
        self._regexes = regexes

    def handlers(self) -> dict[str, Handler]:
        return {"node.add": self.add, "dice.roll": self.roll}

    async def add(
        self, chat: str, node: str, text: str, kind: str = "user", parent: str | None = None, name: str = "",
        revision: str = "",
    ) -> dict[str, Any]:
        """Put a message at the end of the path (or under `parent`), and ask for no reply. `kind`: `user`, `character`
        (who says it is `name`), `narrator`, or `comment`, which no model ever reads. Raises BadInput."""
        if kind not in _KINDS:
            told = notice("{field} must be one of: {names}.", field="kind", names=", ".join(_KINDS))
            raise BadInput(told, field="kind")
        tree = await self._chats.get(chat)
        if node in tree.nodes:                    # a repeated request
            return {"node": node, "text": tree.nodes[node].text}
        under = parent if parent is not None else tree.head
        if under is not None and under not in tree.nodes:
            raise NotFound("That message is not in this chat.")
        path = tree.path(under) if under is not None else []
        filled = await self._gatherer.filled(tree, path, without_marks(text), f"said:{node}")
        if not filled.text.strip():
            raise BadInput(notice("There is nothing to send."), field="text")
        written = Revision(revision or new_id(), filled.text, now_ms())
        if kind != COMMENT:
            written = await self._changed(tree, written, kind)
        made = new_node(tree, node, under, _ROLES[kind], self._name(tree, kind, name), written)
        made = replace(made, hidden=kind == COMMENT, extra=self._extra(tree, kind, name))
        ops: list[Op] = [{"op": "add_node", "node": node_to_json(made)}, {"op": "set_head", "head": node}]
        await self._chats.commit(chat, ops, notice("your message"))
        with contextlib.suppress(StoreError):     # the message is safe
            await self._gatherer.keep(tree, made, path, filled)
        return {"node": node, "text": made.text}

    async def roll(self, formula: str) -> dict[str, Any]:
        """Throw dice: `2d6+1`, `d20`, `d%`. Raises BadInput."""
        throws = read_throws(formula)
        if throws is None:
            told = notice("{formula} is nothing that can be rolled.", formula=formula[:60])
            raise BadInput(told, "Write dice as in 2d6+1, d20 or d%.", field="formula")
        parts, total = [], 0
        for number, throw in enumerate(throws):
            fell = [secrets.randbelow(throw.sides) + 1 for _ in range(throw.count)] if throw.sides else [throw.count]
            total += throw.sign * sum(fell)
            parts.append(_told(throw, fell, first=number == 0))
        return {"formula": formula.strip(), "dice": " ".join(parts), "total": total}

    async def _changed(self, tree: Chat, written: Revision, kind: str) -> Revision:
        """The text after regex scripts: those of commands, and for the person's own those of what is said."""
        text = (await self._regexes.kept(tree, written.text, SLASH_COMMAND)).text
        if kind == "user":
            text = (await self._regexes.kept(tree, text, USER_INPUT)).text
        return replace(written, text=text) if text.strip() else written

    def _name(self, tree: Chat, kind: str, name: str) -> str:
        if kind == "user":
            return name or self._gatherer.user_name(tree)
        if kind == "character":
            return name or self._gatherer.speakers(tree).card.display_name
        return name

    def _extra(self, tree: Chat, kind: str, name: str) -> dict[str, Any]:
        """What is noted on the message: what it is, and in a group who says it."""
        if kind in (NARRATOR, COMMENT):
            return {"kind": kind}
        cast = tree.fields.get("cast")
        if kind != "character" or not cast:
            return {}
        for member in CastSettings.from_json(cast).members:
            names = {member.name.casefold(), member.id.casefold(), *(n.casefold() for n in member.names)}
            if name.casefold() in names:
                return {"speaker": member.id}
        return {}


def _told(throw: Throw, fell: list[int], *, first: bool) -> str:
    sign = "-" if throw.sign < 0 else "" if first else "+"
    shown = ", ".join(map(str, fell))
    return f"{sign} {shown}".strip() if not throw.sides or len(fell) == 1 else f"{sign} ({shown})".strip()
