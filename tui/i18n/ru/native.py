"""Servers in their own words: Ollama, KoboldCpp, LM Studio, text-generation-webui, the AI Horde."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "A worker of {address} is writing; about {seconds} s to go.":
        "Участник {address} пишет ответ; осталось примерно {seconds} с.",
    "Place {position} in the queue of {address}; about {seconds} s to go.":
        "Место {position} в очереди {address}; осталось примерно {seconds} с.",
    "Change the scene, or choose another model.": "Измените сцену или выберите другую модель.",
    "Choose a model that more workers serve, or come back with a key that has kudos.":
        "Выберите модель, которую обслуживает больше участников, или используйте ключ, на котором есть кудосы.",
    "Choose another model, or lower the context_length and the length of the reply.":
        "Выберите другую модель или уменьшите context_length и длину ответа.",
    "From now on KoboldCpp is asked after its text every half second instead, so that it can be seen growing.":
        "Отныне текст у KoboldCpp запрашивается каждые полсекунды, чтобы было видно, как он растёт.",
    "Give the key that text-generation-webui was started with by --admin-key.":
        "Укажите ключ, с которым text-generation-webui был запущен через --admin-key.",
    "KoboldCpp {version} does not stream; its text is asked after. Since {since} it does.":
        "KoboldCpp {version} не умеет передавать ответ потоком; его текст запрашивается. Поток есть начиная с {since}.",
    "LM Studio will load {model} when it is first asked, with the context that is set there. Load it first to see how "
    "long that is.":
        "LM Studio загрузит {model} при первом запросе, с тем контекстом, который задан там. Загрузите модель заранее, "
        "чтобы увидеть его длину.",
    "No worker of the Horde serves {model} now.": "Сейчас никто из участников Horde не обслуживает {model}.",
    "No worker of {address} can take this request: its context or reply is too long.":
        "Никто из участников {address} не может взять этот запрос: контекст или ответ слишком длинный.",
    "No worker of {address} can take this request: none serves {models} with so long a context and reply.":
        "Никто из участников {address} не может взять этот запрос: никто не обслуживает {models} с таким длинным "
        "контекстом и ответом.",
    "Ollama will be asked for a context of {window} tokens. If the model shall remember more, set the context_length "
    "of the profile.":
        "У Ollama будет запрошен контекст в {window} токенов. Если модель должна помнить больше, задайте "
        "context_length в профиле.",
    "Shorten the reply or the context, or earn kudos with a worker of your own.":
        "Сократите ответ или контекст либо заработайте кудосы собственным участником.",
    "Start KoboldCpp with --admin and --admindir, and give its admin password as the key of this connection.":
        "Запустите KoboldCpp с --admin и --admindir и укажите его пароль администратора как ключ этого подключения.",
    "The Horde gives each prompt to a volunteer's machine, whose owner could read it.":
        "Horde передаёт каждый промпт на машину добровольца, и её владелец может его прочесть.",
    "The worker of {address} withheld the text: its filter took it for what must not be written.":
        "Участник {address} не отдал текст: его фильтр принял его за недопустимый.",
    "This key has {kudos} kudos.": "На этом ключе кудосов: {kudos}.",
    "Try again, or choose another model.": "Попробуйте ещё раз или выберите другую модель.",
    "Use LM Studio 0.4 or later, or load the model in its window.":
        "Используйте LM Studio 0.4 или новее либо загрузите модель в его окне.",
    "Without a key, the Horde serves others first. A key is free: register with the AI Horde.":
        "Без ключа Horde сначала обслуживает других. Ключ бесплатный: зарегистрируйтесь в AI Horde.",
    "Written by {model} on the worker {worker} for {kudos} kudos.":
        "Написано моделью {model} у участника {worker} за {kudos} кудосов.",
    "Written by {model} on the worker {worker}.": "Написано моделью {model} у участника {worker}.",
    "it minds the name that it is called by": "отвечает не под всяким именем",
    "its own list of models says so": "судя по его собственному списку моделей",
    "text-generation-webui has no model loaded. Load one there, or from the list of models.":
        "В text-generation-webui не загружена модель. Загрузите её там или из списка моделей.",
    "{server} takes pictures only in chats: set the profile's mode to chat to show it any.":
        "{server} принимает картинки только в чате: чтобы показывать их, задайте в профиле режим chat.",
    "{address} does not load another model: “{said}”.": "{address} не загружает другую модель: «{said}».",
    "{address} does not load or unload models when asked: “{said}”.":
        "{address} не загружает и не выгружает модели по запросу: «{said}».",
    "{address} gave this request up: several workers failed at it.":
        "{address} отказался от этого запроса: несколько участников с ним не справились.",
    "{address} loads models only for its admin key.": "{address} загружает модели только по ключу администратора.",
    "{address} no longer knows this request: it waits 20 minutes for a worker, and forgets.":
        "{address} больше не знает этого запроса: он ждёт участника 20 минут и забывает.",
    "{address} says: “{said}”.": "{address} сообщает: «{said}».",
    "{address} wants more kudos for this request than there are: “{said}”.":
        "{address} хочет за этот запрос больше кудосов, чем есть: «{said}».",
}
