"""Texts to measure with: a fixed Russian one, and chats of any length made of it. The same in every run."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import cycle, islice

#: Streams as replies do: narration, speech, actions, paragraphs.
RUSSIAN = (
    "Дождь стучит по крыше трактира, и хозяйка ставит на стол ещё одну свечу. *Она поправляет платок и смотрит на "
    'дверь.* "Дорога нынче плохая, – говорит она тихо. – Оставайтесь до утра." За окном скрипит старая вывеска, в печи '
    "трещат поленья, а кот на лавке даже не открывает глаз.\n\n*Гость снимает мокрый плащ.* Пар поднимается над "
    'кружкой, пахнет хлебом, дымом и яблоками. "Вы слышали, что говорят о мельнице за рекой? – спрашивает старик у '
    'очага. – Третью ночь там горит огонь, а мельника нет." Никто не отвечает ему сразу.\n\nПотом хозяйка вздыхает, '
    "садится напротив и начинает рассказывать: медленно, подбирая слова, будто боится разбудить того, кто спит под "
    "половицами. "
)
#: Stand in the first and in the last message of a chat of so many messages, and nowhere else.
FIRST, LAST = "Начало{count}", "Конец{count}"
#: A word that stands in one message of a hundred.
RARE = "василиск"
_WORDS = RUSSIAN.replace("*", "").replace('"', "").split()


def pieces(count: int) -> Iterator[str]:
    """The Russian text, over and over, in `count` pieces of four characters: what models call a token."""
    return islice(cycle(RUSSIAN[at: at + 4] for at in range(0, len(RUSSIAN) // 4 * 4, 4)), count)


def chat_file(messages: int, copy: int = 0) -> str:
    """A chat of `messages` messages of about 500 characters, as JSON lines that `traktir import` takes. Each `copy` was
    said a millisecond later: the same file again would be the same chat."""
    chance = random.Random(5000)
    lines: list[dict[str, object]] = [{"user_name": "Alex", "character_name": "Mira", "chat_metadata": {}}]
    for number in range(1, messages + 1):
        user, words = number % 2 == 0, [_text(chance)]
        if number % 100 == 50:
            words.append(RARE)
        if number == 1:
            words.insert(0, FIRST.format(count=messages))
        if number == messages:
            words.append(LAST.format(count=messages))
        lines.append({
            "name": "Alex" if user else "Mira", "is_user": user, "is_system": False, "mes": " ".join(words),
            "send_date": 1_700_000_000_000 + number * 60_000 + copy,
        })
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _text(chance: random.Random) -> str:
    words: list[str] = []
    while sum(map(len, words)) + len(words) < 490:
        said = " ".join(chance.choices(_WORDS, k=chance.randint(4, 12)))
        kind = chance.random()
        words.append(f"*{said}*" if kind < 0.25 else f'"{said.capitalize()}."' if kind < 0.5 else said + ".")
        if chance.random() < 0.15:
            words.append("\n\n")
    return " ".join(words).strip()
