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
    "what else might have been said, token by token": "что ещё могло быть сказано, токен за токеном",
    "What else might have been said in the last reply, token by token.":
        "Что ещё могло быть сказано в последнем ответе, токен за токеном.",
    "the token before": "предыдущий токен",
    "the token after": "следующий токен",
    "a line up": "на строку вверх",
    "a line down": "на строку вниз",
    "the first token": "первый токен",
    "the last token": "последний токен",
    "a likelier token": "более вероятный токен",
    "a less likely token": "менее вероятный токен",
    "the next token that was unlikely": "следующий маловероятный токен",
    "the unlikely one before": "предыдущий маловероятный",
    "go on from there, in a version of its own": "продолжить оттуда отдельной версией",
    "Among the tokens of a reply (t)": "Среди токенов ответа (t)",
    "Only replies are made of tokens that had rivals.": "Соперники есть только у токенов ответов.",
    "What else might have been said": "Что ещё могло быть сказано",
    "go on from here": "продолжить отсюда",
    "token": "токен",
    "rival": "соперник",
    "next doubtful": "сомнительный",
    "token {n} of {all}": "токен {n} из {all}",
    "The backend in use does not tell them.": "Используемый бэкенд их не сообщает.",
    "Write /set logprobs 5 in the chat: replies have them from then on.":
        "Напишите в чате /set logprobs 5: дальше они будут у ответов.",
    "There is no doubtful token in that direction.": "В этом направлении нет сомнительных токенов.",
    "This is what came.": "Это то, что и было сказано.",
    "Choose another with ↑ and ↓.": "Выберите другой клавишами ↑ и ↓.",
    "llama.cpp refused to lay the LoRA adapters over the model.":
        "llama.cpp отказался наложить адаптеры LoRA на модель.",
    "llama.cpp refused the LoRA adapter {file}: it was not made for this model.":
        "llama.cpp не принял адаптер LoRA {file}: он сделан не для этой модели.",
    "The LoRA adapter {file} cannot be read: {reason}": "Адаптер LoRA {file} не читается: {reason}",
    "{file} is not a LoRA adapter.": "{file} — не адаптер LoRA.",
    "The LoRA adapter {file} is for models of the family {other}; this one is of the family {family}.":
        "Адаптер LoRA {file} — для моделей семейства {other}, а эта из семейства {family}.",
    "Take it out of the profile (lora), or name one that was made for this model.":
        "Уберите его из профиля (lora) или укажите сделанный для этой модели.",
    "The model makes no vector of this text: {text}": "Модель не делает вектора из этого текста: {text}",
    "At most {most} texts are turned into vectors at once.":
        "За один раз в векторы превращается не больше {most} текстов.",
    "A text of more than {most} characters is not turned into a vector.":
        "Текст длиннее {most} знаков в вектор не превращается.",
    "An empty text has no vector.": "У пустого текста нет вектора.",
    "{address} wants another key.": "{address} требует другой ключ.",
    "{address} makes no vectors of texts: {said}": "{address} не делает векторов из текстов: {said}",
    "Name a model that is made for it (--model), and start llama-server with --embeddings.":
        "Назовите модель, сделанную для этого (--model), а llama-server запустите с --embeddings.",
}
