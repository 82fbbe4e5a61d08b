"""From a loaded model to a context: how many prompts it holds side by side, in which types, and what to do where memory
is short. Worker side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tui.domain.errors import EngineError
from tui.domain.notice import Notice, notice
from tui.engine.bindings import Model
from tui.engine.bindings_memory import Context, Shape, heads, metadata
from tui.engine.settings import BATCH_CPU, BATCH_GPU, DEFAULT_CONTEXT, LEAST_CONTEXT, EngineSettings

#: Prompts held side by side where nobody chose.
PROMPTS = 3

#: Sequences lent for guidance and search. They cost nothing but where each has a running state of its own.
_LENT, _LENT_STATES = 8, 2

#: What holding more than one whole window may take of the memory that is free, at most.
_SHARE = 8

#: Bytes of 32 elements of each cache type.
_BYTES: Mapping[str, int] = {
    "f32": 128, "f16": 64, "bf16": 64, "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18, "iq4_nl": 18,
}


def open_context(
    model: Model, settings: EngineSettings, *, gpu: bool, threads: int, notices: list[Notice],
    extra: Mapping[str, Any] | None = None,
) -> tuple[Context, int]:
    """A context as asked for, and how many of its sequences are for prompts. Where there is no memory: less room beside
    the window, then only the end of sliding windows, then half the window, and half again. `extra` are further fields
    of llama_context_params. Raises EngineError."""
    wanted = wanted_context(model, settings)
    batch = settings.n_batch or (BATCH_GPU if gpu else BATCH_CPU)
    prompts = settings.n_seq or PROMPTS
    shape = Shape(
        window=wanted, batch=batch, ubatch=settings.n_ubatch or batch, threads=threads, flash=settings.flash_attn,
        key_type=settings.cache_type_k, value_type=settings.cache_type_v, whole_window=settings.swa_full,
        sequences=prompts + (_LENT_STATES if model.recurrent else 1 + _LENT), extra=extra or {},
    )
    shape = _with_types(model, shape, notices)
    shape = replace(shape, cells=_cells(model, shape, settings.n_seq))
    for attempt in _smaller(model, shape):
        context = Context.create(model, attempt)
        if context is not None:
            _tell(attempt, context, wanted, notices)
            return context, prompts
    raise EngineError(
        notice("There is no memory for a context of {tokens} tokens, nor for a smaller one.", tokens=wanted),
        notice("Choose a smaller model, or end other programs that use memory."),
        kind="memory",
    )


def wanted_context(model: Model, settings: EngineSettings) -> int:
    """The context that is asked for; where none is, that of the training, at most the usual one."""
    return settings.n_ctx or min(model.trained_context or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def cell_bytes(model: Model, shape: Shape) -> int:
    """Bytes of one token in the KV cache, all layers together; more than it is for families that compress it."""
    width, count, of_keys = heads(model)
    head = width // max(1, count)
    keys = _number(model, "attention.key_length") or head
    values = _number(model, "attention.value_length") or head
    elements = keys * _BYTES[shape.key_type] + values * _BYTES[shape.value_type]
    return model.layers * max(1, of_keys) * elements // 32


def _smaller(model: Model, shape: Shape) -> Iterator[Shape]:
    """The shape, then what takes ever less memory."""
    cells = shape.cells
    while cells > shape.window:
        yield replace(shape, cells=cells)
        cells -= shape.window
    yield (shape := replace(shape, cells=shape.window))
    if shape.whole_window and model.sliding_window:
        yield (shape := replace(shape, whole_window=False))
    size = shape.window // 2
    while size >= LEAST_CONTEXT:
        yield replace(shape, window=size, cells=size)
        size //= 2


def _cells(model: Model, shape: Shape, chosen: int) -> int:
    """Tokens to hold in all: as many windows as prompts were `chosen`, else up to PROMPTS where memory is plenty."""
    trained_for = _number(model, "rope.scaling.original_context_length")
    most = chosen or PROMPTS
    if trained_for and shape.window <= trained_for:
        most = min(most, max(1, trained_for // shape.window))     # beyond it llama.cpp takes the factors of long texts
    if chosen:
        return shape.window * most
    room = available_memory() // _SHARE
    window = cell_bytes(model, shape) * shape.window
    return shape.window * max(1, min(most, 1 + room // max(1, window)))


def _with_types(model: Model, shape: Shape, notices: list[Notice]) -> Shape:
    """The shape with the cache types that llama.cpp takes, tried in a small context: those asked for, or one of them,
    or the usual."""
    if (shape.key_type, shape.value_type) == ("f16", "f16"):
        return shape
    for keys, values in ((shape.key_type, shape.value_type), (shape.key_type, "f16"), ("f16", shape.value_type)):
        taken = replace(shape, key_type=keys, value_type=values)
        if _possible(model, taken):
            break
    else:
        taken = replace(shape, key_type="f16", value_type="f16")
    if taken != shape:
        notices.append(notice(
            "llama.cpp refused a KV cache of the types {wanted} for this model; it has {taken} instead. Quantised "
            "values need flash attention.",
            wanted=f"{shape.key_type}/{shape.value_type}", taken=f"{taken.key_type}/{taken.value_type}",
        ))
    return taken


def _possible(model: Model, shape: Shape) -> bool:
    context = Context.create(model, replace(shape, window=LEAST_CONTEXT, cells=LEAST_CONTEXT, batch=32, ubatch=32))
    if context is None:
        return False
    context.free()
    return True


def _tell(shape: Shape, context: Context, wanted: int, notices: list[Notice]) -> None:
    if shape.window < wanted:
        notices.append(notice(
            "There was no memory for a context of {wanted} tokens; it has {tokens} instead.",
            wanted=wanted, tokens=context.size,
        ))


def available_memory() -> int:
    """Bytes that the machine can give without swapping; 0 where it does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return 0


def _number(model: Model, name: str) -> int:
    """A number of the model's metadata, 0 where there is none."""
    found = metadata(model, f"{metadata(model, 'general.architecture')}.{name}")
    return int(found) if found.isascii() and found.isdigit() and len(found) < 10 else 0
