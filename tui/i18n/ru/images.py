"""Pictures: attached, stored, seen by a model, opened elsewhere."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "A message takes at most {most} pictures.": "К одному сообщению можно приложить не больше картинок, чем {most}.",
    "A picture could not be opened: it is damaged, or of a kind that llama.cpp does not read.":
        "Картинку не удалось открыть: она повреждена или в формате, которого llama.cpp не читает.",
    "It reads PNG, JPEG, GIF and BMP. Delete the message with it, or attach it in another kind.":
        "Читаются PNG, JPEG, GIF и BMP. Удалите сообщение с этой картинкой или приложите её в другом формате.",
    "A picture needs a name and its data in base64.": "Картинке нужны имя и данные в base64.",
    "A picture of this prompt is not at hand.": "Картинки из этого промпта нет под рукой.",
    "Attach a picture: of a file, or of the clipboard; open or save the chat's last one.":
        "Приложить картинку из файла или буфера обмена; открыть или сохранить последнюю в чате.",
    "[PATH|open|save|remove]": "[ПУТЬ|open|save|remove]",
    "Attach one with /image PATH": "Приложить картинку: /image ПУТЬ",
    "Copy one first, or name a file: /image PATH": "Сначала скопируйте её или назовите файл: /image ПУТЬ",
    "Name a file instead: /image PATH": "Назовите вместо этого файл: /image ПУТЬ",
    "Write the picture to a file: /image save PATH": "Запишите картинку в файл: /image save ПУТЬ",
    "It must be a file of its own (mmproj-….gguf) made for this very model; without `mmproj` in the profile the "
    "model reads texts alone.":
        "Это должен быть отдельный файл (mmproj-….gguf), сделанный именно для этой модели; без `mmproj` в профиле "
        "модель читает только тексты.",
    "It takes PNG, JPEG, WebP, GIF and BMP.": "Принимаются PNG, JPEG, WebP, GIF и BMP.",
    "Make it smaller first.": "Сначала уменьшите её.",
    "Opened: {file}": "Открыто: {file}",
    "Over ssh no viewer can be opened on your machine.":
        "Через ssh открыть программу просмотра на вашей машине нельзя.",
    "Over ssh the clipboard of your machine cannot be reached.":
        "Через ssh до буфера обмена вашей машины не добраться.",
    "Set n_ubatch and n_batch to {tokens} or more in the profile.":
        "Задайте в профиле n_ubatch и n_batch не меньше {tokens}.",
    "Termux gives programs only the text of the clipboard, no pictures.":
        "Termux отдаёт программам только текст из буфера обмена, но не картинки.",
    "That picture is not in this chat.": "Такой картинки в этом чате нет.",
    "There is no desktop here whose clipboard could be asked.":
        "Здесь нет рабочего стола, у которого можно было бы спросить буфер обмена.",
    "There is no picture in this chat.": "В этом чате нет картинок.",
    "There is no picture on the clipboard.": "В буфере обмена нет картинки.",
    "There is no viewer for pictures here.": "Здесь нет программы для просмотра картинок.",
    "The model in use does not see pictures: it will read the name alone.":
        "Нынешняя модель не видит картинок: она прочтёт только имя.",
    "This is no picture that Traktir knows.": "Это не картинка, которую знает Traktir.",
    "This model does not see pictures.": "Эта модель не видит картинок.",
    "This model does not see pictures: it read their names instead. For the embedded engine set `mmproj` in the "
    "profile to the model's projector file.":
        "Эта модель не видит картинок: вместо них она прочла их имена. Для встроенного движка укажите в профиле "
        "в поле `mmproj` файл-проектор этой модели.",
    "This model must see a picture at once: it takes {tokens} tokens, and {batch} are computed together.":
        "Эта модель должна видеть картинку целиком: она занимает токенов: {tokens}, а за раз считается {batch}.",
    "This picture has {size} MB; at most {most} MB are taken.":
        "В этой картинке {size} МБ; принимается не больше {most} МБ.",
    "This picture says that it is {width}×{height} pixels large; at most {most} million are taken.":
        "Эта картинка называет свой размер: {width}×{height} пикселей; принимается не больше {most} миллионов.",
    "To take pictures from the clipboard, {tool} must be installed.":
        "Чтобы брать картинки из буфера обмена, нужно установить {tool}.",
    "llama.cpp can make nothing of a picture of {width}×{height} pixels.":
        "llama.cpp ничего не может сделать с картинкой {width}×{height} пикселей.",
    "llama.cpp could not load the projector {file}, by which the model would see pictures.":
        "llama.cpp не смог загрузить проектор {file}, с которым модель видела бы картинки.",
    "{file} holds a picture that is not the one it is said to be: {part}.":
        "В {file} есть картинка, которая не та, за которую себя выдаёт: {part}.",
    "{file} is no file.": "{file} — это не файл.",
    "{address} takes no pictures for this model; it was sent the words alone.":
        "{address} не принимает картинок для этой модели; ей отправлены только слова.",
    "{tool} could not be started: {reason}": "Не удалось запустить {tool}: {reason}",
}
