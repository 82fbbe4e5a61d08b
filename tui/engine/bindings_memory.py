"""llama.cpp's context and what it holds: several sequences side by side in one memory, decoded into, cut, copied,
moved, and their states given out and taken back."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.engine.bindings import Model, load_library

if TYPE_CHECKING:
    from tui.engine.vision import Vision

#: As `bindings.SIGNATURES`: the functions used here.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "llama_context_default_params": (),
    "llama_decode": ("ptr", "llama_batch"),
    "llama_free": ("ptr",),
    "llama_get_logits_ith": ("ptr", "c_int"),
    "llama_get_memory": ("ptr",),
    "llama_init_from_model": ("ptr", "llama_context_params"),
    "llama_memory_can_shift": ("ptr",),
    "llama_memory_clear": ("ptr", "c_bool"),
    "llama_memory_seq_add": ("ptr", "c_int", "c_int", "c_int", "c_int"),
    "llama_memory_seq_cp": ("ptr", "c_int", "c_int", "c_int", "c_int"),
    "llama_memory_seq_pos_max": ("ptr", "c_int"),
    "llama_memory_seq_pos_min": ("ptr", "c_int"),
    "llama_memory_seq_rm": ("ptr", "c_int", "c_int", "c_int"),
    "llama_model_meta_val_str": ("ptr", "c_char_p", "c_char_p", "c_ulong"),
    "llama_model_n_embd": ("ptr",),
    "llama_model_n_head": ("ptr",),
    "llama_model_n_head_kv": ("ptr",),
    "llama_n_batch": ("ptr",),
    "llama_n_ctx_seq": ("ptr",),
    "llama_state_seq_get_data_ext": ("ptr", "ptr", "c_ulong", "c_int", "c_uint"),
    "llama_state_seq_get_size_ext": ("ptr", "c_int", "c_uint"),
    "llama_state_seq_set_data_ext": ("ptr", "ptr", "c_ulong", "c_int", "c_uint"),
    "llama_synchronize": ("ptr",),
}

#: As `bindings.FIELDS`.
FIELDS: dict[str, tuple[str, ...]] = {
    "llama_context_params": (
        "n_ctx", "n_batch", "n_ubatch", "n_threads", "n_threads_batch", "flash_attn_type", "no_perf",
        "swa_full", "n_seq_max", "kv_unified", "type_k", "type_v",
    ),
    "llama_batch": ("n_tokens", "token", "pos", "n_seq_id", "seq_id", "logits"),
}

FLASH = {"auto": -1, "off": 0, "on": 1}

#: Numbers of the cache types in ggml's enum ggml_type.
CACHE_TYPES: Mapping[str, int] = {
    "f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30,
}

#: Of a state, only what cannot be cut: the running state of a recurrent model, the window of a sliding one.
_PARTIAL = 1

#: Everything, as the arguments `p0` and `p1` of llama.cpp have it.
_ALL = -1


@dataclass(frozen=True, slots=True)
class Shape:
    """How a context is made. `window`: tokens of the longest prompt with its reply. `cells`: tokens that all sequences
    hold together, shared ones counted once. `sequences`: how many there are, all uses together. `extra` are further
    fields of llama_context_params."""

    window: int
    batch: int
    ubatch: int
    threads: int
    cells: int = 0
    sequences: int = 1
    flash: str = "auto"
    key_type: str = "f16"
    value_type: str = "f16"
    whole_window: bool = True                     # all of a sliding window's past is kept, so that it can be cut
    extra: Mapping[str, Any] = field(default_factory=dict)


class Context:
    """A model's memory, in which sequences are numbered from 0: decode into them, take their tails back, sample from
    the last output."""

    def __init__(self, handle: Any, model: Model, shape: Shape) -> None:
        self._lib = load_library()
        self.handle = handle
        self.model = model
        self.shape = shape
        self.cells = int(self._lib.llama_n_ctx_seq(handle))
        self.size = min(self.cells, -(-shape.window // 256) * 256)
        self.batch = int(self._lib.llama_n_batch(handle))
        self._memory = self._lib.llama_get_memory(handle)
        #: Whether what it holds can be given other positions.
        self.can_shift = bool(self._memory) and bool(self._lib.llama_memory_can_shift(self._memory))
        #: Whether a sequence can be cut at any place. Else only its very end is at hand, or a copy made in time.
        self.cuts = not model.recurrent and (shape.whole_window or not model.sliding_window)
        self._entries = _Entries(self._lib, max(self.batch, shape.sequences))
        #: Puts pictures into the memory, where the model has a projector: it takes the tokens below zero.
        self.vision: Vision | None = None

    @staticmethod
    def create(model: Model, shape: Shape) -> Context | None:
        """A context of that shape, or None when llama.cpp refuses it: no memory, or cache types that do not go
        together with the rest."""
        lib = load_library()
        params = lib.llama_context_default_params()
        params.n_ctx = max(shape.cells, shape.window)
        # llama.cpp ends the process where a batch has no room for one output of each sequence
        params.n_batch = max(min(shape.batch, shape.window), shape.sequences)
        params.n_ubatch = max(min(shape.ubatch, shape.batch, shape.window), shape.sequences)
        params.n_threads = params.n_threads_batch = shape.threads
        params.flash_attn_type = FLASH[shape.flash]
        params.type_k, params.type_v = CACHE_TYPES[shape.key_type], CACHE_TYPES[shape.value_type]
        params.no_perf = True
        params.n_seq_max, params.kv_unified = shape.sequences, shape.sequences > 1
        params.swa_full = shape.whole_window
        for name, value in shape.extra.items():
            setattr(params, name, value)
        handle = lib.llama_init_from_model(model.handle, params)
        return Context(handle, model, shape) if handle else None

    def decode(self, tokens: Sequence[int], sequence: int, start: int) -> int:
        """Put at most `batch` tokens behind the first `start` of a sequence; the last gives an output. 0 done, 1 no
        room, 2 aborted, below 0 failed."""
        if self.vision is not None and any(token < 0 for token in tokens):
            return self.vision.decode(self, tokens, sequence, start)
        return self.decode_text(tokens, sequence, start)

    def decode_text(self, tokens: Sequence[int], sequence: int, start: int) -> int:
        """As `decode`, for tokens none of which stands for a picture."""
        return int(self._lib.llama_decode(self.handle, self._entries.run(tokens, sequence, start)))

    def decode_many(self, entries: Sequence[tuple[int, int, int, bool]]) -> int:
        """Decode (token, position, sequence, whether it gives an output) of several sequences in one batch of at most
        `batch`. Returns as `decode`. `logits(i)` then belongs to the entry i."""
        return int(self._lib.llama_decode(self.handle, self._entries.mixed(entries)))

    def logits(self, index: int = -1) -> Any:
        """What entry `index` of the last batch foretells: a pointer to as many C floats as the vocabulary has tokens,
        valid until the next decode."""
        return self._lib.llama_get_logits_ith(self.handle, index)

    def wait(self) -> None:
        """Until the device has done what `decode` gave it (a GPU works on its own)."""
        self._lib.llama_synchronize(self.handle)

    def cut_back(self, sequence: int, length: int) -> bool:
        """Keep the first `length` tokens of a sequence. False where this memory cannot give its tail back, or has let
        go of what the next token must see (a sliding window moved on)."""
        if not self._lib.llama_memory_seq_rm(self._memory, sequence, length, _ALL):
            return False
        return self.length(sequence) == length and (
            self.model.recurrent or self.first(sequence) <= max(0, length - self.model.sliding_window)
        )

    def cut_out(self, sequence: int, start: int, count: int) -> bool:
        """Take `count` tokens from `start` on out of a sequence, and move what follows them up to their place; the
        next decode computes their new positions. False where this memory cannot, and then it is as it was. No other
        sequence may share what is moved."""
        if not self.can_shift or not self._lib.llama_memory_seq_rm(self._memory, sequence, start, start + count):
            return False
        self._lib.llama_memory_seq_add(self._memory, sequence, start + count, _ALL, -count)
        return True

    def set_aside(self, sequence: int, aside: int, keep: int, start: int, end: int) -> None:
        """Hold only the first `keep` tokens, and those from `start` to `end` in the sequence `aside`."""
        self.drop(aside)
        self._lib.llama_memory_seq_rm(self._memory, sequence, end, _ALL)
        self._lib.llama_memory_seq_cp(self._memory, sequence, aside, start, end)
        self._lib.llama_memory_seq_rm(self._memory, sequence, keep, _ALL)

    def bring_back(self, sequence: int, aside: int, start: int, end: int, place: int) -> None:
        """Put what is aside from `start` to `end` back, now from `place` on, which is not behind `start`; what was
        aside before it is dropped. The next decode computes the new positions."""
        self._lib.llama_memory_seq_rm(self._memory, aside, 0, start)
        if place != start:
            self._lib.llama_memory_seq_add(self._memory, aside, start, end, place - start)
        self._lib.llama_memory_seq_cp(self._memory, aside, sequence, place, place + end - start)
        self._lib.llama_memory_seq_rm(self._memory, aside, place, place + end - start)

    def copy(self, source: int, target: int) -> None:
        """Hold in `target` what `source` holds, and nothing else. Both share it: no memory is taken."""
        self.drop(target)
        self._lib.llama_memory_seq_cp(self._memory, source, target, _ALL, _ALL)

    def drop(self, sequence: int) -> None:
        self._lib.llama_memory_seq_rm(self._memory, sequence, _ALL, _ALL)

    def clear(self) -> None:
        self._lib.llama_memory_clear(self._memory, True)

    def length(self, sequence: int) -> int:
        """Tokens of a sequence, with those that a sliding window has let go."""
        return int(self._lib.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def first(self, sequence: int) -> int:
        """The first position that a sequence still holds; -1 when it is empty."""
        return int(self._lib.llama_memory_seq_pos_min(self._memory, sequence))

    def state_size(self, sequence: int, *, partial: bool = False) -> int:
        """Bytes of a sequence's state; `partial` as in `state`."""
        return int(self._lib.llama_state_seq_get_size_ext(self.handle, sequence, _PARTIAL if partial else 0))

    def state(self, sequence: int, buffer: Any, *, partial: bool = False) -> int:
        """Write a sequence's state into a writable buffer; returns the bytes written, 0 where it failed. `partial`:
        only what cannot be cut (a running state, a sliding window)."""
        place = (ctypes.c_uint8 * len(buffer)).from_buffer(buffer)
        flags = _PARTIAL if partial else 0
        return int(self._lib.llama_state_seq_get_data_ext(self.handle, place, len(buffer), sequence, flags))

    def set_state(self, sequence: int, buffer: Any, *, partial: bool = False) -> bool:
        """Take in a state from a buffer that `state` wrote. False where llama.cpp refused it, or took not all."""
        size = len(buffer)
        place = (ctypes.c_uint8 * size).from_buffer(buffer)
        flags = _PARTIAL if partial else 0
        return int(self._lib.llama_state_seq_set_data_ext(self.handle, place, size, sequence, flags)) == size

    def free(self) -> None:
        self._lib.llama_free(self.handle)


