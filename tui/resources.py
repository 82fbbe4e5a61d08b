"""What ships with the program, found in a wheel and in a checkout alike."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    """A wheel carries the folder inside the package; a checkout keeps it beside."""
    inside, beside = _PACKAGE / name, _PACKAGE.parent / name
    return inside if inside.is_dir() else beside


def presets_dir() -> Path:
    return _shipped("presets")


def characters_dir() -> Path:
    return _shipped("characters")


def starter_model() -> Path:
    """The small model to try the program with."""
    return _PACKAGE / "engine" / "starter" / "starter.gguf"
