"""What a GGUF file says of itself, read without llama.cpp and without trust.

The format (versions 2 and 3; ggml's `docs/gguf.md`): magic, version, counts of tensors and of key-value pairs,
the pairs, then the tensors' names and shapes, which are added up. Every count and length is bounded before it is
used, and arrays are walked, not kept: a vocabulary of 250,000 tokens costs a list of offsets.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice
from tui.engine.ggml_types import Tensor
from tui.i18n import mark

MAGIC = b"GGUF"

_MAX_PAIRS = 65_536
_MAX_TENSORS = 65_536
_MAX_DIMENSIONS = 8
_MAX_ITEMS = 8_000_000
_MAX_KEY = 65_535
_MAX_STRING = 16 * 2**20
_MAX_DEPTH = 4
_SHOWN_ITEMS = 8
#: Longest array of numbers that is kept whole: those that have one for each layer are.
_KEPT_ITEMS = 1024
_SHOWN_TEXT = 200

_TOO_MANY = mark("{file} is damaged at {field}: {number} items are too many.")
_UNKNOWN_TYPE = mark("{file} is damaged at {field}: type {number} is not known.")

_STRING, _ARRAY = 8, 9
#: Types of tokens that open and close turns: control, and added by who tuned the model.
_CONTROL = frozenset({3, 4})
_SCALARS: dict[int, str] = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}
_SIZES = {kind: struct.calcsize("<" + code) for kind, code in _SCALARS.items()}

#: Names of `general.file_type`, as llama.cpp numbers them.
FILE_TYPES: Mapping[int, str] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0",
    37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
}

_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GgufInfo:
    """The metadata of one model file. `None` and empty text stand for what it does not say.

    `size_bytes` counts all parts of a split model that are there; `missing_parts` names those that are not.
    `vocabulary_digest` names the vocabulary: a digest of all that the file says of it, but for the chat template.
    `raw` holds every pair, long texts cut and arrays as `{"items": n, "first": […]}`; `arrays` those of numbers whole
    that have no more than one for each layer could be. `weights` are the tensors of this file, not of other parts.
    """

    path: Path
    size_bytes: int
    architecture: str = ""
    name: str = ""
    context_length: int | None = None
    block_count: int | None = None
    chat_template: str = ""
    tokenizer: str = ""
    vocabulary: int | None = None
    bos_id: int | None = None
    eos_id: int | None = None
    bos_token: str = ""
    eos_token: str = ""
    add_bos: bool | None = None
    control_tokens: frozenset[str] = frozenset()   # what the vocabulary marks as control or added tokens
    quantisation: str = ""
    file_type: int | None = None
    parameters: int | None = None
    size_label: str = ""
    tensors: int = 0
    part: int = 1
    parts: int = 1
    missing_parts: tuple[str, ...] = ()
    vocabulary_digest: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    weights: tuple[Tensor, ...] = ()

    @property
    def makes_text(self) -> bool:
        """False for what cannot continue a text: encoders, projectors of images, sound."""
        family = self.architecture.lower()
        return "bert" not in family and family not in {"clip", "t5encoder", "wavtokenizer-dec", "mmproj"}


def read_metadata(path: Path) -> GgufInfo:
    """Read the metadata of `path`. Raises BadInput that names the file and, past the header, the field."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if size < 24:
                _refuse(path, notice("{file} is not a model: it is too short for one.", file=path.name))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                reader = _Reader(path, data)
                raw, tokens = reader.pairs()
                control = reader.control_tokens()
                weights = reader.weights()
                arrays = reader.short_arrays()
    except (OSError, ValueError) as error:
        raise BadInput(
            notice("{file} cannot be read: {reason}", file=path.name, reason=_reason(error)), file=str(path),
        ) from error
    info = _described(path, size, (reader.tensors, sum(tensor.numbers for tensor in weights)), raw, tokens)
    return replace(
        info, vocabulary_digest=reader.vocabulary_digest, control_tokens=control, weights=weights, arrays=arrays,
    )


def split_parts(path: Path) -> tuple[int, int, tuple[Path, ...]]:
    """Which part `path` is of how many, and the paths of all, by the naming of llama.cpp's splitter."""
    found = _SPLIT.search(path.name)
    if not found or not 1 <= int(found[1]) <= int(found[2]) <= 999:
        return 1, 1, (path,)
    part, parts = int(found[1]), int(found[2])
    stem = path.name[:found.start()]
    return part, parts, tuple(path.with_name(f"{stem}-{n:05}-of-{parts:05}.gguf") for n in range(1, parts + 1))


