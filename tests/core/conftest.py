"""A real core on a real store, with the real engine behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from core_table import Table

from tui.core.app import Core, CoreConfig


@pytest.fixture
async def table(home: Path) -> AsyncIterator[Table]:
    core = await Core.start(CoreConfig())
    try:
        yield Table(core)
    finally:
        await core.close()
