"""LoRA adapters over a loaded model: found to fit before llama.cpp sees them, and rescaled without loading again.
Worker side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tui.domain.errors import BadInput, EngineError
from tui.domain.notice import Notice, notice
from tui.engine.bindings import Model
from tui.engine.bindings_adapters import lay_over, read_adapter
from tui.engine.bindings_memory import Context, metadata
from tui.engine.gguf import read_metadata


class Adapters:
    """The adapters that were read with a model, in the order of the settings."""

    def __init__(self, handles: Sequence[Any]) -> None:
        self._handles = tuple(handles)

    @classmethod
    def read(cls, model: Model, wanted: Sequence[tuple[str, float]]) -> Adapters:
        """Read them all, before a context is made. Raises EngineError naming the one that does not fit: the model is
        not loaded then, for it would not be the model that was asked for."""
        return cls([_read(model, Path(file)) for file, _ in wanted])

    def lay_over(self, context: Context, scales: Sequence[float]) -> None:
        """Let them act with these scales, one each; 0 is as if it were not there. Raises EngineError."""
        acting = [(handle, scale) for handle, scale in zip(self._handles, scales, strict=True) if scale]
        if not lay_over(context, acting):
            raise EngineError(notice("llama.cpp refused to lay the LoRA adapters over the model."), kind="adapter")


def _read(model: Model, path: Path) -> Any:
    if problem := _problem(model, path):
        raise EngineError(problem, _remedy(), kind="adapter", file=str(path))
    handle = read_adapter(model, path)
    if handle is None:
        told = notice("llama.cpp refused the LoRA adapter {file}: it was not made for this model.", file=path.name)
        raise EngineError(told, _remedy(), kind="adapter", file=str(path))
    return handle


def _problem(model: Model, path: Path) -> Notice | None:
    """Why a file is no adapter for the model, as far as its metadata tells."""
    try:
        info = read_metadata(path)
    except BadInput as error:
        return notice("The LoRA adapter {file} cannot be read: {reason}", file=path.name, reason=str(error.what))
    kind = (info.raw.get("general.type"), info.raw.get("adapter.type"))
    if kind != ("adapter", "lora"):
        return notice("{file} is not a LoRA adapter.", file=path.name)
    family = metadata(model, "general.architecture")
    if info.architecture != family:
        return notice(
            "The LoRA adapter {file} is for models of the family {other}; this one is of the family {family}.",
            file=path.name, other=info.architecture[:40] or "?", family=family,
        )
    return None


def _remedy() -> Notice:
    return notice("Take it out of the profile (lora), or name one that was made for this model.")
