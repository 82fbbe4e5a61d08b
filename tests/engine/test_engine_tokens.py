"""Tokenising in pieces against real vocabularies: equal to the whole text, except that content stays text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tui.domain.backend import Piece
from tui.engine.bindings import ATTR_CONTROL, Model
from tui.engine.tokenise import Tokeniser

NAMES = ("falcon", "gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2")


@pytest.fixture(params=NAMES, scope="module")
def vocabulary(request: pytest.FixtureRequest, shared: Path, library: Any) -> Iterator[tuple[Path, Model, Tokeniser]]:
    path = shared / "vocab" / f"ggml-vocab-{request.param}.gguf"
    model = Model.load(path, vocab_only=True)
    assert model is not None
    yield path, model, Tokeniser(model.vocab)
    model.free()


def test_the_published_ids(vocabulary: tuple[Path, Model, Tokeniser]) -> None:
    path, _, tokeniser = vocabulary
    texts = Path(f"{path}.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    lines = Path(f"{path}.out").read_text().splitlines()
    assert len(lines) > 40
    for text, line in zip(texts, lines, strict=False):
        assert tokeniser.encode([Piece(text)]) == [int(i) for i in line.split()]


def test_pieces_give_what_the_whole_text_gives(vocabulary: tuple[Path, Model, Tokeniser]) -> None:
    """Wherever content is cut, and whatever white space a control token swallows beside it."""
    _, model, tokeniser = vocabulary
    for control in tokeniser.special_tokens[:40]:
        whole = f"{control}user\n  Привет, you there {control}\n\nHel{control} lo  "
        pieces = (
            Piece(control, True), Piece("user\n", True), Piece("  При"), Piece("вет, you"), Piece(" there "),
            Piece(control, True), Piece("\n", True), Piece("\nHel"), Piece(control + " ", True), Piece("lo  "),
        )
        assert tokeniser.encode(pieces) == model.vocab.tokenize(whole, special=True)


def test_content_never_becomes_a_control_token(vocabulary: tuple[Path, Model, Tokeniser]) -> None:
    _, model, tokeniser = vocabulary
    controls = {tokeniser.control_token(text) for text in tokeniser.special_tokens}
    for control in tokeniser.special_tokens:
        half = len(control) // 2
        for pieces in (
            [Piece(f"a {control} b{control}{control}")],
            [Piece(control[:half]), Piece(control[half:])],
            [Piece(control[:half], True), Piece(control[half:])],
        ):
            tokens = tokeniser.encode(pieces)
            assert not controls & set(tokens)
            assert not any(model.vocab.attributes(token) & ATTR_CONTROL for token in tokens)


def test_a_control_token_over_two_literals_is_one(vocabulary: tuple[Path, Model, Tokeniser]) -> None:
    _, _, tokeniser = vocabulary
    control = tokeniser.special_tokens[0]
    pieces = [Piece(control[:2], True), Piece(control[2:], True)]
    assert tokeniser.encode(pieces) == [tokeniser.control_token(control)]


def test_bos_once_or_never(vocabulary: tuple[Path, Model, Tokeniser]) -> None:
    """The vocabulary's own where it asks for one; else what the format says, where that is a control token."""
    _, model, tokeniser = vocabulary
    vocab = model.vocab
    bare, literal = tokeniser.encode([Piece("Hello")]), vocab.text(vocab.bos)
    with_literal = tokeniser.prompt([Piece("Hello")], literal)
    assert with_literal == [vocab.bos, *bare]
    assert tokeniser.prompt([Piece(literal, True), Piece("Hello")], literal) == [
        vocab.bos, *tokeniser.encode([Piece(literal, True), Piece("Hello")])[1:],
    ]
    assert tokeniser.prompt([Piece("Hello")]) == ([vocab.bos, *bare] if vocab.adds_bos else bare)
    assert tokeniser.prompt([Piece("Hello")], "<no such token>") == tokeniser.prompt([Piece("Hello")])


class _Merging:
    """A vocabulary whose merges spell a control token out of plain text, as SentencePiece ones may."""

    size, bos, adds_bos = 4, 0, False
    words = ("<s>", "<", "s", ">")

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        return [0] if text == "<s>" else [self.words.index(c) for c in text]

    def text(self, token: int) -> str:
        return self.words[token]

    def attributes(self, token: int) -> int:
        return ATTR_CONTROL if token == 0 else 4


def test_a_merge_into_a_control_token_is_taken_apart() -> None:
    tokeniser = Tokeniser(_Merging())
    assert tokeniser.encode([Piece("<s>")]) == [1, 2, 3]
    assert tokeniser.encode([Piece("<s>", True)]) == [0]
