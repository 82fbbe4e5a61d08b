"""What is remembered: pinned facts, what is recalled, nested summaries, chapters, documents."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "It was found as well, but there is no more room for what is recalled.":
        "Это тоже нашлось, но для припоминаемого больше нет места.",
    "Memory has used up its share of the window; one summary of several would make room.":
        "Память исчерпала свою долю окна; один пересказ вместо нескольких освободил бы место.",
    "Recalled by its meaning.": "Вспомнилось по смыслу.",
    "Recalled for: {words}.": "Вспомнилось по словам: {words}.",
    "{field} must be a list of at most {n} things.": "{field} — это список не длиннее {n}.",
}
