"""Chats come in from SillyTavern and others, and go out so that SillyTavern reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import BadInput
from tui.formats.chat_read import read_chat, when
from tui.formats.chat_write import chat_jsonl, chat_text
from tui.formats.detect import detect_kind

CHATS = Path(__file__).parents[2].parent / "shared" / "data" / "chats"


def lines(*values: Any) -> bytes:
    return b"\n".join(json.dumps(v, ensure_ascii=False).encode() for v in values)


@pytest.mark.skipif(not CHATS.is_dir(), reason="the shared data are not here")
def test_every_real_chat_is_read() -> None:
    for path in sorted(CHATS.iterdir()):
        data = path.read_bytes()
        assert detect_kind(data, path.name) == "chat", path.name
        for chat in read_chat(data, path.name):
            assert chat.messages
            assert all(m.text.strip() for m in chat.messages if not m.swipes)


HEADER = {"user_name": "Alex", "character_name": "Mira", "chat_metadata": {}}


def test_a_sillytavern_chat_with_swipes() -> None:
    (chat,) = read_chat(
        lines(
            HEADER,
            {
                "name": "Mira",
                "is_user": False,
                "mes": "two",
                "swipes": ["one", "2", "three"],
                "swipe_id": 1,
                "send_date": 1700000000000,
            },
            {"name": "Alex", "is_user": True, "is_system": "", "mes": "line\u2028separator"},
            {"name": "Mira", "is_user": False, "is_system": True, "mes": "hidden"},
            {
                "name": "System",
                "is_user": False,
                "is_system": True,
                "mes": "*night falls*",
                "extra": {"type": "narrator"},
            },
        ),
        "Mira - 1.jsonl",
    )
    assert (chat.title, chat.character, chat.user) == ("Mira - 1", "Mira", "Alex")
    first, user, hidden, narrator = chat.messages
    assert (first.role, first.text, first.swipes, first.swipe_index) == ("assistant", "two", ("one", "two", "three"), 1)
    assert (first.created_ms, user.role, user.text) == (1700000000000, "user", "line\u2028separator")
    assert (hidden.hidden, narrator.role, narrator.hidden) == (True, "system", False)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (lines({"name": "A", "is_user": True, "mes": "x"}, {"name": "B", "is_user": False, "mes": "y"}), 2),
        (lines(HEADER, {"name": "A", "is_user": True, "mes": "x"}).replace(b"\n", b"\r"), 1),
        (lines(HEADER, {"name": "A", "is_user": True, "mes": "x"}).replace(b"\n", b""), 1),
        (lines([HEADER, {"name": "A", "is_user": True, "mes": "x"}]), 1),
        (lines(HEADER, {"name": "A", "is_user": True, "mes": "x"}) + b"\n{broken\n" + b"\n" * 50, 1),
    ],
)
def test_shapes_that_occur(data: bytes, count: int) -> None:
    (chat,) = read_chat(data, "c.jsonl")
    assert len(chat.messages) == count


def test_a_bad_line_is_counted_and_costs_only_itself() -> None:
    (chat,) = read_chat(lines(HEADER, {"name": "A", "mes": "x", "is_user": True}) + b'\n{"mes": "cut off', "c.jsonl")
    assert len(chat.messages) == 1
    assert "left out: 1" in str(chat.notes[0])


def test_swipe_numbers_out_of_range_and_wrong_types() -> None:
    (chat,) = read_chat(
        lines(
            HEADER,
            {"name": None, "is_user": "false", "mes": None, "swipes": ["a", None, {"message": "b"}], "swipe_id": 1e99},
            {"name": "A", "is_user": "true", "mes": {"x": 1}, "swipes": "no", "send_date": "Invalid date"},
        ),
        "c.jsonl",
    )
    assert chat.messages[0].swipes[chat.messages[0].swipe_index] == chat.messages[0].text
    assert chat.messages[1].role == "user"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1700000000000, 1700000000000),
        ("1700000000000", 1700000000000),
        (1700000000, 1700000000000),
        ("2023-06-19T14:56:50.682Z", 1687186610682),
        ("2023-6-19 @14h 56m 50s 682ms", 1687186610682),
        ("2023-06-19@14h56m50s682ms", 1687186610682),
        ("June 19, 2023 2:20pm", 1687184400000),
        ("June 19, 2023 12:20am", 1687134000000),
        ("Invalid date", 0),
        (1e20, 0),
        (None, 0),
        ("June 99, 2023 1:00am", 0),
        (True, 0),
        ("2023-99-19 @14h 56m 50s", 0),
    ],
)
def test_dates(value: Any, expected: int) -> None:
    assert when(value) == expected


def test_other_programs() -> None:
    webui = {
        "internal": [["<|BEGIN-VISIBLE-CHAT|>", "hi"], ["a & b", "c"]],
        "visible": [["", "hi"], ["a &amp; b", "c"]],
    }
    (chat,) = read_chat(lines(webui), "c.json")
    assert [(m.role, m.text) for m in chat.messages] == [("assistant", "hi"), ("user", "a & b"), ("assistant", "c")]
    lite = {
        "gamestarted": True,
        "prompt": "hi",
        "actions": ["{{[INPUT]}}\nyou\n{{[OUTPUT]}}\n", "me"],
        "savedsettings": {"chatname": "Alex", "chatopponent": "Mira||$||Bo", "my_api_key": "secret"},
    }
    (chat,) = read_chat(lines(lite), "c.json")
    assert [(m.role, m.name, m.text) for m in chat.messages] == [
        ("assistant", "Mira", "hi"),
        ("user", "Alex", "you"),
        ("assistant", "Mira", "me"),
    ]
    assert "secret" not in repr(chat)


def node(id_: str, parent: str | None, role: str, name: str, text: str, seq: int, hidden: bool = False) -> Node:
    revision = Revision(id_ + "r", text, 1_700_000_000_000 + seq)
    return Node(id_, parent, role, name, 1_700_000_000_000 + seq, seq, (revision,), revision.id, hidden=hidden)  # type: ignore[arg-type]


def sample_chat() -> Chat:
    nodes = [
        node("a", None, "assistant", "Mira", "Hello", 0),
        node("b", None, "assistant", "Mira", "Привет", 1),
        node("c", "b", "user", "Alex", "Hi", 2),
        node("d", "c", "assistant", "Mira", "cut", 3, hidden=True),
    ]
    return Chat("x", 1_700_000_000_000, head="d", nodes={n.id: n for n in nodes})


def test_out_and_in_again_gives_the_path_and_its_swipes() -> None:
    (again,) = read_chat(chat_jsonl(sample_chat()), "x.jsonl")
    assert (again.character, again.user) == ("Mira", "Alex")
    assert [(m.role, m.name, m.text, m.hidden) for m in again.messages] == [
        ("assistant", "Mira", "Привет", False),
        ("user", "Alex", "Hi", False),
        ("assistant", "Mira", "cut", True),
    ]
    assert (again.messages[0].swipes, again.messages[0].swipe_index) == (("Hello", "Привет"), 1)
    assert again.messages[1].created_ms == 1_700_000_000_002


def test_text_leaves_hidden_messages_out() -> None:
    assert chat_text(sample_chat()).decode() == "Mira: Привет\n\nAlex: Hi\n"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:mes name\n\r01\\u', max_size=200).map(str.encode))
def test_any_bytes_are_a_chat_or_an_explanation(data: bytes) -> None:
    detect_kind(data, "c.jsonl")
    try:
        chats = read_chat(data, "c.jsonl")
    except BadInput:
        return
    assert all(chat.messages for chat in chats)
