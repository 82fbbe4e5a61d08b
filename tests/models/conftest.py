"""A hub on this machine, and the command line that knows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import Hub, served
from hub_stage import MAKER, Commands


@pytest.fixture
def hub() -> Iterator[Hub]:
    """One repository: two quantisations, one of them in three parts; a projector; and one that lacks a part."""
    pytest.importorskip("huggingface_hub")
    body = bytes(range(256)) * 4096
    files = {"Story-7B.i1-Q4_K_S.gguf": b"GGUF" + body, "mmproj-Story-7B-f16.gguf": b"GGUF" + body[:5000],
             "README.md": b"# Story"}
    files |= {f"Q8_0/Story-7B-Q8_0-{n:05}-of-00003.gguf": b"GGUF" + bytes([n]) * (700_000 + n) for n in (1, 2, 3)}
    files |= {f"Story-7B-IQ4_XS-{n:05}-of-00002.gguf": b"GGUF" + bytes([n]) * 900_000 for n in (1,)}
    with served(Hub({MAKER: files})) as running:
        yield running


@pytest.fixture
def commands(tmp_path: Path, hub: Hub) -> Commands:
    return Commands(tmp_path, hub)
