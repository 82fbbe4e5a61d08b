"""The embedded engine: llama.cpp in a worker process, and the proxy that the core holds."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re

from tui.domain.notice import Notice, notice

#: Versions of llama-cpp-python whose low-level names `tui.engine.bindings` fits: from, and below.
SUPPORTED = ((0, 3, 36), (0, 3, 37))
SUPPORTED_RANGE = ">=0.3.36,<0.3.37"

#: What the extra `llama` stands for: works wherever Traktir itself was installed from.
INSTALL = f"pip install 'llama-cpp-python{SUPPORTED_RANGE}'"


def version() -> str:
    """The installed version of llama-cpp-python; empty when there is none."""
    try:
        return importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        return ""


def available() -> Notice | None:
    """None when the embedded engine can be used; else what is missing and how to get it. Loads nothing native."""
    found = version()
    try:
        importable = importlib.util.find_spec("llama_cpp") is not None
    except (ImportError, ValueError):
        importable = False
    if not found or not importable:
        return notice("The engine (llama-cpp-python) is not installed. To install it: {command}", command=INSTALL)
    numbers = tuple(int(n) for n in re.findall(r"\d+", found)[:3])
    if not SUPPORTED[0] <= numbers < SUPPORTED[1]:
        return notice(
            "The installed llama-cpp-python is version {found}; Traktir needs {wanted}. To install it: {command}",
            found=found, wanted=SUPPORTED_RANGE, command=INSTALL,
        )
    return None
