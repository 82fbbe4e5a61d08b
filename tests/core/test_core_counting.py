"""Counts: asked once, kept over restarts, honest about what is a guess."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tui.core.counting import TokenCounts, tokenizer_name
from tui.domain.backend import Capabilities, Piece
from tui.domain.errors import StoreError
from tui.domain.estimate import estimate
from tui.engine import available
from tui.engine.proxy import EmbeddedEngine
from tui.store import LockInfo, Store

SENTENCE = "The lamp by the door was lit again, and somebody laughed. "


class Asked:
    """A backend of which only the tokenizer is asked: a token for each word, as many texts a call as `room` says."""

    def __init__(self, room: int = 10_000) -> None:
        self.room = room
        self.questions: list[int] = []

    async def exact_counts(self, prompts: Sequence[Sequence[Piece]]) -> list[int | None]:
        self.questions.append(len(prompts))
        words = [sum(len(p.text.split()) for p in pieces) for pieces in prompts]
        return [n if i < self.room else None for i, n in enumerate(words)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "t.db", owner=LockInfo("here", 1))
    yield opened
    await opened.close()


async def plan(counts: TokenCounts, backend: object, texts: Sequence[str]) -> list[int]:
    """As the planner does: made of what is known, until nothing is missing."""
    count = counts.counter(markup=False)
    while True:
        made = [count(text) for text in texts]
        if not await counts.learn(backend):  # type: ignore[arg-type]
            return made


async def test_all_that_is_missing_is_asked_at_once_and_once(store: Store) -> None:
    counts, backend = await TokenCounts.open(store, Capabilities("x", exact_tokens=True), "here"), Asked()
    texts = [f"message {n} of many" for n in range(2000)]
    assert await plan(counts, backend, texts) == [4] * 2000
    assert await plan(counts, backend, [*texts, "one more", ""]) == [*[4] * 2000, 2, 0]
    assert backend.questions == [2000, 1]
    assert (counts.kind, counts.exact, counts.error) == ("exact", True, None)


async def test_after_a_restart_nothing_is_asked_again(tmp_path: Path) -> None:
    capabilities, texts = Capabilities("x", model="m", exact_tokens=True), [f"the {n}th text" for n in range(1200)]
    questions = []
    for _ in range(2):
        store, backend = await Store.open(tmp_path / "t.db", owner=LockInfo("here", 1)), Asked()
        counts = await TokenCounts.open(store, capabilities, "here")
        await plan(counts, backend, texts)
        await counts.settle()
        await store.close()
        questions.append(backend.questions)
    assert questions == [[1200], []]


async def test_another_vocabulary_and_markup_are_other_counts(store: Store) -> None:
    one = await TokenCounts.open(store, Capabilities("x", model="one", exact_tokens=True), "here")
    two = await TokenCounts.open(store, Capabilities("x", model="two", exact_tokens=True), "here")
    backend = Asked()
    for counts in (one, two):
        await plan(counts, backend, ["some words"])
        await counts.settle()
    one.counter(markup=True)("some words")
    await one.learn(backend)  # type: ignore[arg-type]
    assert backend.questions == [1, 1, 1]


def test_a_vocabulary_is_known_by_itself_a_servers_by_all_that_it_tells() -> None:
    assert tokenizer_name(Capabilities("embedded", tokenizer="abc"), "a.gguf") == "abc"
    names = {
        tokenizer_name(Capabilities(dialect, model=model, chat_template=template), address)
        for dialect in ("llamacpp", "vllm") for model in ("m", "n") for template in ("", "{{ x }}")
        for address in ("http://a", "http://b")
    }
    assert len(names) == 16


async def test_what_cannot_be_asked_now_is_a_guess_and_said_to_be(store: Store) -> None:
    counts, backend = await TokenCounts.open(store, Capabilities("x", exact_tokens=True), "here"), Asked(room=3)
    texts = [SENTENCE * 4 + f"{n}." for n in range(5)]
    made = await plan(counts, backend, texts)
    assert made[:3] == [45, 45, 45]
    assert all(abs(n - 45) < 12 for n in made[3:])
    assert (counts.kind, counts.exact) == ("estimate", False)
    assert counts.error is not None
    assert await plan(counts, backend, texts) == [45] * 5
    assert (counts.kind, backend.questions) == ("exact", [5, 2])
    await counts.settle()


async def test_without_a_tokenizer_nothing_is_asked_and_replies_teach(store: Store) -> None:
    capabilities = Capabilities("openai", model="m", exact_tokens=False)
    counts, backend = await TokenCounts.open(store, capabilities, "here"), Asked()
    pieces = [Piece("<|im_start|>user\n", True), Piece(SENTENCE * 30), Piece("<|im_end|>\n", True)]
    assert await plan(counts, backend, [SENTENCE]) == [estimate(SENTENCE)]
    assert (counts.kind, counts.error) == ("estimate", 0.25)
    before = await counts.whole(backend, pieces)  # type: ignore[arg-type]
    for _ in range(6):
        await counts.reported(pieces, 601)
    after = await counts.whole(backend, pieces)  # type: ignore[arg-type]
    assert abs(before - 600) > 100
    assert abs(after - 600) < 12
    assert counts.error is not None
    assert counts.error < 0.05
    assert backend.questions == []
    assert counts.counter(markup=False)(SENTENCE) > estimate(SENTENCE)
    await counts.settle()
    again = await TokenCounts.open(store, capabilities, "elsewhere")
    assert again.error == pytest.approx(counts.error, abs=0.002)
    assert abs(await again.whole(backend, pieces) - after) <= 1  # type: ignore[arg-type]
    other = await TokenCounts.open(store, Capabilities("openai", model="other", exact_tokens=False), "here")
    assert other.error == 0.25


async def test_the_whole_prompt_is_asked_where_that_can_be(store: Store) -> None:
    counts, backend = await TokenCounts.open(store, Capabilities("x", exact_tokens=True), "here"), Asked()
    assert await counts.whole(backend, [Piece("a b"), Piece(" c", True)]) == 3  # type: ignore[arg-type]
    assert counts.exact
    backend.room = 0
    assert await counts.whole(backend, [Piece(SENTENCE)]) == estimate(SENTENCE)  # type: ignore[arg-type]
    assert not counts.exact


class Broken:
    """A store whose disk is gone."""

    async def token_counts(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        raise StoreError("The disk is gone.", kind="io")

    async def keep_token_counts(self, counts: object) -> None:
        raise StoreError("The disk is gone.", kind="io")

    async def get_value(self, key: str) -> object:
        raise StoreError("The disk is gone.", kind="io")

    async def set_value(self, key: str, value: object) -> None:
        raise StoreError("The disk is gone.", kind="io")


async def test_a_store_that_fails_costs_only_the_memory() -> None:
    counts, backend = await TokenCounts.open(Broken(), Capabilities("x", exact_tokens=True), "here"), Asked()
    assert await plan(counts, backend, ["two words"]) == [2]
    await counts.settle()
    guessing = await TokenCounts.open(Broken(), Capabilities("x"), "here")
    await guessing.reported([Piece(SENTENCE * 9)], 140)
    await guessing.settle()
    assert guessing.error != 0.25


@pytest.mark.skipif(available() is not None, reason="needs llama-cpp-python")
async def test_the_embedded_vocabulary_names_itself_whatever_the_file(
    tmp_path: Path, starter: Path, store: Store,
) -> None:
    other = tmp_path / "another name.gguf"
    other.write_bytes(starter.read_bytes())
    names = set()
    for path in (starter, other):
        engine = EmbeddedEngine(path, state_dir=tmp_path, log_path=tmp_path / "log")
        counts = await TokenCounts.open(store, await engine.capabilities(), str(path))
        assert await plan(counts, engine, [SENTENCE]) == await engine.count_tokens([[Piece(SENTENCE)]])
        await engine.close()
        names.add(counts.tokenizer)
    assert len(names) == 1
