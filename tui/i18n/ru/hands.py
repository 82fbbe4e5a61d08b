"""Regex scripts, narrator and comments, quick replies and their scripts, in Russian."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{file} holds no regex script.": "В {file} нет ни одного regex-скрипта.",
    "A script has findRegex and replaceString; a file holds one, or a list.":
        "У скрипта есть findRegex и replaceString; в файле лежит один скрипт или список.",
    "There is no regex script called {name}.": "Нет regex-скрипта с именем {name}.",
    "This character brings no regex scripts.": "У этого персонажа нет своих regex-скриптов.",
    "The regex script {name} is passed over.": "Regex-скрипт {name} пропускается.",
    "The file did not arrive whole.": "Файл дошёл не целиком.",
    "the regex scripts": "regex-скрипты",
}
