"""What is on view: one chat as the core told it, the path shown, and the reply on its way. No Textual in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tui.domain.chat import Chat, Node
from tui.domain.errors import TraktirError
from tui.domain.languages import languages_of, shown
from tui.domain.operations import node_from_json, summary_from_json
from tui.domain.picture_marks import pictures_of
from tui.domain.pictures import Picture

#: What an event changed, for those who draw.
Change = Literal["path", "growth", "turn", "fields", "stale", "connection", "nothing"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as it is drawn. `version` of `versions` counts the swipes from 1; `text_number` of
    `texts` counts what was ever written in its place (edits, continuations); `live` while it is written. `chapter` is
    the title of the chapter that begins with it."""

    id: str
    revision: str
    role: str
    name: str
    text: str
    reasoning: str
    number: int
    version: int
    versions: int
    finish: str = ""
    hidden: bool = False
    edited: bool = False
    text_number: int = 1
    texts: int = 1
    live: bool = False
    images: tuple[Picture, ...] = ()
    chapter: str = ""


@dataclass
class ChatState:
    """The chat in front. `apply` takes the events of the core; everything else is read."""

    chat: Chat | None = None
    head: str | None = None
    turn: dict[str, Any] = field(default_factory=dict)
    connection: dict[str, Any] = field(default_factory=dict)
    draft: str = ""
    away: dict[str, Any] | None = None
    linked: bool = True
    #: Why there is no core to be had; None while there is one, or one is on its way.
    trouble: TraktirError | None = None
    #: Versions of replies that are to come in the background.
    queued: int = 0
    #: Messages of the path that come before those that were loaded.
    before: int = 0
    #: What is shown instead of a text that regex scripts change, by revision.
    displayed: dict[str, str] = field(default_factory=dict)
    #: Nodes this client asked for: when one appears, the view goes there.
    expected: set[str] = field(default_factory=set)
    _path: list[Node] | None = None
    _children: dict[str | None, list[Node]] | None = None

    def load(self, snapshot: Mapping[str, Any], read: Sequence[Node] | None = None) -> None:
        """Take in a snapshot (`read`: its messages, read already). The view stays where it was when it is the same
        chat and the place still exists."""
        data = snapshot["chat"]
        nodes = {n.id: n for n in (read if read is not None else map(node_from_json, snapshot["nodes"]))}
        summaries = {s["id"]: summary_from_json(s) for s in snapshot.get("summaries") or ()}
        same = self.chat is not None and self.chat.id == data["id"]
        head = self._asked_for(nodes) or self.head if same else None
        head = head if head in nodes else data["head"]
        self.chat = Chat(
            data["id"], data["created_ms"], data.get("updated_ms", 0), data["head"], dict(data["fields"]), nodes,
            summaries,
        )
        self.turn = dict(snapshot.get("turn") or {})
        if snapshot.get("writing") and self.turn.get("state") in (None, "done"):
            self.turn = {"state": "writing", "node": head}
        if not same:
            self.expected.clear()
            self.draft = str(snapshot.get("draft") or "")
        self.away = snapshot.get("away") or None
        self.queued = int(snapshot.get("queued") or 0)
        self.before = int(snapshot.get("before") or 0)
        self._forget()
        self.show(head)

    def _asked_for(self, nodes: Mapping[str, Node]) -> str | None:
        """The newest message that this client asked for and that no event has told of: the line was broken."""
        came = sorted((nodes[node] for node in self.expected & nodes.keys()), key=lambda node: node.seq)
        self.expected.difference_update(node.id for node in came)
        return came[-1].id if came and not came[-1].deleted else None

    def close(self) -> None:
        """No chat is in front any more."""
        self.chat, self.head, self.turn, self.draft, self.away, self.before = None, None, {}, "", None, 0
        self.displayed = {}
        self._forget()

    def show(self, head: str | None) -> None:
        """Let the path to `head` be on view."""
        self.head = head
        self._path = None

    @property
    def path(self) -> Sequence[Node]:
        """The messages on view."""
        if self._path is None:
            self._path = self.chat.path(self.head) if self.chat is not None and self.head is not None else []
        return self._path

    @property
    def writing(self) -> bool:
        """Whether a reply is on its way."""
        return self.turn.get("state") in ("waiting", "loading", "prefill", "writing", "summarising", "translating")

    @property
    def character(self) -> str:
        """Who speaks in this chat besides the person."""
        if self.chat is None:
            return ""
        card = self.chat.fields.get("card") or {}
        return str(card.get("nickname") or card.get("name") or self.chat.fields.get("title") or "")

    def field(self, name: str) -> Any:
        return self.chat.fields.get(name) if self.chat is not None else None

    def versions(self, node: Node) -> list[Node]:
        """The swipes of a message, itself among them."""
        return [n for n in self._living(node.parent) if n.role == node.role]

    def last(self, role: str | None = None) -> Node | None:
        """The last message on view, or the last of a role."""
        return next((n for n in reversed(self.path) if role is None or n.role == role), None)

    def entry(self, index: int) -> Entry:
        """Message `index` of the path as it is drawn."""
        node = self.path[index]
        revision = node.revision
        versions = self.versions(node)
        version = next((k for k, n in enumerate(versions, 1) if n.id == node.id), 1)
        text_number = next((k for k, r in enumerate(node.revisions, 1) if r.id == node.current), 1)
        text, below = shown(node, languages_of(self.chat.fields) if self.chat is not None else None)
        if text == node.text:
            text = self.displayed.get(node.current, text)
        return Entry(
            node.id, revision.id, node.role, self._name_of(node), text + (f"\n\n— {below}" if below else ""),
            revision.reasoning, self.before + index + 1, version, max(1, len(versions)), revision.finish, node.hidden,
            any(r.kind == "edit" for r in node.revisions),
            text_number, len(node.revisions), live=self.writing and revision.finish == "streaming",
            images=pictures_of(node) if revision.images else (), chapter=str(node.extra.get("chapter") or ""),
        )

    def _name_of(self, node: Node) -> str:
        """Who said a message; of one that was whispered, to whom too."""
        heard = node.extra.get("seen_by")
        if not isinstance(heard, (list, tuple)):
            return node.name
        names = {str(n.extra["speaker"]): n.name for n in self.path if "speaker" in n.extra}
        others = [names.get(str(who), str(who)) for who in heard if who != node.extra.get("speaker")]
        return f"{node.name} → {', '.join(others)}" if others else f"({node.name})"

    def apply(self, event: Mapping[str, Any]) -> Change:
        """Take in one event of the core; says what it changed."""
        kind = event.get("type")
        if kind == "connection":
            self.connection = dict(event.get("connection") or {})
            return "connection"
        if kind == "link":
            self.linked = event.get("state") != "lost"
            return "connection"
        if kind == "reset":
            return "stale"
        if self.chat is None or event.get("chat") != self.chat.id:
            return "nothing"
        handler = {
            "node": self._on_node, "delta": self._on_delta, "head": self._on_head, "chat": self._on_chat,
            "summary": self._on_summary, "turn": self._on_turn, "queue": self._on_queue,
        }.get(str(kind))
        return handler(event) if handler is not None else "nothing"

    def _on_node(self, event: Mapping[str, Any]) -> Change:
        assert self.chat is not None
        node = node_from_json(event["node"])
        self.chat.nodes[node.id] = node  # type: ignore[index]  # our own: a copy for each of thousands would be slow
        self._forget()
        if node.id in self.expected:
            self.expected.discard(node.id)
            self.show(node.id)
        elif node.parent == self.head and not node.deleted:
            self.show(node.id)
        return "path"

    def _on_delta(self, event: Mapping[str, Any]) -> Change:
        assert self.chat is not None
        node = self.chat.nodes.get(str(event["node"]))
        revision = next((r for r in node.revisions if r.id == event["revision"]), None) if node else None
        if node is None or revision is None or event["offset"] > len(revision.text):
            return "stale"
        grown = replace(
            revision, text=revision.text[: event["offset"]] + event["text"],
            reasoning=revision.reasoning[: event.get("reasoning_offset")] + str(event.get("reasoning") or ""),
        )
        node = replace(node, revisions=tuple(grown if r.id == grown.id else r for r in node.revisions))
        self.chat.nodes[node.id] = node  # type: ignore[index]  # our own dictionary: a copy for each piece would be slow
        if self._path:
            for index in range(len(self._path) - 1, -1, -1):
                if self._path[index].id == node.id:
                    self._path[index] = node
                    break
        return "growth"

    def _on_head(self, event: Mapping[str, Any]) -> Change:
        """Follow the stored path only where it goes on from what is on view: the view is ours."""
        assert self.chat is not None
        head = event["head"]
        self.chat = replace(self.chat, head=head)
        shown = self.chat.nodes.get(self.head) if self.head is not None else None
        lost = shown is not None and shown.deleted
        if head is not None and head in self.chat.nodes and (lost or self.head is None or self._below(head)):
            self.show(head)
            return "path"
        return "nothing"

    def _on_chat(self, event: Mapping[str, Any]) -> Change:
        assert self.chat is not None
        before = languages_of(self.chat.fields)
        self.chat = replace(self.chat, fields=dict(event["fields"]))
        return "fields" if languages_of(self.chat.fields) == before else "path"

    def _on_summary(self, event: Mapping[str, Any]) -> Change:
        assert self.chat is not None
        summary = summary_from_json(event["summary"])
        self.chat = replace(self.chat, summaries={**self.chat.summaries, summary.id: summary})
        return "fields"

    def _on_queue(self, event: Mapping[str, Any]) -> Change:
        self.queued = int(event.get("left") or 0)
        return "turn"

    def _on_turn(self, event: Mapping[str, Any]) -> Change:
        news = {k: v for k, v in event.items() if k not in ("type", "chat")}
        if news.get("quiet"):                     # a version written in the background: nobody waits for it
            return "nothing"
        if news.get("state") in ("waiting", "done") or "state" not in self.turn:
            kept = {k: self.turn[k] for k in _LASTING if k in self.turn}
        else:
            kept = self.turn
        self.turn = {**kept, **news}
        if news.get("instead") is not None and news["instead"] == self.head:
            self.expected.add(str(news.get("node")))     # it takes the place of what is on view
        return "turn"

    def _below(self, head: str) -> bool:
        assert self.chat is not None
        at: str | None = head
        while at is not None and at in self.chat.nodes:
            if at == self.head:
                return True
            at = self.chat.nodes[at].parent
        return False

    def _living(self, parent: str | None) -> list[Node]:
        if self._children is None:
            self._children = {}
            for node in sorted(self.chat.nodes.values(), key=lambda n: n.seq) if self.chat is not None else ():
                if not node.deleted:
                    self._children.setdefault(node.parent, []).append(node)
        return self._children.get(parent, [])

    def _forget(self) -> None:
        self._path = self._children = None


#: Numbers of the last turn that stay on view while the next one begins.
_LASTING = ("used", "context", "prompt_tokens", "reused", "tokens_per_second", "lore", "model", "template")
