"""The hostile templates and lorebooks, made anew for every run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: The generator's other files are large, and no concern of these tests.
ONLY = "import runpy, sys; made = runpy.run_path(sys.argv[2]); made['lores'](); made['templates']()"
GENERATOR = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "make_hostile.py"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not GENERATOR.is_file():
        pytest.skip("the hostile files are not here")
    folder = tmp_path_factory.mktemp("hostile")
    out = folder / "files"
    subprocess.run([sys.executable, "-c", ONLY, str(out), str(GENERATOR)], cwd=folder, check=True, capture_output=True)
    return out