class _Entries:
    """The arrays of a batch, made once."""

    def __init__(self, lib: Any, size: int) -> None:
        self._batch = lib.llama_batch()
        self._tokens = (ctypes.c_int32 * size)()
        self._places = (ctypes.c_int32 * size)()
        self._counts = (ctypes.c_int32 * size)(*([1] * size))
        self._sequences = (ctypes.c_int32 * size)()
        self._outputs = (ctypes.c_int8 * size)()
        width = ctypes.sizeof(ctypes.c_int32)
        pointer = ctypes.POINTER(ctypes.c_int32)
        base = ctypes.addressof(self._sequences)
        self._pointers = (pointer * size)(
            *(ctypes.cast(base + index * width, pointer) for index in range(size))
        )
        self._batch.token, self._batch.pos = _at(self._tokens, pointer), _at(self._places, pointer)
        self._batch.n_seq_id = _at(self._counts, pointer)
        self._batch.seq_id = ctypes.cast(self._pointers, ctypes.POINTER(pointer))
        self._batch.logits = ctypes.cast(self._outputs, ctypes.POINTER(ctypes.c_int8))

    def run(self, tokens: Sequence[int], sequence: int, start: int) -> Any:
        """The batch of tokens that follow each other, only the last with an output."""
        count = len(tokens)
        self._tokens[:count] = list(tokens)
        self._places[:count] = list(range(start, start + count))
        self._sequences[:count] = [sequence] * count
        ctypes.memset(self._outputs, 0, count)
        self._outputs[count - 1] = 1
        self._batch.n_tokens = count
        return self._batch

    def mixed(self, entries: Sequence[tuple[int, int, int, bool]]) -> Any:
        for index, (token, place, sequence, output) in enumerate(entries):
            self._tokens[index], self._places[index] = token, place
            self._sequences[index], self._outputs[index] = sequence, output
        self._batch.n_tokens = len(entries)
        return self._batch


def metadata(model: Model, key: str) -> str:
    """A value of the model's metadata as text; empty where there is none."""
    buffer = ctypes.create_string_buffer(256)
    length = load_library().llama_model_meta_val_str(model.handle, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if length >= 0 else ""


def heads(model: Model) -> tuple[int, int, int]:
    """Width of the embedding, attention heads, and heads of keys and values."""
    lib = load_library()
    return (
        int(lib.llama_model_n_embd(model.handle)), int(lib.llama_model_n_head(model.handle)),
        int(lib.llama_model_n_head_kv(model.handle)),
    )


def _at(array: Any, pointer: Any) -> Any:
    return ctypes.cast(array, pointer)
