"""Russian: servers and what they answer."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{url} is not the address of a server.": "{url} — это не адрес сервера.",
    "Write it like http://localhost:5001 or https://example.org/v1.":
        "Пишите его так: http://localhost:5001 или https://example.org/v1.",
    "The context of {set} tokens set for this connection is more than the server has; its {window} are used.": (
        "Для этого подключения задан контекст в {set} токенов — больше, чем есть у сервера; используются его "
        "{window}."
    ),
    "{server} does not tell its context length; a cautious guess is used. The profile's context_length can set it.":
        "{server} не сообщает длину контекста; взята осторожная оценка. Задать её может context_length профиля.",
    "{server} may wrap a text prompt in a template of its own; chat mode is safer.":
        "{server} может обернуть текстовый промпт в собственный шаблон; режим чата надёжнее.",
    "{server} does not list the model {model}.": "{server} не знает модели {model}: её нет в списке.",
    "The key travels unencrypted to {address}.": "Ключ передаётся на {address} без шифрования.",
    "llama.cpp server": "сервер llama.cpp",
    "llama-cpp-python server": "сервер llama-cpp-python",
    "AI Horde": "AI Horde",
    "KoboldCpp": "KoboldCpp",
    "text-generation-webui": "text-generation-webui",
    "TabbyAPI": "TabbyAPI",
    "vLLM": "vLLM",
    "Aphrodite": "Aphrodite",
    "SGLang": "SGLang",
    "LM Studio": "LM Studio",
    "Ollama": "Ollama",
    "OpenRouter": "OpenRouter",
    "Mistral": "Mistral",
    "DeepSeek": "DeepSeek",
    "OpenAI-compatible server": "сервер, совместимый с OpenAI",
    "{address} is busy: “{said}”. Trying again in {seconds} s ({attempt} of {tries}).":
        "{address} занят: «{said}». Новая попытка через {seconds} с ({attempt} из {tries}).",
    "{address} does not answer.": "{address} не отвечает.",
    "{address} took too long to answer.": "{address} слишком долго не отвечает.",
    "It may be busy; try again in a moment.": "Возможно, он занят; попробуйте чуть позже.",
    "{address} cannot be called: {said}.": "К {address} нельзя обратиться: {said}.",
    "Check the address and the proxy settings of the environment.":
        "Проверьте адрес и настройки прокси в окружении.",
    "The request to {address} cannot be written: {said}.": "Запрос к {address} нельзя составить: {said}.",
    "Check the key and the extra headers for stray characters.":
        "Проверьте, нет ли в ключе и добавочных заголовках лишних знаков.",
    "The connection to {address} broke before the answer was complete.":
        "Связь с {address} оборвалась раньше, чем ответ закончился.",
    "Look at the server's log: it may have crashed, restarted or begun another request.":
        "Загляните в журнал сервера: он мог упасть, перезапуститься или взяться за другой запрос.",
    "{address} has sent nothing for {seconds} seconds.": "{address} ничего не присылает уже {seconds} с.",
    "What has arrived is kept. Look whether the server is still at work, then continue.":
        "Полученное сохранено. Проверьте, работает ли ещё сервер, и продолжайте.",
    "{address} sends us on to {location}. Nothing was sent there.":
        "{address} перенаправляет на {location}. Туда ничего не отправлено.",
    "If you trust that address, enter it instead.": "Если доверяете тому адресу, введите его вместо этого.",
    "{address} sends an answer without end; it was cut off.": "{address} шлёт бесконечный ответ; он оборван.",
    "Check that this is the address of a language model's server.":
        "Проверьте, что это адрес сервера языковой модели.",
    "{address} answers, but not as a language model's server does: “{said}”.":
        "{address} отвечает, но не как сервер языковой модели: «{said}».",
    "Check the address, the port and the kind of server.": "Проверьте адрес, порт и вид сервера.",
    "{address} refuses this key. It says: “{said}”.": "{address} не принимает этот ключ. Сервер сообщает: «{said}».",
    "Check the key, and that it belongs to this server.": "Проверьте ключ и то, что он от этого сервера.",
    "{address} needs a key.": "{address} требует ключ.",
    "Give it by the name of an environment variable or a file that holds it.":
        "Укажите переменную окружения или файл, где он лежит.",
    "{address} serves many models, and none is chosen.": "На {address} много моделей, и ни одна не выбрана.",
    "Choose one for this connection, for example: {models}.":
        "Выберите модель для этого подключения, например: {models}.",
    "Choose one for this connection.": "Выберите модель для этого подключения.",
    "The server at {address} is still loading its model.": "Сервер {address} ещё загружает модель.",
    "Wait a moment and try again.": "Подождите немного и попробуйте снова.",
    "The prompt has {prompt} tokens, the server's context only {window}.":
        "В промпте {prompt} токенов, а контекст сервера — всего {window}.",
    "The prompt does not fit into the server's context. It says: “{said}”.":
        "Промпт не помещается в контекст сервера. Сервер сообщает: «{said}».",
    "Set the context length of this connection to what the server has, or start it with a larger one.":
        "Задайте для подключения ту длину контекста, что есть у сервера, или запустите его с большей.",
    "Start text-generation-webui with --listen, or use localhost in the address.":
        "Запустите text-generation-webui с --listen или укажите в адресе localhost.",
    "{address} answers only under the name localhost.": "{address} отвечает только под именем localhost.",
    "{address} failed while writing. It says: “{said}”.":
        "{address}: сбой посреди ответа. Сервер сообщает: «{said}».",
    "Look at the server's log; what has arrived is kept.": "Загляните в журнал сервера; полученное сохранено.",
    "{address} reports success but sent no text. The prompt has about {prompt} tokens, the context {window}.":
        "{address} сообщает об успехе, но не прислал текста. В промпте около {prompt} токенов, контекст — {window}.",
    (
        "{address} reports success but sent no text. The prompt has about {prompt} tokens; the server does not tell "
        "its context, which may be smaller."
    ): (
        "{address} сообщает об успехе, но не прислал текста. В промпте около {prompt} токенов; свой контекст сервер "
        "не сообщает, он может быть меньше."
    ),
    "Look at the server's log, or set the context length of this connection.":
        "Загляните в журнал сервера или задайте длину контекста для этого подключения.",
    "The model wrote nothing before the stop string {stop}.": "Модель ничего не написала до стоп-строки {stop}.",
    "The model ended its turn without a word.": "Модель закончила ход, не сказав ни слова.",
    "Try again, or change the prompt format or the last message.":
        "Попробуйте ещё раз или измените формат промпта либо последнее сообщение.",
    "The model spent the whole reply on its thoughts and never came to speak.":
        "Модель потратила весь ответ на размышления и так и не заговорила.",
    "Raise the length of the reply, or ask for less reasoning.":
        "Увеличьте длину ответа или просите меньше рассуждать.",
    "Something unforeseen happened while talking to {address}: “{said}”.":
        "При обмене с {address} случилось непредвиденное: «{said}».",
    "The log has the details. Please report it.": "Подробности в журнале. Сообщите о них, пожалуйста.",
    "Is the server running, and is the address right?": "Запущен ли сервер и верен ли адрес?",
    "The encrypted connection to {address} failed: “{said}”.":
        "Не удалось защищённое соединение с {address}: «{said}».",
    "Check the address. For a certificate of your own making, switch its check off.":
        "Проверьте адрес. Для самодельного сертификата отключите его проверку.",
    "There is no machine by the name in {address}.": "Машины с именем из {address} не существует.",
    "Check the spelling, and that you are online.": "Проверьте написание и подключение к сети.",
    "Nothing listens at {address}.": "По адресу {address} никто не отвечает: порт закрыт.",
    "{address} wants to be paid: “{said}”.": "{address} требует оплаты: «{said}».",
    "Add credit there.": "Пополните там счёт.",
    "{address} does not know this request or this model: “{said}”.":
        "{address} не знает такого запроса или такой модели: «{said}».",
    "Check the model's name and the kind of server.": "Проверьте имя модели и вид сервера.",
    "{address} allows no more requests for now: “{said}”.": "{address} пока не принимает новых запросов: «{said}».",
    "Wait a while, or check your quota there.": "Подождите или проверьте там свою квоту.",
    "{address} failed ({status}): “{said}”.": "{address}: сбой сервера ({status}): «{said}».",
    "Look at the server's log.": "Загляните в журнал сервера.",
    "{address} rejects the request ({status}): “{said}”.": "{address} отклоняет запрос ({status}): «{said}».",
    "Change the setting that it names, or the kind of server.": "Измените названную настройку или вид сервера.",
    "The key holds characters that no header can carry.": "В ключе есть знаки, которые нельзя передать в заголовке.",
    "The header {name} holds characters that no header can carry.":
        "В заголовке {name} есть знаки, которые нельзя передать.",
    "Copy it again, without line breaks and quotation marks.":
        "Скопируйте его ещё раз, без переносов строк и кавычек.",
    "There is no kind of server called {kind}.": "Нет такого вида сервера: {kind}.",
    "Known are: {kinds}.": "Известны: {kinds}.",
    "chosen by hand": "выбрано вручную",
    "known by its address": "известен по адресу",
    "it imitates KoboldCpp but names itself in its model": "подражает KoboldCpp, но выдаёт себя именем модели",
    "its version route says so": "так говорит его страница версии",
    "its service description says so": "так говорит его описание службы",
    "its properties say so": "так говорят его свойства",
    "it answers that its model is loading": "отвечает, что загружает модель",
    "its headers say so": "так говорят его заголовки",
    "its list of models says so": "так говорит его список моделей",
    "its internal routes say so": "так говорят его внутренние адреса",
    "its front page says so": "так говорит его главная страница",
    "it answers as an OpenAI-compatible server does": "отвечает как сервер, совместимый с OpenAI",
    "Waiting for another request to this server to finish.": "Ждём, пока закончится другой запрос к этому серверу.",
}
