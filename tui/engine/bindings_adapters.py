"""llama.cpp's LoRA adapters: read beside a model, and laid over it with a scale each."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tui.engine.bindings import Model, load_library
from tui.engine.bindings_memory import Context

#: As `bindings.SIGNATURES`: the functions used here.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "llama_adapter_lora_init": ("ptr", "c_char_p"),
    "llama_set_adapters_lora": ("ptr", "ptr", "c_ulong", "ptr"),
}

#: As `bindings.FIELDS`.
FIELDS: dict[str, tuple[str, ...]] = {}


def read_adapter(model: Model, path: Path) -> Any | None:
    """A handle of the adapter `path`, which lives as long as the model; None where llama.cpp refuses it. Before the
    context is made: its buffers are laid out for the adapters there are."""
    handle = load_library().llama_adapter_lora_init(model.handle, str(path).encode("utf-8", "surrogateescape"))
    return handle or None


def lay_over(context: Context, adapters: Sequence[tuple[Any, float]]) -> bool:
    """Let exactly these adapters act, each with its scale. False where llama.cpp refuses. What the context holds was
    read with those before."""
    count = len(adapters)
    handles = (ctypes.POINTER(ctypes.c_void_p) * max(1, count))(*(handle for handle, _ in adapters))
    scales = (ctypes.c_float * max(1, count))(*(scale for _, scale in adapters))
    return int(load_library().llama_set_adapters_lora(context.handle, handles, count, scales)) == 0
