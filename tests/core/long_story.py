"""A story of 300 messages, made up for the tests: small talk from templates, with facts planted at known places, each
with a question that asks for it in other words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

MESSAGES = 300


@dataclass(frozen=True)
class Fact:
    """`said` is planted as part of a message; `asked` asks for it in other words; `held` is what must be in the prompt
    for the model to be able to answer. `pinned`: the person pins it when it is said."""

    said: str
    asked: str
    held: str
    pinned: str = ""


@dataclass(frozen=True)
class Story:
    """`lines` in turn the person's and the character's, the person's first; `places` says where each fact stands."""

    lines: tuple[str, ...]
    facts: tuple[Fact, ...]
    places: tuple[int, ...]
    goodbye: str


_ENGLISH = (
    Fact("My grandmother Orsolya taught me to read the stars from the mill roof.",
         "What was your granny called, the one who showed you the constellations?", "Orsolya"),
    Fact("The cellar key hangs behind the portrait of the one-eyed admiral.",
         "Where do we find the key to get down into the cellar?", "one-eyed admiral"),
    Fact("I owe the ferryman Tibold eleven silver crowns since the flood.",
         "How much money do you still have to pay back to the man with the ferry?", "eleven silver crowns"),
    Fact("I cannot swim: my brother Anselm drowned in the quarry pond when I was nine.",
         "Why are you so afraid of deep water? Who drowned?", "Anselm",
         "Mira cannot swim; her brother Anselm drowned."),
    Fact("The password for the smugglers' gate is 'herring under snow'.",
         "The smugglers want a word before they open the gate. Which one?", "herring under snow"),
    Fact("Doctor Quillfeather forbade me honey; it makes my throat swell shut.",
         "Is there any food that would make you sick, something the doctor has forbidden?", "honey"),
    Fact("The bridge at Varnholt was burned by the Duke's own engineers.",
         "Who destroyed the Varnholt bridge?", "Duke's own engineers"),
    Fact("My horse is called Pepperjack, and he shies at umbrellas.",
         "What scares that horse of yours?", "umbrellas"),
    Fact("The lighthouse lamp was bought in Genoa for four hundred ducats.",
         "From which city does the lamp up in the lighthouse come?", "Genoa"),
    Fact("Captain Roswitha lost two fingers to a shark near Port Hallow.",
         "How come the captain is missing fingers on her hand?", "shark"),
    Fact("We promised the widow Lindqvist to mend her roof before the first frost.",
         "What was it that we promised to do for the widow?", "mend her roof",
         "They promised the widow Lindqvist to mend her roof."),
    Fact("The map is sewn into the lining of my green coat.",
         "Where have you hidden the map?", "lining of my green coat"),
    Fact("The innkeeper waters the wine on Thursdays, because the tax collector comes then.",
         "On which day is it better not to drink wine at the inn?", "Thursdays"),
    Fact("Under the third flagstone of the chapel there lies a letter from my father.",
         "Did your father leave you a letter, and where is it?", "third flagstone"),
    Fact("The twins Bastian and Belinda were born on the night of the comet.",
         "When were the twins born?", "night of the comet"),
    Fact("I was expelled from the academy at Ulmstadt for forging a signature.",
         "What did the academy throw you out for?", "forging a signature"),
    Fact("The wolf that follows us has a white left ear; I named her Nettle.",
         "How did you name the wolf?", "Nettle"),
    Fact("The apothecary sells moonwort only to those who show a copper ring.",
         "What must one show at the apothecary's to get moonwort?", "copper ring"),
    Fact("My violin was made by old Ferrant, who is blind.",
         "Who built the violin you play?", "Ferrant"),
    Fact("The treaty says that the salt road belongs to both villages in odd years.",
         "In what years may both villages use the road for salt?", "odd years"),
    Fact("I hid the stolen seal in a jar of plum jam in the pantry.",
         "The seal that was stolen: in what did you hide it?", "plum jam"),
    Fact("The bell of Saint Orm cracked the winter the king was crowned.",
         "When did the church bell get its crack?", "winter the king was crowned"),
    Fact("Our contact in the harbour is a woman with a parrot named Ambassador.",
         "By what bird can we recognise our contact down at the harbour?", "parrot named Ambassador"),
    Fact("I swore on my mother's thimble never to set foot in Castle Dray.",
         "What place did you swear that you would never enter?", "Castle Dray",
         "Mira swore never to enter Castle Dray."),
)

