"""The reader of GGUF metadata against real vocabularies, the starter, and files made to harm."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.domain.errors import BadInput
from tui.engine.gguf import read_metadata

STRING, ARRAY, UINT32, UINT64 = 8, 9, 4, 10


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def gguf(
    *pairs: bytes, count: int | None = None, version: int = 3, tensors: tuple[bytes, ...] = (), more: int = 0,
) -> bytes:
    head = struct.pack("<IQQ", version, len(tensors) + more, len(pairs) if count is None else count)
    return b"GGUF" + head + b"".join(pairs) + b"".join(tensors)


def tensor(name: bytes, *shape: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


ARCHITECTURE = pair(b"general.architecture", STRING, text(b"llama"))


def test_the_starter_tells_all_that_matters(starter: Path) -> None:
    info = read_metadata(starter)
    assert (info.architecture, info.name, info.quantisation) == ("llama", "Traktir Starter", "F16")
    assert (info.context_length, info.block_count, info.vocabulary) == (1024, 6, 3072)
    assert (info.bos_token, info.eos_token, info.add_bos) == ("<|endoftext|>", "<|im_end|>", True)
    assert info.chat_template.startswith("{% for message in messages %}")
    assert info.size_bytes == starter.stat().st_size
    assert info.makes_text
    assert info.parameters == 5_606_656


@pytest.mark.parametrize(
    ("name", "tokens", "bos", "eos", "template"),
    [
        ("llama-bpe", 128256, "<|begin_of_text|>", "<|end_of_text|>", False),
        ("llama-spm", 32000, "<s>", "</s>", False),
        ("phi-3", 32064, "<s>", "<|endoftext|>", True),
        ("qwen2", 151936, "<|endoftext|>", "<|endoftext|>", True),
    ],
)
def test_real_vocabularies(shared: Path, name: str, tokens: int, bos: str, eos: str, template: bool) -> None:
    info = read_metadata(shared / "vocab" / f"ggml-vocab-{name}.gguf")
    assert (info.vocabulary, info.bos_token, info.eos_token) == (tokens, bos, eos)
    assert bool(info.chat_template) is template
    assert info.tensors == 0


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"GGUF", ""),
        (b"<!DOCTYPE html><title>404</title>" * 3, ""),
        (gguf(ARCHITECTURE, version=1) + b"\0" * 8, "version"),
        (gguf(ARCHITECTURE, version=0x03000000), "version"),
        (gguf(count=2**60) + b"\0" * 8, "metadata_kv_count"),
        (gguf(pair(b"general.name", STRING, struct.pack("<Q", 2**62))), "general.name"),
        (gguf(pair(b"general.name", STRING, struct.pack("<Q", 2**64 - 1))), "general.name"),
        (gguf(pair(b"x.list", ARRAY, struct.pack("<IQ", STRING, 2**50))), "x.list"),
        (gguf(pair(b"x.list", ARRAY, struct.pack("<IQ", UINT64, 2**61 + 1))), "x.list"),
        (gguf(pair(b"x.list", ARRAY, struct.pack("<IQ", STRING, 7_000_000) + text(b"a"))), "x.list"),
        (gguf(pair(b"x.odd", 99, b"\0" * 8)), "x.odd"),
        (gguf(pair(b"x.odd", ARRAY, struct.pack("<IQ", 99, 1))), "x.odd"),
        (gguf(pair(b"x.deep", ARRAY, struct.pack("<IQ", ARRAY, 1) * 200)), "x.deep"),
        (gguf(ARCHITECTURE, ARCHITECTURE), "general.architecture"),
        (gguf(ARCHITECTURE, count=2), ""),
        (gguf(ARCHITECTURE, more=2**40), "tensors"),
        (gguf(ARCHITECTURE, more=3, tensors=(tensor(b"a", 2),)), "tensors"),
        (gguf(ARCHITECTURE, tensors=(text(b"a") + struct.pack("<I", 2**31),)), "tensors"),
    ],
)
def test_a_broken_file_is_named_with_its_field(tmp_path: Path, data: bytes, field: str) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(data)
    started = time.monotonic()
    with pytest.raises(BadInput) as caught:
        read_metadata(path)
    assert time.monotonic() - started < 1
    assert "broken.gguf" in str(caught.value)
    assert field in str(caught.value)


def test_parameters_are_counted_where_the_file_does_not_tell(tmp_path: Path) -> None:
    path = tmp_path / "small.gguf"
    path.write_bytes(gguf(ARCHITECTURE, tensors=(tensor(b"a", 3, 5), tensor(b"b", 7))))
    assert (read_metadata(path).tensors, read_metadata(path).parameters) == (2, 22)


def test_odd_types_are_as_good_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(gguf(
        pair(b"general.architecture", UINT32, struct.pack("<I", 7)),
        pair(b"general.name", STRING, text(b"\xff\x1b[31mred")),
        pair(b"tokenizer.ggml.bos_token_id", STRING, text(b"1")),
        pair(b"tokenizer.ggml.eos_token_id", UINT32, struct.pack("<I", 999)),
        pair(b"tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, 1) + text(b"a")),
    ))
    info = read_metadata(path)
    assert (info.architecture, info.bos_id, info.bos_token, info.eos_token) == ("", None, "", "")
    assert info.name.endswith("red")


def test_the_parts_of_a_split_model_belong_together(tmp_path: Path) -> None:
    for part in (1, 3):
        (tmp_path / f"big-{part:05}-of-00003.gguf").write_bytes(gguf(ARCHITECTURE) + b"\0" * 100)
    info = read_metadata(tmp_path / "big-00001-of-00003.gguf")
    assert (info.part, info.parts) == (1, 3)
    assert info.missing_parts == ("big-00002-of-00003.gguf",)
    assert info.size_bytes == 2 * (tmp_path / "big-00003-of-00003.gguf").stat().st_size


def test_what_cannot_write_text_is_known(tmp_path: Path) -> None:
    path = tmp_path / "embedder.gguf"
    path.write_bytes(gguf(pair(b"general.architecture", STRING, text(b"nomic-bert"))))
    assert not read_metadata(path).makes_text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_bad_input_or_read(data: Any, starter: Path, tmp_path: Path) -> None:
    """Bytes changed and the end cut off anywhere in the metadata: never another exception, never a hang."""
    content = bytearray(starter.read_bytes()[:120_000])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content[:data.draw(st.integers(0, len(content)))])
    try:
        named = read_metadata(path).path.name
    except BadInput as error:
        named = Path(str(error.details["file"])).name
    assert named == "damaged.gguf"
