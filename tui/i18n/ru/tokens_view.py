"""Tokens of replies with their probabilities, and what is seen and chosen of them."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{file} holds tokens of a reply that do not unpack.": "В {file} есть токены ответа, которые не распаковываются.",
    "This text has no token of that number.": "В этом тексте нет токена с таким номером.",
    "This token has no rival of that number.": "У этого токена нет соперника с таким номером.",
    "This rival is no text: the reply would end here, or nothing would be seen of it.":
        "Этот соперник — не текст: ответ здесь закончился бы, или от него ничего не было бы видно.",
    "No probabilities were kept with this reply.": "Для этого ответа вероятности не сохранены.",
    "Ask for them with the next one: traktir say --set logprobs=5 TEXT":
        "Запросите их со следующим: traktir say --set logprobs=5 ТЕКСТ",
}
