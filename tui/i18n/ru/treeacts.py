"""Команды дерева: номера сообщений, диапазоны, перенос, возврат к исходной ветке."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{text} is not the number of a message.": "{text}: это не номер сообщения.",
    "The text that the last message, or message N, had before an edit.":
        "Текст последнего сообщения (или сообщения N) до правки.",
    "The text after that one.": "Текст, который был после него.",
    "This message": "Это сообщение",
    "all that can be done with this message": "всё, что можно сделать с этим сообщением",
    "All that can be done with the last message, or with message N.":
        "Всё, что можно сделать с последним сообщением или с сообщением N.",
    "The name of this place": "Название этого места",
    "F6 and /checkpoints lead back here.": "Сюда ведут F6 и /отметки.",
    "name this place, to come back to it": "назвать это место, чтобы вернуться сюда",
    "Write it like 12.": "Например: 12.",
    "Done again: {label}": "Сделано снова: {label}",
    "Delete messages {first} to {last}?": "Удалить сообщения с {first} по {last}?",
    "Delete message {n}?": "Удалить сообщение {n}?",
    "From “{begin}” to “{end}”: what follows stays, and Undo brings them back.":
        "От «{begin}» до «{end}»: то, что дальше, останется, а отмена вернёт и их.",
    "/move takes up or down, and how far: up, down 3; a number before it names the message.":
        "/сдвинуть: выше или ниже и на сколько: выше, ниже 3; номер перед этим выбирает сообщение.",
    "This is the first branch: it was branched off from none.": "Это первая ветка: она ни от чего не отходит.",
    "/map shows all branches.": "/карта покажет все ветки.",
    "The branch that this one came from. /map shows all of them.":
        "Ветка, от которой отходит эта. /карта покажет все.",
    "Another reply to the same message; with a number, at that one.":
        "Другой ответ на то же сообщение; с номером: для этого.",
    "Let the last reply go on, or message N.": "Продолжить последний ответ или сообщение N.",
    "Edit my last message, or message N.": "Править моё последнее сообщение или сообщение N.",
    "Say the last message otherwise, or message N, in a branch of its own.":
        "Сказать последнее сообщение (или сообщение N) иначе, в своей ветке.",
    "Move a message: up, down 3; a number before it says which.":
        "Сдвинуть сообщение: выше, ниже 3; номер перед этим говорит, какое.",
    "[N] UP|DOWN": "[N] ВЫШЕ|НИЖЕ",
    "Back to the branch that this one was branched off from.": "Назад в ветку, от которой отходит эта.",
    "Delete the last message, the last N, or a range: 40-60, #12.":
        "Удалить последнее сообщение, последние N или диапазон: 40-60, #12.",
    "Go on from here, or from message N, in a branch of its own.":
        "Продолжить отсюда или от сообщения N в отдельной ветке.",
    "back to the branch that this one came from": "назад в ветку, от которой отходит эта",
}
