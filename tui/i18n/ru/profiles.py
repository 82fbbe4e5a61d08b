"""Server tables, profiles, keys."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{server} has it from version {version} on.": "{server} знает это начиная с версии {version}.",
    "{server} has it not with the loader {loader}.": "{server} не умеет этого с загрузчиком {loader}.",
    "{server} has no such setting.": "{server} не знает такой настройки.",
    "{server} accepts it and does nothing with it.": "{server} принимает это, но не использует.",
    "{server} had it once and has it no more.": "{server} раньше умел это, теперь нет.",
    "{server} takes it when it is started, not with a request.":
        "{server} принимает это при запуске, а не с запросом.",
    "{server} cannot do it while it streams.": "{server} не умеет этого при потоковом ответе.",
    "{server} has a setting of that kind that means something else.":
        "У {server} есть похожая настройка, но значит она другое.",
    "{server} offers no such setting.": "{server} не даёт такой настройки.",
    "{server} takes the range of the penalties for it.": "{server} берёт для этого диапазон штрафов.",
    "{server} always counts the whole prompt and the reply.": "{server} всегда учитывает весь промпт и ответ.",
    "{server} refused it; it is left out from now on.": "{server} отверг это; дальше оно не отправляется.",
    "{server} takes it by token numbers only (#123), not by text.":
        "{server} принимает это только номерами токенов (#123), не текстом.",
    "It is no JSON that {server} could take.": "Это не JSON, который мог бы принять {server}.",
    "{server} takes a grammar or a schema, not both; the grammar counts.":
        "{server} принимает грамматику или схему, но не обе; действует грамматика.",
    "{server} has an order of its own that cannot be changed.": "У {server} свой порядок, изменить его нельзя.",
    "{server} takes the first {n} of {all} only.": "{server} принимает только первые {n} из {all}.",
    "{server} takes only {values} here; {value} became {new}.":
        "{server} принимает здесь только {values}; {value} стало {new}.",
    "{server} takes nothing below {low} here; {value} became that.":
        "{server} не принимает здесь меньше {low}; {value} заменено на это.",
    "{server} takes nothing above {high} here; {value} became that.":
        "{server} не принимает здесь больше {high}; {value} заменено на это.",
    "{file} belongs to no kind of server. There are: {names}.":
        "{file} не относится ни к одному виду серверов. Есть: {names}.",
    "{file}, line {line}: {field} must be a name without blanks.":
        "{file}, строка {line}: {field} должно быть именем без пробелов.",
    "{name} was left out: {why}": "{name} не отправлено: {why}",
    "{name} became {value}: {why}": "{name} стало {value}: {why}",
    "{name} became {value}.": "{name} стало {value}.",
    "brought into range: {names}": "приведено к диапазону: {names}",
    "Why these samplers were left out or moved": "Почему эти сэмплеры опущены или изменены",
}
