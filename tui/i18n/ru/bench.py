"""Russian: measuring the machine and the program."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    " ({low} to {high}, {coverage} %, n={n})": " (от {low} до {high}, {coverage} %, n={n})",
    "; at most {aim}: met": "; не больше {aim}: выполнено",
    "; at most {aim}: NOT MET": "; не больше {aim}: НЕ ВЫПОЛНЕНО",
    "Traktir {version}, Python {python}, Textual {textual}, {system}, {threads} threads, load {load}":
        "Traktir {version}, Python {python}, Textual {textual}, {system}, потоков: {threads}, загрузка {load}",
    "Pairs of runs in the order AB BA: {pairs}. Each figure: the median, and the distribution-free interval of the "
    "median with the probability that it holds.":
        "Пар прогонов в порядке AB BA: {pairs}. Каждая цифра – медиана и её непараметрический интервал с вероятностью, "
        "с которой он верен.",
    "Quick: too few runs to trust these figures.": "Быстрый прогон: повторов мало, цифрам верить нельзя.",
    "The machine is busy (load {load}): take the ratios and the processor times for true, not the milliseconds.":
        "Машина занята (загрузка {load}): верьте отношениям и процессорному времени, а не миллисекундам.",
    "{name} cannot be measured.": "{name} измерить нельзя.",
    "What can be: {names}": "Можно: {names}",
    "Measuring needs pseudo-terminals and Unix sockets, which this system lacks.":
        "Для измерений нужны псевдотерминалы и сокеты Unix, а в этой системе их нет.",
    "engine, core, ui, chat, start: what to measure (all of it where nothing is said)":
        "engine, core, ui, chat, start: что измерять (если не сказано – всё)",
    "few repetitions: figures to look at, not to trust": "мало повторов: посмотреть на цифры, но не верить им",
    "how many pairs of runs (10; 2 with --quick)": "сколько пар прогонов (10; с --quick 2)",
    "the GGUF file for engine (the starter model)": "файл GGUF для engine (по умолчанию – начальная модель)",
    "Embedded engine": "Встроенный движок",
    "Core": "Ядро",
    "Terminal": "Терминал",
    "Long chat": "Длинный чат",
    "Start": "Запуск",
    "A command failed: {command}: {text}": "Команда не удалась: {command}: {text}",
    "Measure again when the machine is less busy.": "Повторите измерение, когда машина будет меньше занята.",
    "The program did not show {wanted} on its terminal; the last that came: {text}":
        "Программа не показала {wanted} на терминале; последнее, что пришло: {text}",
    "The stream of a reply ended early.": "Поток ответа оборвался раньше времени.",
    "The model ended its reply at once; there is nothing to measure.":
        "Модель закончила ответ сразу: измерять нечего.",
    "{file} cannot be loaded beside the engine: there is not enough memory.":
        "{file} не помещается в память рядом с движком.",
    "{model} is loaded four times…": "{model} загружается четырежды…",
    "Made a model of {count} million random weights.": "Создана модель из {count} млн случайных весов.",
    "There is no room for a model to measure with: it takes {size} MB, and {free} MB are free.":
        "Нет места для модели, на которой измеряют: нужно {size} МБ, свободно {free} МБ.",
    "Point TMPDIR to a larger disk, or name a model with --model.":
        "Укажите в TMPDIR диск побольше или назовите модель: --model.",
    "Replies of {tokens} tokens with {threads} threads: {pairs} rounds with the chain of samplers, as many without…":
        "Ответы по {tokens} токенов, потоков: {threads}; кругов с цепочкой сэмплеров: {pairs}, и столько же без неё…",
    "find threads, batch and more for --model (or the starter), and use them from now on":
        "найти потоки, пакет и прочее для --model (или начальной модели) и дальше использовать их",
    "What runs fastest": "Как быстрее всего",
    "Trying {name}: {values}…": "Пробуем {name}: {values}…",
    "a usual turn with {name} {value}": "обычный ход при {name} {value}",
    "Chosen: {name} {value}.": "Выбрано: {name} {value}.",
    "The model could not be loaded in any way that was tried.":
        "Модель не загрузилась ни одним из испробованных способов.",
    "a bare loop": "голый цикл",
    "our worker": "наш рабочий процесс",
    "the whole program": "вся программа",
    "the library's high-level class": "высокоуровневый класс библиотеки",
    "reading, a token of the prompt: {who}": "чтение, на токен промпта: {who}",
    "reading, a token of the prompt: {who}, over the bare loop": "чтение, на токен промпта: {who}, к голому циклу",
    "writing, a token: {who}": "генерация, на токен: {who}",
    "writing, a token: {who}, over the bare loop": "генерация, на токен: {who}, к голому циклу",
    "writing, processor time a token: {who}": "генерация, процессорное время на токен: {who}",
    "writing, processor time a token: {who}, over the bare loop":
        "генерация, процессорное время на токен: {who}, к голому циклу",
    "the first token, the prompt in memory: {who}": "первый токен, промпт в памяти: {who}",
    "the first token of the whole program comes later, the prompt in memory":
        "на сколько позже первый токен у всей программы, промпт в памяти",
    "Replies on their way to a client, through the core and through a bare echo: {pairs} pairs…":
        "Ответы идут к клиенту через ядро и через голое эхо: пар {pairs}…",
    "a bare echo: from a piece's writing to its arrival": "голое эхо: от записи куска до прихода",
    "the core: from a piece's writing to its arrival": "ядро: от записи куска до прихода",
    "the core, fed over HTTP, over the bare echo: from a piece's writing to its arrival":
        "ядро, получающее по HTTP, относительно голого эха: от записи куска до прихода",
    "a bare echo: a reply that comes at once, a piece": "голое эхо: ответ, пришедший разом, на кусок",
    "the core: a reply that comes at once, a piece": "ядро: ответ, пришедший разом, на кусок",
    "the core over the bare echo: a reply that comes at once": "ядро относительно голого эха: ответ, пришедший разом",
    "a bare echo: processor time a piece": "голое эхо: процессорное время на кусок",
    "the core: processor time a piece": "ядро: процессорное время на кусок",
    "A reply streams at {rates} tokens a second, terminal {terminal}: {pairs} pairs each…":
        "Ответ идёт со скоростью {rates} токенов в секунду, терминал {terminal}: по {pairs} пар…",
    "{count} keys on a line of 32 KB/s while a reply streams, terminal {terminal}…":
        "{count} клавиш на линии 32 КБ/с, пока идёт ответ, терминал {terminal}…",
    "{width}×{height} over ssh": "{width}×{height} по ssh",
    "{terminal}, {rate} tokens/s: processor beyond idle": "{terminal}, {rate} токенов/с: процессор сверх покоя",
    "{terminal}, {rate} tokens/s: bytes beyond idle": "{terminal}, {rate} токенов/с: байты сверх покоя",
    "{terminal}, 100 tokens/s at 32 KB/s: a key's echo": "{terminal}, 100 токенов/с при 32 КБ/с: отклик на клавишу",
    "{terminal}, 100 tokens/s at 32 KB/s: 95 of 100 keys are echoed within":
        "{terminal}, 100 токенов/с при 32 КБ/с: на 95 клавиш из 100 отклик не позже",
    "A chat of {count} messages is made…": "Создаётся чат из {count} сообщений…",
    "Opening it: {pairs} pairs…": "Он открывается: пар {pairs}…",
    "opening the chat of {count} messages": "открытие чата из {count} сообщений",
    "opening the chat of {count} messages, over one of {short}":
        "открытие чата из {count} сообщений относительно {short}",
    "To the top and back: {pairs} pairs…": "В начало и обратно: пар {pairs}…",
    "to the top of {count} messages": "в начало {count} сообщений",
    "and back to the end of {count} messages": "и обратно в конец {count} сообщений",
    "to the top and back in {count} messages, over {short}":
        "в начало и обратно по {count} сообщениям относительно {short}",
    "Searching: {pairs} times…": "Поиск: раз {pairs}…",
    "a word looked for in the chat of {count} messages": "поиск слова в чате из {count} сообщений",
    "memory of the core": "память ядра",
    "memory of the terminal with {count} messages, opened": "память терминала с {count} сообщениями после открытия",
    "memory of the terminal with {count} messages, after going to the top and back":
        "память терминала с {count} сообщениями после пути в начало и обратно",
    "Starting with the core up: {pairs} pairs…": "Запуск при работающем ядре: пар {pairs}…",
    "Starting with the core down: {pairs} pairs…": "Запуск без ядра: пар {pairs}…",
    "core up": "ядро работает",
    "core down": "ядра нет",
    "{core}: a bare Textual application to its first frame": "{core}: голое приложение Textual до первого кадра",
    "{core}: first frame": "{core}: первый кадр",
    "{core}: first frame, over the bare one": "{core}: первый кадр относительно голого",
    "{core}: usable chat": "{core}: чат готов к работе",
    "{core}: usable chat, over the bare first frame": "{core}: чат готов к работе, относительно голого первого кадра",
    "{core}: processor time of the bare application to its first frame":
        "{core}: процессорное время голого приложения до первого кадра",
    "{core}: processor time of the terminal to a usable chat":
        "{core}: процессорное время терминала до готового чата",
    "{core}: processor time of the core to a usable chat": "{core}: процессорное время ядра до готового чата",
}
