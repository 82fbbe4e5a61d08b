"""Contexts longer than a model was trained for: which rope base, scale and kind to load it with. Pure arithmetic.

NTK-aware stretching: the base is multiplied by alpha^(d/(d-2)), d being the rotary dimensions (alpha^(64/63) where d is
128). Alpha equal to the ratio of the contexts turns the slowest dimension exactly as far at the end of the long context
as it was trained for, but texts get worse some way before that end; so alpha is taken a little larger, from the line
through 1 -> 1, 1.5 -> 1.75 and 2 -> 2.5, the values that text-generation-webui's documentation recommends:
alpha = 1.5 * ratio - 0.5. YaRN and linear stretching scale positions by 1 / ratio.

Sliding layers with a base of their own keep it in llama.cpp: they never look further than their window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.domain.notice import Notice, notice
from tui.engine.gguf import GgufInfo
from tui.engine.settings import EngineSettings

#: What llama.cpp takes where a model does not tell its base.
_USUAL_BASE = 10_000.0

#: From these ratios on, quality falls where a person will notice; and falls apart.
NOTICEABLE, SEVERE = 2.0, 3.0

#: Numbers of llama.cpp's enum llama_rope_scaling_type.
_KINDS = {"none": 0, "linear": 1, "yarn": 2}

#: Own stretchings of models that scale positions by their factor.
_SCALES = frozenset({"linear", "yarn"})

#: Families without rotary positions: their place is learned, or biases tell it, or a state runs through the text.
_WITHOUT = frozenset({
    "gpt2", "mpt", "bloom", "refact", "starcoder", "jais", "mamba", "mamba2", "jamba", "rwkv6", "rwkv6qwen2", "rwkv7",
    "arwkv7",
})


@dataclass(frozen=True, slots=True)
class Rope:
    """What a model says of its positions. `dimensions` 0: it has none that rotate. `scaling` is its own stretching
    ("" none, linear, yarn, longrope) by `factor`, already counted in `trained`, the context in tokens; `original` the
    context before it, 0 where the model does not tell."""

    trained: int = 0
    base: float = _USUAL_BASE
    dimensions: int = 0
    scaling: str = ""
    factor: float = 1.0
    original: int = 0

    @property
    def unstretched(self) -> int:
        """The context in tokens that a scale of 1 belongs to: that before the model's own scaling of positions."""
        return (self.original or round(self.trained / self.factor)) if self.scaling in _SCALES else self.trained


@dataclass(frozen=True, slots=True)
class Stretch:
    """How positions are laid for a context. `kind` is model (untouched), ntk, linear, yarn or none. `alpha` and `base`
    belong together; `scale` is that of positions, 1 for untouched. `ratio` is the context over the trained one;
    `original` the context in tokens from which YaRN stretches."""

    kind: str
    ratio: float
    alpha: float
    base: float
    scale: float
    trained: int
    context: int
    notices: tuple[Notice, ...] = ()
    original: int = 0

    def parameters(self) -> dict[str, float | int]:
        """Fields of llama_context_params; empty where the model's own stay."""
        if self.kind == "model":
            return {}
        out: dict[str, float | int] = {"rope_freq_base": self.base}
        if self.kind in _KINDS:
            out |= {"rope_scaling_type": _KINDS[self.kind], "rope_freq_scale": self.scale}
        if self.kind == "yarn":
            out["yarn_orig_ctx"] = self.original
        return out


def rope_of(info: GgufInfo) -> Rope:
    """The facts on positions in a file's metadata."""
    return read_rope(info.raw.get)


