"""The planner and what it tells."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "The replies since your last message do not all fit; the oldest of them were left out.":
        "Не все ответы после вашего последнего сообщения помещаются; самые старые из них убраны.",
    "The prompt format or its date is another one.": "Другой формат промпта или другая дата в нём.",
    "The system prompt is another one.": "Другой системный промпт.",
    "The text between the parts of the head is another one.": "Другой текст между частями начала.",
    "The persona was changed.": "Персона изменена.",
    "The author's note was changed, or moved on with the conversation.":
        "Заметка автора изменена или сдвинулась вместе с разговором.",
    "The post-history instructions moved on to the newest message.":
        "Указания после истории перешли к новейшему сообщению.",
    "The reply begins with other words.": "Ответ начинается другими словами.",
    "Something else is asked for at the end.": "В конце спрашивается другое.",
    "The character was changed, or its note moved on with the conversation.":
        "Персонаж изменён, или его заметка сдвинулась вместе с разговором.",
    "A lore entry came, went, moved or was changed.": "Запись лора появилась, ушла, сдвинулась или изменена.",
    "Example dialogue came, went or was changed.": "Примеры диалогов появились, ушли или изменены.",
    "A summary came, went or was changed.": "Пересказ появился, ушёл или изменён.",
    "An injected text came, went, moved or was changed.": "Вставленный текст появился, ушёл, сдвинулся или изменён.",
    "The oldest messages were cut, so that everything after the head moved.":
        "Самые старые сообщения отрезаны, и всё после начала сдвинулось.",
    "A message was edited, hidden, deleted or swiped, or another branch is on view.":
        "Сообщение изменено, скрыто, удалено или заменено вариантом, либо открыта другая ветка.",
    "It fired earlier and stands before the message that fired it.":
        "Сработала раньше и стоит перед сообщением, которое её вызвало.",
    "It waits for the next cut of the oldest messages, so that nothing is processed twice for it.":
        "Ждёт, когда отрежут старые сообщения, чтобы ради него ничего не обрабатывать дважды.",
    "The prompt preset leaves example dialogue out.": "Пресет промпта оставляет примеры диалогов за бортом.",
    (
        "This model's cache cannot be cut in the middle: what stands at a depth has the whole prompt "
        "processed again on every turn, {tokens} tokens. Anchored lore and notes in the head cost "
        "nothing."
    ): (
        "Кэш этой модели нельзя разрезать посередине: из-за того, что стоит на глубине, весь промпт "
        "обрабатывается заново каждый ход, {tokens} токенов. Закреплённый лор и заметки в начале не "
        "стоят ничего."
    ),
    "{field} must be a list of texts with their places.": "{field}: нужен список текстов с их местами.",
    "frozen in {place}: {macro} = {value}": "застыло в {place}: {macro} = {value}",
    "It departs from the last prompt at token {token} ({source}): {cause}":
        "Расходится с прошлым промптом на токене {token} ({source}): {cause}",
    "It only goes on where the last prompt ended.": "Он лишь продолжает прошлый промпт.",
    "[{key}] in message {message}": "[{key}] в сообщении {message}",
    "A text asks that words not be written ({words}); no backend is told so yet.":
        "Текст просит не писать слова ({words}); движкам это пока не передаётся.",
    "The profile names this prompt format.": "Этот формат промпта назван в профиле.",
    "The server writes the prompt itself, from messages.": "Сервер сам составляет промпт из сообщений.",
    (
        "{tokens} tokens were moved up in the engine's memory instead of being processed again. They were read with "
        "what was cut still in view, so the reply may differ from that of a fresh reading."
    ): (
        "{tokens} токенов сдвинуты в памяти движка вместо новой обработки. Они читались, когда отрезанное ещё было "
        "на виду, так что ответ может отличаться от ответа при чтении заново."
    ),
    "It asks for a place around the character, which stays the same on every turn; so it stands deeper.":
        "Просит места рядом с персонажем, а оно одинаково каждый ход; поэтому стоит глубже.",
    "from {parent}": "из {parent}",
}
