"""Regex scripts, narrator and comments, quick replies and their scripts, in Russian."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{file} holds no regex script.": "В {file} нет ни одного regex-скрипта.",
    "A script has findRegex and replaceString; a file holds one, or a list.":
        "У скрипта есть findRegex и replaceString; в файле лежит один скрипт или список.",
    "There is no regex script called {name}.": "Нет regex-скрипта с именем {name}.",
    "This character brings no regex scripts.": "У этого персонажа нет своих regex-скриптов.",
    "The regex script {name} is passed over.": "Regex-скрипт {name} пропускается.",
    "the regex scripts": "regex-скрипты",
    "Quick replies": "Быстрые ответы",
    "Quick replies; with a name, that one.": "Быстрые ответы; с именем — сразу этот.",
    "Run a script as quick replies have them.": "Выполнить скрипт, как у быстрых ответов.",
    "SCRIPT": "СКРИПТ",
    "There are no quick replies. Take SillyTavern's sets in with /import, or put them into {folder}.":
        "Быстрых ответов нет. Загрузите наборы SillyTavern через /import или положите их в {folder}.",
    "There is no quick reply called {name}.": "Нет быстрого ответа с именем {name}.",
    "/script takes commands: /script /echo Hello | /send {{pipe}}":
        "/script принимает команды: /script /echo Привет | /send {{pipe}}",
    "{file} holds no quick replies.": "В {file} нет быстрых ответов.",
    "A script keeps at most {n} variables.": "Скрипт хранит не больше {n} переменных.",
    "The model writes for a script…": "Модель пишет для скрипта…",
    '/buttons takes labels=["One","Two"] and a question.': '/buttons принимает labels=["Раз","Два"] и вопрос.',
    "The script is longer than {n} characters.": "Скрипт длиннее {n} знаков.",
    "The script is wrong at character {at}: {what}": "Ошибка в скрипте, знак {at}: {what}",
    "The script has too many closures within closures.": "В скрипте слишком много вложенных замыканий.",
    "The script uses commands that are not known here: {names}.": "В скрипте есть неизвестные здесь команды: {names}.",
    "Nothing of it was run.": "Ничего из него не выполнено.",
    "The script was stopped: its closures run within each other too deep.":
        "Скрипт остановлен: замыкания вызывают друг друга слишком глубоко.",
    "The script was stopped: it ran more than {n} commands.": "Скрипт остановлен: выполнено больше {n} команд.",
    "The script was stopped: a text of it has more than {n} characters.":
        "Скрипт остановлен: его текст длиннее {n} знаков.",
    "The script calls {name}, which is no closure of it.": "Скрипт вызывает {name}, а это не его замыкание.",
    "The script compares by {rule}, which is not known here.":
        "Скрипт сравнивает по правилу {rule}, которое здесь неизвестно.",
    "A branch or a loop of the script is no closure: write it in {: and :}.":
        "Ветвь или цикл скрипта — не замыкание: запишите её в {: и :}.",
    "The script has no variable called {name}.": "В скрипте нет переменной {name}.",
    "/times takes a number and a closure: /times 3 {: /echo again :}":
        "/times принимает число и замыкание: /times 3 {: /echo ещё :}",
    "/rand takes two whole numbers: /rand from=1 to=6": "/rand принимает два целых числа: /rand from=1 to=6",
    "/{name} takes numbers.": "/{name} принимает числа.",
    "Regex scripts": "Regex-скрипты",
    "Regex scripts; with a text, what they make of it.": "Regex-скрипты; с текстом — что они с ним сделают.",
    "No script changes it.": "Ни один скрипт его не меняет.",
    "allow the card's": "разрешить из карточки",
    "on, off": "вкл, выкл",
    "try on a text": "проверить на тексте",
    "show": "показать",
    "They change what is written, shown or sent in the chats of this character. V shows each of them.":
        "Они меняют то, что пишется, показывается или отправляется в чатах этого персонажа. V показывает каждый.",
    "Let the scripts of this card run?": "Разрешить скрипты этой карточки?",
    "Let them run": "Разрешить",
    "A text to try the script on": "Текст для проверки скрипта",
    "For all chats": "Для всех чатов",
    "Of this character": "Этого персонажа",
    "Of this character (not allowed)": "Этого персонажа (не разрешены)",
    "Put SillyTavern's files into {folder}, or take them in with /import.":
        "Положите файлы SillyTavern в {folder} или загрузите их через /import.",
    "There are no regex scripts.": "Regex-скриптов нет.",
    "shown": "на экране",
    "sent": "в промпте",
    "changed for good": "меняет сам текст",
    "what I say": "мои реплики",
    "replies": "ответы",
    "commands": "команды",
    "thoughts": "мысли",
    "lore": "лор",
    "Finds": "Ищет",
    "Puts in its place": "Ставит вместо",
    "In": "Где",
    "Does": "Что делает",
    "changed by {name}": "изменил {name}",
    "Let the narrator say something; the model reads it.": "Слово рассказчика; модель его читает.",
    "A comment on the story, which no model ever reads.": "Комментарий, которого модель никогда не видит.",
    "Say something in a character's name.": "Сказать от лица персонажа.",
    "Say something, and ask for no reply.": "Сказать, не прося ответа.",
    "Let the model answer now, whoever spoke last.": "Пусть модель ответит сейчас, кто бы ни говорил последним.",
    "Throw dice as in 2d6+1, into the story or for yourself.":
        "Бросить кубики, например 2d6+1, в историю или для себя.",
    "NAME TEXT": "ИМЯ ТЕКСТ",
    "DICE [private]": "КУБИКИ [тайно]",
    "/sendas takes a name and what is said: /sendas Mira Good evening.":
        "/sendas принимает имя и слова: /sendas Мира Добрый вечер.",
    "{formula}: {dice} = {total}": "{formula}: {dice} = {total}",
    "{formula} is nothing that can be rolled.": "{formula} — это нельзя бросить.",
    "Write dice as in 2d6+1, d20 or d%.": "Кубики пишутся так: 2d6+1, d20 или d%.",
}