def read_rope(get: Callable[[str], object]) -> Rope:
    """The same from any source of metadata by key: numbers, or texts that spell them."""
    family = str(get("general.architecture") or "")

    def number(name: str) -> float:
        try:
            value = float(str(get(f"{family}.{name}")))
        except ValueError:
            return 0.0
        return value if 0 < value < 1e12 else 0.0

    heads = int(number("attention.head_count"))
    head = int(number("attention.key_length")) or (int(number("embedding_length")) // heads if heads else 0)
    dimensions = 0 if family in _WITHOUT or not heads else int(number("rope.dimension_count")) or head
    scaling = str(get(f"{family}.rope.scaling.type") or "")
    return Rope(
        int(number("context_length")), number("rope.freq_base") or _USUAL_BASE, dimensions,
        "" if scaling == "none" else scaling[:20], number("rope.scaling.factor") or 1.0,
        int(number("rope.scaling.original_context_length")),
    )


def alpha_for(ratio: float) -> float:
    """Alpha for a context `ratio` times the trained one; 1 up to that."""
    return max(1.0, 1.5 * ratio - 0.5)


def base_for(alpha: float, base: float, dimensions: int) -> float:
    """The rope base that `alpha` makes of the model's."""
    return base * alpha ** (dimensions / (dimensions - 2)) if dimensions > 2 else base


def alpha_of(wanted: float, base: float, dimensions: int) -> float:
    """The alpha that makes the base `wanted` of the model's: the inverse of `base_for`."""
    return (wanted / base) ** ((dimensions - 2) / dimensions) if dimensions > 2 and base > 0 else 1.0


def plan(rope: Rope, context: int, settings: EngineSettings) -> Stretch:
    """How to load the model for a context: what the settings say, else NTK where the context is longer than the model
    was trained for."""
    ratio = context / rope.trained if rope.trained and context else 1.0
    chosen = _chosen(rope, context, settings)
    kind, alpha, base, scale = chosen if chosen is not None else _automatic(rope, ratio)
    stretch = Stretch(kind, ratio, alpha, base, scale, rope.trained, context)
    told = tuple(_told(rope, stretch, settings, chosen is None))
    return Stretch(kind, ratio, alpha, base, scale, rope.trained, context, told, rope.unstretched)


def _chosen(rope: Rope, context: int, settings: EngineSettings) -> tuple[str, float, float, float] | None:
    """What a person set; None when nothing. A scale stands in place of the model's own: it covers that too."""
    base = settings.rope_freq_base
    if not base and settings.rope_alpha:
        base = base_for(settings.rope_alpha, rope.base, rope.dimensions)
    kind, scale = settings.rope_scaling, settings.rope_freq_scale
    if kind == "model" and scale:
        kind = "linear"
    if kind == "model":
        return ("ntk", alpha_of(base, rope.base, rope.dimensions), base, 1.0) if base else None
    base = base or rope.base
    if kind == "none":
        scale = 1.0
    elif not scale:
        own = rope.factor if rope.scaling in _SCALES else 1.0
        scale = 1 / max(1.0, own, context / rope.unstretched if rope.unstretched else 1.0)
    return kind, alpha_of(base, rope.base, rope.dimensions), base, scale


def _automatic(rope: Rope, ratio: float) -> tuple[str, float, float, float]:
    if ratio <= 1 or rope.dimensions <= 2 or rope.scaling:
        return "model", 1.0, rope.base, 1.0
    alpha = alpha_for(ratio)
    return "ntk", alpha, base_for(alpha, rope.base, rope.dimensions), 1.0


def _told(rope: Rope, stretch: Stretch, settings: EngineSettings, automatic: bool) -> list[Notice]:
    out = []
    trained, context = rope.trained, stretch.context
    if settings.rope_freq_base and settings.rope_alpha:
        out.append(notice(
            "Both rope_freq_base and rope_alpha are set; the base of {base} is taken (it is an alpha of {alpha}).",
            base=_short(stretch.base), alpha=_short(stretch.alpha),
        ))
    if stretch.ratio <= 1:
        return out
    if stretch.kind == "ntk":
        sentence = notice(
            "The model was trained for {trained} tokens and is stretched to {context}: rope base {base}, which is"
            " alpha {alpha}.",
            trained=trained, context=context, base=_short(stretch.base), alpha=_short(stretch.alpha),
        ) if automatic else notice(
            "The model was trained for {trained} tokens and is stretched to {context} as set: rope base {base}, which"
            " is alpha {alpha}.",
            trained=trained, context=context, base=_short(stretch.base), alpha=_short(stretch.alpha),
        )
        out.append(sentence)
    elif stretch.kind in ("linear", "yarn"):
        out.append(notice(
            "The model was trained for {trained} tokens and is stretched to {context} by {kind}: positions are scaled"
            " by {scale}.",
            trained=trained, context=context, kind="YaRN" if stretch.kind == "yarn" else "linear",
            scale=_short(stretch.scale),
        ))
    else:
        out.append(_untouched(rope, context))
    if stretch.kind != "model" and stretch.ratio > SEVERE:
        out.append(notice(
            "{ratio} times the trained context is far beyond what stretching is good for (2 to 3 times): expect replies"
            " that lose the thread or make no sense. Choose a shorter context.",
            ratio=_short(stretch.ratio),
        ))
    elif stretch.kind != "model" and stretch.ratio > NOTICEABLE:
        out.append(notice(
            "At {ratio} times the trained context replies get worse where a reader notices. Up to twice is safer.",
            ratio=_short(stretch.ratio),
        ))
    return out


def _untouched(rope: Rope, context: int) -> Notice:
    if rope.scaling:
        return notice(
            "The context of {context} tokens is longer than the {trained} that this model has with its own stretching"
            " ({kind}); nothing is added to that. Set rope_alpha or rope_freq_base to stretch it further.",
            context=context, trained=rope.trained, kind=rope.scaling,
        )
    return notice(
        "The context of {context} tokens is longer than the {trained} that this model was trained for, and its"
        " positions cannot be stretched.",
        context=context, trained=rope.trained,
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
