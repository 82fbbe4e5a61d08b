"""Фразы, которых не должно быть."""

CATALOGUE: dict[str, str] = {
    "[PHRASE]": "[ФРАЗА]",
    "Phrases that the model must not use; with one, forbid it.":
        "Фразы, запрещённые модели; с фразой: запретить её.",
    "Allow a forbidden phrase again, or all of them.": "Снова разрешить запрещённую фразу или все.",
    "«{phrase}» will not come any more. Ctrl+R asks again.": "«{phrase}» больше не появится. Ctrl+R просит заново.",
    "«{phrase}» is not forbidden.": "«{phrase}» не запрещена.",
    "Forbidden: {phrases}.": "Запрещено: {phrases}.",
    "No phrase is forbidden.": "Запрещённых фраз нет.",
    "Not while phrases are kept out of a reply from here.": "Не одновременно с запретом фраз, который ведётся отсюда.",
}
