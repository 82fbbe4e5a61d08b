"""SillyTavern's assembly."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "Example dialogue leaves line by line, from its end, when the conversation needs its room.":
        "Примеры диалога уходят строка за строкой, с конца, когда беседе нужно место.",
    "Left out to make room; the oldest messages leave one by one.":
        "Не вошло: не хватило места; самые старые сообщения уходят по одному.",
    "The story string of {preset} cannot be read: the block {block} is not opened and closed properly.":
        "Строку истории в {preset} нельзя прочесть: блок {block} неправильно открыт или закрыт.",
    "Each #if and #unless needs its end (/if, /unless). Mend the preset, or choose another one.":
        "У каждого #if и #unless должен быть свой конец (/if, /unless). Исправьте пресет или выберите другой.",
}
