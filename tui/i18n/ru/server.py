"""Russian: the line between client and core."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "No core answers at {target}.": "По адресу {target} ядро не отвечает.",
    "Start Traktir again, or check the address.": "Запустите Трактир ещё раз или проверьте адрес.",
    "The connection to the core broke ({reason}).": "Связь с ядром оборвалась ({reason}).",
    "Nothing that was stored is lost. Try again.": "Ничего из сохранённого не потеряно. Попробуйте ещё раз.",
    "What answers there is not a Traktir core (HTTP status {status}).":
        "Там отвечает не ядро Трактира (код HTTP {status}).",
    "Check the address.": "Проверьте адрес.",
    "The core speaks protocol {theirs}, this program {ours}: one of them is older.":
        "Ядро говорит по протоколу {theirs}, эта программа — по {ours}: что-то из них старее.",
    "Bring both to the same version of Traktir.": "Поставьте с обеих сторон одну версию Трактира.",
    "Another terminal runs an older Traktir with the core inside it (process {pid}).":
        "В другом терминале работает прежняя версия Трактира вместе с ядром (процесс {pid}).",
    "Quit it there first.": "Сначала закройте его там.",
    "An older Traktir is still writing a reply; it is restarted when the reply is done.":
        "Прежняя версия Трактира ещё пишет ответ; когда закончит, она будет перезапущена.",
    "The core does not end.": "Ядро не завершается.",
    "End it with: traktir stop --force": "Завершите его: traktir stop --force",
    "Another Traktir has been starting the core for {seconds} seconds.":
        "Другой Трактир запускает ядро уже {seconds} секунд.",
    "Look for a process that hangs: traktir serve": "Поищите зависший процесс: traktir serve",
    "The core cannot be started ({reason}).": "Ядро не запускается ({reason}).",
    "Check that {path} can be written to.": "Проверьте, что в {path} можно писать.",
    "The core did not start. It said: {text}": "Ядро не запустилось. Оно сказало: {text}",
    "All it said is in {file}.": "Всё, что оно сказало, — в файле {file}.",
    "{url} is not the address of a core.": "{url} — не адрес ядра.",
    "It looks like this: http://192.168.1.5:8777": "Он выглядит так: http://192.168.1.5:8777",
    "{file} cannot be read ({reason}).": "{file} не читается ({reason}).",
    "A core at an address wants its token.": "Ядру по адресу нужен его токен.",
    "Give it with --token-file FILE, or in TRAKTIR_TOKEN.":
        "Укажите его через --token-file ФАЙЛ или в TRAKTIR_TOKEN.",
    "Something went wrong inside the core: {error}": "Внутри ядра что-то пошло не так: {error}",
    "Nothing that was stored is lost. The log of the core has the details.":
        "Ничего из сохранённого не потеряно. Подробности — в журнале ядра.",
    "The request is larger than {limit} MiB.": "Запрос больше {limit} МиБ.",
    "The request is not JSON: {reason}": "Запрос — не JSON: {reason}",
    "The parameters of a call must be a JSON object.": "Параметры вызова должны быть объектом JSON.",
    "The core knows no {path}.": "Ядро не знает {path}.",
    "The core is ending.": "Ядро завершает работу.",
    "Start Traktir again in a moment.": "Запустите Трактир ещё раз через мгновение.",
    "Wait for it, or stop the core all the same with: traktir stop --force":
        "Дождитесь его или всё равно остановите ядро: traktir stop --force",
    "The socket's path is too long for this system: {path}":
        "Путь к сокету слишком длинный для этой системы: {path}",
    "Set TMPDIR to a directory with a shorter name.": "Укажите в TMPDIR каталог с именем покороче.",
    "The core cannot listen on {path} ({reason}).": "Ядро не может слушать на {path} ({reason}).",
    "{host}:{port} cannot be listened on ({reason}).": "На {host}:{port} слушать нельзя ({reason}).",
    "Choose another --port, or an address of this machine for --host.":
        "Выберите другой --port или укажите в --host адрес этой машины.",
    "A core is running already for this home.": "Для этого каталога ядро уже запущено.",
    "See it with: traktir status. End it with: traktir stop.":
        "Посмотреть: traktir status. Завершить: traktir stop.",
    "The core wants a token, and this is not it.": "Ядру нужен токен, а это не он.",
    "Give the token of the core with --token-file, or in TRAKTIR_TOKEN.":
        "Укажите токен ядра через --token-file или в TRAKTIR_TOKEN.",
    "A TCP port needs a token, on this machine too: any program here could connect.":
        "Для порта TCP нужен токен, и на этой машине тоже: подключиться могла бы любая программа.",
    "Add --token-file FILE (it is made where it is missing), or set TRAKTIR_TOKEN.":
        "Добавьте --token-file ФАЙЛ (если файла нет, он будет создан) или задайте TRAKTIR_TOKEN.",
    "The token is shorter than {count} characters, or holds other than plain ASCII.":
        "Токен короче {count} символов или содержит что-то кроме простого ASCII.",
    "Name a file that does not exist yet, and a good one is made there.":
        "Назовите ещё не существующий файл, и в нём будет создан хороший токен.",
    "{file} cannot be made ({reason}).": "{file} не создаётся ({reason}).",
    "{path} is not a directory, so the core's socket cannot lie there.":
        "{path} — не каталог, сокет ядра не может там лежать.",
    "Remove it, or set TMPDIR to a directory of your own.": "Удалите его или укажите в TMPDIR свой каталог.",
    "{path} belongs to another user; nothing in it can be trusted.":
        "{path} принадлежит другому пользователю; ничему в нём нельзя верить.",
    "Set TMPDIR to a directory of your own and start again.": "Укажите в TMPDIR свой каталог и запустите снова.",
    "{path} can be opened by other users; the core's socket must not lie there.":
        "{path} открыт для других пользователей; сокету ядра там не место.",
    "Close it with: chmod 700 {path}": "Закройте его: chmod 700 {path}",
    "{path} cannot be made ({reason}).": "{path} не создаётся ({reason}).",
    "Set TMPDIR to a directory that you can write to.": "Укажите в TMPDIR каталог, в который можно писать.",
}
