"""Keys that were put where names belong."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "What stands for the variable of the key is not the name of a variable.":
        "На месте имени переменной с ключом стоит не имя переменной.",
    "Write its name, like OPENROUTER_API_KEY, and not the key itself.":
        "Напишите её имя, например OPENROUTER_API_KEY, а не сам ключ.",
}
