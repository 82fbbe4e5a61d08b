"""SillyTavern's assembly."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
}
