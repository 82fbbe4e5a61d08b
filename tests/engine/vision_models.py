"""Projectors of random weights beside the starter model, and pictures, all made here."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import gguf
import numpy as np

_WIDTH, _INNER, _LAYERS, _HEADS, _SIDE, _PATCH = 32, 64, 2, 2, 56, 14


def write_projector(path: Path, width: int) -> Path:
    """A CLIP of two layers and the two-layer projector of LLaVA, for a model whose embeddings are `width` wide: 16
    tokens for any picture."""
    chance = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "clip")
    _head(writer, "mlp", width)
    writer.add_bool("clip.has_llava_projector", True)
    weights = {
        "v.class_embd": (_WIDTH,), "v.patch_embd.weight": (_WIDTH, 3, _PATCH, _PATCH),
        "v.position_embd.weight": ((_SIDE // _PATCH) ** 2 + 1, _WIDTH),
        "v.pre_ln.weight": (_WIDTH,), "v.pre_ln.bias": (_WIDTH,),
        "v.post_ln.weight": (_WIDTH,), "v.post_ln.bias": (_WIDTH,),
        "mm.0.weight": (width, _WIDTH), "mm.0.bias": (width,), "mm.2.weight": (width, width), "mm.2.bias": (width,),
    }
    _write(writer, weights | _layers(), chance)
    return path


def _head(writer: gguf.GGUFWriter, kind: str, width: int) -> None:
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", kind)
    for name, value in (
        ("image_size", _SIDE), ("patch_size", _PATCH), ("embedding_length", _WIDTH), ("feed_forward_length", _INNER),
        ("block_count", _LAYERS), ("projection_dim", width), ("attention.head_count", _HEADS),
    ):
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_bool("clip.use_gelu", True)


def _layers() -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for layer in range(_LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            found[f"v.blk.{layer}.{name}.weight"] = (_WIDTH, _WIDTH)
            found[f"v.blk.{layer}.{name}.bias"] = (_WIDTH,)
        for name in ("ln1", "ln2"):
            found[f"v.blk.{layer}.{name}.weight"] = (_WIDTH,)
            found[f"v.blk.{layer}.{name}.bias"] = (_WIDTH,)
        found[f"v.blk.{layer}.ffn_up.weight"] = (_INNER, _WIDTH)
        found[f"v.blk.{layer}.ffn_up.bias"] = (_INNER,)
        found[f"v.blk.{layer}.ffn_down.weight"] = (_WIDTH, _INNER)
        found[f"v.blk.{layer}.ffn_down.bias"] = (_WIDTH,)
    return found


def _write(writer: gguf.GGUFWriter, weights: dict[str, tuple[int, ...]], chance: np.random.Generator) -> None:
    for name, shape in weights.items():
        norm = name.endswith(("ln.weight", "ln1.weight", "ln2.weight", "norm.weight"))
        writer.add_tensor(name, (np.ones(shape) if norm else chance.normal(0, .3, shape)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def png(width: int = 64, height: int = 48, seed: int = 1) -> bytes:
    """A picture of stripes, other ones for each seed."""
    rows = b"".join(
        b"\0" + bytes((seed * 37 + (x * seed) // 3 + y * 5 + c * 60) % 256 for x in range(width) for c in range(3))
        for y in range(height)
    )
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)),
             (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def write_dynamic_projector(path: Path, width: int) -> Path:
    """A projector of Qwen2-VL's kind: as many tokens as a picture has squares of 28 pixels, placed in two
    dimensions."""
    chance = np.random.default_rng(11)
    writer = gguf.GGUFWriter(path, "clip")
    _head(writer, "qwen2vl_merger", width)
    patch = (_WIDTH, 3, _PATCH, _PATCH)
    weights = {
        "v.patch_embd.weight": patch, "v.patch_embd.weight.1": patch,
        "v.post_ln.weight": (_WIDTH,), "v.post_ln.bias": (_WIDTH,),
        "mm.0.weight": (4 * _WIDTH, 4 * _WIDTH), "mm.0.bias": (4 * _WIDTH,),
        "mm.2.weight": (width, 4 * _WIDTH), "mm.2.bias": (width,),
    }
    _write(writer, weights | _layers(), chance)
    return path


def write_mrope_model(path: Path, like: Path) -> Path:
    """A language model of Qwen2-VL's family with random weights and the vocabulary of `like`: 64 wide, two layers."""
    chance = np.random.default_rng(5)
    writer = gguf.GGUFWriter(path, "qwen2vl")
    tokens = _copy_vocabulary(writer, like)
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_sections([2, 3, 3, 0])
    weights: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (tokens, 64), "output.weight": (tokens, 64), "output_norm.weight": (64,),
    }
    for layer in range(2):
        weights |= {
            f"blk.{layer}.attn_norm.weight": (64,), f"blk.{layer}.ffn_norm.weight": (64,),
            f"blk.{layer}.attn_q.weight": (64, 64), f"blk.{layer}.attn_q.bias": (64,),
            f"blk.{layer}.attn_k.weight": (32, 64), f"blk.{layer}.attn_k.bias": (32,),
            f"blk.{layer}.attn_v.weight": (32, 64), f"blk.{layer}.attn_v.bias": (32,),
            f"blk.{layer}.attn_output.weight": (64, 64), f"blk.{layer}.ffn_gate.weight": (128, 64),
            f"blk.{layer}.ffn_up.weight": (128, 64), f"blk.{layer}.ffn_down.weight": (64, 128),
        }
    _write(writer, weights, chance)
    return path


def _copy_vocabulary(writer: gguf.GGUFWriter, like: Path) -> int:
    """The tokenizer of another model; how many tokens it has."""
    tokens = 0
    for name, field in gguf.GGUFReader(like).fields.items():
        if not name.startswith("tokenizer."):
            continue
        value = field.contents()
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(name, value)
        else:
            writer.add_key_value(name, value, field.types[0])
        tokens = len(value) if name == "tokenizer.ggml.tokens" else tokens
    return tokens
