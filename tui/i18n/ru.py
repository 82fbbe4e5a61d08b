"""The Russian catalogue."""

CATALOGUE: dict[str, str] = {}
