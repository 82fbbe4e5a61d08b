"""The hostile files, made anew for every run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GENERATOR = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "make_hostile.py"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not GENERATOR.is_file():
        pytest.skip("the hostile files are not here")
    folder = tmp_path_factory.mktemp("hostile")
    out = folder / "files"
    subprocess.run([sys.executable, str(GENERATOR), str(out)], cwd=folder, check=True, capture_output=True)
    return out
