"""How a model is loaded: the few numbers a person may set, and what zero stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
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
CacheType = Literal["f16", "q8_0", "q4_0", "f32", "bf16", "q5_0", "q5_1", "q4_1", "iq4_nl"]
RopeScaling = Literal["model", "none", "linear", "yarn"]


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

    cache_type_k: CacheType = "f16"
    """Type of the keys in the KV cache; a quantised one takes a half or a quarter of the memory."""

    cache_type_v: CacheType = "f16"
    """Type of the values in the KV cache; llama.cpp wants flash attention for a quantised one."""

    n_seq: int = 0
    """Prompts held side by side in the one context (replies, side jobs, casts); 0 chooses."""

    swa_full: bool = True
    """Whether the whole past of sliding windows is kept, so that prompts can be cut anywhere; it takes more memory.
    Without, copies are made at the ends of messages, and a change further up costs reading from the copy before."""

    rope_freq_base: float = 0.0
    """Base of the rotary positions; 0 takes the model's, or what `rope_alpha` makes of it."""

    rope_alpha: float = 0.0
    """NTK stretching: the base is multiplied by alpha^(d/(d-2)), d being the rotary dimensions; 0 means: not, or what
    `n_ctx` beyond the trained context asks for."""

    rope_freq_scale: float = 0.0
    """Linear scale of the positions (0.5 doubles the context); 0 takes the model's."""

    rope_scaling: RopeScaling = "model"
    """Kind of stretching: that of the model, none, linear, or YaRN."""

    lora: tuple[tuple[str, float], ...] = ()
    """Adapters: the file of each and its scale."""

    mmproj: str = ""
    """The projector (a GGUF file) by which the model sees pictures; "auto" takes one that came with the model, "none"
    and "" none."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"lora": [list(adapter) for adapter in self.lora]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineSettings:
        """Settings from plain values. Raises BadInput naming the field for a wrong name, type or number."""
        known = {f.name for f in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise BadInput(notice("The engine has no setting called {field}.", field=name), field=name)
            _check(name, value)
        lora = tuple((str(file), float(scale)) for file, scale in data.get("lora", ()))
        return cls(**{**data, **({"lora": lora} if "lora" in data else {})})

    def threads(self) -> int:
        """The number of threads that `n_threads` stands for here."""
        return self.n_threads if self.n_threads > 0 else max(1, _cores() - 1)


def only_rescaled(before: EngineSettings, after: EngineSettings) -> bool:
    """Whether two settings differ in the scales of their adapters, and in nothing else."""
    files = [file for file, _ in before.lora] == [file for file, _ in after.lora]
    return files and before != after and replace(before, lora=after.lora) == after


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "flash_attn": get_args(FlashAttention), "rope_scaling": get_args(RopeScaling),
    "cache_type_k": get_args(CacheType), "cache_type_v": get_args(CacheType),
}
_FRACTIONS = frozenset({"rope_freq_base", "rope_alpha", "rope_freq_scale"})


def _check(name: str, value: Any) -> None:
    """Raise BadInput where `value` is none for that setting."""
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise BadInput(
                notice("{field} must be one of {values}.", field=name, values=", ".join(_CHOICES[name])), field=name)
    elif name in ("cache_shift", "swa_full"):
        if not isinstance(value, bool):
            raise BadInput(notice("{field} must be true or false.", field=name), field=name)
    elif name == "mmproj":
        if not isinstance(value, str):
            raise BadInput(notice("{field} must be a text.", field=name), field=name)
    elif name == "lora":
        _check_adapters(value)
    elif name in _FRACTIONS:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e10:
            raise BadInput(notice("{field} must be a number, 0 or more.", field=name), field=name)
    else:
        low = -1 if name == "n_gpu_layers" else 0
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= 2**24:
            raise BadInput(notice("{field} must be a whole number, {low} or more.", field=name, low=low), field=name)


def _check_adapters(value: Any) -> None:
    fits = isinstance(value, (list, tuple)) and all(
        isinstance(a, (list, tuple)) and len(a) == 2 and isinstance(a[0], str)
        and isinstance(a[1], (int, float)) and not isinstance(a[1], bool) and -100 <= a[1] <= 100
        for a in value
    )
    if not fits:
        raise BadInput(notice("{field} must be a list of files, each with its scale.", field="lora"), field="lora")


def _cores() -> int:
    """Cores this process may use: a container or `taskset` often allows fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
