"""Models of many families for tests: real shapes, weights that are all zero, no vocabulary. Made in parts of a second,
loaded by llama.cpp as any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter


@dataclass(frozen=True)
class Sizes:
    """The measures of a model; `more` are further pairs, without the family's name before them."""

    family: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int = 4096
    head: int = 0
    trained: int = 4096
    kind: str = "Q8_0"
    tied: bool = True
    more: Mapping[str, Any] = ()                      # type: ignore[assignment]

    @property
    def head_width(self) -> int:
        return self.head or self.width // self.heads


LLAMA = Sizes("llama", 512, 6, 8, 2, 1408, tied=False)
BIG_VOCABULARY = Sizes("qwen3", 256, 4, 8, 2, 768, vocabulary=151_936, head=64)
GEMMA3 = Sizes("gemma3", 512, 12, 8, 4, 1024, vocabulary=32_768, head=64, more={"attention.sliding_window": 512})
GEMMA2 = Sizes("gemma2", 512, 8, 8, 4, 1024, vocabulary=32_768, head=64, more={"attention.sliding_window": 1024})
MAMBA = Sizes("mamba", 512, 8, 0, 0, 0, vocabulary=8192, more={
    "ssm.conv_kernel": 4, "ssm.inner_size": 1024, "ssm.state_size": 16, "ssm.time_step_rank": 32})
EXPERTS = Sizes("qwen3moe", 256, 4, 8, 2, 512, vocabulary=16_384, head=64, more={
    "expert_count": 8, "expert_used_count": 2, "expert_feed_forward_length": 512})
LATENT = Sizes("deepseek2", 512, 4, 8, 1, 1024, vocabulary=8192, head=96, more={
    "attention.q_lora_rank": 256, "attention.kv_lora_rank": 128, "attention.key_length": 160,
    "attention.value_length": 128, "attention.key_length_mla": 96, "attention.value_length_mla": 64,
    "rope.dimension_count": 32, "leading_dense_block_count": 4, "expert_count": 0, "expert_used_count": 0,
    "expert_feed_forward_length": 64, "expert_shared_count": 1})
HYBRID = Sizes("jamba", 512, 8, 8, 2, 1024, vocabulary=8192, more={
    "ssm.conv_kernel": 4, "ssm.inner_size": 1024, "ssm.state_size": 16, "ssm.time_step_rank": 32})


def make(path: Path, sizes: Sizes = LLAMA, **changes: Any) -> Path:
    """Write the model to `path`."""
    sizes = replace(sizes, **changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, sizes.family)
    _describe(writer, sizes)
    for name, shape, kind in _tensors(sizes):
        _add(writer, name, shape, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: GGUFWriter, sizes: Sizes) -> None:
    writer.add_name(path_name := f"made {sizes.family}")
    assert path_name
    writer.add_context_length(sizes.trained)
    writer.add_embedding_length(sizes.width)
    writer.add_block_count(sizes.layers)
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(sizes.vocabulary)
    writer.add_file_type(7)
    writer.add_feed_forward_length(sizes.inner)
    writer.add_layer_norm_rms_eps(1e-5)
    if sizes.family == "jamba":
        writer.add_head_count(sizes.heads)
        writer.add_head_count_kv([sizes.kv_heads if n % 4 == 3 else 0 for n in range(sizes.layers)])
    elif sizes.family != "mamba":
        writer.add_head_count(sizes.heads)
        writer.add_head_count_kv(sizes.kv_heads)
    if sizes.head and "attention.key_length" not in dict(sizes.more or {}):
        writer.add_key_length(sizes.head)
        writer.add_value_length(sizes.head)
    if sizes.family not in ("mamba", "jamba"):
        writer.add_rope_freq_base(10_000.0)
    for key, value in dict(sizes.more or {}).items():
        add: Callable[[str, Any], None] = writer.add_float32 if isinstance(value, float) else (
            writer.add_string if isinstance(value, str) else writer.add_uint32)
        add(f"{sizes.family}.{key}", value)


def _tensors(s: Sizes) -> list[tuple[str, tuple[int, ...], str]]:
    """Name, shape in ggml's order, type."""
    out = [("token_embd.weight", (s.width, s.vocabulary), s.kind), ("output_norm.weight", (s.width,), "F32")]
    if not s.tied:
        out.append(("output.weight", (s.width, s.vocabulary), s.kind))
    for n in range(s.layers):
        for name, shape, kind in _layer(s, n):
            out.append((f"blk.{n}.{name}", shape, kind))
    return out


