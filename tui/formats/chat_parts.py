"""What of a chat goes into an export for readers: the path on view, or every branch with what is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.domain.chat import Chat, Node
from tui.domain.cleantext import clean, clean_line


@dataclass(frozen=True, slots=True)
class Choice:
    """`branches`: all of them, not only the path on view. `replies`: only what characters said. `hidden`: also
    messages that are hidden from the prompt."""

    branches: bool = False
    replies: bool = False
    hidden: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """Messages that follow one another. `fork` is 0 for the path on view; else the number of messages that stand
    before the branch, plus 1."""

    nodes: tuple[Node, ...]
    number: int = 1
    fork: int = 0


def chat_parts(chat: Chat, choice: Choice) -> list[Part]:
    """The path on view, then every other branch from where it forks; each message once."""
    parts = [Part(_chosen(chat.path(), choice))]
    if not choice.branches:
        return parts
    depth = _depths(chat)
    written = {None, *_climb(chat, chat.head)}
    inner = {node.parent for node in chat.nodes.values()}
    for leaf in sorted((n for n in chat.nodes.values() if n.id not in inner), key=lambda n: n.seq):
        own: list[Node] = []
        at: str | None = leaf.id
        while at is not None and at not in written:
            written.add(at)
            own.append(chat.nodes[at])
            at = chat.nodes[at].parent
        living = [node for node in reversed(own) if not node.deleted]
        nodes = _chosen(living, choice)
        if nodes:
            parts.append(Part(nodes, len(parts) + 1, depth.get(at, 0) + 1))
    return parts


def leaf_paths(chat: Chat, choice: Choice) -> list[tuple[Node, ...]]:
    """Whole paths: the one on view, and with `branches` that of every other end."""
    heads = [chat.head]
    if choice.branches:
        inner = {node.parent for node in chat.nodes.values() if not node.deleted}
        ends = [n for n in chat.nodes.values() if n.id not in inner and not n.deleted and n.id != chat.head]
        heads += [node.id for node in sorted(ends, key=lambda n: n.seq)]
    return [_chosen(chat.path(head), choice) for head in heads]


def title_of(chat: Chat) -> str:
    """The chat's title on one line."""
    card = chat.fields.get("card")
    name = card.get("name") if isinstance(card, dict) else ""
    return clean_line(str(chat.fields.get("title") or name or "Chat"), 200)


def said(node: Node) -> str:
    """A message's text as a reader may see it, its pictures named before it."""
    return clean("\n".join([*(f"[image: {image['name']}]" for image in node.revision.images), node.text]))


def _chosen(nodes: Sequence[Node], choice: Choice) -> tuple[Node, ...]:
    return tuple(
        n for n in nodes
        if (choice.hidden or not n.hidden) and (not choice.replies or n.role == "assistant")
    )


def _climb(chat: Chat, at: str | None) -> list[str]:
    out = []
    while at is not None and at in chat.nodes:
        out.append(at)
        at = chat.nodes[at].parent
    return out


def _depths(chat: Chat) -> dict[str | None, int]:
    """How many living messages stand up to each node, itself among them."""
    depth: dict[str | None, int] = {None: 0}
    for node in chat.nodes.values():
        missing = []
        at: str | None = node.id
        while at is not None and at not in depth:
            missing.append(at)
            at = chat.nodes[at].parent if at in chat.nodes else None
        for node_id in reversed(missing):
            living = node_id in chat.nodes and not chat.nodes[node_id].deleted
            depth[node_id] = depth[at] + (1 if living else 0)
            at = node_id
    return depth
