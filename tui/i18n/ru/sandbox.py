"""What the helper process for untrusted patterns and templates says."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
}
