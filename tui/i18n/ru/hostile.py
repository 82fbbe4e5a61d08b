"""What is said of files that are damaged, or that mean harm."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "card.json in {file} is encrypted.": "card.json в файле {file} зашифрован.",
    "card.json in {file} is packed in a way that is not known here.":
        "card.json в файле {file} сжат неизвестным здесь способом.",
    "card.json in {file} unpacks to more than {limit} bytes.":
        "card.json в файле {file} при распаковке занимает больше {limit} байт.",
    "card.json in {file} is damaged: {reason}.": "card.json в файле {file} повреждён: {reason}.",
    "{file} is an archive of Backyard AI, whose cards are read from pictures only.":
        "{file} — архив Backyard AI; карточки этой программы читаются только из картинок.",
    "Export the character there as a PNG card.": "Выгрузите там персонажа как карточку PNG.",
    "The card in {file} is encrypted by RisuAI and cannot be read without its key.":
        "Карточка в файле {file} зашифрована RisuAI; без ключа её не прочитать.",
    "The text in the picture {file} is damaged or unpacks to too much; no card was found.":
        "Текст в картинке {file} повреждён или слишком велик при распаковке; карточка не найдена.",
    "The picture {file} breaks off before any character card.":
        "Картинка {file} обрывается раньше, чем начинается карточка персонажа.",
    "Get the file again from where it came.": "Получите файл ещё раз там же, где взяли.",
    "The file is an archive as well; only the card in the picture was read.":
        "Этот файл — ещё и архив; прочитана только карточка из картинки.",
    "The card carries scripts for other programs ({names}); they stay in its file and are never run.":
        "В карточке есть скрипты для других программ ({names}); они остаются в файле и никогда не выполняются.",
    "The card's texts hold characters that nobody can see, but that a model may read.":
        "В текстах карточки есть символы, которых не видно, но которые прочтёт модель.",
    "The chat template in {file} cannot be read: line {line}: {reason}":
        "Шаблон чата в файле {file} не удалось разобрать: строка {line}: {reason}",
    "The chat template in {file} wants too much memory.": "Шаблону чата в файле {file} нужно слишком много памяти.",
    "The chat template in {file} writes too much text.": "Шаблон чата в файле {file} выводит слишком много текста.",
    "The chat template in {file} tries what no template may: {reason}":
        "Шаблон чата в файле {file} пытается сделать то, что шаблонам запрещено: {reason}",
    "{file} is named like an archive, but is none that can be opened.":
        "{file} назван как архив, но открыть его как архив нельзя.",
    "{file} is a chat template by itself; these are read from models and presets only.":
        "{file} — отдельный шаблон чата; шаблоны читаются только из моделей и пресетов.",
    "{file} holds bytes that are neither text nor a picture or archive known here.":
        "В файле {file} не текст и не картинка или архив известного здесь вида.",
    "{file} is a text that is neither JSON nor YAML.": "{file} — текст, но не JSON и не YAML.",
    "Traktir takes character cards, lorebooks, chats and presets: its own and those of SillyTavern, "
    "text-generation-webui and KoboldCpp.":
        "Traktir принимает карточки персонажей, книги знаний, чаты и пресеты: свои и из SillyTavern, "
        "text-generation-webui и KoboldCpp.",
    "{file} holds no fields, so it is no card, lorebook, chat or preset.":
        "В файле {file} нет полей: это не карточка, не книга знаний, не чат и не пресет.",
}
