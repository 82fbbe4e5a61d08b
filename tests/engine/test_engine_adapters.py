"""LoRA adapters: random ones for the starter change what it says by their scale, and wrong ones are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_help import ask, chat, reply

from tui.domain.errors import EngineError
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings, only_rescaled

gguf = pytest.importorskip("gguf")
np = pytest.importorskip("numpy")

GREEDY = Samplers(temperature=0)


def adapter(path: Path, model: Path, *, family: str = "", kind: str = "adapter", rank: int = 4, cut: int = 0) -> Path:
    """Random low ranks for the attention of `model`; `cut` rows less than it needs make them unfit."""
    reader = gguf.GGUFReader(model)
    own = reader.get_field("general.architecture").contents()
    writer = gguf.GGUFWriter(path, family or own)
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    draw = np.random.default_rng(7)
    for tensor in reader.tensors:
        if not tensor.name.endswith(("attn_q.weight", "attn_v.weight", "ffn_down.weight")):
            continue
        inner, outer = (int(n) for n in tensor.shape[:2])
        writer.add_tensor(f"{tensor.name}.lora_a", draw.standard_normal((rank, inner - cut), np.float32))
        writer.add_tensor(f"{tensor.name}.lora_b", draw.standard_normal((outer, rank), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


Make = Callable[..., EmbeddedEngine]


async def said(engine: EmbeddedEngine, **more: object) -> str:
    text, finish = await reply(engine, ask(chat("Tell me of the tavern."), samplers=GREEDY, max_tokens=24, **more))
    assert finish.error is None
    return text


async def test_scales_change_the_reply_and_none_is_none(make_engine: Make, starter: Path, tmp_path: Path) -> None:
    lora = str(adapter(tmp_path / "mood.gguf", starter))
    plain = await said(make_engine())
    engine = make_engine(settings=EngineSettings(lora=((lora, 0.5),)))
    half = await said(engine)
    assert half != plain
    assert (await engine.capabilities()).details["adapters"] == [["mood.gguf", 0.5]]
    pid = engine.pid

    for scale, expected in ((0.0, plain), (0.5, half)):
        assert engine.rescale(EngineSettings(lora=((lora, scale),)))
        text, finish = await reply(engine, ask(chat("Tell me of the tavern."), samplers=GREEDY, max_tokens=24))
        assert text == expected
        assert finish.usage.cached_tokens == 0, "what was read with other scales is not used"
    assert engine.rescale(EngineSettings(lora=((lora, -2.0),)))
    assert await said(engine) not in (plain, half)
    assert engine.pid == pid, "nothing was loaded again"


async def test_states_on_disk_know_the_scales(make_engine: Make, starter: Path, tmp_path: Path) -> None:
    lora = str(adapter(tmp_path / "mood.gguf", starter))
    long = chat("Tell me of the tavern. " * 60)

    async def asked(engine: EmbeddedEngine) -> int | None:
        request = ask(long, samplers=GREEDY, max_tokens=4, conversation="story")
        return (await reply(engine, request))[1].usage.cached_tokens

    kept = tmp_path / "kept"
    engine = make_engine(settings=EngineSettings(lora=((lora, 0.5),)), kept_dir=kept)
    assert await asked(engine) == 0
    assert engine.rescale(EngineSettings(lora=((lora, 0.0),)))
    assert await asked(engine) == 0
    await engine.close()
    assert list(kept.rglob("*")), "something was kept"
    again = make_engine(settings=EngineSettings(lora=((lora, -1.0),)), kept_dir=kept)
    assert await asked(again) == 0, "and is not taken for what another scale would have made of it"


@pytest.mark.parametrize("wrong", ["missing", "broken", "model", "family", "shape"])
async def test_a_wrong_adapter_is_named(make_engine: Make, starter: Path, tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "wrong.gguf"
    if wrong == "broken":
        path.write_bytes(adapter(path, starter).read_bytes()[:300])
    elif wrong == "model":
        path = starter
    elif wrong == "family":
        adapter(path, starter, family="qwen3")
    elif wrong == "shape":
        adapter(path, starter, cut=1)
    engine = make_engine(settings=EngineSettings(lora=((str(path), 1.0),)))
    with pytest.raises(EngineError) as refused:
        await engine.load()
    assert path.name in str(refused.value.what)
    assert refused.value.details["kind"] == "adapter"
    assert refused.value.remedy is not None


def test_only_scales_are_changed_without_loading() -> None:
    one = EngineSettings(lora=(("a", 1.0),))
    assert only_rescaled(one, EngineSettings(lora=(("a", 0.0),)))
    assert not only_rescaled(one, one)
    assert not only_rescaled(one, EngineSettings(lora=(("b", 1.0),)))
    assert not only_rescaled(one, EngineSettings(lora=(("a", 0.0),), n_ctx=512))
