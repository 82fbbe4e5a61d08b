"""Pictures in a prompt of tokens. Worker side.

The memory knows only tokens. So a picture stands in a prompt as made-up ones, below zero, one for each position that
it takes; they are drawn from its digest, so that the same picture at the same place is found in the memory again and
is not computed again, and two pictures never look alike. Where such a stretch begins, the whole picture is computed
and put into the memory; the rest of the stretch is there with it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.engine import INSTALL
from tui.engine.bindings import AbortFlag, Model, differences
from tui.engine.bindings_vision import FIELDS, SIGNATURES, Chunk, Projector, Unreadable, load_vision
from tui.engine.discover import projector_of
from tui.engine.tokenise import See, blind

if TYPE_CHECKING:
    from tui.engine.bindings_memory import Context

#: Pictures whose made-up tokens are remembered.
_REMEMBERED = 512


class Vision:
    """A model's eyes: its projector, and the bytes of pictures that prompts name."""

    def __init__(self, projector: Projector, flag: AbortFlag, *, batch: int) -> None:
        self._projector = projector
        self._flag = flag
        self._batch = batch
        self._lock = threading.Lock()
        self._data: dict[str, bytes] = {}
        self._places: OrderedDict[int, _Place] = OrderedDict()
        self._layout = lru_cache(_REMEMBERED)(self._layout_anew)

    def take(self, picture: str, data: bytes) -> None:
        """Hold the bytes of a picture until `drop`."""
        self._data[picture] = data

    def drop(self, pictures: Sequence[str]) -> None:
        for picture in pictures:
            self._data.pop(picture, None)

    def looking(self, sizes: Mapping[str, Sequence[int]]) -> See:
        """What stands for each of the pictures of those widths and heights. What it gives raises EngineError."""
        def see(picture: str) -> Sequence[int] | None:
            return self.tokens(picture, (sizes[picture][0], sizes[picture][1])) if picture in sizes else None

        return see

    def count(self, size: tuple[int, int]) -> int:
        """Cells of the memory that a picture of that many pixels takes, marks included. Raises EngineError."""
        return sum(len(chunk.tokens) + chunk.cells for chunk in self._layout(*size))

    def tokens(self, picture: str, size: tuple[int, int]) -> list[int]:
        """The stretch of a prompt that a picture is. Raises EngineError."""
        out: list[int] = []
        for number, chunk in enumerate(self._layout(*size)):
            if chunk.tokens:
                out += chunk.tokens
                continue
            made_up = stand_ins(picture, number, chunk.positions)
            with self._lock:
                self._places[made_up[0]] = _Place(picture, number, chunk)
                self._places.move_to_end(made_up[0])
                while len(self._places) > 2 * _REMEMBERED:
                    self._places.popitem(last=False)
            out += made_up
        return out

    def beyond(self, tokens: Sequence[int]) -> int:
        """Cells that a prompt takes beyond one for each of its tokens."""
        found = (self._places.get(token) for token in tokens if token < 0)
        return sum(place.chunk.cells - place.chunk.positions for place in found if place is not None)

    def decode(self, context: Context, tokens: Sequence[int], sequence: int, start: int) -> int:
        """As `Context.decode`, for tokens among which are stand-ins. Raises EngineError (a picture that cannot be
        opened)."""
        at = start
        for stretch in _stretches(tokens, self._places):
            result = (
                context.decode_text(stretch, sequence, at) if stretch[0] >= 0
                else self._see(context, stretch[0], sequence, at)
            )
            if result:
                return result
            at += len(stretch)
        return 0

    def _see(self, context: Context, first: int, sequence: int, start: int) -> int:
        place = self._places.get(first)
        if place is None:                         # the middle of a picture: it came with its beginning
            return 0
        data = self._data.get(place.picture)
        if data is None:
            raise EngineError(notice("A picture of this prompt is not at hand."), kind="picture")
        if self._flag.is_set:
            return 2
        try:
            with self._projector.encoded(data, place.number) as (chunk, embeddings):
                if self._flag.is_set:
                    return 2
                result = self._projector.decode(context.handle, chunk, embeddings, start, sequence, self._batch)
        except Unreadable:
            raise EngineError(
                notice("A picture could not be opened: it is damaged, or of a kind that llama.cpp does not read."),
                notice("It reads PNG, JPEG, GIF and BMP. Delete the message with it, or attach it in another kind."),
                kind="picture", picture=place.picture,
            ) from None
        if result:
            context.cut_back(sequence, start)
        return result

    def _layout_anew(self, width: int, height: int) -> tuple[Chunk, ...]:
        chunks = self._projector.layout(width, height)
        if not chunks:
            raise EngineError(
                notice("llama.cpp can make nothing of a picture of {width}×{height} pixels.",
                       width=width, height=height), kind="picture")
        largest = max(chunk.cells for chunk in chunks)
        if self._projector.whole and largest > self._batch:
            raise EngineError(
                notice("This model must see a picture at once: it takes {tokens} tokens, and {batch} are computed "
                       "together.", tokens=largest, batch=self._batch),
                notice("Set n_ubatch and n_batch to {tokens} or more in the profile.", tokens=largest), kind="picture")
        return chunks


