"""What is said of what would hold everything up."""

CATALOGUE: dict[str, str] = {
    "The pasted text has {n} characters; the line takes {most}. Nothing was pasted: put it in parts, or in a lorebook.":
        "Вставляемый текст — {n} знаков, а в строку входит {most}. Ничего не вставлено: вставьте его по частям или "
        "поместите в лорбук.",
    "The event loop of the core was held up {n} times for more than {limit} ms, at worst {worst}; see {file}.":
        "Цикл событий ядра задерживался дольше {limit} мс раз: {n}, дольше всего на {worst} мс; подробности в {file}.",
    "held up   {n} times over {limit} ms, at worst {worst} ms":
        "задержки  дольше {limit} мс: {n}, самая долгая {worst} мс",
}
