"""Russian: backups and restoring."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "The database is damaged ({reason}). Bring back a copy of it with: traktir restore latest":
        "База данных повреждена ({reason}). Верните её копию командой: traktir restore latest",
    "Bring back the copy of {when} with: traktir restore {copy}":
        "Верните копию от {when} командой: traktir restore {copy}",
    (
        "The daily backup copy was not made: it needs {needed} MB, and the disk has less room than that. "
        "The earlier copies are kept."
    ): (
        "Ежедневная резервная копия не сделана: ей нужно {needed} МБ, а на диске столько нет. Прежние копии на месте."
    ),
    "There is no room for the backup {file}: it needs {needed} MB, and {free} MB are free.":
        "Для резервной копии {file} нет места: нужно {needed} МБ, а свободно {free} МБ.",
    "Free some space, or write it elsewhere with: traktir backup -o FILE":
        "Освободите место или запишите её в другое: traktir backup -o ФАЙЛ",
    "There is no room to unpack {file}: it needs {needed} MB, and {free} MB are free.":
        "Распаковать {file} негде: нужно {needed} МБ, а свободно {free} МБ.",
    "Nothing was changed. Free some space, then try again.":
        "Ничего не изменено. Освободите место и попробуйте ещё раз.",
    "Nothing was changed. The copies there are: traktir restore --list":
        "Ничего не изменено. Какие копии есть, покажет: traktir restore --list",
    "The copies there are: traktir restore --list": "Какие копии есть, покажет: traktir restore --list",
    "There is no backup called {name}.": "Резервной копии {name} нет.",
    "{file} is not a backup of Traktir.": "{file} — не резервная копия Трактира.",
    "{file} is damaged: {reason}.": "Файл {file} повреждён: {reason}.",
    "{file} is damaged: its end is missing.": "Файл {file} повреждён: у него нет конца.",
    "{file} is damaged: {part} in it is not what was written.":
        "Файл {file} повреждён: {part} в нём не такое, каким было записано.",
    "{file} is damaged: the history of the chat {title} does not give what is stored of it.":
        "Файл {file} повреждён: история чата {title} не воспроизводит того, что о нём сохранено.",
    "{file} was made by a newer Traktir: it has version {found}, and this one knows up to {known}.":
        "Файл {file} сделан более новым Трактиром: у него версия {found}, а этот знает версии до {known}.",
    "{file} holds what no backup of Traktir holds: {part}.":
        "В файле {file} есть то, чего в резервных копиях Трактира не бывает: {part}.",
    "{file} lacks a part that every backup has: {part}.":
        "В файле {file} не хватает того, что есть в каждой копии: {part}.",
    "{file} holds values of a wrong kind in {part}.": "В файле {file}, в таблице {part}, — значения не того рода.",
    "{file} holds messages that hang together with nothing.": "В файле {file} есть сообщения, ни с чем не связанные.",
    "{file} holds a prompt that does not unpack.": "В файле {file} есть промпт, который не распаковывается.",
    "Traktir stopped while a backup was being restored; the restore is complete now.":
        "Трактир остановился посреди восстановления из копии; теперь оно доведено до конца.",
    "Back up all chats and files, and say how to bring them back.":
        "Сделать резервную копию всех чатов и файлов и сказать, как её вернуть.",
    (
        "Backed up: {chats} chats, {messages} messages. It comes back with: traktir restore {name}; all copies: "
        "traktir restore --list. The file: {file}"
    ): (
        "Копия: чатов {chats}, сообщений {messages}. Вернуть её: traktir restore {name}; все копии: traktir restore "
        "--list. Файл: {file}"
    ),
    "daily": "ежедневная",
    "before an upgrade": "перед обновлением",
    "by hand": "сделана вручную",
    "one chat": "один чат",
    "before a restore": "перед восстановлением",
    "other": "прочая",
    "where to write it; by default beside the other copies": "куда записать; без этого — рядом с другими копиями",
    "this chat alone, with its whole tree and history": "только этот чат, со всем деревом и историей",
    "list the copies there are": "показать, какие копии есть",
    "A backup needs a file to be written to.": "Резервной копии нужен файл, куда её записать.",
    "{chats} chats, {messages} messages and {files} files; {size}. Read back and found whole.":
        "Чатов {chats}, сообщений {messages}, файлов {files}; {size}. Копия перечитана и цела.",
    "There are no backups yet.": "Резервных копий пока нет.",
    "{megabytes} MB": "{megabytes} МБ",
    "{chats} chats, {messages} messages": "чатов {chats}, сообщений {messages}",
    "not checked": "не проверена",
    "a file, the name of one of the copies, or the newest good one; without it: list them":
        "файл, имя одной из копий или latest — самая новая исправная; без этого копии будут перечислены",
    "only this chat; one of that id that is here stays as it is":
        "только этот чат; тот, что уже есть под этим идентификатором, останется как есть",
    "check the backup and say what is in it, no more": "проверить копию и сказать, что в ней; больше ничего",
    "do not ask": "не спрашивать",
    "{file} is sound: {chats} chats, {messages} messages and {files} files.":
        "Копия {file} исправна: чатов {chats}, сообщений {messages}, файлов {files}.",
    "None of the copies holds that chat.": "Ни в одной из копий этого чата нет.",
    "There is no good copy to restore.": "Исправной копии, которую можно вернуть, нет.",
    "Name a file that you kept elsewhere.": "Назовите файл, который вы сохранили в другом месте.",
    "The chat is back.": "Чат возвращён.",
    "The chat that is here stays as it is; the restored one lies beside it.":
        "Имеющийся чат остался как был; возвращённый лежит рядом с ним.",
    "Wait for it, or restore all the same with --force.": "Подождите его или восстановите всё равно, добавив --force.",
    "{file} would take the place of everything that is here.": "{file} встанет на место всего, что здесь есть.",
    "Say that you want it with --yes, or look first with --dry-run.":
        "Подтвердите это ключом --yes или сначала посмотрите с --dry-run.",
    (
        "{file} of {when} takes the place of what is here: {chats} chats, {messages} messages and {files} files. "
        "What is here now is copied aside first."
    ): (
        "Копия {file} от {when} встанет на место того, что здесь есть: чатов {chats}, сообщений {messages}, файлов "
        "{files}. То, что есть сейчас, сначала будет скопировано."
    ),
    "{file} holds neither chats nor files: there is nothing to restore.":
        "В {file} нет ни чатов, ни файлов: восстанавливать нечего.",
    "Go on? [y/N]": "Продолжать? [д/Н]",
    "Nothing was changed.": "Ничего не изменено.",
    "Restored from {file}: {chats} chats, {messages} messages and {files} files.":
        "Восстановлено из {file}: чатов {chats}, сообщений {messages}, файлов {files}.",
    "The damaged database is kept as {file}.": "Повреждённая база данных сохранена как {file}.",
    "What was here before comes back with: traktir restore {copy}":
        "То, что было здесь раньше, вернёт команда: traktir restore {copy}",
}
