"""Chats on their way from the core, and what the core tells meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.chat import Node
from tui.domain.operations import node_from_json
from tui.ui.link import Link
from tui.ui.state import ChatState
from tui.wire.pace import paced_list


@dataclass(frozen=True, slots=True)
class Opened:
    """A snapshot with its messages read, and the events that came `meanwhile`: applied again they do no harm."""

    snapshot: Mapping[str, Any]
    nodes: Sequence[Node]
    meanwhile: Sequence[Mapping[str, Any]]

    def show_in(self, state: ChatState) -> None:
        state.load(self.snapshot, self.nodes)
        for event in self.meanwhile:
            state.apply(event)


class Fetching:
    """Fetches snapshots; an event that comes while one travels is perhaps not in it, and would be lost."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._under_way = 0
        self._heard: list[Mapping[str, Any]] = []

    def hear(self, event: Mapping[str, Any]) -> None:
        """Every event of the core is to come by here."""
        if self._under_way:
            self._heard.append(event)

    async def chat(self, chat: str, last: int = 0) -> Opened:
        """A chat as the core has it, or the end of its path. Raises TraktirError."""
        self._under_way += 1
        start = len(self._heard)
        try:
            snapshot = await self._link.call("chats.open", id=chat, last=last)
            nodes = await paced_list(node_from_json, snapshot["nodes"])
            return Opened(snapshot, nodes, tuple(self._heard[start:]))
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._heard.clear()