class Blind:
    """A model that reads texts alone."""

    def take(self, picture: str, data: bytes) -> None:
        """What cannot be seen is not held."""

    def drop(self, pictures: Sequence[str]) -> None:
        """There is nothing to drop."""

    def looking(self, sizes: Mapping[str, Sequence[int]]) -> See:
        return blind

    def count(self, size: tuple[int, int]) -> int:
        raise EngineError(notice("This model does not see pictures."), kind="picture")


def projector_file(setting: str, model: Path) -> str:
    """The file that `EngineSettings.mmproj` means for a model: with "auto" the one that came with it; "" for none."""
    if setting != "auto":
        return "" if setting == "none" else setting
    try:
        return str(projector_of(model) or "")
    except OSError:
        return ""


def open_eyes(
    path: str, model: Model, context: Context, *, threads: int, gpu: bool, flag: AbortFlag,
) -> Vision | None:
    """The projector of the file `path`; None for "". Raises EngineError (libmtmd is not as expected, or refuses)."""
    if not path:
        return None
    wrong = differences(load_vision(), SIGNATURES, FIELDS)
    if wrong:
        raise EngineError(
            notice("The installed llama-cpp-python is not of the version that Traktir was made for."),
            notice("Install it again: {command}", command=INSTALL), kind="bindings", differences=wrong,
        )
    file = Path(path).expanduser()
    projector = Projector.load(file, model, threads=threads, gpu=gpu, flag=flag) if file.is_file() else None
    if projector is None:
        raise EngineError(
            notice("llama.cpp could not load the projector {file}, by which the model would see pictures.",
                   file=file.name),
            notice("It must be a file of its own (mmproj-….gguf) made for this very model; without `mmproj` in the "
                   "profile the model reads texts alone."), kind="projector",
        )
    return Vision(projector, flag, batch=context.shape.ubatch)


class _Place:
    """Which chunk of which picture begins there."""

    __slots__ = ("chunk", "number", "picture")

    def __init__(self, picture: str, number: int, chunk: Chunk) -> None:
        self.picture, self.number, self.chunk = picture, number, chunk


def stand_ins(picture: str, number: int, count: int) -> list[int]:
    """`count` made-up tokens below zero for the chunk `number` of a picture, always the same."""
    drawn = hashlib.shake_128(f"{picture}\0{number}".encode()).digest(4 * count)
    return [-1 - (int.from_bytes(drawn[at:at + 4], "big") & 0x7FFF_FFFF) % 0x7FFF_FFFE for at in range(0, 4 * count, 4)]


def words(tokens: Sequence[int]) -> list[int]:
    """The tokens of a prompt without its pictures."""
    return [token for token in tokens if token >= 0]


def _stretches(tokens: Sequence[int], beginnings: Mapping[int, _Place]) -> Iterator[Sequence[int]]:
    """`tokens` cut where text and pictures meet, and where a picture follows another."""
    start = 0
    for at in range(1, len(tokens) + 1):
        if at == len(tokens) or (tokens[at] < 0) != (tokens[at - 1] < 0) or tokens[at] in beginnings:
            yield tokens[start:at]
            start = at
