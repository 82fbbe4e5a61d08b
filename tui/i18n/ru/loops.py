"""Петли: когда ответ ходит по кругу."""

CATALOGUE: dict[str, str] = {
    "There is no reply to write anew.": "Нет ответа, который можно написать заново.",
    "This is no reply of the model.": "Это не ответ модели.",
    "Choose one that is.": "Выберите ответ модели.",
    "cut the reply back to before its loop, and write on otherwise":
        "обрезать ответ до начала петли и писать дальше иначе",
    "Cut the reply back to before its loop, and write on with stronger DRY and XTC.":
        "Обрезать ответ до начала петли и писать дальше с более сильными DRY и XTC.",
    "loop {n}%: Ctrl+L": "петля {n}%: Ctrl+L",
    "Loops rewritten": "Петли переписываются",
    "A reply that goes round in circles is cut back and written anew, twice at most.":
        "Ответ, который ходит по кругу, обрезается и пишется заново, не больше двух раз.",
}
