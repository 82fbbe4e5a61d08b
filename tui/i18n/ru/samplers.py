"""What the samplers do, and the screen where they are set."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "What matters most": "Самое важное",
    "Cutting off the unlikely": "Отсечение маловероятного",
    "Other shapes of chance": "Другие формы случайности",
    "Against repetition": "Против повторов",
    "What may and may not be said": "Что можно и чего нельзя говорить",
    "Order, search, chance": "Порядок, поиск, случай",
    "How daring the choice is: 0 always takes the likeliest token.":
        "Смелость выбора: 0 всегда берёт самый вероятный токен.",
    "Drops tokens less likely than this share of the likeliest one.":
        "Отбрасывает токены, чья вероятность меньше этой доли от самой большой.",
    "Keeps the smallest set of tokens whose chances add up to this.":
        "Оставляет наименьший набор токенов, чьи вероятности в сумме дают это число.",
    "Keeps only so many of the likeliest tokens.": "Оставляет столько самых вероятных токенов.",
    "Makes what was said less likely to be said again.": "Делает повтор уже сказанного менее вероятным.",
    "How many tokens back the penalties look; -1 is the whole context.":
        "На сколько токенов назад смотрят штрафы; -1 — весь контекст.",
    "DRY: how hard repeated phrases are pushed away.": "DRY: как сильно отталкиваются повторяемые фразы.",
    "XTC: how often all but the last of the likely tokens are left out.":
        "XTC: как часто отбрасываются все вероятные токены, кроме последнего.",
    "XTC: from which chance on a token counts as likely.": "XTC: с какой вероятности токен считается вероятным.",
    "The longest reply, in tokens.": "Наибольшая длина ответа в токенах.",
    "Keeps tokens that are about as surprising as is usual.":
        "Оставляет токены, удивляющие примерно так, как это обычно бывает.",
    "Drops tokens below this times the square of the likeliest one's chance.":
        "Отбрасывает токены ниже этого числа, умноженного на квадрат наибольшей вероятности.",
    "Cuts the tail where the chances stop falling steeply.":
        "Обрезает хвост там, где вероятности перестают круто падать.",
    "Keeps tokens within so many standard deviations of the best score.":
        "Оставляет токены в пределах стольких стандартных отклонений от лучшего.",
    "Drops tokens with a chance below this.": "Отбрасывает токены с вероятностью ниже этой.",
    "As epsilon_cutoff, milder where the model is unsure.":
        "Как epsilon_cutoff, но мягче там, где модель не уверена.",
    "The temperature may go so far up and down with how unsure the model is.":
        "Насколько температура ходит вверх и вниз вслед за неуверенностью модели.",
    "How quickly the moving temperature follows.": "Как быстро следует за ней подвижная температура.",
    "Bends the chances: the likely ones come nearer to each other, the unlikely vanish.":
        "Изгибает вероятности: большие сближаются, малые исчезают.",
    "How sharply smoothing_factor bends.": "Как резко изгибает smoothing_factor.",
    "Leans the final draw: above 0 to less likely tokens, below 0 to likelier ones.":
        "Наклоняет последний выбор: выше 0 — к менее вероятным токенам, ниже 0 — к более вероятным.",
    "Keeps the surprise steady by itself; takes the place of all other cuts.":
        "Само держит неожиданность ровной; заменяет все остальные отсечения.",
    "The surprise that mirostat aims at.": "Неожиданность, к которой стремится mirostat.",
    "How quickly mirostat corrects itself.": "Как быстро mirostat поправляет себя.",
    "Prefers tokens near this chance, on the average; below 0 it is off.":
        "Предпочитает в среднем токены около этой вероятности; ниже 0 выключено.",
    "How long adaptive_target remembers what was chosen.": "Как долго adaptive_target помнит выбранное.",
    "Against a token, the more often it has come.": "Против токена тем сильнее, чем чаще он встречался.",
    "Against every token that has come at all.": "Против каждого токена, который уже встречался.",
    "Makes the penalties weaker for what lies further back.": "Ослабляет штрафы для того, что дальше позади.",
    "Above 1 favours words of the prompt, below 1 avoids them.":
        "Выше 1 предпочитает слова промпта, ниже 1 избегает их.",
    "Forbids so many tokens in a row to come twice.": "Запрещает стольким токенам подряд повториться.",
    "DRY: how quickly the push grows with the repeated length.":
        "DRY: как быстро отталкивание растёт с длиной повтора.",
    "DRY: repeated phrases up to this many tokens are let through.":
        "DRY: повторы до стольких токенов пропускаются.",
    "DRY: how many tokens back it looks; -1 is the whole context.":
        "DRY: на сколько токенов назад он смотрит; -1 — весь контекст.",
    "DRY: texts at which a phrase ends, so that names and signs may repeat.":
        "DRY: тексты, на которых фраза кончается, чтобы имена и знаки могли повторяться.",
    "Phrases that must not come; the reply steps back and says it otherwise.":
        "Фразы, которых не должно быть; ответ отступает и говорит иначе.",
    "Tokens that must not come: texts, or #number.": "Токены, которых не должно быть: тексты или #номер.",
    "Makes texts more or less likely, one a line: text: number; -100 forbids.":
        "Делает тексты более или менее вероятными, по одному на строке: текст: число; -100 запрещает.",
    "Texts that end the reply.": "Тексты, на которых ответ кончается.",
    "So many tokens come before the reply may end.": "Столько токенов будет, прежде чем ответ может кончиться.",
    "The reply ends by its length alone.": "Ответ кончается только по длине.",
    "A GBNF grammar that the reply must follow.": "Грамматика GBNF, которой должен следовать ответ.",
    "A JSON Schema that the reply must follow.": "JSON-схема, которой должен следовать ответ.",
    "How far the reply leans away from negative_prompt; 1 is not at all. Twice the work.":
        "Как далеко ответ уходит от negative_prompt; 1 — никак. Работы вдвое больше.",
    "What guidance_scale leads away from.": "То, от чего уводит guidance_scale.",
    "The order in which the steps act.": "Порядок, в котором действуют шаги.",
    "Above 1: searches for the likeliest reply along so many paths; slow.":
        "Выше 1: ищет самый вероятный ответ по стольким путям; медленно.",
    "Looks for tokens that are likely and yet unlike what was said.":
        "Ищет токены вероятные и всё же не похожие на сказанное.",
    "The same seed makes the same reply; -1 draws a new one each time.":
        "Одно и то же зерно даёт один и тот же ответ; -1 каждый раз берёт новое.",
    "Keeps so many rivals of each token; t among the messages shows them.":
        "Хранит столько соперников каждого токена; t среди сообщений их показывает.",
    "{backend} does not know it.": "{backend} его не знает.",
    "{n} samplers · {own} of this chat's own": "сэмплеров: {n} · своих у чата: {own}",
    "{n} samplers": "сэмплеров: {n}",
    "Take all of the preset's values again": "Вернуть все значения из пресета",
    "Nothing written takes the preset's value again.": "Пустая строка возвращает значение из пресета.",
    "One a line; \\n is the end of a line.": "По одному на строке; \\n — конец строки.",
    "the preset's value": "значение из пресета",
    "{n} texts": "текстов: {n}",
    "{n} steps": "шагов: {n}",
    "Left out": "Не действуют",
    "up": "выше",
    "down": "ниже",
    "in or out": "взять или убрать",
    "{names} and {n} more": "{names} и ещё {n}",
    "LoRA adapters": "Адаптеры LoRA",
}
