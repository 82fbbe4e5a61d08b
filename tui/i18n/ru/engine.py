"""Russian: the embedded engine and model files."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "The engine (llama-cpp-python) is not installed. To install it: {command}":
        "Движок (llama-cpp-python) не установлен. Чтобы установить: {command}",
    "The installed llama-cpp-python is version {found}; Traktir needs {wanted}. To install it: {command}":
        "Установлен llama-cpp-python версии {found}, а Traktir нужна {wanted}. Чтобы установить: {command}",
    "The model's window is full: the reply had to end here.":
        "Окно модели заполнено: ответ пришлось закончить здесь.",
    "The prompt is empty: there is nothing to continue.": "Промпт пуст: продолжать нечего.",
    "llama.cpp could not process the prompt (code {code}).": "llama.cpp не смог обработать промпт (код {code}).",
    "Try again; if it happens again, load the model with a smaller context.":
        "Попробуйте ещё раз; если повторится, загрузите модель с меньшим контекстом.",
    "The prompt has {tokens} tokens, but the model's window holds {window}.":
        "В промпте {tokens} токенов, а в окно модели помещается {window}.",
    "Shorten the prompt, or load the model with a larger context.":
        "Сократите промпт или загрузите модель с большим контекстом.",
    "{file} is damaged at {field}: {number} items are too many.":
        "{file} повреждён на {field}: {number} элементов — слишком много.",
    "{file} is damaged at {field}: type {number} is not known.":
        "{file} повреждён на {field}: тип {number} неизвестен.",
    "{file} is not a model: it is too short for one.": "{file} — не модель: файл слишком короткий.",
    "{file} cannot be read: {reason}": "{file} не читается: {reason}",
    "{file} is not a model: it does not begin as a GGUF file does.":
        "{file} — не модель: он начинается не так, как файлы GGUF.",
    "{file} is of an unknown version of the GGUF format ({field} {number}).":
        "{file} — файл GGUF незнакомой версии ({field} {number}).",
    "{file} is damaged: it has {field} twice.": "{file} повреждён: {field} встречается дважды.",
    "{file} is damaged at {field}: a text of {number} bytes is too long.":
        "{file} повреждён на {field}: текст в {number} байт слишком длинный.",
    "{file} is damaged: it ends in the middle of {field}.": "{file} повреждён: он обрывается посреди {field}.",
    "Download it again.": "Скачайте его заново.",
    (
        "There is a GPU by {maker}, but the installed llama.cpp was built for the processor alone, which is much "
        "slower. To use it: {command} (the README says where ready-made builds are)."
    ): (
        "Есть видеокарта {maker}, но установленный llama.cpp собран только для процессора, а это намного медленнее. "
        "Чтобы задействовать её: {command} (где взять готовые сборки, сказано в README)."
    ),
    "This model translates from one text to another; it cannot continue one.":
        "Эта модель переводит один текст в другой; продолжать текст она не умеет.",
    "The model did not fit on the GPU whole: {layers} of its {all} layers are there, and it is slower.":
        "Модель не поместилась на видеокарту целиком: там слоёв {layers} из {all}, поэтому она работает медленнее.",
    "llama.cpp could not load {file}.": "llama.cpp не смог загрузить {file}.",
    "It may be damaged, not wholly downloaded, or of a family that this llama.cpp does not know.": (
        "Возможно, файл повреждён, скачан не целиком или это семейство моделей незнакомо установленной версии "
        "llama.cpp."
    ),
    "There was no memory for a context of {wanted} tokens; it has {tokens} instead.":
        "На контекст в {wanted} токенов не хватило памяти; вместо этого он равен {tokens}.",
    "There is no memory for a context of {tokens} tokens, nor for a smaller one.":
        "Не хватает памяти ни на контекст в {tokens} токенов, ни на меньший.",
    "Choose a smaller model, or end other programs that use memory.":
        "Выберите модель поменьше или закройте другие программы, занимающие память.",
    "The system may have run out of memory: choose a smaller model or a smaller context.":
        "Возможно, системе не хватило памяти: выберите модель или контекст поменьше.",
    "This llama.cpp was built for another processor: install it again from source.":
        "Этот llama.cpp собран для другого процессора: установите его заново из исходного кода.",
    "Its log says: {line}. The engine starts again with the next message.":
        "В журнале сказано: {line}. Движок запустится снова со следующим сообщением.",
    "The engine starts again with the next message. Its log: {log}":
        "Движок запустится снова со следующим сообщением. Его журнал: {log}",
    "The engine's log {file} cannot be written: {reason}": "Не удаётся писать журнал движка {file}: {reason}",
    "The engine's process could not be started: {reason}": "Не удалось запустить процесс движка: {reason}",
    "This reply is being made already.": "Этот ответ уже пишется.",
    "Loading the model was called off.": "Загрузка модели отменена.",
    "The engine had stopped ({reason}); starting it again.": "Движок остановился ({reason}); запускаю его снова.",
    "The model was unloaded.": "Модель выгружена.",
    "llama.cpp stopped in the middle of its work ({reason}).": "llama.cpp остановился посреди работы ({reason}).",
    "llama.cpp gave no sign of life any more, so it was ended.":
        "llama.cpp перестал подавать признаки жизни, поэтому его процесс завершён.",
    "The engine has no setting called {field}.": "У движка нет настройки {field}.",
    "{field} must be a text.": "{field} — текст.",
    "{field} is longer than {limit} characters.": "{field}: больше {limit} знаков.",
    "{field} must be one of {values}.": "{field} — одно из: {values}.",
    "{field} must be a number, 0 or more.": "{field} — число, 0 или больше.",
    "{field} must be a list of files, each with its scale.": "{field} — список файлов, у каждого свой масштаб.",
    "{field} must be a whole number, {low} or more.": "{field} — целое число не меньше {low}.",
    "llama.cpp crashed when it tried the model for the first time ({reason}).":
        "llama.cpp упал при первой проверке модели ({reason}).",
    "llama.cpp crashed while it loaded the model ({reason}).": "llama.cpp упал при загрузке модели ({reason}).",
    (
        "llama.cpp runs without its fast kernels for this processor, because they crashed with such a model here "
        "before. It may be slower."
    ): (
        "llama.cpp работает без быстрых вычислительных ядер для этого процессора: раньше с такой моделью они здесь "
        "падали. Возможно, он будет медленнее."
    ),
    "llama.cpp crashed ({reason}); trying once more without its fast kernels for this processor.":
        "llama.cpp упал ({reason}); пробую ещё раз без быстрых вычислительных ядер для этого процессора.",
    (
        "llama.cpp crashed ({reason}) with its fast kernels for this processor, and was started again without them. "
        "It may be slower. This is remembered, and tried again with another build of llama.cpp."
    ): (
        "llama.cpp упал ({reason}) на быстрых вычислительных ядрах для этого процессора и запущен снова без них. "
        "Возможно, он будет медленнее. Это запомнено до другой сборки llama.cpp."
    ),
    "{file} is one part of a model; {missing} is not beside it.": "{file} — часть модели; рядом нет {missing}.",
    "Download all parts into one folder.": "Скачайте все части в одну папку.",
    "{file} holds a vocabulary without weights: it can only count tokens.":
        "В {file} есть словарь, но нет весов: он годится только для подсчёта токенов.",
    "{file} is not a model that writes text (its family is {family}).":
        "{file} — не та модель, что пишет текст (семейство {family}).",
    "Loading {model}": "Загружается {model}",
    "Trying {model}": "Проверяется {model}",
    (
        "It may be damaged, not wholly downloaded, or of a family that this llama.cpp does not know. llama.cpp said: "
        "{line}"
    ): (
        "Возможно, файл повреждён, скачан не целиком или это семейство моделей незнакомо установленной версии "
        "llama.cpp. Сообщение llama.cpp: {line}"
    ),
    "The installed llama-cpp-python is not of the version that Traktir was made for.":
        "Установлена не та версия llama-cpp-python, для которой сделан Traktir.",
    "The engine failed in a way that nobody foresaw: {reason}": "Непредвиденный сбой движка: {reason}",
    "The model's log has the details; please report them.":
        "Подробности в журнале модели; пожалуйста, сообщите о них.",
    "llama.cpp could not be started: {reason}": "Не удалось запустить llama.cpp: {reason}",
    "Install it again: {command}": "Установите заново: {command}",
}
