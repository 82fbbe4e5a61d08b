"""Every change of a chat is one operation with an inverse; undo applies the inverse.

Operations are plain JSON objects with a key `op`:

    add_node        node                      inverse: mark it deleted
    add_revision    node, revision            inverse: make the earlier revision current
    set_current     node, revision            inverse: the earlier one
    mark            node, mark, value         inverse: the earlier value        (mark: deleted, hidden)
    set_extra       node, name, value         inverse: the earlier value        (value None: none)
    set_head        head                      inverse: the earlier head
    set_field       field, value              inverse: the earlier value
    add_summary     summary                   inverse: mark it removed
    edit_summary    summary, text             inverse: edit back (the text is appended, never replaced)
    mark_summary    summary, value            inverse: the earlier value
    finish_revision node, revision, text, finish, reasoning, generation
                                              closes a streaming text, once; no inverse (undo takes the node's away)

Adding what is there already (the same id) changes nothing, so a repeated request is harmless; to redo a step, apply the
inverses of its undo.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.domain.chat import CHAT_FIELDS, NODE_EXTRAS, Chat, Node, Revision, Summary
from tui.domain.errors import BadInput, NotFound
from tui.domain.notice import notice

Op = dict[str, Any]


def node_to_json(node: Node) -> dict[str, Any]:
    return _flat(node) | {"revisions": [_revision_to_json(r) for r in node.revisions], "extra": dict(node.extra)}


def _revision_to_json(revision: Revision) -> dict[str, Any]:
    return _flat(revision) | {"generation": dict(revision.generation), "images": [dict(i) for i in revision.images]}


def node_from_json(data: Mapping[str, Any]) -> Node:
    return Node(**{**data, "revisions": tuple(_revision(r) for r in data["revisions"])})


def _revision(data: Mapping[str, Any]) -> Revision:
    return Revision(**{**data, "images": tuple(data.get("images") or ())})


def summary_to_json(summary: Summary) -> dict[str, Any]:
    return _flat(summary) | {
        "covers": [list(c) for c in summary.covers], "texts": list(summary.texts),
        "generation": dict(summary.generation),
    }


def summary_from_json(data: Mapping[str, Any]) -> Summary:
    covers = tuple((str(n), str(r)) for n, r in data["covers"])
    return Summary(**{**data, "covers": covers, "texts": tuple(data["texts"])})


def _flat(value: Node | Revision | Summary) -> dict[str, Any]:
    """The fields as they are. (`asdict` copies deeply: 20 times slower on a chat of thousands of messages.)"""
    return {name: getattr(value, name) for name in value.__slots__}


def apply_all(chat: Chat, ops: Sequence[Op]) -> tuple[Chat, list[Op]]:
    """Apply `ops` in order. Returns the new chat and the operations that undo them, in the order to apply them.

    Raises NotFound or BadInput, and then nothing has changed.
    """
    steps = apply_steps(chat, ops)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def apply_steps(chat: Chat, ops: Sequence[Op]) -> Generator[None, None, tuple[Chat, list[Op]]]:
    """As `apply_all`, one operation at a time: thousands may be done in pieces."""
    inverses: list[Op] = []
    start = at = chat if len(ops) < 2 else replace(chat, nodes=_Draft(chat.nodes))
    for op in ops:
        at, inverse = apply(at, op)
        if inverse is not None:
            inverses.append(inverse)
        yield
    inverses.reverse()
    if at is start:
        return chat, inverses
    return (replace(at, nodes=dict(at.nodes)) if isinstance(at.nodes, _Draft) else at), inverses


class _Draft(dict[str, Node]):
    """The messages of a chat to which several operations are applied: copied once for all of them."""


def apply(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    """Apply one operation. Returns the new chat and the inverse operation, None where there is none."""
    handler = _HANDLERS.get(str(op.get("op")))
    if handler is None:
        raise BadInput(notice("There is no operation called {name}.", name=str(op.get("op"))[:40]))
    return handler(chat, op)


def _node(chat: Chat, node_id: Any) -> Node:
    node = chat.nodes.get(str(node_id))
    if node is None:
        raise NotFound(notice("That message is not in this chat."), node=str(node_id)[:40])
    return node


def _with_node(chat: Chat, node: Node) -> Chat:
    if isinstance(chat.nodes, _Draft):
        chat.nodes[node.id] = node
        return replace(chat)
    return replace(chat, nodes={**chat.nodes, node.id: node})


def _add_node(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    node = node_from_json(op["node"])
    if node.id in chat.nodes:
        return chat, None                         # a repeated request is the same turn
    if all(r.id != node.current for r in node.revisions):
        raise BadInput(notice("A message needs a version to show."), node=node.id)
    if node.parent is not None:
        _node(chat, node.parent)
    return _with_node(chat, node), {"op": "mark", "node": node.id, "mark": "deleted", "value": True}


def _add_revision(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    node, revision = _node(chat, op["node"]), _revision(op["revision"])
    if any(r.id == revision.id for r in node.revisions):
        return chat, None
    changed = replace(node, revisions=(*node.revisions, revision), current=revision.id)
    return _with_node(chat, changed), {"op": "set_current", "node": node.id, "revision": node.current}


def _set_current(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    node = _node(chat, op["node"])
    if not any(r.id == op["revision"] for r in node.revisions):
        raise NotFound(notice("That version of the message does not exist."))
    return (
        _with_node(chat, replace(node, current=op["revision"])),
        {"op": "set_current", "node": node.id, "revision": node.current},
    )


def _mark(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    node, mark = _node(chat, op["node"]), op["mark"]
    if mark not in ("deleted", "hidden"):
        raise BadInput(notice("There is no mark called {name}.", name=str(mark)[:40]))
    inverse = {"op": "mark", "node": node.id, "mark": mark, "value": getattr(node, mark)}
    value = bool(op["value"])
    changed = replace(node, deleted=value) if mark == "deleted" else replace(node, hidden=value)
    return _with_node(chat, changed), inverse


def _set_extra(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    node, name = _node(chat, op["node"]), op["name"]
    if name not in NODE_EXTRAS:
        raise BadInput(notice("A message has no field called {name}.", name=str(name)[:40]), field=name)
    inverse = {"op": "set_extra", "node": node.id, "name": name, "value": node.extra.get(name)}
    extra = {**node.extra, name: op["value"]}
    if op["value"] is None:
        del extra[name]
    return _with_node(chat, replace(node, extra=extra)), inverse


def _set_head(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    if op["head"] is not None:
        _node(chat, op["head"])
    return replace(chat, head=op["head"]), {"op": "set_head", "head": chat.head}


def _set_field(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    name = op["field"]
    if name not in CHAT_FIELDS:
        raise BadInput(notice("A chat has no field called {name}.", name=str(name)[:40]), field=name)
    inverse = {"op": "set_field", "field": name, "value": chat.fields.get(name)}
    fields = {**chat.fields, name: op["value"]}
    if op["value"] is None:
        del fields[name]
    return replace(chat, fields=fields), inverse


def _add_summary(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    summary = summary_from_json(op["summary"])
    if summary.id in chat.summaries:
        return chat, None
    for node_id, _ in summary.covers:
        _node(chat, node_id)
    return _with_summary(chat, summary), {"op": "mark_summary", "summary": summary.id, "value": True}


def _summary(chat: Chat, op: Op) -> Summary:
    summary = chat.summaries.get(str(op["summary"]))
    if summary is None:
        raise NotFound(notice("That summary is not in this chat."))
    return summary


def _with_summary(chat: Chat, summary: Summary) -> Chat:
    return replace(chat, summaries={**chat.summaries, summary.id: summary})


def _edit_summary(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    summary = _summary(chat, op)
    changed = replace(summary, texts=(*summary.texts, str(op["text"])))
    return _with_summary(chat, changed), {"op": "edit_summary", "summary": summary.id, "text": summary.text}


def _mark_summary(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    summary = _summary(chat, op)
    inverse = {"op": "mark_summary", "summary": summary.id, "value": summary.removed}
    return _with_summary(chat, replace(summary, removed=bool(op["value"]))), inverse


def _finish_revision(chat: Chat, op: Op) -> tuple[Chat, Op | None]:
    node = _node(chat, op["node"])
    found = next((r for r in node.revisions if r.id == op["revision"]), None)
    if found is None:
        raise NotFound(notice("That version of the message does not exist."))
    if found.finish != "streaming":
        if found.text != op["text"]:
            raise BadInput(notice("That version of the message is finished already; a change is a new version."))
        return chat, None                         # said twice
    revisions = tuple(
        replace(r, text=op["text"], finish=op["finish"], reasoning=op.get("reasoning", ""),
                generation=op.get("generation") or {})
        if r.id == op["revision"] else r
        for r in node.revisions
    )
    return _with_node(chat, replace(node, revisions=revisions)), None


_HANDLERS = {
    "add_node": _add_node,
    "add_revision": _add_revision,
    "set_current": _set_current,
    "mark": _mark,
    "set_extra": _set_extra,
    "set_head": _set_head,
    "set_field": _set_field,
    "add_summary": _add_summary,
    "edit_summary": _edit_summary,
    "mark_summary": _mark_summary,
    "finish_revision": _finish_revision,
}
