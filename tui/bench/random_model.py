"""A model of random weights, made where it is measured: as large as those that people run, and worth nothing.

GGUF version 3 as its specification has it; weights in Q4_0, blocks of 32 with one scale (ggml-common.h). The vocabulary
is that of the starter model, so that texts can be read and written.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tui.domain.errors import Refused
from tui.domain.notice import notice

_UINT32, _FLOAT32, _STRING, _ARRAY = 4, 6, 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, _UINT32: 4, 5: 4, _FLOAT32: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_F32, _Q4_0 = 0, 2
_BLOCK, _BLOCK_BYTES, _ALIGNMENT = 32, 18, 32
#: Bytes of random blocks that are written over and over: what the weights are does not change how fast they are.
_POOL = 1 << 22
#: A spread of 0.02 for nibbles that are spread by 4.6 around nothing.
_SCALE = 0.02 / 4.6


@dataclass(frozen=True, slots=True)
class Shape:
    """A model of the llama family. `parameters` counts those of its layers and of its embedding."""

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    context: int = 8192

    def parameters(self, vocabulary: int) -> int:
        head = self.width // self.heads
        attention = 2 * self.width * self.width + 2 * self.width * self.kv_heads * head
        return self.layers * (attention + 3 * self.width * self.inner) + 2 * vocabulary * self.width


#: About 1 billion parameters for a processor; a GPU needs about 7 to be busy.
ON_CPU = Shape(layers=16, width=2048, inner=8192, heads=32, kv_heads=8)
ON_GPU = Shape(layers=32, width=4096, inner=14336, heads=32, kv_heads=8)


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The fields of another model that tell its vocabulary, byte by byte, and how many tokens it has."""

    fields: tuple[bytes, ...]
    tokens: int


def write_random_model(path: Path, shape: Shape, like: Path) -> int:
    """Write a model of `shape` with the vocabulary of `like` to `path`; its parameters. Raises Refused where there is
    no room, OSError."""
    vocabulary = _vocabulary(like)
    tensors = list(_tensors(shape, vocabulary.tokens))
    size = sum(_bytes(kind, dimensions) for _, dimensions, kind in tensors)
    free = shutil.disk_usage(path.parent).free
    if free < size + (64 << 20):
        raise Refused(
            notice("There is no room for a model to measure with: it takes {size} MB, and {free} MB are free.",
                   size=size >> 20, free=free >> 20),
            notice("Point TMPDIR to a larger disk, or name a model with --model."))
    with path.open("wb") as file:
        fields = [*_fields(shape), *vocabulary.fields]
        file.write(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(fields)))
        file.write(b"".join(fields))
        offset = 0
        for name, dimensions, kind in tensors:
            file.write(_text(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, offset))
            offset += _padded(_bytes(kind, dimensions))
        file.write(bytes(-file.tell() % _ALIGNMENT))
        _write_weights(file, tensors)
    return shape.parameters(vocabulary.tokens)


def _fields(shape: Shape) -> Iterator[bytes]:
    yield _text("general.architecture") + struct.pack("<I", _STRING) + _text("llama")
    yield _text("general.name") + struct.pack("<I", _STRING) + _text("random weights")
    for name, value in (
        ("general.file_type", _Q4_0), ("general.alignment", _ALIGNMENT), ("llama.block_count", shape.layers),
        ("llama.embedding_length", shape.width), ("llama.feed_forward_length", shape.inner),
        ("llama.attention.head_count", shape.heads), ("llama.attention.head_count_kv", shape.kv_heads),
        ("llama.context_length", shape.context), ("llama.rope.dimension_count", shape.width // shape.heads),
    ):
        yield _text(name) + struct.pack("<II", _UINT32, value)
    for name, number in (("llama.attention.layer_norm_rms_epsilon", 1e-5), ("llama.rope.freq_base", 500000.0)):
        yield _text(name) + struct.pack("<If", _FLOAT32, number)


def _tensors(shape: Shape, vocabulary: int) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Name, dimensions (the innermost first) and type of each."""
    width, inner, narrow = shape.width, shape.inner, shape.kv_heads * (shape.width // shape.heads)
    yield "token_embd.weight", (width, vocabulary), _Q4_0
    yield "output_norm.weight", (width,), _F32
    yield "output.weight", (width, vocabulary), _Q4_0
    for layer in range(shape.layers):
        for name, dimensions, kind in (
            ("attn_norm", (width,), _F32), ("attn_q", (width, width), _Q4_0), ("attn_k", (width, narrow), _Q4_0),
            ("attn_v", (width, narrow), _Q4_0), ("attn_output", (width, width), _Q4_0), ("ffn_norm", (width,), _F32),
            ("ffn_gate", (width, inner), _Q4_0), ("ffn_up", (width, inner), _Q4_0), ("ffn_down", (inner, width), _Q4_0),
        ):
            yield f"blk.{layer}.{name}.weight", dimensions, kind


def _write_weights(file: IO[bytes], tensors: list[tuple[str, tuple[int, ...], int]]) -> None:
    import numpy

    chance = numpy.random.default_rng(20261123)
    blocks = numpy.empty(_POOL // _BLOCK_BYTES, dtype=[("scale", "<f2"), ("nibbles", "u1", _BLOCK // 2)])
    blocks["scale"] = _SCALE
    blocks["nibbles"] = chance.integers(0, 256, blocks["nibbles"].shape, dtype="u1")
    pool = blocks.tobytes()
    for _, dimensions, kind in tensors:
        size = _bytes(kind, dimensions)
        if kind == _F32:
            file.write(numpy.ones(dimensions, "<f4").tobytes())
        else:
            start = int(chance.integers(0, len(blocks) // 2)) * _BLOCK_BYTES
            source = pool[start:]
            file.writelines([source] * (size // len(source)))
            file.write(source[:size % len(source)])
        file.write(bytes(_padded(size) - size))


def _bytes(kind: int, dimensions: tuple[int, ...]) -> int:
    count = 1
    for dimension in dimensions:
        count *= dimension
    return 4 * count if kind == _F32 else count // _BLOCK * _BLOCK_BYTES


def _padded(size: int) -> int:
    return size + -size % _ALIGNMENT


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _vocabulary(path: Path) -> _Vocabulary:
    """The tokenizer of our own starter model, as its file has it."""
    data = path.read_bytes()
    _, _, _, count = struct.unpack_from("<4sIQQ", data)
    at, fields, tokens = 24, [], 0
    for _ in range(count):
        start = at
        name, at = _read_text(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        value = at + 4
        at = _after(data, value, kind)
        if name.startswith("tokenizer."):
            fields.append(data[start:at])
        if name == "tokenizer.ggml.tokens":
            (tokens,) = struct.unpack_from("<Q", data, value + 4)
    return _Vocabulary(tuple(fields), tokens)


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    length = int(struct.unpack_from("<Q", data, at)[0])
    return data[at + 8:at + 8 + length].decode(), at + 8 + length


def _after(data: bytes, at: int, kind: int) -> int:
    """Where a value of `kind` ends."""
    if kind == _STRING:
        return _read_text(data, at)[1]
    if kind != _ARRAY:
        return at + _SIZES[kind]
    item, count = (int(value) for value in struct.unpack_from("<IQ", data, at))
    at += 12
    if item != _STRING:
        return at + count * _SIZES[item]
    for _ in range(count):
        at = _after(data, at, item)
    return at


def shape_for(gpu: bool) -> Shape:
    return ON_GPU if gpu else ON_CPU


