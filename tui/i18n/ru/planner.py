"""The planner and what it tells."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
}
