"""Why a sampler of the embedded engine has no effect."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "Gone back from phrases that must not come: {phrases}.": "Возврат от запрещённых фраз: {phrases}.",
    "They came again and again, so that from there on they were let through.":
        "Они возникали снова и снова, поэтому дальше их пропускали.",
    "The embedded engine does not have this sampler.": "Во встроенном движке такого сэмплера нет.",
    "At temperature 0 the likeliest token is always taken.":
        "При температуре 0 всегда берётся самый вероятный токен.",
    "Mirostat takes the place of all other samplers.": "Mirostat заменяет все остальные сэмплеры.",
    "The order of samplers does not name it.": "Он не назван в порядке сэмплеров.",
}