_RUSSIAN = (
    Fact("Мою бабушку звали Аграфена, она учила меня читать по звёздам на крыше мельницы.",
         "Как было имя твоей бабушки, что показывала тебе звёздное небо?", "Аграфена"),
    Fact("Ключ от погреба висит за портретом одноглазого адмирала.",
         "Где взять ключик, чтобы спуститься в погреб?", "одноглазого адмирала"),
    Fact("С самого паводка я должна паромщику Тихону одиннадцать серебряных крон.",
         "Сколько денег ты задолжала тому человеку с парома?", "одиннадцать серебряных крон"),
    Fact("Я не умею плавать: мой брат Ансельм утонул в карьере, когда мне было девять.",
         "Отчего ты боишься глубины? Кто у вас утонул?", "Ансельм", "Мира не умеет плавать: утонул её брат Ансельм."),
    Fact("Пароль для ворот контрабандистов — «сельдь под снегом».",
         "Контрабандисты у ворот спрашивают слово. Какое?", "сельдь под снегом"),
    Fact("Доктор Перелётов запретил мне мёд: от него отекает горло.",
         "Есть ли еда, от которой тебе станет плохо, — что запрещал доктор?", "мёд"),
    Fact("Мост у Варнхольта сожгли собственные сапёры герцога.",
         "Чьих рук дело — уничтоженный варнхольтский мост?", "сапёры герцога"),
    Fact("Моего коня зовут Перчик, и он шарахается от зонтов.",
         "Чего пугается твой конь?", "зонтов"),
    Fact("Лампу для маяка купили в Генуе за четыреста дукатов.",
         "Из какого города привезли маячную лампу?", "Генуе"),
    Fact("Капитану Росвите два пальца откусила акула у Порт-Хэллоу.",
         "Почему у капитана не хватает пальцев?", "акула"),
    Fact("Мы обещали вдове Линдквист починить крышу до первых морозов.",
         "Что мы пообещали сделать для вдовы?", "починить крышу", "Вдове Линдквист обещали починить крышу."),
    Fact("Карта зашита в подкладку моего зелёного пальто.",
         "Куда ты спрятала карту?", "подкладку моего зелёного пальто"),
    Fact("Трактирщик разбавляет вино по четвергам, потому что тогда приходит сборщик налогов.",
         "В какой день лучше не брать вина у трактирщика?", "четвергам"),
    Fact("Под третьей плитой часовни лежит письмо моего отца.",
         "Отец ведь оставил тебе письмецо — где оно?", "третьей плитой"),
    Fact("Близнецы Бастиан и Белинда родились в ночь кометы.",
         "Когда появились на свет близнецы?", "ночь кометы"),
    Fact("Из академии в Ульмштадте меня выгнали за подделку подписи.",
         "За что тебя исключили из академии?", "подделку подписи"),
    Fact("У волчицы, что идёт за нами, белое левое ухо; я назвала её Крапивой.",
         "Как ты назвала волчицу?", "Крапивой"),
    Fact("Аптекарь продаёт лунник лишь тем, кто покажет медное кольцо.",
         "Что надо показать аптекарю, чтобы он продал лунник?", "медное кольцо"),
    Fact("Мою скрипку сделал старый Феррант, он слепой.",
         "Кто смастерил скрипку, на которой ты играешь?", "Феррант"),
    Fact("По договору соляной тракт принадлежит обеим деревням в нечётные годы.",
         "В какие годы обе деревни вправе ездить по соляному тракту?", "нечётные годы"),
    Fact("Краденую печать я спрятала в банке сливового варенья в кладовой.",
         "Украденная печать: во что ты её спрятала?", "сливового варенья"),
    Fact("Колокол Святого Орма треснул в ту зиму, когда короновали короля.",
         "Откуда на колоколе трещина — когда она появилась?", "короновали короля"),
    Fact("Наш человек в гавани — женщина с попугаем по кличке Посол.",
         "По какой птице узнать нашего человека в гавани?", "попугаем"),
    Fact("Я поклялась на мамином напёрстке никогда не входить в замок Дрэй.",
         "Порог какого места ты клялась не переступать?", "Дрэй", "Мира поклялась не входить в замок Дрэй."),
)

