"""Server tables, profiles, keys."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "[NAME] [--character|--chat|--summaries]": "[ИМЯ] [--персонаж|--чат|--пересказ]",
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
    "The key file {file} can be read or changed by other users of this machine, so it is not used.":
        "Файл с ключом {file} могут прочитать или изменить другие пользователи машины, поэтому он не используется.",
    "Take their rights away: chmod 600 {file}": "Отнимите у них права: chmod 600 {file}",
    "This is no key: it is empty, far too long, or holds characters that no header can carry.":
        "Это не ключ: он пуст, слишком длинен или содержит знаки, которых не передать в заголовке.",
    "The system's keyring has no key called {name}.": "В системном хранилище ключей нет ключа {name}.",
    "Put it there: traktir profiles key NAME --keyring": "Положите его туда: traktir profiles key ИМЯ --keyring",
    "The package that speaks to the system's keyring is not installed.":
        "Пакет для системного хранилища ключей не установлен.",
    "Install it with pip install 'traktir[keyring]', or name a key file or a variable.":
        "Установите его: pip install 'traktir[keyring]', либо назовите файл с ключом или переменную.",
    "The system's keyring cannot be used here ({reason}).": "Системное хранилище ключей здесь недоступно ({reason}).",
    "Often no Secret Service runs, as on a server without a desktop. A key file or a variable works.":
        "Часто не запущен Secret Service (на сервере без рабочего стола). Подойдёт файл или переменная.",
    "The file of certificates {file} cannot be used ({reason}).": "Файл сертификатов {file} не подходит ({reason}).",
    "It must hold certificates in PEM form.": "В нём должны быть сертификаты в виде PEM.",
    "{file}, line {line}: {field} is for a backend of another kind, like {kind}.":
        "{file}, строка {line}: {field} относится к другому виду бэкенда, например {kind}.",
    "{file}, line {line}: {field} would keep a secret in a profile.":
        "{file}, строка {line}: {field} хранило бы секрет в профиле.",
    "Put it into a variable and name that under headers_env, like {name}: MY_VARIABLE.":
        "Положите его в переменную и назовите её в headers_env, например {name}: MY_VARIABLE.",
    "Leave it out and set HTTPS_PROXY where the core is started.":
        "Уберите его и задайте HTTPS_PROXY там, где запускается ядро.",
    "A profile is bound to a character or to a chat.": "Профиль привязывается к персонажу или к чату.",
    "The profile {name} uses no server, so it has no key.": "Профиль {name} не использует сервера, ключа у него нет.",
    "/profile takes a name and one of --character, --chat, --summaries.":
        "/profile принимает имя и одно из --character, --chat, --summaries.",
    "holds for {names}": "действует для {names}",
    "The profile {name} now writes all summaries.": "Пересказы теперь пишет профиль {name}.",
    "Summaries are written by the model that replies.": "Пересказы пишет та же модель, что отвечает.",
    "The key of this server": "Ключ этого сервера",
    "It goes into a file that only you can read, not into the profile.":
        "Он попадёт в файл, который можете прочитать только вы, а не в профиль.",
    "The key is kept.": "Ключ сохранён.",
    "The profile {name} now holds for this character.": "Профиль {name} теперь действует для этого персонажа.",
    "Nothing is bound here any more; the default profile holds.":
        "Здесь больше ничего не привязано; действует профиль по умолчанию.",
    "Use it for all chats with this character": "Для всех чатов с этим персонажем",
    "Bind it no longer, neither to the chat nor to the character": "Отвязать и от чата, и от персонажа",
    "Let it write the summaries": "Пусть он пишет пересказы",
    "Keep the key of its server…": "Сохранить ключ его сервера…",
    "Key": "Ключ",
    "If it wants a key: typed or pasted unseen, kept in a file that only you can read.":
        "Если нужен ключ: вводится невидимо, хранится в файле, который можете прочитать только вы.",
    "Instead of the key itself: the name of an environment variable.":
        "Вместо самого ключа: имя переменной окружения.",
    "Key: ": "Ключ: ",
    "The temperature moves between {low} and {high}; here that is {new} and {range} to either side.":
        "Температура меняется от {low} до {high}; здесь это {new} и {range} в обе стороны.",
    "{field} was left out: a grammar is there too, and only one of them can hold.":
        "{field} опущено: есть и грамматика, а действовать может только одно из двух.",
    "{field} ({value}) was left out: it is no text, or far too long.":
        "{field} ({value}) опущено: это не текст или он слишком длинный.",
    "{field} was left out: it is no JSON Schema.": "{field} опущено: это не JSON Schema.",
}
