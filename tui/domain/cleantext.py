"""Foreign text made safe to show: what could steer a terminal or reorder a line becomes visible or goes."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"                         # CSI: colours, cursor movement
    # OSC, DCS, SOS, PM, APC, where they end; one that does not, or a lone C1 byte (which broken encodings are full
    # of), must not swallow the rest of the text.
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]?"                                        # any other escape
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_HIDDEN = re.compile("[\U000e0000-\U000e0fff]")                # tag characters: text that nobody sees
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Everything that any of them begins with: most texts have nothing of it, and are looked through once.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e0fff]"
)


def clean(text: str, limit: int | None = None, multiline: bool = True) -> str:
    """`text` without escape sequences, control and tag characters (newline and tab stay), line and paragraph
    separators as newlines, bidirectional controls written out as `<U+202E>`, lone surrogates replaced, and cut to
    `limit` characters with an ellipsis. `multiline` False puts all on one line."""
    if not multiline:
        return clean_line(text, limit)
    if limit is not None:
        text = text[: limit * 4]                                # what follows could not be shown anyway
    if _ODD.search(text) is not None:
        text = _cleaned(text)
    if limit is not None and len(text) > limit:
        return text[: max(0, limit - 1)].rstrip() + "…"
    return text


def _cleaned(text: str) -> str:
    text = _HIDDEN.sub("", _LINE_ENDS.sub("\n", text))
    text = _CONTROL.sub("", _SEQUENCE.sub("", text))
    text = _BIDI.sub(lambda m: f"<U+{ord(m[0]):04X}>", text)
    return _SURROGATE.sub("\ufffd", text)


def clean_line(text: str, limit: int | None = None) -> str:
    """As `clean`, on one line: any run of white space becomes a blank."""
    return clean(" ".join(clean(text).split()) if limit is None else " ".join(clean(text, limit * 4).split()), limit)
