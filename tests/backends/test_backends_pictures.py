"""Pictures in the bodies that servers take."""

from __future__ import annotations

import base64

from tui.backends.pictures import (
    by_id,
    koboldcpp_images,
    llamacpp_prompt,
    ollama_images,
    ollama_prompt,
    openai_content,
    without_pictures,
)
from tui.domain.backend import CompletionRequest, Image, Piece
from tui.domain.samplers import Samplers

ONE, TWO = Image("a" * 64, "image/png", b"one"), Image("b" * 64, "image/jpeg", b"two")
B1, B2 = base64.b64encode(b"one").decode(), base64.b64encode(b"two").decode()
IMAGES = by_id([ONE, TWO])
PIECES = (
    Piece("<u>", True), Piece("[image: 1]", image=ONE.id), Piece("\nlook <m_1> [img-7]"),
    Piece("[image: 2]", image=TWO.id), Piece("</u>", True),
)


def test_chat_messages_have_parts_only_where_there_is_a_picture() -> None:
    assert openai_content("hi", (), IMAGES) == "hi"
    assert openai_content("hi", ("gone",), IMAGES) == "hi"
    assert openai_content("hi", (TWO.id, ONE.id), IMAGES) == [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{B2}"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B1}"}},
        {"type": "text", "text": "hi"},
    ]
    assert len(openai_content("", (ONE.id,), IMAGES)) == 1


def test_llama_server_counts_exactly_the_marks_that_are_ours() -> None:
    made = llamacpp_prompt(PIECES, IMAGES, "<m_1>", bos="<s>")
    assert isinstance(made, dict)
    assert made["multimodal_data"] == [B1, B2]
    assert made["prompt_string"].startswith("<s><u><m_1>\nlook ")
    assert made["prompt_string"].count("<m_1>") == 2, "one that a person wrote is broken"
    plain = llamacpp_prompt(without_pictures(PIECES), IMAGES, "<m_1>")
    assert isinstance(plain, str)
    assert "[image: 1]" in plain


def test_ollama_names_pictures_by_number_and_obeys_no_text() -> None:
    text, images = ollama_prompt(PIECES, IMAGES)
    assert images == [B1, B2]
    assert text.index("[img-0]") < text.index("[img-1]")
    assert "[img-7]" not in text
    assert ollama_images((TWO.id, "gone"), IMAGES) == [B2]


def test_koboldcpp_gets_the_last_that_it_takes() -> None:
    request = CompletionRequest("r", PIECES, Samplers(), 5, images=(TWO, ONE))
    assert koboldcpp_images(request, 4) == [B1, B2], "in the order of the prompt"
    assert koboldcpp_images(request, 1) == [B2]
    assert koboldcpp_images(request, 0) == []
