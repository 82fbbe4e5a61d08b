"""Russian: files: cards, lorebooks, chats, presets."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "The file holds {count} cards; the first one was taken.": "Карточек в файле: {count}; взята первая.",
    "Cards are PNG, JSON, CHARX or YAML files with a name, a description, a first message.":
        "Карточки — это файлы PNG, JSON, CHARX или YAML с именем, описанием и первым сообщением.",
    "{file} is not a character card: it has none of a card's fields.":
        "{file} — не карточка персонажа: в нём нет полей карточки.",
    "The card is of a newer version ({version}); unknown fields are kept.":
        "Карточка более новой версии ({version}); незнакомые поля сохранены.",
    "The card's kind {spec} is not known; it was read by its fields.":
        "Вид карточки {spec} незнаком; она прочитана по полям.",
    "The card's data was a text; it was read as JSON.": "Данные карточки были текстом; он прочитан как JSON.",
    "The card has no data object; its fields were taken from the top.":
        "В карточке нет объекта data; поля взяты с верхнего уровня.",
    "The card has no name; the file's name was taken.": "У карточки нет имени; взято имя файла.",
    "There are {count} greetings; only the first {limit} are used.":
        "Приветствий: {count}; используются только первые {limit}.",
    "The card's lorebook could not be read; the rest was taken.":
        "Книгу знаний карточки прочитать не удалось; остальное взято.",
    "Get the file again.": "Получите файл ещё раз.",
    "{file} is empty.": "Файл {file} пуст.",
    "{file} is larger than {limit} bytes, the most that is read.":
        "Файл {file} больше {limit} байт — предела для чтения.",
    "Some checksums in the picture are wrong; the card was read all the same.":
        "Некоторые контрольные суммы в картинке неверны; карточка всё равно прочитана.",
    "The picture is cut off; the card was read all the same.": "Картинка обрезана; карточка всё равно прочитана.",
    "A card in the picture could not be read; another one was taken.":
        "Одну из карточек в картинке прочитать не удалось; взята другая.",
    "The card is encrypted by RisuAI and cannot be read without its key.":
        "Карточка зашифрована RisuAI; без ключа её не прочитать.",
    "Ask its author for a plain card.": "Попросите у автора обычную карточку.",
    "Pictures lose their card when a site or a chat program shrinks them; get the original file.":
        "Картинка теряет карточку, когда сайт или мессенджер её сжимает; достаньте исходный файл.",
    "{file} is a picture without a character card in it.": "{file} — картинка, в которой нет карточки персонажа.",
    "The picture holds {count} cards under one keyword; the last one counts.":
        "Карточек под одним ключом в картинке: {count}; взята последняя.",
    "A text chunk is malformed or too large; it was passed over.":
        "Один из текстовых блоков картинки испорчен или слишком велик; он пропущен.",
    "A text chunk holds no card; it was passed over.":
        "В одном из текстовых блоков картинки карточки нет; он пропущен.",
    "It may be cut off; get it again.": "Возможно, файл обрезан; получите его ещё раз.",
    "{file} holds no readable archive with a card.": "В файле {file} нет читаемого архива с карточкой.",
    "{file} has more than {limit} members.": "В архиве {file} больше {limit} файлов.",
    "The archive holds several cards; the last one counts.": "В архиве несколько карточек; взята последняя.",
    "{file} is an archive without card.json, so it holds no card.":
        "{file} — архив без card.json: карточки в нём нет.",
    "Get the file again, or ask its author for a plain card.":
        "Получите файл ещё раз или попросите у автора обычную карточку.",
    "A pair of messages that is none was left out.": "Испорченная пара сообщений пропущена.",
    "Traktir reads chats of SillyTavern, text-generation-webui, KoboldAI Lite, RisuAI, Agnai and CAI Tools.":
        "Трактир читает чаты SillyTavern, text-generation-webui, KoboldAI Lite, RisuAI, Agnai и CAI Tools.",
    "{file} holds no chat that can be read.": "В файле {file} нет чата, который можно прочитать.",
    "{file} is not a chat: it is not JSON.": "{file} — не чат: это не JSON.",
    "The chat has more than {limit} messages; the rest was left out.":
        "В чате больше {limit} сообщений; остальные пропущены.",
    "Lines that could not be read were left out: {count}.":
        "Пропущено строк, которые не удалось прочитать: {count}.",
    "The file does not say who is the person; the first to speak was taken for the character.":
        "В файле не сказано, кто здесь человек; персонажем считается тот, кто заговорил первым.",
    "Something that is no message was left out.": "То, что не является сообщением, пропущено.",
    "More repairs than are listed here: {count}.": "Исправлений, кроме перечисленных: {count}.",
    "{field} was not a text; it was turned into one.": "Поле {field} было не текстом; оно превращено в текст.",
    "{field} was one text; it was read as a list.": "Поле {field} было одним текстом; оно прочитано как список.",
    "{field} was an object; its values were taken.": "Поле {field} было объектом; взяты его значения.",
    "{field} holds objects; their texts were taken.": "В поле {field} — объекты; взят их текст.",
    "{field} holds something that is no text; it was left out.":
        "В поле {field} есть что-то, что не текст; оно пропущено.",
    "Name a file that holds a card, lorebook, chat or preset.":
        "Укажите файл с карточкой, книгой знаний, чатом или пресетом.",
    "{file} is not a regular file, so it was not read.": "{file} — не обычный файл, поэтому он не прочитан.",
    "Check that the file is there and that you may read it.": "Проверьте, что файл на месте и его можно читать.",
    "{file} could not be read: {reason}.": "Не удалось прочитать {file}: {reason}.",
    "Check the free space and the rights of the folder.": "Проверьте свободное место и права на папку.",
    "{file} could not be written: {reason}.": "Не удалось записать {file}: {reason}.",
    "The text is not UTF-8; it was read as Windows-1252, so odd letters may be wrong.":
        "Текст не в UTF-8; он прочитан как Windows-1252, поэтому некоторые буквы могут быть неверны.",
    "{file} holds more than {limit} bytes of JSON, the most that is read.":
        "В файле {file} больше {limit} байт JSON — предела для чтения.",
    "{file} is nested deeper than {limit} levels, so it was not read.":
        "Вложенность в файле {file} глубже {limit} уровней; он не прочитан.",
    "Text after the end of the JSON was ignored.": "Текст после конца JSON не учтён.",
    "Control characters that JSON does not allow were taken as they stand.":
        "Управляющие символы, недопустимые в JSON, взяты как есть.",
    "{file} is nested too deeply, so it was not read.":
        "Вложенность в файле {file} слишком глубока; он не прочитан.",
    "Some keys occur twice; the last value counts.": "Некоторые ключи повторяются; действует последнее значение.",
    "Numbers that are none (NaN, Infinity) were left empty.":
        "Числа, которые не числа (NaN, Infinity), оставлены пустыми.",
    "{file} is a web page, not a card or preset. A download probably failed.":
        "{file} — веб-страница, а не карточка и не пресет. Видимо, скачивание не удалось.",
    "The file may be damaged or cut off. Get it again, or mend that line.":
        "Возможно, файл повреждён или обрезан. Получите его ещё раз или исправьте эту строку.",
    "{file} is not valid JSON: {reason}, line {line}.": "{file} — неверный JSON: {reason}, строка {line}.",
    "There are: {names}.": "Есть: {names}.",
    "Files that end in {suffix} are not kept here.": "Файлы {suffix} здесь не хранятся.",
    "Make one of your own with the same name; it takes its place.":
        "Создайте свой файл с тем же именем: он займёт его место.",
    "{name} ships with the program and cannot be deleted.": "{name} поставляется с программой, удалить его нельзя.",
    "Check the rights of the folder.": "Проверьте права на папку.",
    "{file} could not be moved to the trash: {reason}.": "Не удалось переместить {file} в корзину: {reason}.",
    "The book has {count} entries; only the first {limit} are used.":
        "Записей в книге: {count}; используются только первые {limit}.",
    "Entry {number} is not an entry; it was left out.": "Запись {number} — не запись; она пропущена.",
    "Import it as a character.": "Импортируйте его как персонажа.",
    "{file} is a card without a lorebook.": "{file} — карточка без книги знаний.",
    "Traktir reads SillyTavern worlds, V3 lorebooks, cards with a book, NovelAI, Agnai, RisuAI and AI Dungeon.": (
        "Трактир читает миры SillyTavern, книги V3, карточки с книгой, а также файлы NovelAI, Agnai, RisuAI и AI "
        "Dungeon."
    ),
    "{file} is not a lorebook of any known kind.": "{file} — не книга знаний ни одного из известных видов.",
    "{file}, line {line}: {field} must lie between {low} and {high}.":
        "{file}, строка {line}: {field} должно лежать между {low} и {high}.",
    "{file}, line {line}: {field} needs a kind, such as embedded or openai.":
        "{file}, строка {line}: для {field} нужен вид (kind), например embedded или openai.",
    "{file} must hold fields with values, such as label: My preset.":
        "В файле {file} должны быть поля со значениями, например label: Мой пресет.",
    "Mend that line and save the file; what lies in Traktir's folders is read again by itself, else import it again.":
        "Исправьте эту строку и сохраните файл: из папок Traktir он перечитается сам, иначе импортируйте его ещё раз.",
    "Known are: {names}.": "Известны: {names}.",
    "Did you mean {name}?": "Может быть, {name}?",
    "{file}, line {line}: there is no field called {field}.": "{file}, строка {line}: поля {field} не существует.",
    "{file}, line {line}: {field} must be one of: {names}.":
        "{file}, строка {line}: {field} должно быть одним из: {names}.",
    "{file}, line {line}: {field} holds an empty text.": "{file}, строка {line}: в поле {field} пустой текст.",
    "{file}, line {line}: {field} must hold fields of its own.":
        "{file}, строка {line}: у {field} должны быть собственные поля.",
    "{file}, line {line}: {field} must be a single value.":
        "{file}, строка {line}: {field} должно быть одним значением.",
    "{file}, line {line}: {field} is longer than {limit} characters.":
        "{file}, строка {line}: {field}: больше {limit} знаков.",
    "{file}, line {line}: {field} must be a text.": "{file}, строка {line}: {field} — текст.",
    "{file}, line {line}: {field} must be true or false.":
        "{file}, строка {line}: {field} должно быть true или false.",
    "{file}, line {line}: {field} must be a number, not {value}.":
        "{file}, строка {line}: {field} должно быть числом, а не {value}.",
    "{file}, line {line}: this is not valid YAML ({reason}).":
        "{file}, строка {line}: это неверный YAML ({reason}).",
    "{file}, line {line}: a second document begins here; one file holds one.":
        "{file}, строка {line}: здесь начинается второй документ, а в файле может быть только один.",
    "{file}, line {line}: values are nested too deeply here.":
        "{file}, строка {line}: слишком глубокая вложенность.",
    "{file}, line {line}: aliases and anchors (& and *) are not taken.":
        "{file}, строка {line}: ссылки и якоря (& и *) не принимаются.",
    "{file}, line {line}: tags (!) are not taken.": "{file}, строка {line}: теги (!) не принимаются.",
    "{file}, line {line}: a key must be a word.": "{file}, строка {line}: ключ должен быть словом.",
    "{file}, line {line}: merge keys (<<) are not taken.":
        "{file}, строка {line}: ключи слияния (<<) не принимаются.",
    "{file}, line {line}: {reason} stands there twice.": "{file}, строка {line}: {reason} встречается дважды.",
}
