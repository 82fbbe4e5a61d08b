"""Приход и уход: чужие папки, выгрузка чатов."""

CATALOGUE: dict[str, str] = {
    "A chat can be exported as {names}, not {value}.": "Чат можно выгрузить как {names}, но не как {value}.",
    "As {value}, a chat is exported along the path on view, nothing left out by choice.":
        "В виде {value} чат выгружается по видимому пути, без выбора сообщений.",
    "Branches and a choice of messages go into: md, html, epub, sharegpt, messages, completion.":
        "Ветки и выбор сообщений возможны в md, html, epub, sharegpt, messages, completion.",
    "All branches of this chat come to more than {limit} MiB.": "Все ветки этого чата занимают больше {limit} МиБ.",
    "Export the path on view only.": "Выгрузите только видимый путь.",
    "Write this chat (.jsonl, .txt, .md, .html, .epub; with all branches) or its card (.png, .json).":
        "Записать этот чат (.jsonl, .txt, .md, .html, .epub; можно все ветки) или его карточку (.png, .json).",
    "[branches] [PATH]": "[ветки] [ПУТЬ]",
    "This chat is here already, or among those that were deleted; nothing was added.":
        "Этот чат уже есть здесь или среди удалённых; ничего не добавлено.",
    "Members of the group that are not here: {names}.": "Участники группы, которых здесь нет: {names}.",
    "Branches of one chat, joined: {n} files.": "Ветки одного чата, соединены файлы: {n}.",
    "personas: taken in from settings.json": "персоны: взяты из settings.json",
    "{file} would not come: it is nothing that Traktir can read.":
        "{file} не войдёт: Трактир такого не читает.",
    "Nothing was taken in. Without --dry-run it is.": "Ничего не взято. Без --dry-run будет взято.",
    "{file} is no user's folder of SillyTavern.": "{file} — не папка пользователя SillyTavern.",
    "It is the one that holds characters and chats, as data/default-user.":
        "Это та, где лежат characters и chats, например data/default-user.",
}
