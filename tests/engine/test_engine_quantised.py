"""Quantised weights: other kernels than those of the starter's F16, and the ones known to crash somewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_help import ask, chat, reply

from tui.domain.backend import Status
from tui.engine.gguf import read_metadata
from tui.engine.proxy import EmbeddedEngine


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q4_K_M"])
async def test_it_answers_whatever_this_processor_does_to_it(
    kind: str, quantised: Callable[[str], Path], make_engine: Callable[..., EmbeddedEngine],
) -> None:
    path = quantised(kind)
    assert read_metadata(path).quantisation == kind
    heard: list[Status] = []
    engine = make_engine(path)
    await engine.load(heard.append)
    text, finish = await reply(engine, ask(chat("Hi! How are you?")))
    assert text.strip()
    assert finish.error is None
    told = await engine.capabilities()
    crashed = any("crashed" in str(status.notice) for status in heard)
    assert told.details["plain_kernels"] is crashed
    assert crashed is any("This is remembered" in str(notice) for notice in told.notices)
    await engine.close()
    again = make_engine(path)
    heard.clear()
    await again.load(heard.append)
    assert not any("crashed" in str(status.notice) for status in heard)
    assert (await again.capabilities()).details["plain_kernels"] is crashed
