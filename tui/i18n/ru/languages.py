"""Чат на двух языках."""

CATALOGUE: dict[str, str] = {
    "This chat has one language.": "В этом чате один язык.",
    "/languages MINE MODEL gives it two, as in: Russian English.":
        "/языки МОЙ МОДЕЛИ даст два, например: Russian English.",
    "Something of this chat is being translated already.": "В этом чате уже что-то переводится.",
    "This message is too long to be translated in the model's window.":
        "Это сообщение слишком длинное, чтобы перевести его в окне модели.",
    "The model wrote no translation.": "Модель не написала перевода.",
    "The translation was stopped.": "Перевод остановлен.",
    "the translation": "перевод",
    "the languages": "языки",
    "{field} must name two languages.": "{field}: нужно назвать два языка.",
    "What is shown is one of: {names}.": "Показывать можно одно из: {names}.",
    "Name two languages, as in: /languages Russian English.": "Назовите два языка: /языки Russian English.",
    "You write {mine}, the prompt is {model}. The model translates.":
        "Вы пишете: {mine}, промпт: {model}. Переводит модель.",
    "Two languages: mine and the model's (/languages Russian English); show mine|model|both; off.":
        "Два языка: мой и модели (/языки Russian English); show mine|model|both; off.",
    "[MINE MODEL]": "[МОЙ МОДЕЛИ]",
    "Translate the chosen or last message into the other language.":
        "Перевести выбранное или последнее сообщение на другой язык.",
    "Profile that translates": "Профиль, который переводит",
    "for chats in two languages; empty: the chat's own": "для чатов на двух языках; пусто: профиль чата",
    "translating…": "перевод…",
}