def _layer(s: Sizes, n: int) -> list[tuple[str, tuple[int, ...], str]]:
    more = dict(s.more or {})
    if s.family == "mamba" or (s.family == "jamba" and n % 4 != 3):
        out = _state(s, more)
        if s.family == "mamba":
            return out
    elif s.family == "deepseek2":
        out = _latent(s, more)
    else:
        keys = s.head_width * s.kv_heads
        out = [
            ("attn_norm.weight", (s.width,), "F32"), ("attn_q.weight", (s.width, s.head_width * s.heads), s.kind),
            ("attn_k.weight", (s.width, keys), s.kind), ("attn_v.weight", (s.width, keys), s.kind),
            ("attn_output.weight", (s.head_width * s.heads, s.width), s.kind),
        ]
    if s.family in ("gemma3", "qwen3", "qwen3moe"):
        out += [("attn_q_norm.weight", (s.head_width,), "F32"), ("attn_k_norm.weight", (s.head_width,), "F32")]
    if s.family in ("gemma2", "gemma3"):
        out += [("post_attention_norm.weight", (s.width,), "F32"), ("post_ffw_norm.weight", (s.width,), "F32")]
    out.append(("ffn_norm.weight", (s.width,), "F32"))
    if s.family == "qwen3moe":
        wide, count = more["expert_feed_forward_length"], more["expert_count"]
        return [*out, ("ffn_gate_inp.weight", (s.width, count), "F32"),
                ("ffn_gate_exps.weight", (s.width, wide, count), s.kind),
                ("ffn_up_exps.weight", (s.width, wide, count), s.kind),
                ("ffn_down_exps.weight", (wide, s.width, count), s.kind)]
    return [*out, ("ffn_gate.weight", (s.width, s.inner), s.kind), ("ffn_up.weight", (s.width, s.inner), s.kind),
            ("ffn_down.weight", (s.inner, s.width), s.kind)]


def _state(s: Sizes, more: Mapping[str, Any]) -> list[tuple[str, tuple[int, ...], str]]:
    inner, rank, state, kernel = (
        more["ssm.inner_size"], more["ssm.time_step_rank"], more["ssm.state_size"], more["ssm.conv_kernel"])
    out = [
        ("attn_norm.weight", (s.width,), "F32"), ("ssm_in.weight", (s.width, inner * 2), s.kind),
        ("ssm_conv1d.weight", (kernel, inner), "F32"), ("ssm_conv1d.bias", (inner,), "F32"),
        ("ssm_x.weight", (inner, rank + 2 * state), s.kind), ("ssm_dt.weight", (rank, inner), "F32"),
        ("ssm_dt.bias", (inner,), "F32"), ("ssm_a", (state, inner), "F32"), ("ssm_d", (inner,), "F32"),
        ("ssm_out.weight", (inner, s.width), s.kind),
    ]
    if s.family == "jamba":
        out += [("ssm_dt_norm.weight", (rank,), "F32"), ("ssm_b_norm.weight", (state,), "F32"),
                ("ssm_c_norm.weight", (state,), "F32")]
    return out


def _latent(s: Sizes, more: Mapping[str, Any]) -> list[tuple[str, tuple[int, ...], str]]:
    query, latent = more["attention.q_lora_rank"], more["attention.kv_lora_rank"]
    key, value = more["attention.key_length_mla"], more["attention.value_length_mla"]
    rope = more["rope.dimension_count"]
    return [
        ("attn_norm.weight", (s.width,), "F32"), ("attn_q_a_norm.weight", (query,), "F32"),
        ("attn_kv_a_norm.weight", (latent,), "F32"), ("attn_q_a.weight", (s.width, query), s.kind),
        ("attn_q_b.weight", (query, s.heads * key), s.kind),
        ("attn_kv_a_mqa.weight", (s.width, latent + rope), s.kind),
        ("attn_k_b.weight", (key - rope, latent, s.heads), s.kind),
        ("attn_v_b.weight", (latent, value, s.heads), s.kind),
        ("attn_output.weight", (s.heads * value, s.width), s.kind),
    ]


def _add(writer: GGUFWriter, name: str, shape: tuple[int, ...], kind: str) -> None:
    import numpy

    number = GGMLQuantizationType[kind]
    block, size = GGML_QUANT_SIZES[number]
    if kind == "F32":
        writer.add_tensor(name, numpy.zeros(shape[::-1], numpy.float32))
        return
    row = shape[0] // block * size
    writer.add_tensor(name, numpy.zeros((*shape[:0:-1], row), numpy.uint8), raw_dtype=number)
