"""Readers of what strangers send, against bytes that nobody would send: the promises of `fuzz_targets` hold.

Small and always the same here; `fuzz_parsers.py` hunts on its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from fuzz_targets import SEEDS, TARGETS, close
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

#: What parsers stumble over.
_ODD = (
    b"", b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"{", b"[", b'"', b"\\", b"}}", b"{{", b"\n", b"\r",
    b"\r\n\r\n", b"-1", b"1e999", b"NaN", b"null", b"true", b"\\ud800", b"\xed\xa0\x80", b"\x1b[2J", b"&a ", b"*a",
    b"<<: ", b"!!python/name:x ", b"---\n", b"data: ", b": ", b"PK\1\2", b"IEND", "\u202e\u2028".encode(), b"[" * 300,
)
#: Templates are rendered in another process, which takes its time.
_FEW = {"jinja": 6, "gguf": 25, "http": 25}


def changed(seed: bytes, dice: random.Random) -> bytes:
    """A seed with a few of its bytes flipped, cut out, doubled, or replaced by something odd."""
    data = bytearray(seed)
    for _ in range(dice.randint(1, 5)):
        at = dice.randint(0, len(data))
        end = min(len(data), at + dice.choice((1, 1, 2, 4, 16, 200)))
        how = dice.randrange(6)
        if how == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif how == 1:
            data[at:at] = dice.choice(_ODD)
        elif how == 2:
            del data[at:end]
        elif how == 3:
            data[at:at] = data[at:end] * dice.randint(1, 3)
        elif how == 4:
            data[at:end] = dice.choice(_ODD)
        else:
            data[at:end] = bytes(data[at:end][::-1])
    return bytes(data)


@st.composite
def inputs(draw: st.DrawFn, name: str) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=400))
    return changed(draw(st.sampled_from(SEEDS[name])), random.Random(draw(st.integers(0, 2**32))))


@pytest.fixture(autouse=True, scope="module")
def helper() -> Iterator[None]:
    yield
    close()


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_keeps_its_promises(name: str) -> None:
    @settings(
        max_examples=_FEW.get(name, 60), derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(name))
    def holds(data: bytes) -> None:
        began = time.process_time()
        TARGETS[name](data)
        assert time.process_time() - began < 5, "a small input, and seconds of work"

    for seed in SEEDS[name]:
        TARGETS[name](seed)
    holds()
