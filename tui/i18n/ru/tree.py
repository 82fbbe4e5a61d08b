"""Ветки чата: карта, отметки, правка в ветке, переписывание с места."""

CATALOGUE: dict[str, str] = {
    "Enter says it otherwise in a branch of its own, Esc leaves it as it was.":
        "Enter скажет иначе в своей ветке, Esc оставит как было.",
    "Enter keeps the text, Esc leaves it as it was; Ctrl+R: anew from the cursor on.":
        "Enter сохраняет текст, Esc оставляет как было; Ctrl+R: заново от курсора.",
    "It cannot go further.": "Дальше некуда.",
    "Too much follows it: {n} messages would be copied.":
        "За ним слишком много: пришлось бы скопировать сообщений: {n}.",
    "That message is not on the visible path.": "Этого сообщения нет на видимом пути.",
    "the branch": "ветка",
    "moving a message": "перенос сообщения",
    "the checkpoint": "отметка",
    "“{name}” is a place to come back to: /checkpoints.": "«{name}»: сюда можно вернуться через /отметки.",
    "This message is no checkpoint any more.": "Это сообщение больше не отметка.",
    "Branches": "Ветки",
    "Places to come back to": "Куда можно вернуться",
    "go there": "перейти",
    "There is none yet: /checkpoint NAME makes one.": "Пока ни одной: /отметка ИМЯ поставит.",
    "chapter": "глава",
    "checkpoint": "отметка",
    "say it otherwise, in a branch of its own": "сказать иначе, в своей ветке",
    "move the message up": "сдвинуть сообщение вверх",
    "move the message down": "сдвинуть сообщение вниз",
    "the map of the branches": "карта веток",
    "The map of the branches.": "Карта веток.",
    "Name the chosen or last message, to come back to it; no name: none.":
        "Назвать выбранное или последнее сообщение, чтобы вернуться; без имени: снять.",
    "Chapters and checkpoints of this chat.": "Главы и отметки этого чата.",
    "Write the last reply anew from these words of it on.": "Переписать последний ответ начиная с этих его слов.",
    "WORDS": "СЛОВА",
    "/rewrite takes the words from which on the reply shall be another.":
        "/переписать берёт слова, начиная с которых ответ должен быть другим.",
    "The reply does not hold “{words}”.": "В ответе нет «{words}».",
}
