"""Texts as vectors, by the starter and by a small model that reads both ways, made here of random weights."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tui.cli import main
from tui.domain.embedding import LONGEST_TEXT, MOST_TEXTS, likeness, unit
from tui.domain.errors import BadInput, EngineError
from tui.engine import available
from tui.engine.embedding import EmbeddingEngine

gguf = pytest.importorskip("gguf")
np = pytest.importorskip("numpy")
pytestmark = pytest.mark.skipif(available() is not None, reason="needs llama-cpp-python")

WORDS = ("rain", "storm", "wind", "bread", "butter", "the", "a", "falls", "lamp", "night")


def two_way_model(path: Path, width: int = 32, layers: int = 2, window: int = 64) -> Path:
    """A model of the family bert, with random weights and a vocabulary of a few words."""
    writer = gguf.GGUFWriter(path, "bert")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *("\u2581" + word for word in WORDS)]
    writer.add_context_length(window)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.CLS)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3, 3, *([1] * len(WORDS))])
    writer.add_token_type_count(2)
    for name, number in (("padding", 0), ("unknown", 1), ("bos", 2), ("cls", 2), ("eos", 3), ("seperator", 3)):
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", number)
    draw = np.random.default_rng(3)

    def weight(name: str, *shape: int) -> None:
        writer.add_tensor(name, draw.standard_normal(shape, np.float32) * 0.3)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(width, np.float32))

    weight("token_embd.weight", len(tokens), width)
    weight("position_embd.weight", window, width)
    weight("token_types.weight", 2, width)
    norm("token_embd_norm")
    for n in range(layers):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weight(f"blk.{n}.{part}.weight", width, width)
            weight(f"blk.{n}.{part}.bias", width)
        norm(f"blk.{n}.attn_output_norm")
        weight(f"blk.{n}.ffn_up.weight", 2 * width, width)
        weight(f"blk.{n}.ffn_up.bias", 2 * width)
        weight(f"blk.{n}.ffn_down.weight", width, 2 * width)
        weight(f"blk.{n}.ffn_down.bias", width)
        norm(f"blk.{n}.layer_output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
async def embedder(tmp_path: Path) -> AsyncIterator[Callable[[Path], EmbeddingEngine]]:
    made: list[EmbeddingEngine] = []

    def make(path: Path) -> EmbeddingEngine:
        made.append(EmbeddingEngine(path, log_path=tmp_path / "embedding.log"))
        return made[-1]

    yield make
    for engine in made:
        await engine.close()


@pytest.mark.parametrize("kind", ["starter", "bert"])
async def test_vectors_are_units_and_the_same_alone_or_among_others(
    kind: str, starter: Path, tmp_path: Path, embedder: Callable[[Path], EmbeddingEngine],
) -> None:
    engine = embedder(starter if kind == "starter" else two_way_model(tmp_path / "bert.gguf"))
    texts = ["the rain falls", "bread the butter", "the rain falls", "storm " * 500]
    together = await engine.embed(texts)
    assert {len(vector) for vector in together} == {engine.dimensions}
    assert all(abs(sum(x * x for x in vector) - 1) < 1e-6 for vector in together)
    assert together[0] == together[2]
    assert likeness(together[0], together[2]) == pytest.approx(1.0)
    assert likeness(together[0], together[1]) < 0.9999
    assert [(await engine.embed([text]))[0] for text in texts] == together
    await engine.close()
    assert (await embedder(engine.model_path).embed(texts[:1]))[0] == together[0], "and after a restart"


async def test_what_cannot_be_embedded_is_refused(
    starter: Path, tmp_path: Path, embedder: Callable[[Path], EmbeddingEngine],
) -> None:
    engine = embedder(starter)
    for texts in ([""], ["  \n"], ["x" * (LONGEST_TEXT + 1)], ["x"] * (MOST_TEXTS + 1)):
        with pytest.raises(BadInput):
            await engine.embed(texts)
    assert await engine.embed([]) == []
    with pytest.raises(EngineError):
        await embedder(tmp_path / "nowhere.gguf").embed(["x"])
    with pytest.raises(ValueError, match="direction"):
        unit([0.0, 0.0])


async def test_a_worker_that_dies_is_told_and_started_again(
    starter: Path, embedder: Callable[[Path], EmbeddingEngine],
) -> None:
    import os
    import signal

    engine = embedder(starter)
    before = await engine.embed(["rain"])
    assert engine._worker is not None
    os.kill(engine._worker.pid, signal.SIGKILL)
    await engine._worker.death()
    assert await engine.embed(["rain"]) == before


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "texts"
    file.write_text("The rain falls.\n\nBread and butter.\n", encoding="utf-8")
    assert main(["embed", "--json", str(file)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == ["The rain falls.", "Bread and butter."]
    assert all(len(row["vector"]) == row["dimensions"] > 8 for row in rows)
    assert main(["embed", "--like", "Bread and butter.", str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[0].split(maxsplit=1) == ["1.0000", "Bread and butter."]
    assert main(["embed", "--model", str(tmp_path / "none.gguf"), str(file)]) == 1
