"""Что программа делает с ответом, который кончился."""

CATALOGUE: dict[str, str] = {
    "It ends with a whole sentence.": "Он кончается целым предложением.",
    "Another version is asked for: this one has fewer than {n} characters.":
        "Запрошена другая версия: в этой меньше {n} знаков.",
    "Another version is asked for: this one says “{words}”.": "Запрошена другая версия: в этой есть «{words}».",
    "trimming to the last sentence": "обрезка до последнего предложения",
    "Take away a last sentence that was only begun.": "Убрать последнее, недописанное предложение.",
    "Go on by itself": "Продолжать сам",
    "times that a reply is gone on with that reached its length; 0: never":
        "сколько раз продолжать ответ, упёршийся в длину; 0: никогда",
    "Whole sentences": "Целые предложения",
    "A last sentence that was only begun is taken away; [ brings it back.":
        "Недописанное последнее предложение убирается; [ вернёт его.",
    "Other versions unasked": "Другие версии без спроса",
    "times at most, of a reply that is too short or says what is not wanted; 0: never":
        "сколько раз самое большее, если ответ слишком короткий или с нежелательным; 0: никогда",
    "Too short is under": "Слишком коротко: меньше",
    "characters": "знаков",
    "Not wanted": "Нежелательное",
    "words, divided by commas": "слова через запятую",
}
