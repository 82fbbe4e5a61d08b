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
        norm = name.endswith(("ln.weight", "ln1.weight", "ln2.weight"))
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
