"""The lore scan and its trace."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "The entry is not meant for this kind of reply.": "Запись не предназначена для ответов такого рода.",
    "The entry is not meant for this character.": "Запись не предназначена для этого персонажа.",
    "It fired before, and a decorator lets it fire only once.":
        "Запись уже срабатывала, а декоратор разрешает это только один раз.",
    "The entry belongs to another greeting of the character.": "Запись относится к другому приветствию персонажа.",
    "It waits until the chat has {count} messages.": "Запись ждёт, пока в чате наберётся сообщений: {count}.",
    "It fired a short while ago and rests for {count} more messages.":
        "Запись недавно сработала и отдыхает; осталось сообщений: {count}.",
    "It fires only where other entries make it fire.": "Запись срабатывает только вслед за другими записями.",
    "Its key occurs only in other entries, which may not make it fire.":
        "Её ключ встретился только в других записях, а вслед за ними она не срабатывает.",
    "It needs no key, but the dice ({percent} %) fell against it.":
        "Ключ ей не нужен, но жребий ({percent} %) выпал против неё.",
    "Lore entries made each other fire {count} times over; the scan ended there.":
        "Записи лора вызывали друг друга по цепочке ({count} кругов); на этом просмотр остановлен.",
    "An entry of its group {group} stays from earlier.": "В её группе {group} ещё держится сработавшая раньше запись.",
    "Of its group {group}, another entry has more keys that occur ({count} of its own).":
        "В её группе {group} у другой записи встретилось больше ключей (у этой: {count}).",
    "Its group {group} has an entry in the prompt already.": "От её группы {group} в промпте уже есть запись.",
    "Another entry of its group {group} was chosen.": "Из её группы {group} выбрана другая запись.",
    "{text} does not say where a book comes from.": "Из «{text}» не понять, откуда книга.",
    "Write the book's id and one of chat, persona, character or global, as in eldoria=chat.":
        "Укажите id книги и одно из chat, persona, character, global, например eldoria=chat.",
    "order {order}, {tokens} tokens": "порядок {order}, токенов: {tokens}",
    "[{key}] in message {number}: {text}": "[{key}] в сообщении {number}: {text}",
    "[{key}] in entry {entry}: {text}": "[{key}] в записи {entry}: {text}",
    "It needs no key.": "Ключ ей не нужен.",
    "The dice fell on {number} of 100.": "Жребий: {number} из 100.",
    "Group {group}": "Группа {group}",
    "{name}: {count} more messages": "{name}: ещё сообщений: {count}",
    "Left out by a budget: {name}": "Не вошла из-за бюджета: {name}",
}
