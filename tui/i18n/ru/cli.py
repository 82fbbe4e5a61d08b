"""Russian: the command line."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "The chat is in the trash: {messages} messages; the last: {last}":
        "Чат в корзине. Сообщений: {messages}; последнее: {last}",
    "Taken back: {label}": "Отменено: {label}",
    "Version {version} on Python {python}.": "Версия {version} на Python {python}.",
    "{folder} ships with the program.": "Папка {folder} поставляется с программой.",
    "{folder} is missing: install Traktir again.": "Нет папки {folder}: установите Traktir заново.",
    "The embedded engine is installed.": "Встроенный движок установлен.",
    "{columns} columns, {lines} lines.": "Столбцов: {columns}, строк: {lines}.",
    "All presets, characters and lorebooks can be read.": "Все пресеты, персонажи и лорбуки читаются.",
    "No core is running; it starts with the first use.": "Ядро не запущено; оно запустится, когда понадобится.",
    "{model} by {kind}: {state}.": "{model} через {kind}: {state}.",
    "A core is running, process {pid}.": "Ядро работает, процесс {pid}.",
    "There are no chats yet.": "Чатов пока нет.",
    "The database is sound.": "База данных цела.",
    "{file} is damaged: {reason}. The backups lie beside it.":
        "Файл {file} повреждён: {reason}. Резервные копии лежат рядом с ним.",
    "{file} is larger than {limit} MiB.": "Файл {file} больше {limit} МиБ.",
    "{file} holds more than {n} files; the rest was left out.":
        "В папке {file} больше {n} файлов; остальные пропущены.",
    "{file} is not an ordinary file.": "{file} — не обычный файл.",
    "{file} cannot be read: {reason}.": "Файл {file} не читается: {reason}.",
    "The terminal UI needs a terminal.": "Для этого экрана нужен терминал.",
    "Use traktir say to talk from a script.": "Чтобы говорить из скрипта, есть traktir say.",
    "{file} is not JSON (line {line}).": "{file} — не JSON (строка {line}).",
    "{file} must be a list of messages.": "В файле {file} должен быть список сообщений.",
    "{file}: message {number} needs a role (system, user or assistant).":
        "{file}: у сообщения {number} должна быть роль (system, user или assistant).",
    "{file}: message {number} needs a content that is text.":
        "{file}: у сообщения {number} должен быть текст (content).",
    "{tokens} of {context} tokens, {reserve} kept for the reply, {expected_reuse} expected in the cache":
        "{tokens} из {context} токенов, {reserve} оставлено для ответа, {expected_reuse} ожидается в кэше",
    "--set takes sampler=value, not {value}.": "--set принимает сэмплер=значение, а не {value}.",
    "There is no character to talk to.": "Говорить не с кем: персонажей нет.",
    "Import a card with: traktir import FILE": "Импортируйте карточку: traktir import ФАЙЛ",
    "The connection to the core was lost; the reply goes on there.":
        "Связь с ядром пропала; ответ там пишется дальше.",
    "Look with: traktir chats show": "Посмотреть: traktir chats show",
    "The server does not know {name}; it was left out.": "Сервер не знает {name}; это значение не отправлено.",
    "listen on TCP too, on this address (127.0.0.1, 0.0.0.0)": "слушать и TCP, на этом адресе (127.0.0.1, 0.0.0.0)",
    "the TCP port (8777; 0 takes a free one)": "порт TCP (8777; 0 — любой свободный)",
    "the token that TCP clients must have; made where it is missing (else TRAKTIR_TOKEN)":
        "токен, который нужен клиентам TCP; если файла нет, он будет создан (иначе TRAKTIR_TOKEN)",
    "end after so long without a client or a reply in progress (0, the default: never)":
        "завершиться, когда столько времени нет ни клиента, ни ответа в работе (0, по умолчанию: никогда)",
    "Listening on {url}": "Слушаю на {url}",
    "The connection is not encrypted: use it in a network you trust, or through ssh -L or a VPN.":
        "Соединение не шифруется: используйте его в сети, которой доверяете, или через ssh -L либо VPN.",
    "{file} cannot be written: {reason}.": "Файл {file} не записать: {reason}.",
    "There is no editor: the variable EDITOR is not set.": "Редактора нет: переменная EDITOR не задана.",
    "Set it, or give the text with --text.": "Задайте её или передайте текст через --text.",
    "The editor ended with an error; nothing has changed.": "Редактор завершился с ошибкой; ничего не изменилось.",
    "No core is running for this home.": "Для этого каталога ядро не запущено.",
    "core      {version}, process {pid}, up {minutes} min":
        "ядро      {version}, процесс {pid}, работает {minutes} мин",
    "home      {home}": "каталог   {home}",
    "socket    {socket}": "сокет     {socket}",
    "attached  {count}": "клиенты   {count}",
    "model     {model} ({state})": "модель    {model} ({state})",
    "A reply is being written.": "Пишется ответ.",
    "also in the middle of a reply; what came is kept": "и посреди ответа; написанное сохранится",
    "The core was asked to end but is still there.": "Ядро попросили завершиться, но оно ещё здесь.",
    "{file} is not UTF-8 text (byte {at}).": "{file} — не текст в UTF-8 (байт {at}).",
    "The largest parts, in tokens: {parts}.": "Самые большие части, в токенах: {parts}.",
    "A field is set as FIELD=VALUE, not {value}.": "Поле задаётся как ПОЛЕ=ЗНАЧЕНИЕ, а не {value}.",
    "{field} takes JSON, not {value}.": "{field} принимает JSON, а не {value}.",
    "To write prompts with these presets exactly as SillyTavern does: {command}":
        "Чтобы промпты с этими пресетами были точно как в SillyTavern: {command}",
    "A profile cannot be called {name}.": "Профиль нельзя назвать {name}.",
    "There is a profile called {name} already; choose another name.":
        "Профиль {name} уже есть; выберите другое имя.",
    "A profile needs an instruct preset and a context preset among the files.":
        "Для профиля среди файлов нужны пресет instruct и пресет context.",
    "Several presets of one kind are among the files: {names}. Name the files to take.":
        "Среди файлов несколько пресетов одного вида: {names}. Укажите те файлы, что нужны.",
    "Use it for all chats: traktir profiles use {name}. For one: traktir chats set ID profile={name}":
        "Для всех чатов: traktir profiles use {name}. Для одного: traktir chats set ID profile={name}",
}
