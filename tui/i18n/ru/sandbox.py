"""What the helper process for untrusted patterns and templates says."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "The pattern is longer than {limit} characters, so it never matches.":
        "Шаблон длиннее {limit} символов, поэтому он никогда не срабатывает.",
    "The pattern has a flag twice, so it never matches.":
        "Один из флагов шаблона указан дважды, поэтому он никогда не срабатывает.",
    "The pattern is wrong at character {at} ({what}), so it never matches.":
        "В шаблоне ошибка у символа {at} ({what}), поэтому он никогда не срабатывает.",
    "The pattern asks for a class of characters that is not known here ({what}): it never matches.":
        "В шаблоне неизвестный здесь класс символов ({what}): он никогда не срабатывает.",
    "The pattern names too many classes of characters, so it never matches.":
        "В шаблоне слишком много классов символов, поэтому он никогда не срабатывает.",
    "The pattern takes too long to search with, so it is not used.":
        "Поиск по этому шаблону идёт слишком долго, поэтому он не используется.",
    "The pattern takes too much memory, so it is not used.":
        "Этому шаблону нужно слишком много памяти, поэтому он не используется.",
    "The pattern looks back by a length that varies: it never matches here.":
        "Шаблон смотрит назад на переменную длину: здесь он никогда не срабатывает.",
    "The pattern cannot be read ({reason}), so it never matches.":
        "Шаблон не удалось разобрать ({reason}), поэтому он никогда не срабатывает.",
    "The helper process ended while it searched with the pattern, so it is not used.":
        "Вспомогательный процесс завершился во время поиска по шаблону, поэтому шаблон не используется.",
    "The patterns took too long together; this one was not tried this time.":
        "Все шаблоны вместе заняли слишком много времени; до этого очередь на сей раз не дошла.",
    "This is no pattern: it is not of the form /…/.": "Это не шаблон: он не записан в виде /…/.",
    "The helper process for patterns and templates cannot be started: {reason}":
        "Не удалось запустить вспомогательный процесс для шаблонов: {reason}",
    "The model's template took too long and was stopped.":
        "Шаблон чата самой модели выполнялся слишком долго и был остановлен.",
    "The model's template wanted too much memory and was stopped.":
        "Шаблону чата самой модели понадобилось слишком много памяти, и он был остановлен.",
    "The model's template wrote too much text and was stopped.":
        "Шаблон чата самой модели вывел слишком много текста и был остановлен.",
    "The model's template cannot be read: line {line}: {reason}":
        "Шаблон чата самой модели не удалось разобрать: строка {line}: {reason}",
    "The model's template refuses this conversation: {reason}":
        "Шаблон чата самой модели не принимает этот разговор: {reason}",
    "The model's template tries what no template may: {reason}":
        "Шаблон чата самой модели пытается сделать то, что шаблонам запрещено: {reason}",
    "The model's own template makes no prompt of a plain chat.":
        "Собственный шаблон модели не может записать даже простой разговор.",
    "The model's own template could not be tried to the end: it is too slow.":
        "Собственный шаблон модели не удалось проверить до конца: он слишком медленный.",
    "The model's own template does what no prompt format can say ({names}), so it is run itself.":
        "Собственный шаблон модели делает то, чего формат промпта выразить не может ({names}), "
        "поэтому выполняется сам шаблон.",
    "The format was read off the model's own template; both write {count} trial chats alike.":
        "Формат выведен из собственного шаблона модели; оба одинаково записывают пробные разговоры ({count}).",
    "The model's own template takes no system text: it stands at the beginning of the user's first turn.":
        "Собственный шаблон модели не принимает системный текст: он поставлен в начало первой реплики пользователя.",
    "The model's own template wants user and character to take turns: neighbouring messages are joined.":
        "Собственный шаблон модели требует, чтобы пользователь и персонаж чередовались: соседние сообщения соединены.",
    "The model's own template takes no later system text: notes are written as the user's.":
        "Собственный шаблон модели не принимает системный текст в середине: заметки записаны от имени пользователя.",
    "The model's own template changes texts in a way that cannot be followed: they stand as written.":
        "Собственный шаблон модели меняет тексты так, что это нельзя проследить: они оставлены как есть.",
    "The model's own template leaves messages out of the prompt. Another prompt format would keep them.":
        "Собственный шаблон модели пропускает часть сообщений. Другой формат промпта сохранил бы их.",
    "The model's own template refuses this chat.": "Собственный шаблон модели не принимает этот разговор.",
    "Choose another prompt format for this model in its profile.":
        "Выберите для этой модели другой формат промпта в её профиле.",
    "The model's template failed at line {line}: {reason}":
        "Ошибка в шаблоне чата самой модели, строка {line}: {reason}",
}
