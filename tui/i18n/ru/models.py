"""Russian for models: what fits, stretching, the hub."""

CATALOGUE: dict[str, str] = {
    "A reply is being written, or a model is being downloaded.": "Пишется ответ или скачивается модель.",
    "Accept them at {url}, make a token in the settings there, and give it in the variable HF_TOKEN or with"
    " `hf auth login`.":
        "Примите их на {url}, создайте там в настройках токен и передайте его в переменной HF_TOKEN или командой"
        " `hf auth login`.",
    "All {layers} layers fit on the GPU with a context of {context} tokens.":
        "Все слои ({layers}) помещаются на видеокарту с контекстом в {context} токенов.",
    "Asking the hub for {repo}…": "Спрашиваю хаб о {repo}…",
    "Asking the hub…": "Спрашиваю хаб…",
    "At {ratio} times the trained context replies get worse where a reader notices. Up to twice is safer.":
        "При контексте в {ratio} раза больше обученного ответы становятся заметно хуже. До двух раз — надёжнее.",
    "Both rope_freq_base and rope_alpha are set; the base of {base} is taken (it is an alpha of {alpha}).":
        "Заданы и rope_freq_base, и rope_alpha; взято основание {base} (это альфа {alpha}).",
    "Choose another quantisation or another repository.": "Выберите другое квантование или другой репозиторий.",
    "Choose one: traktir models pull {name}": "Выберите одно: traktir models pull {name}",
    "Context and memory": "Контекст и память",
    "Delete it": "Удалить",
    "Delete it with the program that put it there, or by hand.":
        "Удалите его той программой, которая его туда положила, или вручную.",
    "Delete {file}?": "Удалить {file}?",
    "Deleted: {size} are free again.": "Удалено: освободилось {size}.",
    "Download a model from the Hugging Face hub: maker/repository:quantisation.":
        "Скачать модель с хаба Hugging Face: автор/репозиторий:квантование.",
    "GPU memory": "память GPU",
    "It does not fit: beside the weights of {need} nothing is left of the {free} that are free. Choose a smaller"
    " quantisation, or end other programs.":
        "Не помещается: рядом с весами ({need}) ничего не остаётся от свободных {free}. Возьмите квантование поменьше"
        " или закройте другие программы.",
    "It does not fit: the weights alone take {need}, and {free} are free. Choose a smaller quantisation, or a"
    " smaller model.":
        "Не помещается: одни веса занимают {need}, а свободно {free}. Возьмите квантование или модель поменьше.",
    "It fits only with a KV cache of the type q8_0 and a short context.":
        "Помещается только с KV-кэшем типа q8_0 и коротким контекстом.",
    "It fits: {need} of the {free} that are free, with a context of {context} tokens.":
        "Помещается: {need} из свободных {free}, с контекстом в {context} токенов.",
    "It only just fits: {need} of the {free} that are free. End other programs that use memory first.":
        "Помещается впритык: {need} из свободных {free}. Сначала закройте другие программы, занимающие память.",
    "It reads maker/repository, with :quantisation behind it, as in bartowski/Some-Model-GGUF:Q4_K_M.":
        "Оно пишется как автор/репозиторий, а за ним :квантование, например bartowski/Some-Model-GGUF:Q4_K_M.",
    "It takes {need}; how much memory is free here is not known.":
        "Требуется {need}; сколько памяти здесь свободно, неизвестно.",
    "KV cache": "KV-кэш",
    "Leave --mmproj away.": "Уберите --mmproj.",
    "Look at HF_TOKEN and what it is allowed to read, or log in with `hf auth login`.":
        "Проверьте HF_TOKEN и что ему разрешено читать или войдите командой `hf auth login`.",
    "Look at the disk and at who may write there; what came is kept.":
        "Проверьте диск и права на запись; скачанное сохранено.",
    "Look at the network (and at HF_ENDPOINT, if it is set), then try again.":
        "Проверьте сеть (и HF_ENDPOINT, если он задан) и попробуйте ещё раз.",
    "Look at the spelling. For a private one, set HF_TOKEN or log in with `hf auth login`.":
        "Проверьте написание. Для закрытого задайте HF_TOKEN или войдите командой `hf auth login`.",
    "Look at who may write to its folder.": "Проверьте, кто может писать в его папку.",
    "Look on the Hugging Face hub for {name}": "Искать {name} на хабе Hugging Face",
    "Make room, choose a smaller quantisation, or another folder with --to.":
        "Освободите место, возьмите квантование поменьше или другую папку (--to).",
    "No GGUF file was found in the usual folders. Type the path of one, of a folder to look in, or"
    " maker/repository to download from the Hugging Face hub.":
        "В обычных папках файлов GGUF не нашлось. Введите путь к файлу, папку для поиска или автор/репозиторий, чтобы"
        " скачать с хаба Hugging Face.",
    "No layer fits beside what the GPU holds now; it runs on the processor and takes {need} of the {free} that are"
    " free.":
        "Рядом с тем, что сейчас держит видеокарта, не помещается ни один слой; модель работает на процессоре и"
        " занимает {need} из свободных {free}.",
    "Reading the file…": "Читаю файл…",
    "Stop it": "Остановить",
    "Stop the download of {name}?": "Остановить скачивание {name}?",
    "Stopped. What came is kept; the same command goes on from there.":
        "Остановлено. Скачанное сохранено; та же команда продолжит с этого места.",
    "The context of {context} tokens is longer than the {trained} that this model has with its own stretching"
    " ({kind}); nothing is added to that. Set rope_alpha or rope_freq_base to stretch it further.":
        "Контекст в {context} токенов длиннее, чем {trained}, которые у модели есть с её собственным растяжением"
        " ({kind}); к нему ничего не добавлено. Чтобы растянуть дальше, задайте rope_alpha или rope_freq_base.",
    "The context of {context} tokens is longer than the {trained} that this model was trained for, and its"
    " positions cannot be stretched.":
        "Контекст в {context} токенов длиннее, чем {trained}, на которые обучена модель, а её позиции растянуть"
        " нельзя.",
    "The download of {file} broke off: {reason}.": "Скачивание {file} оборвалось: {reason}.",
    "The figures are for {windows} prompts side by side, as it is loaded here; one alone needs less, and is what it"
    " falls back to.":
        "Числа даны для стольких промптов рядом: {windows} — так модель здесь загружается; для одного нужно меньше, и"
        " к нему она переходит, если памяти не хватит.",
    "The file": "Файл",
    "The hub answered with {status}.": "Хаб ответил: {status}.",
    "The hub cannot be reached: {reason}.": "До хаба не достучаться: {reason}.",
    "The hub does not let this token see {repo} ({status}).": "Хаб не показывает {repo} с этим токеном ({status}).",
    "The hub has no repository {repo}, or it is private and the token at hand does not open it.":
        "На хабе нет репозитория {repo}, или он закрыт и имеющийся токен его не открывает.",
    "The hub wants fewer questions for now ({status}).": "Хаб просит пока спрашивать реже ({status}).",
    "The hub's answer on {repo} is not what it should be.": "Ответ хаба о {repo} не такой, каким должен быть.",
    "The model cannot be written to the disk ({reason}).": "Модель не записать на диск ({reason}).",
    "The model was trained for {trained} tokens and is stretched to {context} as set: rope base {base}, which is"
    " alpha {alpha}.":
        "Модель обучена на {trained} токенов и растянута до {context}, как задано: основание rope {base}, это альфа"
        " {alpha}.",
    "The model was trained for {trained} tokens and is stretched to {context} by {kind}: positions are scaled by"
    " {scale}.":
        "Модель обучена на {trained} токенов и растянута до {context} способом {kind}: позиции умножаются на {scale}.",
    "The model was trained for {trained} tokens and is stretched to {context}: rope base {base}, which is alpha"
    " {alpha}.":
        "Модель обучена на {trained} токенов и растянута до {context}: основание rope {base}, это альфа {alpha}.",
    "The quantisation is missing, as in {name}:Q4_K_M.": "Не указано квантование, например {name}:Q4_K_M.",
    "The repository lacks {file}: this model is not whole there.":
        "В репозитории нет {file}: модель там не целиком.",
    "The same model converted to GGUF is often in another repository, with GGUF in its name.":
        "Та же модель в виде GGUF часто лежит в другом репозитории, с GGUF в названии.",
    "The server of the hub's files answered with {status}.": "Сервер с файлами хаба ответил: {status}.",
    "There is a GPU ({name}), but the installed llama.cpp was built without support for it; `traktir doctor` says"
    " how to mend that.":
        "Видеокарта есть ({name}), но установленный llama.cpp собран без её поддержки; `traktir doctor` скажет, как"
        " это исправить.",
    "There is no download {name}.": "Нет скачивания {name}.",
    "This deletes {count} files, {size}, and cannot be undone; only a new download brings them back. Say --yes to do"
    " it.":
        "Будет удалено файлов: {count}, {size}; отменить это нельзя, вернёт их только новое скачивание. Чтобы удалить,"
        " добавьте --yes.",
    "To download models, the package huggingface-hub is needed; it is not installed.":
        "Чтобы скачивать модели, нужен пакет huggingface-hub; он не установлен.",
    "Try again later.": "Попробуйте позже.",
    "Try again later; what came is kept.": "Попробуйте позже; скачанное сохранено.",
    "Try again; if it happens twice, something between here and the hub changes files.":
        "Попробуйте ещё раз; если повторится, что-то по дороге к хабу меняет файлы.",
    "Type the name of a repository, as in bartowski/Llama-3.2-3B-Instruct-GGUF.":
        "Введите имя репозитория, например bartowski/Llama-3.2-3B-Instruct-GGUF.",
    "Unload the model there first: `/unload`, or `traktir stop`.":
        "Сначала выгрузите там модель: `/unload` или `traktir stop`.",
    "Wait a minute, then try again.": "Подождите минуту и попробуйте ещё раз.",
    "What came for {file} is not what the hub lists: the checksum differs. It was thrown away.":
        "Скачанное для {file} — не то, что значится на хабе: контрольная сумма другая. Оно выброшено.",
    "What came is kept; the same again goes on from there.": "Скачанное сохранено; повтор продолжит с этого места.",
    "What came is kept; the same download goes on from there.":
        "Скачанное сохранено; то же скачивание продолжит с этого места.",
    "With a context of {context} tokens it does not fit into the {free} that are free; with {longest} it does.":
        "С контекстом в {context} токенов не помещается в свободные {free}; с {longest} — помещается.",
    "[REPO[:QUANT]]": "[РЕПОЗИТОРИЙ[:КВАНТ]]",
    "about {n} tokens": "примерно токенов: {n}",
    "checking what came before": "проверяю скачанное раньше",
    "computing": "вычисления",
    "context": "контекст",
    "delete the file": "удалить файл",
    "details and fit": "подробности",
    "does not fit": "не помещается",
    "download": "скачать",
    "failed": "не удалось",
    "family": "семейство",
    "file": "файл",
    "free memory unknown": "сколько памяти свободно, неизвестно",
    "importance matrix": "матрица важности",
    "it brings its own": "свой, из файла",
    "it brings none": "в файле его нет",
    "just fits": "впритык",
    "layers": "слои",
    "layers on the GPU": "слои на GPU",
    "licence": "лицензия",
    "longest that fits": "самый длинный",
    "look on the hub": "искать на хабе",
    "made from": "сделана из",
    "main memory": "память",
    "missing": "не хватает",
    "name": "имя",
    "not recognised": "не распознан",
    "not told": "не сказано",
    "not whole": "не целиком",
    "parameters": "параметры",
    "parts": "части",
    "pip install 'traktir[llama]' brings it; or download a .gguf file by other means and give its path.":
        "Его ставит pip install 'traktir[llama]'; или скачайте файл .gguf иначе и укажите путь к нему.",
    "prompt format": "формат промпта",
    "quantisation": "квантование",
    "really": "на деле",
    "rope base": "основание rope",
    "sees pictures": "видит картинки",
    "size": "размер",
    "stretched {ratio}×": "растянут в {ratio}×",
    "the largest that fits": "самое большое из помещающихся",
    "there, but this llama.cpp cannot use it; /doctor says more":
        "есть, но этот llama.cpp её не использует; подробнее — /doctor",
    "tokenizer": "токенизатор",
    "trained context": "обучена на",
    "type to search; a path, a folder, or maker/repository on the hub":
        "поиск; путь, папка или автор/репозиторий на хабе",
    "weights": "веса",
    "with an importance matrix": "с матрицей важности",
    "with pictures": "с картинками",
    "{bits} bits a weight": "{bits} бит на вес",
    "{count} files, {size}. It cannot be undone; only a new download brings them back.":
        "Файлов: {count}, {size}. Отменить нельзя; вернёт их только новое скачивание.",
    "{file} cannot be deleted ({reason}).": "{file} не удалить ({reason}).",
    "{file} is being downloaded already.": "{file} уже скачивается.",
    "{file} is in use by a running program (process {pid}).": "{file} занят работающей программой (процесс {pid}).",
    "{file} is missing": "нет {file}",
    "{file} lies neither in Traktir's own folder nor in the cache of the hub; it is not deleted.":
        "{file} лежит не в папке Traktir и не в кэше хаба; он не удалён.",
    "{layers} of {all} layers fit on the GPU, the rest runs on the processor: slower. A shorter context, a q8_0 cache"
    " or a smaller quantisation puts more there.":
        "На видеокарту помещается слоёв: {layers} из {all}, остальные работают на процессоре — медленнее. Короче"
        " контекст, кэш q8_0 или квантование поменьше — и поместится больше.",
    "{name} is being downloaded already.": "{name} уже скачивается.",
    "{name} is being downloaded; /pull shows how far it is.": "{name} скачивается; /pull покажет, сколько готово.",
    "{name} is downloaded. /model takes it into use.": "{name} скачана. /model — взять её в работу.",
    "{name} is more than one model there: {names}. Give the name of the file.":
        "Под именем {name} там несколько моделей: {names}. Укажите имя файла.",
    "{name} is not the name of a repository.": "{name} — не имя репозитория.",
    "{needed} are still to come, and the disk of {folder} has {free} free.":
        "Осталось скачать {needed}, а на диске с {folder} свободно {free}.",
    "{n} found · {fitting} fit": "найдено {n} · помещается {fitting}",
    "{n} min left": "ещё {n} мин",
    "{n} parts": "частей: {n}",
    "{n} to choose from": "на выбор: {n}",
    "{ratio} times the trained context is far beyond what stretching is good for (2 to 3 times): expect replies that"
    " lose the thread or make no sense. Choose a shorter context.":
        "Контекст в {ratio} раза больше обученного — далеко за пределами того, на что годится растяжение (2–3 раза):"
        " ответы будут терять нить или станут бессмысленными. Выберите контекст короче.",
    "{repo} has no GGUF files.": "В {repo} нет файлов GGUF.",
    "No GGUF file was found in the usual folders. Name another folder behind this command, or download a model: traktir"
    " models pull maker/repository":
        "В обычных папках файлов GGUF не нашлось. Назовите другую папку после этой команды или скачайте модель: traktir"
        " models pull автор/репозиторий",
    "{repo} has no projector (mmproj).": "В {repo} нет проектора (mmproj).",
    "{repo} has no quantisation {name}. It has: {names}.": "В {repo} нет квантования {name}. Есть: {names}.",
    "{repo} is gated: its makers let in only those who accepted their terms.":
        "{repo} закрыт: авторы пускают только тех, кто принял их условия.",
    "{repo} no longer has what was asked for; list it again.":
        "В {repo} уже нет того, что просили; посмотрите список ещё раз.",
    "{size} a second": "{size} в секунду",
}
