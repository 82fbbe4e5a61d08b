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
    "The model's template failed at line {line}: {reason}":
        "Ошибка в шаблоне чата самой модели, строка {line}: {reason}",
}
