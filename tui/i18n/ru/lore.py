"""The lore scan and its trace."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
}
