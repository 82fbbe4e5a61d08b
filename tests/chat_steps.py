"""Random but sensible steps in a chat, for property tests of the operations and of the store."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tui.domain.chat import Chat, Node
from tui.domain.operations import Op

_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_pick = st.integers(0, 50)
_fields = st.sampled_from(["title", "note", "deleted", "card", "samplers"])
_values = st.one_of(st.none(), _text, st.booleans(), st.dictionaries(_text, st.integers(0, 9), max_size=2))

#: One step: what to do, and numbers and texts that `operations` turns into operations on the chat as it then is.
step = st.one_of(
    st.tuples(st.just("say"), _pick, _text),
    st.tuples(st.just("say_at_root"), _pick, _text),
    st.tuples(st.just("reply"), _pick, _text),
    st.tuples(st.just("edit"), _pick, _text),
    st.tuples(st.just("continue"), _pick, _text),
    st.tuples(st.just("older"), _pick, _pick),
    st.tuples(st.just("mark"), _pick, st.tuples(st.sampled_from(["deleted", "hidden"]), st.booleans())),
    st.tuples(st.just("extra"), _pick, _values),
    st.tuples(st.just("head"), _pick, st.none()),
    st.tuples(st.just("no_head"), _pick, st.none()),
    st.tuples(st.just("field"), _fields, _values),
    st.tuples(st.just("summarise"), _pick, _text),
    st.tuples(st.just("edit_summary"), _pick, _text),
    st.tuples(st.just("mark_summary"), _pick, st.booleans()),
    st.tuples(st.just("repeat"), _pick, _text),
)
steps = st.lists(step, min_size=1, max_size=14)


def operations(chat: Chat, number: int, what: tuple[str, Any, Any]) -> list[Op]:
    """The operations of one step; `number` tells this step's ids from the others'. Empty: not possible here."""
    name, first, second = what
    if name == "field":
        return [{"op": "set_field", "field": first, "value": second}]
    if name == "say_at_root":
        return _said(number, None, "user", second)
    if name == "no_head":
        return [{"op": "set_head", "head": None}]
    if name in ("edit_summary", "mark_summary"):
        return _on_summary(chat, name, first, second)
    if not chat.nodes:
        return _said(number, None, "assistant", str(second))
    node = list(chat.nodes.values())[first % len(chat.nodes)]
    return _on_node(chat, number, name, node, second)


def _on_node(chat: Chat, number: int, name: str, node: Node, second: Any) -> list[Op]:
    match name:
        case "say":
            return _said(number, node.id, "user", second)
        case "reply":
            return _reply(number, node.id, second)
        case "edit":
            revision = _revision(f"r{number}", second, kind="edit")
            return [{"op": "add_revision", "node": node.id, "revision": revision}]
        case "continue":
            revision = _revision(f"r{number}", node.text, kind="continue", base=len(node.text), finish="streaming")
            return [
                {"op": "add_revision", "node": node.id, "revision": revision},
                _finish(node.id, f"r{number}", node.text + second, "cut"),
            ]
        case "older":
            revision_id = node.revisions[second % len(node.revisions)].id
            return [{"op": "set_current", "node": node.id, "revision": revision_id}]
        case "mark":
            return [{"op": "mark", "node": node.id, "mark": second[0], "value": second[1]}]
        case "extra":
            return [{"op": "set_extra", "node": node.id, "name": "checkpoint", "value": second}]
        case "head":
            return [{"op": "set_head", "head": node.id}]
        case "summarise":
            covers = [[n.id, n.current] for n in chat.path(node.id)]
            summary = {
                "id": f"s{number}", "covers": covers, "texts": [second], "created_ms": number, "removed": False,
                "generation": {"model": "toy"},
            }
            return [{"op": "add_summary", "summary": summary}]
        case _:
            from tui.domain.operations import node_to_json

            return [{"op": "add_node", "node": node_to_json(node) | {"name": "somebody else"}}]


def _on_summary(chat: Chat, name: str, first: int, second: Any) -> list[Op]:
    if not chat.summaries:
        return []
    summary = list(chat.summaries)[first % len(chat.summaries)]
    if name == "edit_summary":
        return [{"op": "edit_summary", "summary": summary, "text": second}]
    return [{"op": "mark_summary", "summary": summary, "value": second}]


def _said(number: int, parent: str | None, role: str, text: str) -> list[Op]:
    node = {
        "id": f"n{number}", "parent": parent, "role": role, "name": "Mira", "created_ms": number, "seq": number,
        "revisions": [_revision(f"r{number}", text)], "current": f"r{number}", "deleted": False, "hidden": False,
    }
    return [{"op": "add_node", "node": node}, {"op": "set_head", "head": f"n{number}"}]


def _reply(number: int, parent: str, text: str) -> list[Op]:
    ops = _said(number, parent, "assistant", "")
    ops[0]["node"]["revisions"][0]["finish"] = "streaming"
    return [*ops, _finish(f"n{number}", f"r{number}", text, "stop")]


def _finish(node: str, revision: str, text: str, finish: str) -> Op:
    return {
        "op": "finish_revision", "node": node, "revision": revision, "text": text, "finish": finish,
        "reasoning": "hm", "generation": {"seed": 7},
    }


def _revision(revision: str, text: str, *, kind: str = "original", base: int = 0, finish: str = "") -> dict[str, Any]:
    return {
        "id": revision, "text": text, "created_ms": 1, "kind": kind, "base": base, "finish": finish, "reasoning": "",
        "generation": {},
    }


def visible(chat: Chat) -> dict[str, Any]:
    """What a person sees of a chat: everything but what only undo and search can still reach."""
    alive = {node.id: node for node in chat.nodes.values() if not node.deleted}
    return {
        "path": [(n.id, n.role, n.name, n.text, n.hidden, dict(n.extra)) for n in chat.path()],
        "nodes": {n.id: (n.parent, n.current, n.text, n.hidden, dict(n.extra)) for n in alive.values()},
        "fields": dict(chat.fields),
        "summaries": {s.id: (s.covers, s.text) for s in chat.summaries.values() if not s.removed},
    }
