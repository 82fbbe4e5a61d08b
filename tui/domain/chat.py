"""A chat is a tree, and nothing in it is overwritten.

A node is one message; swipes are siblings; edits and continuations are revisions of the node. Deleted and hidden are
marks that the path walks through. Summaries are attached to ranges of node revisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["user", "assistant", "system"]
Finish = Literal["streaming", "stop", "length", "cut", "error", ""]
#: What one may set on a chat; `chat_field` refuses others.
CHAT_FIELDS = frozenset(
    {
        "title", "character", "card", "persona", "persona_text", "profile", "template", "samplers", "note",
        "note_depth", "note_role", "note_interval", "note_position", "persona_position", "persona_depth",
        "persona_role", "scenario", "mes_example", "system_prompt", "injections", "prompt", "lorebooks", "deleted",
        "prefill", "variables", "lore_timers", "sillytavern", "languages", "pins", "documents", "cast",
        "persona_id",
    }
)
#: What may be noted on a message beside its text; `set_extra` refuses others.
NODE_EXTRAS = frozenset({"chapter", "checkpoint", "translation", "speaker", "seen_by", "kind"})


@dataclass(frozen=True, slots=True)
class Revision:
    """One text of a node. `base` is the length (in characters) of the earlier revision's text that a continuation
    starts with. `finish` is "" for texts that a person wrote. `generation` is the record of how the text was made:
    backend, model, profile, preset, seed, samplers, tokens, timings, dropped, expected and reported reuse. `images`
    are the pictures attached to it, as `Picture.to_json` has them; their bytes lie beside the chat."""

    id: str
    text: str
    created_ms: int
    kind: Literal["original", "edit", "continue"] = "original"
    base: int = 0
    finish: Finish = ""
    reasoning: str = ""
    generation: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One message. `seq` orders siblings by creation within the chat. `extra` holds what is noted on it, by name:

    - `checkpoint`: the name of a place to come back to;
    - `speaker`: which member of the cast said it, by library id;
    - `kind`: `narrator` or `comment`; a comment never enters the prompt;
    - `seen_by`: the members who know of it, by library id; without it, all do;
    - `translation`: by revision, its `text` in the other `language` of the chat;
    - `chapter`: the title of the chapter that begins with it.
    """

    id: str
    parent: str | None
    role: Role
    name: str
    created_ms: int
    seq: int
    revisions: tuple[Revision, ...]
    current: str
    deleted: bool = False
    hidden: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def revision(self) -> Revision:
        """The revision on view."""
        return next(r for r in self.revisions if r.id == self.current)

    @property
    def text(self) -> str:
        return self.revision.text


@dataclass(frozen=True, slots=True)
class Summary:
    """A text that stands for `covers`: node and revision ids in path order. Earlier texts are kept in `texts`."""

    id: str
    covers: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    created_ms: int
    removed: bool = False
    generation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.texts[-1] if self.texts else ""


@dataclass(frozen=True)
class Chat:
    """The whole tree. `head` is the node whose path is on view (None: empty chat)."""

    id: str
    created_ms: int
    updated_ms: int = 0
    head: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    summaries: Mapping[str, Summary] = field(default_factory=dict)

    def path(self, head: str | None = None) -> list[Node]:
        """Nodes from the root to `head` (default: the chat's own), deleted ones left out."""
        out: list[Node] = []
        at = self.head if head is None else head
        while at is not None and at in self.nodes:
            node = self.nodes[at]
            if not node.deleted:
                out.append(node)
            at = node.parent
        out.reverse()
        return out

    def children(self, parent: str | None) -> list[Node]:
        """Living children of `parent` (None: the roots) in order of creation."""
        return sorted((n for n in self.nodes.values() if n.parent == parent and not n.deleted), key=lambda n: n.seq)

    def versions(self, node: Node) -> list[Node]:
        """The swipes of a node: living siblings of the same role, itself among them."""
        return [n for n in self.children(node.parent) if n.role == node.role]

    def leaf_below(self, node_id: str) -> str:
        """The end of the branch below `node_id` that was grown last, be there deleted messages on the way."""
        below: dict[str | None, list[Node]] = {}
        for node in self.nodes.values():
            below.setdefault(node.parent, []).append(node)
        leaf, newest = node_id, -1
        todo = list(below.get(node_id, ()))
        while todo:
            node = todo.pop()
            todo += below.get(node.id, ())
            if node.seq >= newest and not node.deleted:
                leaf, newest = node.id, node.seq
        return leaf


def summary_applies(summary: Summary, path: Sequence[Node]) -> Literal["yes", "stale", "no"]:
    """Whether a summary holds for a path: all of its range lies on it ("stale" when a text has changed since)."""
    on_path = {node.id: node.current for node in path}
    if summary.removed or not summary.covers or any(node not in on_path for node, _ in summary.covers):
        return "no"
    return "yes" if all(on_path[node] == revision for node, revision in summary.covers) else "stale"
