"""llama.cpp's contexts that turn texts into vectors."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from tui.engine.bindings import Model, load_library
from tui.engine.bindings_memory import metadata

#: As `bindings.SIGNATURES`: the functions used here.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "llama_batch_get_one": ("ptr", "c_int"),
    "llama_context_default_params": (),
    "llama_decode": ("ptr", "llama_batch"),
    "llama_get_embeddings_seq": ("ptr", "c_int"),
    "llama_get_memory": ("ptr",),
    "llama_init_from_model": ("ptr", "llama_context_params"),
    "llama_memory_clear": ("ptr", "c_bool"),
    "llama_model_n_embd_out": ("ptr",),
    "llama_tokenize": ("ptr", "c_char_p", "c_int", "ptr", "c_int", "c_bool", "c_bool"),
}

#: As `bindings.FIELDS`.
FIELDS: dict[str, tuple[str, ...]] = {
    "llama_context_params": (
        "n_ctx", "n_batch", "n_ubatch", "n_threads", "n_threads_batch", "embeddings", "no_perf", "pooling_type",
    ),
}

#: Of enum llama_pooling_type: as the model says, and the mean of all tokens where it says nothing.
_OF_MODEL, _MEAN = -1, 1


class EmbeddingContext:
    """A context for one text at a time, of at most `size` tokens."""

    def __init__(self, model: Model, *, size: int, threads: int) -> None:
        """Raises MemoryError where llama.cpp refuses."""
        lib = self._lib = load_library()
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = size       # models that see both ways read a text at once
        params.n_threads = params.n_threads_batch = threads
        params.embeddings, params.no_perf = True, True
        family = metadata(model, "general.architecture")
        params.pooling_type = _OF_MODEL if metadata(model, f"{family}.pooling_type") else _MEAN
        self._handle: Any = lib.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise MemoryError("no context for embeddings")
        self.size = size
        self.dimensions = int(lib.llama_model_n_embd_out(model.handle))
        self._memory = lib.llama_get_memory(self._handle)
        self._vocab = model.vocab.handle

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text with those that the model wants around it; those beyond the window are left out, but
        for the last, which may be one of these."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        out = (ctypes.c_int32 * room)()
        count = self._lib.llama_tokenize(self._vocab, data, len(data), out, room, True, False)
        found = list(out[:count]) if count > 0 else []
        return found if len(found) <= self.size else [*found[:self.size - 1], found[-1]]

    def vector(self, tokens: Sequence[int]) -> list[float]:
        """What the model makes of them. Raises RuntimeError."""
        if self._memory:
            self._lib.llama_memory_clear(self._memory, True)
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        if self._lib.llama_decode(self._handle, self._lib.llama_batch_get_one(array, len(tokens))):
            raise RuntimeError("llama_decode failed")
        found = self._lib.llama_get_embeddings_seq(self._handle, 0)
        if not found:
            raise RuntimeError("the model gives no embeddings")
        return list(found[:self.dimensions])
