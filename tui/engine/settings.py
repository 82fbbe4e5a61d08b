"""How a model is loaded: the few numbers a person may set, and what zero stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from tui.domain.errors import BadInput
from tui.domain.notice import notice

#: Context made when none is asked for, in tokens; a model trained for less gets what it was trained for.
DEFAULT_CONTEXT = 8192

#: The smallest context that stepping down goes to before it gives up, in tokens.
LEAST_CONTEXT = 256

#: Prompt tokens handed over at a time: small on a processor, where a batch takes long and people wait for
#: the next progress mark; large on a GPU, where small batches waste it.
BATCH_CPU, BATCH_GPU = 128, 512

FlashAttention = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings of the embedded engine. Changing one means loading the model again."""

    n_ctx: int = 0
    """Context in tokens; 0 takes what the model was trained for, at most 8192."""

    n_gpu_layers: int = -1
    """Layers to put on the GPU; -1 means all. Without effect where llama.cpp was built for the processor alone."""

    n_threads: int = 0
    """Threads for computing; 0 takes all cores but one, at least one."""

    n_batch: int = 0
    """Prompt tokens per step (progress and abort come between steps); 0 takes 128, or 512 with a GPU."""

    n_ubatch: int = 0
    """Tokens computed together inside a step; 0 takes the same as `n_batch`."""

    flash_attn: FlashAttention = "auto"
    """Flash attention: `auto` lets llama.cpp decide."""

    cache_shift: bool = False
    """Whether a block that left the prompt, or gave way to something shorter (a summary), is cut out of the memory
    and the rest moved up, instead of reading the rest again. The rest was read with the block before it, so replies
    come close to what they would be, not equal."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineSettings:
        """Settings from plain values. Raises BadInput naming the field for a wrong name, type or number."""
        known = {f.name for f in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise BadInput(notice("The engine has no setting called {field}.", field=name), field=name)
            _check(name, value)
        return cls(**data)

    def threads(self) -> int:
        """The number of threads that `n_threads` stands for here."""
        return self.n_threads if self.n_threads > 0 else max(1, _cores() - 1)


def _check(name: str, value: Any) -> None:
    if name == "flash_attn":
        if value not in get_args(FlashAttention):
            raise BadInput(notice("{field} must be auto, on or off.", field=name), field=name)
        return
    if name == "cache_shift":
        if not isinstance(value, bool):
            raise BadInput(notice("{field} must be true or false.", field=name), field=name)
        return
    low = -1 if name == "n_gpu_layers" else 0
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= 2**24:
        raise BadInput(notice("{field} must be a whole number, {low} or more.", field=name, low=low), field=name)


def _cores() -> int:
    """Cores this process may use: a container or `taskset` often allows fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
