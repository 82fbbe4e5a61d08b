"""Russian: prompts, samplers and operations."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "The key is a regular expression, and nothing here can try it.":
        "Ключ — регулярное выражение, а проверить его здесь нечем.",
    "The entry is switched off.": "Запись выключена.",
    "The entry has no keys.": "У записи нет ключей.",
    "A decorator of the entry keeps it out of this turn.": "Декоратор записи не пускает её в этот ход.",
    "It fired, but entries before it have spent the lore budget.":
        "Запись сработала, но бюджет лора уже истрачен другими.",
    "The entry has no text.": "В записи нет текста.",
    "Its key occurs, but the dice ({percent} %) fell against it.":
        "Ключ встретился, но жребий ({percent} %) выпал против неё.",
    "Its key {key} occurs, but its secondary keys keep it out.":
        "Ключ {key} встретился, но вторичные ключи её не пустили.",
    "None of its keys occurs in the last {count} messages.":
        "Ни один её ключ не встретился в последних сообщениях (просмотрено: {count}).",
    "It fired, but the lore budget has no room for its {tokens} tokens.":
        "Запись сработала, но в бюджете лора нет места для её {tokens} токенов.",
    "There is no operation called {name}.": "Нет операции с именем {name}.",
    "A message needs a version to show.": "В сообщении должен быть хотя бы один вариант текста.",
    "That version of the message does not exist.": "У сообщения нет такого варианта.",
    "There is no mark called {name}.": "Нет отметки с именем {name}.",
    "That summary is not in this chat.": "В этом чате нет такого пересказа.",
    "That version of the message is finished already; a change is a new version.":
        "Этот вариант сообщения уже закончен; правка — это новый вариант.",
    "The model's own template is that of {template}.": "Собственный шаблон модели — это {template}.",
    "The model's own template holds the marks of {template}: {marks}.":
        "В собственном шаблоне модели есть приметы {template}: {marks}.",
    "The model tells no template; its name, {name}, speaks for {template}.":
        "Модель не сообщает шаблона; её имя, {name}, указывает на {template}.",
    "The model's own template fits several prompt formats: {names}.":
        "Собственный шаблон модели подходит сразу к нескольким форматам: {names}.",
    "The model's own template is none of the prompt formats known here.":
        "Собственный шаблон модели не похож ни на один из известных форматов.",
    "The model tells neither a template nor its name.": "Модель не сообщает ни шаблона, ни имени.",
    "The model tells no template, and its name fits several: {names}.":
        "Модель не сообщает шаблона, а её имя подходит к нескольким: {names}.",
    "The model tells no template, and its name, {name}, is not known here.":
        "Модель не сообщает шаблона, а её имя, {name}, здесь неизвестно.",
    "A message it covers has changed since; make the summary again to use it.": (
        "Сообщение, которое он охватывает, с тех пор изменилось; чтобы пересказ снова действовал, сделайте его "
        "заново."
    ),
    "Another summary covers the same messages and more.":
        "Другой пересказ охватывает те же сообщения и не только их.",
    "Left out to make room; the oldest messages leave in one block.":
        "Не вошло: освобождено место; самые старые сообщения уходят одним куском.",
    "Hidden from the model.": "Скрыто от модели.",
    "It has no text.": "В нём нет текста.",
    "A summary stands for it.": "Вместо него стоит пересказ.",
    "It fired, but there is no room for it beside the newest message.":
        "Запись сработала, но рядом с последним сообщением для неё нет места.",
    "Example dialogue leaves, all of it, when the conversation needs its room.":
        "Примеры диалога уходят все сразу, когда их место нужно разговору.",
    "There is no room for this summary beside the newest message.":
        "Рядом с последним сообщением для этого пересказа нет места.",
    (
        "The prompt does not fit: its fixed part and the newest message take {needed} tokens, and {reserve} are kept "
        "for the reply, but the model's window is {context} tokens."
    ): (
        "Промпт не помещается: постоянная часть и последнее сообщение занимают {needed} токенов, ещё {reserve} "
        "оставлено для ответа, а окно модели — {context} токенов."
    ),
    "Shorten its largest part (F5 lists them), set a shorter reply length, or use a larger context.":
        "Сократите самую большую часть (их перечислит F5), уменьшите длину ответа или увеличьте контекст.",
    "The oldest {count} messages no longer fit and were left out. /summarise keeps what happened in them.": (
        "Самые старые сообщения ({count}) больше не помещаются и не отправлены. /summarise сохранит то, что в них "
        "было."
    ),
    (
        "The conversation fills {percent} % of its room; its oldest part will soon be left out. /summarise keeps "
        "what happened in it."
    ): (
        "Разговор занимает {percent} % своего места; скоро его самая старая часть не поместится. /summarise сохранит "
        "то, что в ней было."
    ),
    "Not all summaries fit into the prompt; shorten them or use a larger context.":
        "Не все пересказы помещаются в промпт; сократите их или увеличьте контекст.",
    "The prompt format {template} has no mode {mode}. It has: {known}.":
        "У формата {template} нет режима {mode}. Есть: {known}.",
    "The range of messages is not on this path.": "Этих сообщений нет в текущей ветке.",
    "There is nothing in that range to summarise.": "В этом отрывке нечего пересказывать.",
    "The range is too long to be summarised at once in a window of {context} tokens.":
        "Отрывок слишком длинный, чтобы пересказать его за один раз в окне на {context} токенов.",
    "Summarise a shorter range first; its summary then stands for it in the next.":
        "Сначала перескажите отрывок покороче: дальше вместо него будет стоять его пересказ.",
    "There is no sampler called {field}.": "Сэмплера {field} нет.",
    "{field} must be a number.": "{field}: нужно число.",
    "{field} must be a number, not {value}.": "{field}: нужно число, а не {value}.",
    "{field} must lie between {low} and {high}.": "{field}: нужно значение от {low} до {high}.",
    "{field} must be a whole number.": "{field}: нужно целое число.",
    "{field} must be a list of texts that are not empty.": "{field}: нужен список непустых текстов.",
    "{field} names an unknown step: {value}.": "{field}: неизвестный шаг {value}.",
    "{field} must map texts to numbers.": "{field}: каждому тексту нужно число.",
}
