"""What a person wants to know of a model file, gathered from its name, its metadata and its tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.domain.cleantext import clean_line
from tui.engine.fit import all_tensors
from tui.engine.gguf import GgufInfo
from tui.engine.names import read_name
from tui.engine.stretch import Rope, rope_of

_LONGEST = 200
#: Types of which a share below this is not told.
_LEAST_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Quantisation:
    """`told` is the name by the metadata or, if it is more exact, by the file's name; `types` the shares of the bytes
    by the tensors' real types, largest first; `bits` a weight; `imatrix` whether an importance matrix was used."""

    told: str
    types: tuple[tuple[str, float], ...]
    bits: float
    imatrix: bool
    imatrix_data: str = ""


def quantisation(info: GgufInfo) -> Quantisation:
    """How the weights are stored, really. Raises BadInput for a damaged part."""
    tensors = all_tensors(info)
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.type_name] += tensor.size
    total, numbers = sum(sizes.values()), sum(tensor.numbers for tensor in tensors)
    name = read_name(info.path.name)
    matrix = [key for key in info.raw if key.startswith("quantize.imatrix.")]
    return Quantisation(
        name.label or info.quantisation or (sizes.most_common(1)[0][0] if sizes else ""),
        tuple((kind, size / total) for kind, size in sizes.most_common() if total and size / total >= _LEAST_SHARE),
        8 * total / numbers if numbers else 0.0, bool(matrix) or name.imatrix,
        _text(info, "quantize.imatrix.dataset"),
    )


def about(info: GgufInfo) -> dict[str, Any]:
    """All of it as plain values; None for what the file does not say. Raises BadInput for a damaged part."""
    how = quantisation(info)
    return {
        "path": str(info.path), "name": info.name, "architecture": clean_line(info.architecture, 60),
        "size": info.size_bytes, "parameters": info.parameters, "size_label": clean_line(info.size_label, 40) or None,
        "quantisation": how.told, "file_type": info.quantisation or None,
        "types": [[kind, round(share, 4)] for kind, share in how.types], "bits_per_weight": round(how.bits, 2),
        "imatrix": how.imatrix, "imatrix_dataset": how.imatrix_data or None,
        "context_length": info.context_length, "layers": info.block_count,
        "rope": _rope(info, rope_of(info)),
        "tokenizer": clean_line(info.tokenizer, 60), "vocabulary": info.vocabulary,
        "chat_template": bool(info.chat_template), "parts": info.parts, "missing_parts": list(info.missing_parts),
        "licence": _text(info, "general.license.name") or _text(info, "general.license") or None,
        "base_model": _text(info, "general.base_model.0.name") or None,
        "author": _text(info, "general.author") or _text(info, "general.organization") or None,
        "makes_text": info.makes_text,
    }


def _rope(info: GgufInfo, rope: Rope) -> Mapping[str, Any] | None:
    if not rope.dimensions:
        return None
    return {
        "base": rope.base, "dimensions": rope.dimensions, "scaling": rope.scaling or None,
        "factor": rope.factor if rope.scaling else None,
        "original_context": info.raw.get(f"{info.architecture}.rope.scaling.original_context_length"),
    }


def _text(info: GgufInfo, key: str) -> str:
    value = info.raw.get(key)
    return clean_line(value, _LONGEST) if isinstance(value, str) else ""
