"""Память модели: сколько бесед рядом, что лежит на диске."""

CATALOGUE: dict[str, str] = {
    "This model can hold no more prompts side by side.": "Эта модель не может держать рядом больше промптов.",
    "Use fewer beams, or no negative prompt.": "Возьмите меньше лучей или уберите отрицательный промпт.",
    "llama.cpp refused a KV cache of the types {wanted} for this model; it has {taken} instead. Quantised values need "
    "flash attention.":
        "llama.cpp не приняла для этой модели KV-кэш типов {wanted}; вместо них {taken}. Для квантованных значений "
        "нужно flash attention.",
    "{tokens} tokens came from disk in {ms} ms.": "{tokens} токенов взято с диска за {ms} мс.",
    "What was kept on disk of this chat is of another model, llama.cpp or setting; it was removed, and the chat read "
    "again.":
        "То, что хранилось на диске от этого чата, относится к другой модели, llama.cpp или настройке; оно удалено, а "
        "чат прочитан заново.",
    "What was kept on disk of this chat was damaged or changed; it was removed, and the chat read again.":
        "То, что хранилось на диске от этого чата, повреждено или изменено; оно удалено, а чат прочитан заново.",
    "What was kept on disk of this chat could not be read ({reason}); the chat was read again.":
        "То, что хранилось на диске от этого чата, не удалось прочесть ({reason}); чат прочитан заново.",
    "What the model has read of a chat is too large to be kept on disk ({mb} MB); it will be read again after a "
    "restart. The setting kv_quota_mb limits it.":
        "Прочитанное моделью из чата слишком велико для диска ({mb} МБ); после перезапуска чат будет прочитан заново. "
        "Предел задаёт настройка kv_quota_mb.",
    "The disk is full: what the model has read is not kept, and will be read again after a restart.":
        "Диск заполнен: прочитанное моделью не сохраняется и после перезапуска будет прочитано заново.",
    "What the model has read cannot be kept on disk ({reason}); it will be read again after a restart.":
        "Прочитанное моделью нельзя сохранить на диске ({reason}); после перезапуска оно будет прочитано заново.",
    "Chats kept on disk": "Чаты на диске",
    "{count} of them, {size} MB of {quota} MB": "{count}, {size} МБ из {quota} МБ",
    "Remove what is kept on disk": "Удалить хранимое на диске",
    "Removed {size} MB; chats will be read again when they are opened.":
        "Удалено {size} МБ; чаты будут прочитаны заново, когда их откроют.",
    "Chats kept on disk: {count}, {size} MB of {quota} MB, in {folder}":
        "Чатов на диске: {count}, {size} МБ из {quota} МБ, в {folder}",
    "kept      {count} chats on disk, {size} MB": "на диске  чатов: {count}, {size} МБ",
    "Megabytes of chats kept on disk": "Мегабайт чатов на диске",
    "what the model inside has read of them, so that they go on at once; 0: none":
        "то, что встроенная модель из них прочла, чтобы они продолжались сразу; 0: ничего",
}
