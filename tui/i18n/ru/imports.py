"""Presets of other programs."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "A preset can be exported as yaml or sillytavern, not {value}.":
        "Пресет выгружается как yaml или sillytavern, а не {value}.",
    "Fields that mean nothing here were left out: {names}.":
        "Поля, которые здесь ничего не значат, пропущены: {names}.",
    "It needs <|user-message|> and, after it, <|bot-message|>.":
        "В нём должны быть <|user-message|> и после него <|bot-message|>.",
    "Its prompt format and samplers stand beside the profile; choose them in it.":
        "Формат промпта и сэмплеры из этого файла лежат рядом с профилем; выберите их в нём.",
    "Leave --format out; the preset leaves as YAML.": "Уберите --format: пресет выгрузится в YAML.",
    "Models, addresses and keys are never taken from a preset; left out: {names}.":
        "Модели, адреса и ключи из пресетов не берутся; пропущено: {names}.",
    "Nothing was made of it.": "Ничего из него не сделано.",
    "NovelAI counts repetition_penalty ({value}) on a scale of its own; elsewhere it may be too strong.":
        "У NovelAI своя шкала для repetition_penalty ({value}); в других местах это может оказаться слишком сильно.",
    "SillyTavern's own fields are kept in this file; a prompt with mode: compatible follows them exactly.":
        "Исходные поля SillyTavern сохранены в этом файле; промпт с mode: compatible следует им в точности.",
    "The Jinja template is kept and run in a sandbox: its turns could not be read as fields.":
        "Шаблон Jinja сохранён и выполняется в песочнице: разложить его на поля не удалось.",
    "The Jinja template was read as fields; its turns are the same.":
        "Шаблон Jinja разложен на поля; реплики пишутся так же.",
    "The file names no model; the profile uses the starter model until you choose one.":
        "Модель в файле не названа; пока вы не выберете свою, в профиле стоит начальная.",
    "The profile names the model {value}; choose another one if it lies elsewhere here.":
        "В профиле указана модель {value}; если здесь она лежит в другом месте, выберите её заново.",
    "The prompt {value} is said by {role} there; here it joins the system text.":
        "Промпт {value} там идёт от роли {role}; здесь он становится частью системного текста.",
    "The prompt {value} stands at depth {depth} in the chat there; it was left out.":
        "Промпт {value} там стоит внутри чата на глубине {depth}; он пропущен.",
    "This is the prompt format {name} with the thinking tags {start} and {end}.":
        "Это формат промпта {name} с тегами размышлений {start} и {end}.",
    "Write them into your prompt format: reasoning.start {start} and reasoning.end {end}.":
        "Впишите их в свой формат промпта: reasoning.start {start} и reasoning.end {end}.",
    "activation_regex ({value}) is never run; it is kept as text.":
        "activation_regex ({value}) никогда не выполняется; он сохранён как текст.",
    "chat_start ({value}) was left out: here it belongs to the prompt format, in its field chat_start.":
        "chat_start ({value}) пропущен: здесь он относится к формату промпта, к его полю chat_start.",
    "example_separator is empty; <START> parts the example dialogues here.":
        "example_separator пуст; примеры диалогов здесь разделяет <START>.",
    "model_param ({value}) is not on this machine; only the file's name was taken.":
        "model_param ({value}) не на этой машине; взято только имя файла.",
    "names_behavior ({value}) is unknown; names stand in groups only.":
        "names_behavior ({value}) неизвестен; имена пишутся только в группах.",
    "story_string_position ({value}) was left out: the head stands first here.":
        "story_string_position ({value}) пропущен: вступление здесь всегда стоит первым.",
    "system_sequence ({value}) stands before notes only in SillyTavern; here notes are written as the head is.":
        "В SillyTavern system_sequence ({value}) стоит только перед заметками; здесь заметки пишутся так же, как "
        "вступление.",
    "{field} ({value}) became temperature 0.": "{field} ({value}) превращено в температуру 0.",
    "{field} ({value}) became {new}, the nearest that is possible.":
        "{field} ({value}) заменено на {new}, ближайшее допустимое.",
    "{field} ({value}) holds macros that SillyTavern leaves alone here; names are filled in.":
        "В {field} ({value}) есть макросы, которые SillyTavern здесь не трогает; имена будут подставлены.",
    "{field} ({value}) is neither true nor false; it was read as {new}.":
        "{field} ({value}) — не true и не false; прочитано как {new}.",
    "{field} ({value}) looks mistyped; it was taken as it stands.":
        "{field} ({value}) похоже на опечатку; взято как есть.",
    "{field} ({value}) names steps that are none; they were left out.":
        "В {field} ({value}) названы шаги, которых не бывает; они пропущены.",
    "{field} ({value}) was ignored: it would run or read something on this machine.":
        "{field} ({value}) пропущено: оно что-то запустило бы или прочитало на этой машине.",
    "{field} ({value}) was left out: Traktir calls no tools.":
        "{field} ({value}) пропущено: Traktir не вызывает инструменты.",
    "{field} ({value}) was left out: Traktir has no such setting.":
        "{field} ({value}) пропущено: такой настройки в Traktir нет.",
    "{field} ({value}) was left out: a prompt format here writes all turns of a side alike.":
        "{field} ({value}) пропущено: здесь формат промпта пишет все реплики одной стороны одинаково.",
    "{field} ({value}) was left out: example dialogue is always written as turns.":
        "{field} ({value}) пропущено: примеры диалогов всегда пишутся репликами.",
    "{field} ({value}) was left out: it cannot be read.": "{field} ({value}) пропущено: прочитать не удалось.",
    "{field} ({value}) was left out: it is neither text nor a list of token numbers.":
        "{field} ({value}) пропущено: это не текст и не список номеров токенов.",
    "{field} ({value}) was left out: it is no list of texts.": "{field} ({value}) пропущено: это не список текстов.",
    "{field} ({value}) was left out: it is no number.": "{field} ({value}) пропущено: это не число.",
    "{field} ({value}) was left out: it is no order of samplers.":
        "{field} ({value}) пропущено: это не порядок сэмплеров.",
    "{field} ({value}) was left out: it names another file, which is not opened.":
        "{field} ({value}) пропущено: это имя другого файла, а он не открывается.",
    "{field} ({value}) was left out: lore stands as it is written.":
        "{field} ({value}) пропущено: знания вставляются так, как написаны.",
    "{field} ({value}) was left out: stop strings belong to the prompt format and the samplers here.":
        "{field} ({value}) пропущено: стоп-строки здесь относятся к формату промпта и сэмплерам.",
    "{field} ({value}) was left out: the context length belongs to the model or the connection.":
        "{field} ({value}) пропущено: длина контекста относится к модели или подключению.",
    "{field} ({value}) was left out: the prompt has no such text here.":
        "{field} ({value}) пропущено: такого текста в промпте здесь нет.",
    "{field} has no place for the texts of both sides, so no prompt format can be made of it.":
        "В {field} нет места для текстов обеих сторон, поэтому формат промпта из него не сделать.",
    "{field} holds a prompt without an identifier; it was left out.":
        "В {field} есть промпт без идентификатора; он пропущен.",
    "{field} holds something that is no text with a number; it was left out.":
        "В {field} есть что-то кроме пар «текст и число»; оно пропущено.",
    "{field} holds the macro {value}, which a prompt format does not resolve; it stays as text.":
        "В {field} есть макрос {value}; формат промпта его не раскрывает, он остаётся текстом.",
    "{field} holds {value} twice; the first one counts.": "В {field} дважды есть {value}; действует первое.",
    "{field} in the story string was left out: that part has a place of its own in the prompt here.":
        "{field} из story_string пропущено: у этой части здесь своё место в промпте.",
    "{field}: 0 stands for the whole context there, as -1 does here.":
        "{field}: там 0 означает весь контекст, здесь это -1.",
    "{file} holds keys, so it was not read.": "В файле {file} ключи, поэтому он не прочитан.",
    "{file} holds nothing that is kept here; it was left out.": "В {file} нет ничего, что здесь хранится; пропущено.",
    "{file} holds quick replies, and this program has no use for them yet.":
        "В файле {file} быстрые ответы; этой программе они пока ни к чему.",
    "{file} holds the colours of SillyTavern's pages, and this program has no use for them yet.":
        "В файле {file} цвета страниц SillyTavern; этой программе они пока ни к чему.",
    "{file} is no preset that Traktir can read.": "{file} — не пресет, который Traktir умеет читать.",
    "{file} is nothing that Traktir can read; its fields are: {names}.":
        "Traktir не умеет читать такие файлы, как {file}; поля в нём: {names}.",
    "{file} says where SillyTavern's panels stand, and this program has no use for that yet.":
        "В файле {file} записано, где стоят панели SillyTavern; этой программе это пока ни к чему.",
    "{name} did not come from SillyTavern, so there is no such file to give back.":
        "{name} не из SillyTavern, поэтому отдать такой файл нельзя.",
    "{name} holds thinking tags, which belong to a prompt format, and there is none of that name.":
        "В {name} теги размышлений; они относятся к формату промпта, а формата с таким именем нет.",
    "{value} around the story string was left out: the prompt format writes that itself.":
        "{value} вокруг story_string пропущено: это пишет сам формат промпта.",
    "{value} in the story string is Handlebars that is not run here; it stays as text.":
        "{value} в story_string — код Handlebars, который здесь не выполняется; он остаётся текстом.",
    "{value} stands after the chat there; here it stands before.":
        "{value} там стоит после чата; здесь — перед ним.",
    "The rest of the chat's header is larger than {limit} characters; it was left out.":
        "Остальное в заголовке чата длиннее {limit} символов; оно пропущено.",
    "{field} is longer than {limit} characters; the rest was left out.":
        "{field} длиннее {limit} символов; остаток пропущен.",
    "The script that decides when the text {name} is there is never run; the text always is.":
        "Скрипт, который решает, когда стоять тексту {name}, не выполняется; текст стоит всегда.",
    "The chat's lorebook {name} is not here. Import it, then: traktir chats set {chat} lorebooks=NAME":
        "Лорбука {name}, который привязан к чату, здесь нет. Импортируйте его, затем: "
        "traktir chats set {chat} lorebooks=NAME",
    "{field} must map names to texts.": "{field}: здесь нужны имена и тексты к ним.",
}
