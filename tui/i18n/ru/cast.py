"""Группы: кто в них, кто говорит, кто о чём знает."""

CATALOGUE: dict[str, str] = {
    "{field} must be a group with its members.": "{field}: нужна группа с её участниками.",
    "A group has at most {n} members.": "В группе не больше {n} участников.",
    "Everybody is in a group once.": "Каждый бывает в группе только один раз.",
    "{field} must be between {low} and {high}.": "{field}: нужно число от {low} до {high}.",
    "A group needs somebody in it.": "В группе должен кто-то быть.",
    "The next in the list.": "Следующий по списку.",
    "By chance, for nobody was named.": "По жребию: никого не назвали.",
    "“{word}” was mentioned.": "Упомянуто «{word}».",
    "Felt like speaking: {roll} of {glad}.": "Захотелось поговорить: {roll} из {glad}.",
    "By chance, for nobody was named and nobody felt like it.":
        "По жребию: никого не назвали, и никому не хотелось.",
    "Has not spoken since your message.": "Ещё не отвечал на ваше сообщение.",
    "By chance: all have spoken since your message.": "По жребию: на ваше сообщение ответили уже все.",
    "You asked for them.": "Вы дали слово сами.",
    "It was whispered to them.": "Сказано на ухо именно этому участнику.",
    "Nobody answers by themselves in this group.": "В этой группе никто не отвечает сам.",
    "/speak NAME lets one speak.": "/слово ИМЯ даёт слово.",
    "Nobody in this group can speak: all are muted.": "В этой группе некому говорить: все молчат.",
    "/cast shows the members.": "/группа показывает участников.",
    "{name} is not in this group.": "В этой группе нет «{name}».",
    "{name} is in this group already.": "«{name}» уже в этой группе.",
    "Somebody must stay: a group needs a member.": "Кто-то должен остаться: группе нужен участник.",
    "One character plays here alone.": "Здесь играет один персонаж.",
    "/cast lets others join.": "/группа позволяет позвать других.",
    "The model spoke for {name} alone, so nothing of it was kept: “{text}”":
        "Модель говорила только за другого ({name}), поэтому ничего не осталось: «{text}»",
    "A turn for {name} was cut from this reply.": "Из ответа вырезаны слова за другого: {name}.",
    "Hidden from the model, or whispered: who speaks does not know of it.":
        "Скрыто от модели или сказано на ухо: говорящий об этом не знает.",
    "Auto mode is off.": "Беседа больше не идёт сама.",
    "Auto mode is off: {n} replies came without a word of yours.":
        "Беседа больше не идёт сама: вы молчали {n} ответов подряд.",
    "auto mode": "беседа сама собой",
    "the group": "состав группы",
    "who knows of a message": "кто знает о сообщении",
}
