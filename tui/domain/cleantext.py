"""Foreign text made safe to show: what could steer a terminal or reorder a line becomes visible or goes."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"                         # CSI: colours, cursor movement
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"   # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"                                        # any other escape
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str, limit: int | None = None) -> str:
    """`text` without escape sequences and control characters (newline and tab stay), bidirectional controls
    written out as `<U+202E>`, lone surrogates replaced, and cut to `limit` characters with an ellipsis."""
    if limit is not None:
        text = text[: limit * 4]                                # what follows could not be shown anyway
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("", _SEQUENCE.sub("", text))
    text = _BIDI.sub(lambda m: f"<U+{ord(m[0]):04X}>", text)
    text = _SURROGATE.sub("\ufffd", text)
    if limit is not None and len(text) > limit:
        return text[: max(0, limit - 1)].rstrip() + "…"
    return text


def clean_line(text: str, limit: int | None = None) -> str:
    """As `clean`, on one line: any run of white space becomes a blank."""
    return clean(" ".join(clean(text).split()) if limit is None else " ".join(clean(text, limit * 4).split()), limit)
