"""Every call into libmtmd, the part of llama.cpp that turns pictures into what a language model reads."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.engine.bindings import AbortFlag, Model, load_library

#: As `bindings.SIGNATURES`: the functions used here.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "mtmd_bitmap_free": ("ptr",),
    "mtmd_bitmap_get_nx": ("ptr",),
    "mtmd_bitmap_get_ny": ("ptr",),
    "mtmd_bitmap_init": ("c_uint", "c_uint", "ptr"),
    "mtmd_context_params_default": (),
    "mtmd_decode_use_non_causal": ("ptr", "ptr"),
    "mtmd_default_marker": (),
    "mtmd_encode_chunk": ("ptr", "ptr"),
    "mtmd_free": ("ptr",),
    "mtmd_get_output_embd": ("ptr",),
    "mtmd_helper_bitmap_init_from_buf_wrapper": ("ptr", "ptr", "c_ulong", "c_bool", "mtmd_helper_init_opt"),
    "mtmd_helper_decode_image_chunk":
        ("ptr", "ptr", "ptr", "ptr", "c_int", "c_int", "c_int", "ptr", "ptr", "ptr"),
    "mtmd_helper_init_opt_default": (),
    "mtmd_init_from_file": ("c_char_p", "ptr", "mtmd_context_params"),
    "mtmd_input_chunk_get_n_pos": ("ptr",),
    "mtmd_input_chunk_get_n_tokens": ("ptr",),
    "mtmd_input_chunk_get_tokens_text": ("ptr", "ptr"),
    "mtmd_input_chunk_get_type": ("ptr",),
    "mtmd_input_chunks_free": ("ptr",),
    "mtmd_input_chunks_get": ("ptr", "c_ulong"),
    "mtmd_input_chunks_init": (),
    "mtmd_input_chunks_size": ("ptr",),
    "mtmd_support_vision": ("ptr",),
    "mtmd_tokenize": ("ptr", "ptr", "ptr", "ptr", "c_ulong"),
}

#: As `bindings.FIELDS`.
FIELDS: dict[str, tuple[str, ...]] = {
    "mtmd_context_params": ("use_gpu", "n_threads", "print_timings", "warmup"),
    "mtmd_input_text": ("text", "text_len", "add_special", "parse_special"),
    "mtmd_helper_init_opt": ("video_params",),
    "mtmd_helper_video_init_params": ("ffmpeg_bin_dir",),
    "mtmd_helper_bitmap_wrapper": ("bitmap", "video_ctx"),
}

#: Where no ffmpeg is: what is no picture must not be handed to a program that happens to be installed.
_NOWHERE = b"/nonexistent"

_library: Any = None


def load_vision() -> Any:
    """llama-cpp-python's module for libmtmd, imported once. Raises ImportError, OSError, RuntimeError."""
    global _library
    if _library is None:
        load_library()
        _library = importlib.import_module("llama_cpp.mtmd_cpp")
    return _library


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a picture's place in the prompt: `tokens` that mark it, or, where there are none, a picture or a
    slice of it, which takes `cells` of the memory and moves the position on by `positions`."""

    tokens: tuple[int, ...] = ()
    cells: int = 0
    positions: int = 0


class Unreadable(Exception):
    """The bytes are no picture that llama.cpp can open."""


class Projector:
    """A projector beside its model."""

    def __init__(self, handle: Any, flag: AbortFlag) -> None:
        self._lib = load_vision()
        self._handle = handle
        self._flag = flag
        self._marker = bytes(self._lib.mtmd_default_marker())
        #: Whether all of a picture must be computed together, in one step.
        self.whole = bool(self._lib.mtmd_decode_use_non_causal(handle, None))

    @staticmethod
    def load(path: Path, model: Model, *, threads: int, gpu: bool, flag: AbortFlag) -> Projector | None:
        """The projector of `path`, or None when llama.cpp refuses it or it is for sounds (its log says why)."""
        lib = load_vision()
        params = lib.mtmd_context_params_default()
        params.use_gpu, params.n_threads = gpu, threads
        params.print_timings, params.warmup = False, gpu
        handle = lib.mtmd_init_from_file(str(path).encode("utf-8", "surrogateescape"), model.handle, params)
        if not handle:
            return None
        if not lib.mtmd_support_vision(handle):
            lib.mtmd_free(handle)
            return None
        return Projector(handle, flag)

    def layout(self, width: int, height: int) -> tuple[Chunk, ...]:
        """What a picture of that many pixels is in the prompt; empty where libmtmd fails. Threads may share it."""
        bitmap = self._lib.mtmd_bitmap_init(width, height, None)
        try:
            with self._chunks(bitmap) as chunks:
                return tuple(self._chunk(chunk) for chunk in chunks)
        finally:
            self._lib.mtmd_bitmap_free(bitmap)

    @contextmanager
    def encoded(self, data: bytes, number: int) -> Iterator[tuple[Any, Any]]:
        """Compute the picture chunk `number` (counting all chunks) of `data`: handles of the chunk and of its
        embeddings, valid inside. Raises Unreadable."""
        bitmap = self._open(data)
        try:
            with self._chunks(bitmap) as chunks:
                if number >= len(chunks) or self._lib.mtmd_encode_chunk(self._handle, chunks[number]):
                    raise Unreadable
                yield chunks[number], self._lib.mtmd_get_output_embd(self._handle)
        finally:
            self._lib.mtmd_bitmap_free(bitmap)

    def decode(self, context: Any, chunk: Any, embeddings: Any, place: int, sequence: int, batch: int) -> int:
        """Put what was encoded into the memory of the C context at `place`. Returns as llama_decode."""
        after = ctypes.c_int32(place)
        callback = self._lib.mtmd_helper_post_decode_callback()
        return int(self._lib.mtmd_helper_decode_image_chunk(
            self._handle, context, chunk, embeddings, place, sequence, batch, ctypes.byref(after), callback, None,
        ))

    def _open(self, data: bytes) -> Any:
        options = self._lib.mtmd_helper_init_opt_default()
        options.video_params.ffmpeg_bin_dir = _NOWHERE
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        opened = self._lib.mtmd_helper_bitmap_init_from_buf_wrapper(self._handle, buffer, len(data), False, options)
        if not opened.bitmap or opened.video_ctx:
            raise Unreadable
        return opened.bitmap

    @contextmanager
    def _chunks(self, bitmap: Any) -> Iterator[list[Any]]:
        """The chunks of a prompt that is nothing but this picture."""
        chunks = self._lib.mtmd_input_chunks_init()
        try:
            text = self._lib.mtmd_input_text(self._marker, len(self._marker), False, True)
            bitmaps = (ctypes.c_void_p * 1)(bitmap)
            failed = self._lib.mtmd_tokenize(self._handle, chunks, ctypes.byref(text), bitmaps, 1)
            count = 0 if failed else self._lib.mtmd_input_chunks_size(chunks)
            yield [self._lib.mtmd_input_chunks_get(chunks, index) for index in range(count)]
        finally:
            self._lib.mtmd_input_chunks_free(chunks)

    def _chunk(self, chunk: Any) -> Chunk:
        if self._lib.mtmd_input_chunk_get_type(chunk) == 0:
            count = ctypes.c_size_t()
            tokens = self._lib.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
            return Chunk(tuple(int(token) for token in tokens[:count.value]))
        cells = int(self._lib.mtmd_input_chunk_get_n_tokens(chunk))
        return Chunk((), cells, int(self._lib.mtmd_input_chunk_get_n_pos(chunk)))

    def free(self) -> None:
        self._lib.mtmd_free(self._handle)
