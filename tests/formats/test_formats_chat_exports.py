"""Chats for readers and for training: each message once, nothing alive in it."""

from __future__ import annotations

import io
import json
import zipfile
from xml.etree import ElementTree as Xml

import pytest

from tui.core.chat_export import export_chat
from tui.domain.chat import Chat, Node, Revision
from tui.domain.errors import BadInput
from tui.formats.chat_parts import Choice

EVIL = "</div><script>alert(1)</script>\x1b[31m\ufffe [x](javascript:1) *soft* & «да»"


def _node(name: str, parent: str | None, role: str, text: str, seq: int, **more: object) -> Node:
    revision = Revision(f"r{name}", text, 1)
    who = "Ann" if role == "user" else "Mira<b>"
    return Node(name, parent, role, who, 1, seq, (revision,), revision.id, **more)  # type: ignore[arg-type]


def _chat() -> Chat:
    nodes = [
        _node("a", None, "assistant", "Welcome.", 0),
        _node("b", "a", "user", EVIL, 1),
        _node("c", "b", "assistant", "First way.", 2),
        _node("d", "b", "assistant", "Second way.", 3),
        _node("e", "d", "user", "Onward.", 4, extra={"chapter": "The road"}),
        _node("f", "c", "user", "A secret.", 5, hidden=True),
        _node("g", "f", "assistant", "gone", 6, deleted=True),
        _node("h", "c", "assistant", "Loud aside.", 7, extra={"kind": "comment"}),
    ]
    fields = {"title": "Rain & <i>wind</i>", "persona": "Ann", "card": {"name": "Mira", "description": "{{char}} knows "
              "{{User}}."}}
    return Chat("chat", 1, 2, "e", fields, {n.id: n for n in nodes})


def _text(form: str, choice: Choice) -> str:
    return export_chat(_chat(), form, choice)[1].decode()


@pytest.mark.parametrize("form", ["md", "html"])
def test_the_path_on_view_or_every_branch_each_message_once(form: str) -> None:
    path, every = _text(form, Choice()), _text(form, Choice(branches=True))
    assert "Second way." in path
    assert "First way." not in path
    for said in ("Welcome.", "First way.", "Second way.", "Onward.", "A secret.", "Loud aside."):
        assert every.count(said) == 1
    assert "gone" not in every
    assert "Branch 2, from message 3" in every
    assert "The road" in path
    assert "A secret." not in _text(form, Choice(branches=True, hidden=False))
    assert "Onward." not in _text(form, Choice(replies=True))


def test_nothing_in_a_page_is_alive() -> None:
    page = _text("html", Choice(branches=True))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert "<i>" not in page
    assert "default-src 'none'" in page
    words = _text("md", Choice(branches=True))
    assert "\\<script\\>" in words
    assert "\\](javascript" in words
    assert "*soft*" in words


def test_a_book_opens_and_is_the_same_every_time() -> None:
    name, data = export_chat(_chat(), "epub", Choice(branches=True))
    assert name == "chat.epub"
    assert data == export_chat(_chat(), "epub", Choice(branches=True))[1]
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        first = book.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert data[30:58] == b"mimetypeapplication/epub+zip"
        assert book.read("mimetype") == b"application/epub+zip"
        pages = [n for n in book.namelist() if n.endswith((".xhtml", ".opf", ".xml"))]
        for page in pages:
            Xml.fromstring(book.read(page))
        package = Xml.fromstring(book.read("OEBPS/content.opf"))
        listed = {item.get("href") for item in package.iter("{http://www.idpf.org/2007/opf}item")}
        there = {n.removeprefix("OEBPS/") for n in book.namelist() if n.startswith("OEBPS/")}
        assert listed == there - {"content.opf"}
        assert "The road" in book.read("OEBPS/nav.xhtml").decode()


def test_data_to_train_on_holds_what_a_model_saw() -> None:
    (one,) = (json.loads(line) for line in _text("sharegpt", Choice()).splitlines())
    assert [t["from"] for t in one["conversations"]] == ["system", "gpt", "human", "gpt", "human"]
    assert one["conversations"][0]["value"] == "Mira knows Ann."
    lines = [json.loads(line) for line in _text("messages", Choice(branches=True)).splitlines()]
    assert [[t["content"] for t in line["messages"]][-1] for line in lines] == ["Onward.", "First way."]
    (whole,) = (json.loads(line) for line in _text("completion", Choice()).splitlines())
    assert whole["completion"] == " Second way."
    assert whole["prompt"].endswith("Mira<b>:")


def test_a_form_that_cannot_hold_the_choice_says_so() -> None:
    for form, choice in (("jsonl", Choice(branches=True)), ("txt", Choice(replies=True)), ("docx", Choice())):
        with pytest.raises(BadInput):
            export_chat(_chat(), form, choice)
    assert export_chat(_chat(), "jsonl", Choice())[0] == "chat.jsonl"


def test_long_chats_with_many_swipes_are_written_once() -> None:
    nodes, parent = {}, None
    for at in range(3000):
        for swipe in range(3):
            node = _node(f"n{at}.{swipe}", parent, "assistant", f"<{at}.{swipe}>", at * 3 + swipe)
            nodes[node.id] = node
        parent = f"n{at}.0"
    page = export_chat(Chat("long", 1, 1, parent, {}, nodes), "html", Choice(branches=True))[1]
    assert page.count(b'class="t"') == 9000
