"""Tiny models of random weights from families whose memory works otherwise than the starter's: a running state
(Mamba), windows that slide (Gemma 3), and both kinds of layers together (LFM2). The vocabulary is the starter's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WIDTH, INNER, HEADS, HEAD, WINDOW = 64, 128, 4, 16, 64


class _Maker:
    """Writes one model."""

    def __init__(self, path: Path, family: str, starter: Path) -> None:
        import gguf
        import numpy

        self._gguf, self._numpy = gguf, numpy
        self._random = numpy.random.default_rng(7)
        self.out: Any = gguf.GGUFWriter(str(path), family)
        self._family = family
        fields = gguf.GGUFReader(str(starter)).fields
        self.vocabulary = len(fields["tokenizer.ggml.tokens"].contents())
        for name in ("model", "pre", "bos_token_id", "eos_token_id", "add_bos_token"):
            self._copy(fields[f"tokenizer.ggml.{name}"])
        self.out.add_array("tokenizer.ggml.tokens", fields["tokenizer.ggml.tokens"].contents())
        self.out.add_array("tokenizer.ggml.merges", fields["tokenizer.ggml.merges"].contents())
        self.out.add_array("tokenizer.ggml.token_type", fields["tokenizer.ggml.token_type"].contents())
        for name, value in {
            "block_count": 0, "context_length": 4096, "embedding_length": WIDTH, "feed_forward_length": INNER,
        }.items():
            if value:
                self.number(name, value)

    def _copy(self, field: Any) -> None:
        kind, value = field.types[0], field.contents()
        self.out.add_key_value(field.name, value, kind)

    def number(self, name: str, value: int | float | list[int]) -> None:
        add = {int: self.out.add_uint32, float: self.out.add_float32, list: self.out.add_array}[type(value)]
        add(f"{self._family}.{name}", value)

    def tensor(self, name: str, *shape: int, scale: float = 0.2, around: float = 0.0) -> None:
        """`shape` as numpy has it: rows first."""
        values = self._random.normal(around, scale, shape).astype(self._numpy.float32)
        self.out.add_tensor(name, values)

    def close(self) -> None:
        self.out.write_header_to_file()
        self.out.write_kv_data_to_file()
        self.out.write_tensors_to_file()
        self.out.close()

    def attention(self, layer: int, kv_heads: int) -> None:
        block = f"blk.{layer}"
        self.tensor(f"{block}.attn_q.weight", HEADS * HEAD, WIDTH)
        self.tensor(f"{block}.attn_k.weight", kv_heads * HEAD, WIDTH)
        self.tensor(f"{block}.attn_v.weight", kv_heads * HEAD, WIDTH)
        self.tensor(f"{block}.attn_output.weight", WIDTH, HEADS * HEAD)
        for name in ("attn_q_norm", "attn_k_norm"):
            self.tensor(f"{block}.{name}.weight", HEAD, around=1.0)

    def forward(self, layer: int) -> None:
        block = f"blk.{layer}"
        self.tensor(f"{block}.ffn_norm.weight", WIDTH, around=1.0)
        self.tensor(f"{block}.ffn_gate.weight", INNER, WIDTH)
        self.tensor(f"{block}.ffn_up.weight", INNER, WIDTH)
        self.tensor(f"{block}.ffn_down.weight", WIDTH, INNER)


def mamba(path: Path, starter: Path) -> None:
    """A running state, and nothing else."""
    made = _Maker(path, "mamba", starter)
    state, rank, kernel, layers = 16, 4, 4, 2
    for name, value in {
        "block_count": layers, "attention.head_count": 0, "ssm.conv_kernel": kernel, "ssm.inner_size": INNER,
        "ssm.state_size": state, "ssm.time_step_rank": rank, "attention.layer_norm_rms_epsilon": 1e-5,
    }.items():
        made.number(name, value)
    made.tensor("token_embd.weight", made.vocabulary, WIDTH)
    made.tensor("output_norm.weight", WIDTH, around=1.0)
    for layer in range(layers):
        block = f"blk.{layer}"
        made.tensor(f"{block}.attn_norm.weight", WIDTH, around=1.0)
        made.tensor(f"{block}.ssm_in.weight", 2 * INNER, WIDTH)
        made.tensor(f"{block}.ssm_conv1d.weight", INNER, kernel)
        made.tensor(f"{block}.ssm_conv1d.bias", INNER)
        made.tensor(f"{block}.ssm_x.weight", rank + 2 * state, INNER)
        made.tensor(f"{block}.ssm_dt.weight", INNER, rank)
        made.tensor(f"{block}.ssm_dt.bias", INNER)
        made.tensor(f"{block}.ssm_a", INNER, state, scale=0.01, around=-0.05)     # it forgets slowly
        made.tensor(f"{block}.ssm_d", INNER)
        made.tensor(f"{block}.ssm_out.weight", WIDTH, INNER)
    made.close()


def gemma3(path: Path, starter: Path) -> None:
    """Five layers of six see only the last WINDOW tokens."""
    made = _Maker(path, "gemma3", starter)
    layers = 6
    for name, value in {
        "block_count": layers, "attention.head_count": HEADS, "attention.head_count_kv": 2,
        "attention.key_length": HEAD, "attention.value_length": HEAD, "attention.sliding_window": WINDOW,
        "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0,
    }.items():
        made.number(name, value)
    made.tensor("token_embd.weight", made.vocabulary, WIDTH)
    made.tensor("output_norm.weight", WIDTH, around=1.0)
    for layer in range(layers):
        for name in ("attn_norm", "post_attention_norm", "post_ffw_norm"):
            made.tensor(f"blk.{layer}.{name}.weight", WIDTH, around=1.0)
        made.attention(layer, 2)
        made.forward(layer)
    made.close()


def lfm2(path: Path, starter: Path) -> None:
    """Layers with a running state, and layers with attention."""
    made = _Maker(path, "lfm2", starter)
    kv_heads, kernel = [0, 2, 0, 2], 3
    for name, value in {
        "block_count": len(kv_heads), "attention.head_count": HEADS, "attention.head_count_kv": kv_heads,
        "shortconv.l_cache": kernel, "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 10000.0,
        "vocab_size": made.vocabulary,
    }.items():
        made.number(name, value)  # type: ignore[arg-type]
    made.tensor("token_embd.weight", made.vocabulary, WIDTH)
    made.tensor("token_embd_norm.weight", WIDTH, around=1.0)
    for layer, heads in enumerate(kv_heads):
        made.tensor(f"blk.{layer}.attn_norm.weight", WIDTH, around=1.0)
        made.forward(layer)
        if heads:
            made.attention(layer, heads)
        else:
            made.tensor(f"blk.{layer}.shortconv.conv.weight", WIDTH, kernel)
            made.tensor(f"blk.{layer}.shortconv.in_proj.weight", 3 * WIDTH, WIDTH)
            made.tensor(f"blk.{layer}.shortconv.out_proj.weight", WIDTH, WIDTH)
    made.close()


FAMILIES: dict[str, Callable[[Path, Path], None]] = {"mamba": mamba, "gemma3": gemma3, "lfm2": lfm2}


def make(family: str, folder: Path, starter: Path) -> Path:
    """The model of that family in `folder`, made if it is not there."""
    pytest.importorskip("gguf")
    path = folder / f"{family}.gguf"
    if not path.exists():
        FAMILIES[family](path, starter)
    return path
