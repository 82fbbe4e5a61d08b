"""What the name of a model file tells: model, quantisation, whether an importance matrix was used, part of how many.

Names follow llama.cpp's naming convention (`docs/gguf.md` of ggml) or the customs of those who quantise: `i1-Q4_K_S`
(with an importance matrix), `UD-Q4_K_XL` (mixed by layer), `IQ4_XS`, `mxfp4`, `-00001-of-00003` (split).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUANT = (
    r"IQ[1-4]_(?:XXS|XS|S|M|NL|KSS|KS|KL|KT|K)(?:_[A-Z0-9]{1,3})?"
    r"|Q[1-8]_(?:K_(?:XXL|XL|XS|L|M|S|P)|K|[01](?:_[48]_[48]|_L|_XL)?)"
    r"|TQ[12]_0|BF16|FP?16|FP?32|MXFP4(?:_MOE)?|NVFP4|Q8_K_XL"
)
_NAME = re.compile(
    rf"^(?P<model>.*?)[-._]?(?P<ud>(?<![A-Za-z0-9])UD-)?(?P<matrix>(?<![A-Za-z0-9])i(?:1|mat(?:rix)?)[-.])?"
    rf"(?<![A-Za-z0-9])(?P<quant>{_QUANT})(?P<rest>[-._](?:imat|i1|imatrix))?$",
    re.IGNORECASE,
)
_PART = re.compile(r"-(?P<part>\d{5})-of-(?P<parts>\d{5})$")
_PROJECTOR = re.compile(r"(?:^|[-._])mmproj(?:[-._]|$)", re.IGNORECASE)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file's name says. `quant` is in capitals, "" where the name tells none; `label` is it as people write it,
    with what goes before it (`i1-Q4_K_S`)."""

    model: str
    quant: str = ""
    label: str = ""
    imatrix: bool = False
    part: int = 1
    parts: int = 1
    projector: bool = False


def read_name(name: str) -> FileName:
    """Read the name of a file, with or without folders and `.gguf`."""
    stem = name.replace("\\", "/").rpartition("/")[2][-_LONGEST:]
    stem = stem[:-5] if stem.lower().endswith(".gguf") else stem
    part = parts = 1
    if found := _PART.search(stem):
        part, parts = int(found["part"]), int(found["parts"])
        stem = stem[:found.start()]
    projector = bool(_PROJECTOR.search(stem))
    match = _NAME.match(stem)
    if match is None:
        return FileName(stem, part=part, parts=parts, projector=projector)
    quant = match["quant"].upper().replace("FP16", "F16").replace("FP32", "F32")
    matrix = bool(match["matrix"] or match["rest"])
    label = ("UD-" if match["ud"] else "") + ("i1-" if matrix else "") + quant
    model = match["model"].rstrip("-._") or stem
    return FileName(model, quant, label, matrix, part, parts, projector)
