"""Версии ответа, которые пишутся в фоне."""

CATALOGUE: dict[str, str] = {
    "At most {n} versions can wait.": "Ждать могут не больше {n} версий.",
    "versions to come: {n}": "ещё версий: {n}",
    "More versions are being written; read on. Alt+→ walks through them, Esc stops.":
        "Пишутся ещё версии; читайте дальше. Alt+→ листает их, Esc останавливает.",
    "three more replies, written in the background": "ещё три ответа, в фоне",
    "So many more replies, written while I read on; default 3.": "Столько ещё ответов, пока я читаю; обычно 3.",
    "/swipes takes how many more replies are wanted, 1 to 50.": "/версии: сколько ещё ответов нужно, от 1 до 50.",
    "The versions in the background were not all written.": "Версии в фоне написаны не все.",
    "The other versions are written: Alt+→ walks through them.": "Другие версии написаны: Alt+→ листает их.",
    "In “{title}” the other versions are written.": "В «{title}» написаны другие версии.",
    "In “{title}” the reply is written.": "В «{title}» написан ответ.",
}
