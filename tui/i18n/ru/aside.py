"""Что модель пишет за человека."""

CATALOGUE: dict[str, str] = {
    "The model wrote nothing for you.": "Модель ничего не написала за вас.",
    "Try again, or with a few words to begin.": "Попробуйте ещё раз или начните сами парой слов.",
    "The model suggested nothing.": "Модель ничего не подсказала.",
    "Try again.": "Попробуйте ещё раз.",
    "Something is being written for you already.": "За вас уже что-то пишется.",
    "The model thinks of something to say…": "Модель думает, что бы сказать…",
    "What do you say?": "Что скажете?",
    "let the model write my message, from what I typed on": "пусть модель допишет моё сообщение",
    "Let the model write my next message into the line; with words, what it shall be about.":
        "Пусть модель напишет моё сообщение в строку; со словами: о чём.",
    "[ABOUT]": "[О ЧЁМ]",
    "A few things that I could say next.": "Несколько вариантов, что сказать дальше.",
}
