"""Фразы, которых не должно быть."""

CATALOGUE: dict[str, str] = {
    "Not while phrases are kept out of a reply from here.": "Не одновременно с запретом фраз, который ведётся отсюда.",
}
