"""Token counts, and the model's memory of the prompt."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{field} must be true or false.": "{field} должно быть true или false.",
}
