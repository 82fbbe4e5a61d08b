"""Prompt formats: detection, derivation, checks."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
}
