"""What is known of models whose service does not tell it, from a file that people can lay theirs over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tui import paths, resources
from tui.backends.facts import mapping
from tui.backends.frames import window

_FILE = Path("services") / "windows.yaml"
_LARGEST = 256 << 10


@dataclass(frozen=True, slots=True)
class KnownModel:
    """`context` in tokens, None where it is not known; `thinks` of models that take no samplers; `images` of those
    that see."""

    context: int | None = None
    thinks: bool = False
    images: bool = False


def known_model(host: str, model: str) -> KnownModel:
    """What is known of `model` at the service `host`: by the longest beginning of its name."""
    found: dict[str, Any] = {}
    for path in (resources.presets_dir() / _FILE, paths.config_dir() / "presets" / _FILE):
        found |= mapping(_read(path).get(host))
    fits = [name for name in found if isinstance(name, str) and model.startswith(name)]
    told = mapping(found.get(max(fits, key=len))) if fits else {}
    return KnownModel(window(told.get("context")), told.get("thinks") is True, told.get("images") is True)


def _read(path: Path) -> dict[str, Any]:
    """A file that is not there, or is no such file, tells nothing."""
    try:
        raw = path.read_bytes()[:_LARGEST]
        return mapping(yaml.safe_load(raw))
    except (OSError, yaml.YAMLError, RecursionError):
        return {}
