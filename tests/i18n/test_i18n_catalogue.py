"""The Russian catalogue says everything that the program says, and nothing that it no longer says."""

from __future__ import annotations

import re

import pytest
from sentences import read_source

from tui.i18n import LANGUAGES, tr, use_language
from tui.i18n.ru import CATALOGUE

SOURCE = read_source()
#: Sampler sentences are said with file and line before them when they come from a preset file.
IN_A_FILE = {
    "{file}, line {line}: " + text for text, places in SOURCE.found.items()
    if any(place.startswith("domain/samplers.py") for place in places)
}
SAID = set(SOURCE.found) | IN_A_FILE
#: Words that mean themselves: names of programs, signs, and sentences made of places alone.
_NO_WORDS = re.compile(r"[^A-Za-z]*")
_NAMES = {
    "KoboldCpp", "text-generation-webui", "TabbyAPI", "vLLM", "Aphrodite", "SGLang", "LM Studio", "Ollama",
    "OpenRouter", "Mistral", "AI Horde", "[N]", "[N..M]", "[en|ru]", "[on|off]", "DeepSeek", "Traktir",
    "Featherless", "Google Gemini", "Groq", "Hugging Face", "Moonshot", "NanoGPT", "OpenAI", "Together", "xAI",
}


def places(text: str) -> set[str]:
    return set(re.findall(r"\{([a-z_][a-z0-9_]*)\}", text))


def commands(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])/[a-z]{3,}\b", text))


def test_sentences_are_found_at_all() -> None:
    assert len(SAID) > 900
    assert "No chat is open." in SAID
    assert not SOURCE.unclear


def test_every_sentence_has_a_translation() -> None:
    missing = {text: SOURCE.found.get(text) for text in sorted(SAID - set(CATALOGUE))}
    assert not missing


def test_no_translation_is_of_a_sentence_that_is_gone() -> None:
    gone = {text for text in set(CATALOGUE) - SAID if not text.startswith("{file}, line {line}: ")}
    assert not gone


def test_translations_have_the_same_places() -> None:
    assert not {text: russian for text, russian in CATALOGUE.items() if places(text) != places(russian)}


def test_translations_are_russian() -> None:
    cyrillic = re.compile("[а-яё]", re.IGNORECASE)
    untranslated = {
        text for text, russian in CATALOGUE.items()
        if not cyrillic.search(russian) and text not in _NAMES and not _NO_WORDS.fullmatch(re.sub(r"\{\w+\}", "", text))
    }
    assert not untranslated


def test_translations_keep_edges_and_commands() -> None:
    for text, russian in CATALOGUE.items():
        assert text == "," or text[:1].isspace() == russian[:1].isspace(), text
        assert text.endswith("…") == russian.endswith("…"), text
        assert commands(russian) <= commands(text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_can_be_switched_on_and_off(language: str) -> None:
    try:
        use_language(language)
        assert tr("Undone: {what}.", what="x") == {"en": "Undone: x.", "ru": "Отменено: x."}[language]
    finally:
        use_language("en")
