"""Why a sampler of the embedded engine has no effect."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "Of all samplers only biases and bans of tokens have a part in a search by beams.":
        "В лучевом поиске из всех сэмплеров участвуют только смещения и запреты токенов.",
    "There is no other prompt that would fit.": "Нет другого промпта, который поместился бы.",
    "It does not go together with phrases that must not come.": "Не сочетается с запрещёнными фразами.",
    "A reply can obey a grammar or a JSON Schema, not both.":
        "Ответ подчиняется или грамматике, или схеме JSON, не обеим.",
    "The grammar is longer than {limit} characters.": "Грамматика длиннее {limit} знаков.",
    "The grammar holds a character that no text has.": "В грамматике знак, которого не бывает в тексте.",
    "The grammar nests brackets deeper than {limit}.": "Скобки в грамматике вложены глубже {limit}.",
    "The grammar repeats something more than {limit} times.": "Грамматика повторяет что-то больше {limit} раз.",
    "The JSON Schema is longer than {limit} characters.": "Схема JSON длиннее {limit} знаков.",
    "The JSON Schema is nested too deeply.": "Схема JSON вложена слишком глубоко.",
    "The JSON Schema cannot be used: {reason}": "Схема JSON не годится: {reason}",
    "Correct {field} in the sampler values, or take it out with /set {field} preset.":
        "Исправьте {field} в сэмплерах или уберите: /set {field} preset.",
    "llama.cpp does not take the grammar: it needs a rule called root, and no rule that begins with itself.":
        "llama.cpp не принимает грамматику: нужно правило root, и ни одно правило не может начинаться с себя самого.",
    "The grammar allows nothing more that is not forbidden otherwise.":
        "Грамматика не допускает больше ничего, что не запрещено иначе.",
    "Gone back from phrases that must not come: {phrases}.": "Возврат от запрещённых фраз: {phrases}.",
    "They came again and again, so that from there on they were let through.":
        "Они возникали снова и снова, поэтому дальше их пропускали.",
    "The embedded engine does not have this sampler.": "Во встроенном движке такого сэмплера нет.",
    "At temperature 0 the likeliest token is always taken.":
        "При температуре 0 всегда берётся самый вероятный токен.",
    "Mirostat takes the place of all other samplers.": "Mirostat заменяет все остальные сэмплеры.",
    "The order of samplers does not name it.": "Он не назван в порядке сэмплеров.",
}
