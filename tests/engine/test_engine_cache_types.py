"""Types of the KV cache: taken where llama.cpp can, told where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_families import make
from engine_help import ask, chat, reply

from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings
from tui.engine.state_files import overview

PROMPT = chat(*("The lamp, the door, the rain, the bread and the boat were old." for _ in range(30)), "And?")


async def kept_bytes(engine: EmbeddedEngine, folder: Path) -> int:
    """Bytes of what the model has read of PROMPT, on disk."""
    await reply(engine, ask(PROMPT, samplers=Samplers(temperature=0), max_tokens=1, conversation="one"))
    await engine.unload()
    return overview(folder).bytes


async def test_a_quantised_cache_takes_what_its_type_says(
    make_engine: Callable[..., EmbeddedEngine], tmp_path: Path,
) -> None:
    sizes = {}
    for kind in ("f16", "q8_0", "q4_0"):
        settings = EngineSettings(cache_type_k=kind, cache_type_v=kind, flash_attn="on")  # type: ignore[arg-type]
        engine = make_engine(settings=settings, kept_dir=tmp_path / kind)
        assert (await engine.capabilities()).details["cache_types"] == [kind, kind]
        sizes[kind] = await kept_bytes(engine, tmp_path / kind)
    assert sizes["q8_0"] / sizes["f16"] == pytest.approx(34 / 64, rel=0.03)
    assert sizes["q4_0"] / sizes["f16"] == pytest.approx(18 / 64, rel=0.05)


@pytest.mark.parametrize("kind", ["f32", "bf16", "q5_0", "q5_1", "q4_1", "iq4_nl"])
async def test_every_type_is_taken_or_its_refusal_told(
    make_engine: Callable[..., EmbeddedEngine], kind: str,
) -> None:
    settings = EngineSettings(cache_type_k=kind, cache_type_v=kind, flash_attn="on")  # type: ignore[arg-type]
    engine = make_engine(settings=settings)
    told = await engine.capabilities()
    taken = told.details["cache_types"]
    assert (taken != [kind, kind]) == any("refused a KV cache" in str(n) for n in told.notices)
    text, finish = await reply(engine, ask(PROMPT, samplers=Samplers(temperature=0), max_tokens=8))
    assert finish.error is None
    assert text


async def test_quantised_values_without_flash_attention_give_way_and_that_is_told(
    make_engine: Callable[..., EmbeddedEngine],
) -> None:
    engine = make_engine(settings=EngineSettings(cache_type_k="q8_0", cache_type_v="q8_0", flash_attn="off"))
    told = await engine.capabilities()
    assert told.details["cache_types"] == ["q8_0", "f16"]
    assert any("q8_0/q8_0" in str(notice) and "q8_0/f16" in str(notice) for notice in told.notices)
    text, finish = await reply(engine, ask(PROMPT, max_tokens=8))
    assert finish.error is None
    assert text


async def test_heads_too_narrow_for_a_type_take_the_usual_one(
    make_engine: Callable[..., EmbeddedEngine], tmp_path: Path, starter: Path,
) -> None:
    settings = EngineSettings(cache_type_k="q8_0", cache_type_v="q8_0", n_ctx=512)
    engine = make_engine(make("gemma3", tmp_path, starter), settings=settings)
    told = await engine.capabilities()
    assert told.details["cache_types"] == ["f16", "f16"]
    assert any("refused a KV cache" in str(notice) for notice in told.notices)


@pytest.mark.parametrize("settings", [EngineSettings(n_batch=1, n_ubatch=1), EngineSettings(n_ctx=256, n_seq=4)])
async def test_the_smallest_batch_and_context_are_taken(
    make_engine: Callable[..., EmbeddedEngine], settings: EngineSettings
) -> None:
    """llama.cpp ends the process where a batch is smaller than the number of its sequences."""
    short = ask(chat("Hello!"), samplers=Samplers(temperature=0), max_tokens=4)
    text, finish = await reply(make_engine(settings=settings), short)
    assert finish.error is None
    assert text
