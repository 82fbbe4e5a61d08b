"""The hostile files of the shared data, made once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def hostile(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of inert samples: bombs, lies, escape sequences, pipes, links, a gigabyte of nothing."""
    maker = shared / "hostile" / "make_hostile.py"
    if not maker.is_file():
        pytest.skip("the hostile samples are not here")
    folder = tmp_path_factory.mktemp("hostile") / "made"
    subprocess.run(
        [sys.executable, str(maker), str(folder)], cwd=folder.parent, check=True, capture_output=True, timeout=120
    )
    return folder
