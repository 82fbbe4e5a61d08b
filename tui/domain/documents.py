"""Text files that a person adds to read from: bytes of unknown encoding become text."""

from __future__ import annotations

import codecs
from pathlib import PurePath

from tui.domain.cleantext import clean
from tui.domain.errors import BadInput
from tui.domain.notice import notice

#: Endings of files that are taken for text.
TEXT_ENDINGS = frozenset({".txt", ".text", ".md", ".markdown", ".rst", ".org", ".adoc"})
#: Characters of a document.
LONGEST = 2_000_000


def read_document(name: str, data: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 where it says so, else the Cyrillic code page of Windows. Raises BadInput for
    what is no text, naming the file."""
    if PurePath(name).suffix.lower() not in TEXT_ENDINGS:
        raise BadInput(notice("{file} is no text: a document ends in {names}.", file=name,
                              names=", ".join(sorted(TEXT_ENDINGS))), file=name)
    text = _decoded(data)
    if "\0" in text:
        raise BadInput(notice("{file} is no text, whatever it is called.", file=name), file=name)
    return clean(text.replace("\r\n", "\n").replace("\r", "\n"))


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1251", "replace")
