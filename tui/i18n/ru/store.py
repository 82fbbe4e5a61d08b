"""Russian: the database."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "There is no such chat.": "Такого чата нет.",
    "The search index does not agree with the messages.": "Поисковый индекс расходится с сообщениями.",
    "The history of the chat {title} does not give the chat as it is stored.":
        "История чата «{title}» не воспроизводит чат таким, каким он сохранён.",
    "This cannot be stored: {reason}.": "Это нельзя сохранить: {reason}.",
    "The database {file} is in use by another program.": "База данных {file} занята другой программой.",
    "Close what has it open (a database browser, a backup), then try again.":
        "Закройте то, что её держит (просмотрщик баз, резервное копирование), и попробуйте ещё раз.",
    "The database {file} cannot be read or written ({reason}).":
        "Базу данных {file} не удаётся прочитать или записать ({reason}).",
    "{file} cannot be used ({reason}).": "Нельзя использовать {file} ({reason}).",
    "The disk that holds {file} is full, so this was not saved.":
        "На диске с {file} кончилось место, поэтому это не сохранено.",
    "Free some space and try again; nothing that was saved before is lost.":
        "Освободите место и попробуйте ещё раз; ничего из сохранённого раньше не пропало.",
    "{file} cannot be written: the disk or the folder is read-only.":
        "В {file} нельзя записать: диск или папка доступны только для чтения.",
    "Make it writable, or let TRAKTIR_HOME name another folder.":
        "Откройте доступ на запись или укажите другую папку в TRAKTIR_HOME.",
    "The database {file} is closed.": "База данных {file} закрыта.",
    "There is no backup copy of it; move it away to start afresh, and keep it for a rescue.": (
        "Резервной копии нет; уберите файл в сторону, чтобы начать заново, и сохраните его: возможно, его удастся "
        "спасти."
    ),
    "The database {file} is damaged; it is left as it is.": "База данных {file} повреждена; она оставлена как есть.",
    "The store is in use by Traktir on another computer, {host} (process {pid}).":
        "Хранилище занято Трактиром на другом компьютере, {host} (процесс {pid}).",
    "Stop it there. If it no longer runs, delete the file {file} and start again.":
        "Остановите его там. Если он уже не работает, удалите файл {file} и запустите снова.",
    "The store is in use by another Traktir (process {pid}, socket {socket}).":
        "Хранилище занято другим Трактиром (процесс {pid}, сокет {socket}).",
    "Use that one, or stop it with: traktir stop": "Пользуйтесь им или остановите его: traktir stop",
    "New chat": "Новый чат",
    "That step was undone or redone a moment ago, so there is nothing to do.":
        "Этот шаг только что отменили или вернули, делать нечего.",
    "{file} is a database of another program.": "{file} — база данных другой программы.",
    "Move it away, or let TRAKTIR_HOME name another folder.":
        "Уберите её в сторону или укажите другую папку в TRAKTIR_HOME.",
    "The database {file} has version {found}; this Traktir knows versions up to {known}. It was not touched.":
        "У базы данных {file} версия {found}, а этот Трактир знает версии до {known}. Она не тронута.",
    "Start the newer Traktir that wrote it, or upgrade this one.":
        "Запустите тот, более новый Трактир, который её записал, или обновите этот.",
    (
        "This file system has no locks on files: writes are safe, but slower. Let only one computer use the store at "
        "a time."
    ): (
        "На этой файловой системе нет блокировок файлов: запись надёжна, но медленнее. Пусть хранилищем одновременно "
        "пользуется только один компьютер."
    ),
    (
        "The store lies on a network file system ({kind}): it is kept safe there with slower writes. Let only one "
        "computer use it at a time."
    ): (
        "Хранилище лежит на сетевой файловой системе ({kind}): там оно пишет надёжно, но медленнее. Пусть им "
        "одновременно пользуется только один компьютер."
    ),
    "This file system does not take SQLite's write-ahead log: writes are safe, but slower.":
        "Эта файловая система не принимает журнал опережающей записи SQLite: запись надёжна, но медленнее.",
    "A reply was being written when Traktir stopped. What had arrived is kept and marked as cut.":
        "Когда Трактир остановился, писался ответ. То, что успело прийти, сохранено и отмечено как оборванное.",
    "{count} replies were being written when Traktir stopped. What had arrived is kept and marked as cut.": (
        "Когда Трактир остановился, писались ответы (всего {count}). То, что успело прийти, сохранено и отмечено как "
        "оборванное."
    ),
    "This Python's SQLite has no full-text search (FTS5): searching is slower.":
        "В SQLite этого Python нет полнотекстового поиска (FTS5): поиск медленнее.",
    "The daily backup copy could not be written ({reason}).":
        "Не удалось записать ежедневную резервную копию ({reason}).",
    "A reply was cut short when Traktir stopped": "Ответ оборвался, когда Трактир остановился",
}
