"""Prompt formats: detection, derivation, checks."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "A new reply is opened by {text}, earlier ones by {other}: they have nothing in common.":
        "Новый ответ открывается с {text}, прежние — с {other}: у них нет ничего общего.",
    "A prompt of this format begins with {count} BOS tokens.":
        "Промпт в этом формате начинается с токенов BOS, и их {count}.",
    "A prompt of this format begins without BOS, which the model expects.":
        "Промпт в этом формате начинается без BOS, а модель его ждёт.",
    "A reply ends with {text}, and no stop string is there: more than the reply may be taken in.":
        "Ответ кончается на {text}, а стоп-строки там нет: вместе с ответом может попасть лишнее.",
    "Doubtful": "Сомнительно",
    "Name the format that is to be checked.": "Назовите формат, который надо проверить.",
    "No prompt format is known for this model.": "Для этой модели не известен ни один формат промпта.",
    "The format and the model's own template differ ({probe}, character {at}): here {ours}, there {theirs}.":
        "Формат и собственный шаблон модели расходятся ({probe}, символ {at}): здесь {ours}, там {theirs}.",
    "The format has no stop strings: only the model itself ends a reply.":
        "В формате нет стоп-строк: закончить ответ может только сама модель.",
    "The format mixes control tokens of several families: {names}.":
        "В формате смешаны управляющие токены разных семейств: {names}.",
    "The marks are those of {template}, but the model's own template writes something else, so the format was read off "
    "it.":
        "Приметы указывают на {template}, но собственный шаблон модели пишет иначе, поэтому формат снят с него.",
    "The model tells no template. Models of its family, {family}, often speak {names}; a tune may speak another.":
        "Модель не сообщает шаблона. Модели её семейства, {family}, часто говорят на {names}; дообученная может и на "
        "другом.",
    "The model tells no template; its vocabulary has the control tokens of {template}: {tokens}.":
        "Модель не сообщает шаблона; в её словаре есть управляющие токены {template}: {tokens}.",
    "The model's own template leaves messages out or repeats them, which no prompt format can say, so it is run "
    "itself.":
        "Собственный шаблон модели пропускает сообщения или повторяет их; форматом промпта этого не выразить, поэтому "
        "выполняется он сам.",
    "The model's vocabulary has no {names}: it reads them as ordinary letters.":
        "В словаре модели нет {names}: она читает это как обычные буквы.",
    "The opener of a reply, {text}, ends with a blank: a token that the model never saw there.":
        "Начало ответа, {text}, кончается пробелом: такого токена модель там никогда не видела.",
    "The stop string {text} is only white space: it ends replies in the middle.":
        "Стоп-строка {text} состоит из одних пробелов: она обрывает ответы на середине.",
    "The stop string {text} occurs in the opener of a reply.": "Стоп-строка {text} встречается в начале ответа.",
    "The stop string {text} occurs in the tags of a thought, so that a reply ends with its thought.":
        "Стоп-строка {text} встречается в тегах размышления, и ответ кончится вместе с ним.",
    "error": "ошибка",
    "note": "замечание",
    "read off the model's own template": "снят с собственного шаблона модели",
    "seen by the control tokens of the model": "узнан по управляющим токенам модели",
    "the model's own template is run": "выполняется собственный шаблон модели",
    "warning": "предупреждение",
    "{probe}, character {at}: here {ours}, there {theirs}": "{probe}, символ {at}: здесь {ours}, там {theirs}",
    "{template} was chosen for this model by hand.": "{template} выбран для этой модели вручную.",
    "{template}: nothing is wrong.": "{template}: всё в порядке.",
}
