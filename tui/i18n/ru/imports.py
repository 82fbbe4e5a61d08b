"""Presets of other programs."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
}
