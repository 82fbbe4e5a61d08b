"""Russian: servers that speak as OpenAI does, their models, and what they want of a chat."""

from __future__ import annotations

CATALOGUE = {
    "{address} has no model {model}.": "На {address} нет модели {model}.",
    "It has: {models}.": "Есть: {models}.",
    "Check the model's name.": "Проверьте имя модели.",
    "{address} has not loaded {model} yet.": "{address} ещё не загрузил модель {model}.",
    "It is loaded when it is first needed.": "Она загрузится, когда впервые понадобится.",
    "{address} could not load {model}. It says: “{said}”.":
        "{address} не смог загрузить модель {model}. Он сообщает: «{said}».",
    "Look at the server's log: the model may be too large for its memory.":
        "Посмотрите журнал сервера: возможно, модель не помещается в его память.",
    "{address} lets only its administrator load and unload models: “{said}”.":
        "{address} разрешает загружать и выгружать модели только администратору: «{said}».",
    "Use the administrator's key of that server.": "Используйте ключ администратора этого сервера.",
    "{server} loads and unloads no models when asked.": "{server} не загружает и не выгружает модели по просьбе.",
    "Choose the model where the server is started.": "Выберите модель там, где запускается сервер.",
    "{address} is loading {model}.": "{address} загружает {model}.",
    "The chosen model takes no such setting at {server}.":
        "Выбранная модель на {server} не принимает такую настройку.",
    "its description of the model says so": "об этом говорит его описание модели",
    "{address} takes messages only in a certain order of roles; they were rearranged for it.":
        "{address} принимает сообщения только в определённом порядке ролей; они переставлены для него.",
    "{address} cannot go on with a started reply; the model was asked to in words, and may repeat or begin anew.":
        "{address} не умеет продолжать начатый ответ; модель попросили об этом словами, и она может повториться "
        "или начать заново.",
    "A model needs a name.": "Модели нужно имя.",
    "The profile {name} has a model inside this program, and no server.":
        "В профиле {name} модель внутри этой программы, а не на сервере.",
    "What the server says it has. One that is not loaded may take a while.":
        "То, что есть по словам сервера. Незагруженная модель может потребовать времени.",
    "Model of the server": "Модель сервера",
    "in use": "используется",
    "{tokens} tokens": "{tokens} токенов",
    "loaded": "загружена",
    "not loaded": "не загружена",
    "The server's model is now {name}.": "Модель сервера теперь {name}.",
    "Choose another model of the server…": "Выбрать другую модель сервера…",
    "Take the model out of the server's memory": "Выгрузить модель из памяти сервера",
    "It can": "Умеет",
    "go on with a started reply": "продолжать начатый ответ",
    "see pictures": "видеть картинки",
    "tell what else it might have said": "сообщать, что ещё могло быть сказано",
    "read ahead": "читать заранее",
    "change its model": "менять модель",
    "Featherless": "Featherless",
    "Google Gemini": "Google Gemini",
    "Groq": "Groq",
    "Hugging Face": "Hugging Face",
    "Moonshot": "Moonshot",
    "NanoGPT": "NanoGPT",
    "OpenAI": "OpenAI",
    "Together": "Together",
    "xAI": "xAI",
}