#: Parts of small talk: openings, places, deeds, thoughts. They name keys, letters, horses and wine too, so that a
#: question has more than one thing to find.
_TALK = {
    "en": (
        ("The road bends", "It begins to rain", "A cart rolls by", "The fire burns low", "Someone laughs outside",
         "A gull cries", "The clock strikes", "Smoke drifts over", "The wind turns", "A dog barks far off"),
        ("by the tannery", "near the old weir", "under the elms", "at the toll house", "beside the barley field",
         "behind the smithy", "on the market square", "along the river bank", "in front of the stables",
         "close to the vineyard"),
        ("you pull the hood over your ears", "I count the coins again", "a rider waters his horse",
         "we share bread and a little wine", "the children chase a hen", "a pedlar offers letters and lace",
         "the guard jingles his keys", "a woman mends a net", "I tie the boat to a post", "you look up at the sky"),
        ("What a long day this has been.", "Shall we rest, or walk on until dark?", "I like the smell of wet leaves.",
         "My boots will not last another week.", "Let us hope that the weather holds.", "You are quiet this evening.",
         "I could eat a whole goose.", "They say the harvest will be poor.", "Keep your voice down here.",
         "I wonder who lives in that house."),
    ),
    "ru": (
        ("Дорога сворачивает", "Начинает накрапывать дождь", "Мимо катится телега", "Догорает костёр",
         "Снаружи кто-то смеётся", "Кричит чайка", "Бьют часы", "Тянется дым", "Меняется ветер", "Вдали лает собака"),
        ("у кожевенной мастерской", "возле старой плотины", "под вязами", "у заставы", "рядом с ячменным полем",
         "за кузницей", "на рыночной площади", "вдоль берега реки", "перед конюшней", "недалеко от виноградника"),
        ("ты натягиваешь капюшон на уши", "я снова пересчитываю монеты", "всадник поит коня",
         "мы делим хлеб и немного вина", "дети гоняются за курицей", "коробейник предлагает письма и кружева",
         "стражник звенит ключами", "женщина чинит сеть", "я привязываю лодку к столбу", "ты смотришь на небо"),
        ("Какой же длинный был день.", "Отдохнём или пойдём дотемна?", "Люблю запах мокрой листвы.",
         "Мои сапоги не протянут и недели.", "Хоть бы погода продержалась.", "Ты сегодня молчалива.",
         "Я съела бы целого гуся.", "Говорят, урожай будет плохой.", "Говори здесь потише.",
         "Интересно, кто живёт в том доме."),
    ),
}


def tell(language: str = "en") -> Story:
    """The story in English or Russian, always the same one."""
    dice = random.Random(f"traktir {language}")
    facts = _ENGLISH if language == "en" else _RUSSIAN
    lines = [_small_talk(dice, language) for _ in range(MESSAGES)]
    places = tuple(2 + at * (MESSAGES - 30) // len(facts) for at in range(len(facts)))
    for place, fact in zip(places, facts, strict=True):
        before, after = lines[place].rsplit(" ", 1)[0], _small_talk(dice, language)
        lines[place] = f"{before.rstrip('.')}. {fact.said} {after}"
    return Story(tuple(lines), facts, places, "Good night." if language == "en" else "Спокойной ночи.")


def _small_talk(dice: random.Random, language: str) -> str:
    openings, where, deeds, thoughts = _TALK[language]
    sentences = [
        f"{dice.choice(openings)} {dice.choice(where)}, {'and' if language == 'en' else 'и'} {dice.choice(deeds)}. "
        f"{dice.choice(thoughts)}"
        for _ in range(dice.choice((1, 2, 2)))
    ]
    return " ".join(sentences)


def digest(messages: Sequence[str], most: int = 6) -> str:
    """What the scripted summariser writes of messages: the longest sentence of every so many of them. It knows nothing
    of the facts."""
    step = max(1, len(messages) // most)
    return " ".join(max(text.split(". "), key=len).rstrip(".") + "." for text in messages[::step][:most])
