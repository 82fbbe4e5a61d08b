"""Token counts and estimates."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
}
