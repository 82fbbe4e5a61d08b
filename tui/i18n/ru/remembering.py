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
    "The messages of that summary are not on this path.": "Сообщений этого пересказа нет на этом пути.",
    "There are no two summaries that one could stand for.":
        "Нет двух пересказов, вместо которых мог бы стоять один.",
    "A chat has at most {n} pinned facts.": "В чате может быть не больше {n} закреплённых фактов.",
    "That fact is not pinned in this chat.": "Этот факт в чате не закреплён.",
    "pinning a fact": "закрепление факта",
    "the edit of a pinned fact": "правка закреплённого факта",
    "unpinning a fact": "открепление факта",
    "A title has at most {n} characters.": "В названии не больше {n} знаков.",
    "the chapter": "глава",
    "taking a chapter away": "удаление главы",
    "The document is empty.": "Документ пуст.",
    "The document is too long: {n} characters at most.": "Документ слишком длинный: не больше {n} знаков.",
    "A chat has at most {n} documents.": "В чате может быть не больше {n} документов.",
    "adding a document": "добавление документа",
    "removing a document": "удаление документа",
    "That document is not in this chat.": "Этого документа в чате нет.",
    "An id has between 1 and {n} characters.": "В обозначении от 1 до {n} знаков.",
    "There is nothing to pin.": "Закреплять нечего.",
    "A pinned fact has at most {n} characters: it stands in every prompt.":
        "В закреплённом факте не больше {n} знаков: он входит в каждый промпт.",
}
