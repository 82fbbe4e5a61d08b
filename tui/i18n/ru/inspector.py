"""The prompt inspector."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
}