class _Reader:
    """A walk through the pairs of one file."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._end = len(data)
        self._at = 0
        self._key = ""
        self._vocabulary = hashlib.blake2b(digest_size=12)
        self._numbers: dict[str, tuple[int, int, int]] = {}      # arrays of numbers: type, place, count
        self._tokens: array[int] | None = None
        self.tensors = 0

    @property
    def vocabulary_digest(self) -> str:
        """Of all pairs about the vocabulary. To be asked after `pairs`."""
        return self._vocabulary.hexdigest()

    def pairs(self) -> tuple[dict[str, Any], dict[int, str]]:
        """All pairs, and the spelling of the tokens that other pairs point to."""
        if self._data[:4] != MAGIC:
            _refuse(self._path, notice(
                "{file} is not a model: it does not begin as a GGUF file does.", file=self._path.name,
            ))
        self._at = 4
        version = self._number(4)
        if version not in (2, 3):
            self._key = "version"
            self._bad(mark("{file} is of an unknown version of the GGUF format ({field} {number})."), version)
        self.tensors = self._number(10)
        count = self._number(10)
        if count > _MAX_PAIRS:
            self._key = "metadata_kv_count"
            self._bad(_TOO_MANY, count)
        raw: dict[str, Any] = {}
        offsets: array[int] | None = None
        for _ in range(count):
            begin = self._at
            key, value, places = self._pair()
            if key.startswith("tokenizer.ggml."):
                with memoryview(self._data) as view:
                    self._vocabulary.update(view[begin:self._at])
            if key in raw:
                self._bad(mark("{file} is damaged: it has {field} twice."))
            raw[key] = value
            if key == "tokenizer.ggml.tokens":
                offsets = self._tokens = places
        return raw, self._spellings(raw, offsets)

    def control_tokens(self) -> frozenset[str]:
        """The spelling of control and added tokens, by the types that stand beside the vocabulary. After `pairs`."""
        kind, start, count = self._numbers.get("tokenizer.ggml.token_type", (0, 0, 0))
        if self._tokens is None or count != len(self._tokens) or _SCALARS.get(kind) not in ("i", "I"):
            return frozenset()
        types = struct.unpack_from(f"<{count}i", self._data, start)
        return frozenset(
            self._text_at(self._tokens[at])[:_SHOWN_TEXT] for at, sort in enumerate(types) if sort in _CONTROL
        )

    def weights(self) -> tuple[Tensor, ...]:
        """All tensors of the file by their descriptions. To be called after `pairs`."""
        self._key = "tensors"
        if self.tensors > _MAX_TENSORS:
            self._bad(_TOO_MANY, self.tensors)
        out = []
        for _ in range(self.tensors):
            name = self._string(_MAX_KEY)
            dimensions = self._number(4)
            if dimensions > _MAX_DIMENSIONS:
                self._bad(_TOO_MANY, dimensions)
            shape = tuple(self._number(10) for _ in range(dimensions))
            out.append(Tensor(name[:_SHOWN_TEXT], shape, self._number(4)))
            self._skip(_SIZES[10])
        return tuple(out)

    def short_arrays(self) -> dict[str, tuple[float, ...]]:
        """Arrays of numbers that may have one for each layer. To be called after `pairs`."""
        return {
            key: struct.unpack_from(f"<{count}{_SCALARS[kind]}", self._data, start)
            for key, (kind, start, count) in self._numbers.items() if count <= _KEPT_ITEMS
        }

    def _pair(self) -> tuple[str, Any, array[int] | None]:
        self._key = ""
        key = self._string(_MAX_KEY)
        self._key = key
        kind = self._number(4)
        if kind == _ARRAY:
            value, places = self._array(0)
            return key, value, places
        return key, self._value(kind), None

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string(_MAX_STRING)
        if kind not in _SCALARS:
            self._bad(_UNKNOWN_TYPE, kind)
        return self._number(kind)

    def _array(self, depth: int) -> tuple[dict[str, Any], array[int] | None]:
        """A summary of an array, and where each of its strings lies."""
        kind, count = self._number(4), self._number(10)
        if count > _MAX_ITEMS or depth > _MAX_DEPTH:
            self._bad(_TOO_MANY, count)
        if kind == _STRING:
            places = self._string_places(count)
            first: list[Any] = [self._text_at(place)[:_SHOWN_TEXT] for place in places[:_SHOWN_ITEMS]]
            return {"items": count, "first": first}, places
        if kind == _ARRAY:
            first = [self._array(depth + 1)[0] for _ in range(count)][:_SHOWN_ITEMS]
            return {"items": count, "first": first}, None
        if kind not in _SCALARS:
            self._bad(_UNKNOWN_TYPE, kind)
        start = self._skip(_SIZES[kind] * count)
        self._numbers[self._key] = (kind, start, count)
        shown = min(count, _SHOWN_ITEMS)
        return {"items": count, "first": list(struct.unpack_from(f"<{shown}{_SCALARS[kind]}", self._data, start))}, None

    def _string_places(self, count: int) -> array[int]:
        """Offsets of `count` strings. A tight loop: there are hundreds of thousands in a vocabulary."""
        data, at, end = self._data, self._at, self._end
        unpack = struct.Struct("<Q").unpack_from
        places = array("Q")
        for _ in range(count):
            if at + 8 > end:
                self._ends()
            places.append(at)
            length = unpack(data, at)[0]
            at += 8 + length
            if length > _MAX_STRING or at > end:
                self._ends()
        self._at = at
        return places

    def _spellings(self, raw: Mapping[str, Any], places: array[int] | None) -> dict[int, str]:
        out: dict[int, str] = {}
        for which in ("bos", "eos"):
            token = raw.get(f"tokenizer.ggml.{which}_token_id")
            if places is not None and isinstance(token, int) and 0 <= token < len(places):
                out[token] = self._text_at(places[token])
        return out

    def _text_at(self, place: int) -> str:
        length = struct.unpack_from("<Q", self._data, place)[0]
        return self._data[place + 8:place + 8 + length].decode("utf-8", "replace")

    def _string(self, limit: int) -> str:
        length = self._number(10)
        if length > limit:
            self._bad(mark("{file} is damaged at {field}: a text of {number} bytes is too long."), length)
        start = self._skip(length)
        return self._data[start:start + length].decode("utf-8", "replace")

    def _number(self, kind: int) -> Any:
        start = self._skip(_SIZES[kind])
        return struct.unpack_from("<" + _SCALARS[kind], self._data, start)[0]

    def _skip(self, count: int) -> int:
        start = self._at
        if count > self._end - start:
            self._ends()
        self._at = start + count
        return start

    def _ends(self) -> NoReturn:
        self._bad(mark("{file} is damaged: it ends in the middle of {field}."))

    def _bad(self, sentence: str, number: int = 0) -> NoReturn:
        """`sentence` may have the places {file}, {field} and {number}."""
        field = clean_line(self._key, 80) or "metadata"
        _refuse(
            self._path, Notice(sentence, {"file": self._path.name, "field": field[:80], "number": number}), field[:200],
        )


def _described(
    path: Path, size: int, weights: tuple[int, int], raw: dict[str, Any], tokens: dict[int, str],
) -> GgufInfo:
    architecture = _text(raw, "general.architecture")
    part, parts, all_parts = split_parts(path)
    others = [p for p in all_parts if p != path]
    bos, eos = _integer(raw, "tokenizer.ggml.bos_token_id"), _integer(raw, "tokenizer.ggml.eos_token_id")
    file_type = _integer(raw, "general.file_type")
    vocabulary = raw.get("tokenizer.ggml.tokens")
    add_bos = raw.get("tokenizer.ggml.add_bos_token")
    return GgufInfo(
        path=path, size_bytes=size + sum(p.stat().st_size for p in others if p.is_file()),
        architecture=architecture, name=clean_line(_text(raw, "general.name"), 200),
        context_length=_integer(raw, f"{architecture}.context_length"),
        block_count=_integer(raw, f"{architecture}.block_count"),
        chat_template=_text(raw, "tokenizer.chat_template"), tokenizer=_text(raw, "tokenizer.ggml.model"),
        vocabulary=vocabulary["items"] if isinstance(vocabulary, dict) else None,
        bos_id=bos, eos_id=eos,
        bos_token=tokens.get(bos, "") if bos is not None else "",
        eos_token=tokens.get(eos, "") if eos is not None else "",
        add_bos=add_bos if isinstance(add_bos, bool) else None,
        quantisation=FILE_TYPES.get(file_type & 1023, "") if file_type is not None else "", file_type=file_type,
        parameters=_integer(raw, "general.parameter_count") or (weights[1] if parts == 1 else 0) or None,
        size_label=_text(raw, "general.size_label"),
        tensors=weights[0], part=part, parts=parts, missing_parts=tuple(p.name for p in others if not p.is_file()),
        raw={key: _shown(value) for key, value in raw.items()},
    )


def _shown(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _SHOWN_TEXT:
        return value[:_SHOWN_TEXT] + "…"
    return value


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _integer(raw: Mapping[str, Any], key: str) -> int | None:
    value = raw.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _refuse(path: Path, what: Notice, field: str = "") -> NoReturn:
    remedy = notice("Download it again.") if field else None
    raise BadInput(what, remedy, file=str(path), **({"field": field} if field else {}))
