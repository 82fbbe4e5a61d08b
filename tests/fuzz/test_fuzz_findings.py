"""Inputs that once broke a promise, each as small as it can be."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from fuzz_targets import TARGETS, archive, gguf

from tui.domain.errors import BadInput
from tui.engine import protocol
from tui.engine.gguf import read_metadata
from tui.formats.card_read import read_card


def test_an_archive_may_hold_a_member_without_a_name() -> None:
    data = archive({"x": b"", "card.json": b'{"name": "K", "description": "d", "first_mes": "f"}'})
    local = data.replace(b"\x01\0\0\0x", b"\0\0\0\0", 1)
    end = local.rindex(b"PK\5\6")
    directory = local.index(b"PK\1\2")
    lost = len(data) - len(local)
    entry = bytearray(local[directory:end])
    entry[28:30] = b"\0\0"                                  # the length of the first member's name
    del entry[46:47]
    second = entry.index(b"PK\1\2", 4)
    offset = struct.unpack_from("<I", entry, second + 42)[0]
    struct.pack_into("<I", entry, second + 42, offset - lost)
    tail = bytearray(local[end:])
    struct.pack_into("<II", tail, 12, len(entry), directory)
    assert read_card(local[:directory] + bytes(entry) + bytes(tail), "x.charx").card.name == "K"


def test_a_model_cannot_put_escape_sequences_into_what_is_said_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf((b"\x1b[2Jkey", 99, b"")))
    with pytest.raises(BadInput) as told:
        read_metadata(path)
    assert "\x1b" not in str(told.value)
    path.write_bytes(gguf((b"general.name", 8, struct.pack("<Q", 8) + b"\x1b]0;x\x07ab")))
    assert read_metadata(path).name == "ab"


def test_a_line_of_the_worker_that_is_nested_for_ever_is_none() -> None:
    with pytest.raises(ValueError, match="nested"):
        protocol.decode(b"[" * 200_000)


@pytest.mark.parametrize(("target", "data"), [
    ("zip", b"PK\5\6" + b"\0" * 18),
    ("gguf", gguf((b"a", 9, struct.pack("<IQ", 9, 1) * 20))),
])
def test_it_keeps_its_promises(target: str, data: bytes) -> None:
    TARGETS[target](data)
