"""Russian: what servers do wrong, by malice or on bad days."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{address} begins its answer with headers without end; it was cut off.":
        "{address} начинает ответ бесконечными заголовками; чтение прервано.",
    "{address} answers, but what it sends is not HTTP.": "{address} отвечает, но это не HTTP.",
    "Check the port, and whether the address begins with http:// or https://.":
        "Проверьте порт и то, с чего начинается адрес: http:// или https://.",
    "{address} sends its answer packed ({encoding}), which it was asked not to do.":
        "{address} присылает сжатый ответ ({encoding}), хотя его просили этого не делать.",
    "Switch compression off in the server, or in the proxy before it.":
        "Отключите сжатие на сервере или на прокси перед ним.",
    "The whole reply arrived at once: something between here and {address} holds it back until it is complete. Switch "
    "the buffering of that proxy or tunnel off (nginx: proxy_buffering off), or connect directly.":
        "Ответ пришёл весь сразу: что-то на пути к {address} держит его, пока он не будет готов целиком. Отключите "
        "буферизацию на этом прокси или туннеле (nginx: proxy_buffering off) или подключитесь напрямую.",
    "{address} says it read {read} tokens, but about {sent} were sent: it seems to drop what exceeds its context. Set "
    "the context length of this connection to what the server has, or give it a larger one.":
        "{address} сообщает, что прочёл токенов: {read}, а отправлено около {sent}. Похоже, лишнее он отбрасывает "
        "молча. Укажите для этого подключения настоящую длину контекста сервера или увеличьте её на сервере.",
    "A proxy before {address} gave up waiting for the server ({status}).":
        "Прокси перед {address} не дождался ответа сервера ({status}).",
    "Shorten the prompt, raise the time that the proxy allows, or connect directly.":
        "Сократите промпт, увеличьте время ожидания на прокси или подключитесь напрямую.",
    "{address} takes messages only in a certain order of roles: “{said}”.":
        "{address} принимает сообщения только в определённом порядке ролей: «{said}».",
    "Choose a prompt format that joins neighbouring messages of one role and puts the system's text first.":
        "Выберите формат промпта, который объединяет соседние сообщения одной роли и ставит системный текст первым.",
    "{address} has the request and is at work on it.": "{address} принял запрос и работает над ним.",
}
