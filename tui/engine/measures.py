"""The measures of a model that decide what memory it takes, from its metadata and without trust.

Names and defaults as llama.cpp reads them (`llama-hparams.cpp`, `llama-model.cpp`): what a family leaves out is filled
in as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui.engine.gguf import GgufInfo

#: Where the metadata tell no pattern of sliding layers: of how many the last sees all of the text.
_PATTERNS: Mapping[str, int] = {
    "gemma2": 2, "gemma3": 6, "gemma3n": 5, "gemma-embedding": 6, "cohere2": 4, "gpt-oss": 2, "llama4": 4,
    "exaone4": 4, "olmo2": 4, "smallthinker": 4, "afmoe": 4, "plamo3": 8, "exaone-moe": 4,
}
#: Families all of whose layers hold a running state and no keys.
_ONLY_STATES = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
#: Families with both in every layer.
_BOTH = frozenset({"falcon-h1"})
#: Families where one layer in so many attends, the others hold a running state.
_INTERVAL: Mapping[str, int] = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
_MOST_LAYERS = 1024
_MOST = 2**31


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer holds: numbers a token of keys and of values, whether it sees a sliding window only, and numbers
    of running state for each sequence."""

    keys: int = 0
    values: int = 0
    sliding: bool = False
    state: int = 0


@dataclass(frozen=True, slots=True)
class Measures:
    """A model's sizes. `heads` is the most any layer has, `query` all their numbers together; `inner` the width of the
    feed-forward part, of experts that of all that work on one token together; `trained` the context in tokens, 0
    unknown; `window` the sliding one, 0 none."""

    family: str
    layers: tuple[Layer, ...]
    width: int
    heads: int
    query: int
    inner: int
    vocabulary: int
    trained: int
    window: int
    states: bool

    @property
    def sliding(self) -> bool:
        return self.window > 0 and any(layer.sliding for layer in self.layers)


def measure(info: GgufInfo) -> Measures:
    """The measures of a model. Numbers that are out of all reason count as 0."""
    read = _Read(info)
    count = min(read.number("block_count"), _MOST_LAYERS)
    width = read.number("embedding_length")
    heads = max(read.each("attention.head_count", count) or (0,))
    key = read.number("attention.key_length") or (width // heads if heads else 0)
    vocabulary = info.vocabulary or read.number("vocab_size") or _embedded_tokens(info)
    layers = tuple(_layer(read, n, count, heads, width) for n in range(count))
    window = read.number("attention.sliding_window")
    mla = read.number("attention.key_length_mla")
    return Measures(
        family=info.architecture, layers=layers, width=width, heads=heads, query=heads * (mla or key),
        inner=_inner(read, count), vocabulary=vocabulary, trained=read.number("context_length"), window=window,
        states=any(layer.state for layer in layers),
    )


class _Read:
    """Numbers of the metadata by their name behind the family's."""

    def __init__(self, info: GgufInfo) -> None:
        self.info = info
        self.family = info.architecture

    def number(self, name: str) -> int:
        value = self.info.raw.get(f"{self.family}.{name}")
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST:
            return value
        several = self.info.arrays.get(f"{self.family}.{name}")
        return int(max(several)) if several and 0 <= max(several) < _MOST else 0

    def each(self, name: str, count: int) -> tuple[int, ...]:
        """A number for each layer, whether the file gives one for all or one for each; empty when it gives none."""
        several = self.info.arrays.get(f"{self.family}.{name}")
        if several is not None:
            known = tuple(int(v) if 0 <= v < _MOST else 0 for v in several[:count])
            return known + (known[-1:] or (0,)) * (count - len(known))
        value = self.info.raw.get(f"{self.family}.{name}")
        if isinstance(value, int) and not isinstance(value, bool):
            return (value if 0 <= value < _MOST else 0,) * count
        return ()


def _layer(read: _Read, n: int, count: int, heads: int, width: int) -> Layer:
    state = _state(read, width) if _recurrent(read, n, count) else 0
    if not _attends(read, n, count):
        return Layer(state=state)
    sliding = _slides(read, n, count)
    kv_heads = (read.each("attention.head_count_kv", count) or (heads,) * count)[n]
    head = width // heads if heads else 0
    ending = "_swa" if sliding and read.number("attention.key_length_swa") else ""
    key = read.number(f"attention.key_length{ending}") or head
    value = read.number(f"attention.value_length{ending}") or head
    if read.number("attention.key_length_mla"):                  # keys alone: values are their beginning
        latent = read.number("attention.kv_lora_rank") + read.number("rope.dimension_count")
        return Layer(latent, 0, sliding, state)
    return Layer(kv_heads * key, kv_heads * value, sliding, state)


def _attends(read: _Read, n: int, count: int) -> bool:
    """Whether layer `n` has keys and values of its own."""
    shared, ahead = read.number("attention.shared_kv_layers"), read.number("nextn_predict_layers")
    if n >= count - shared - ahead or read.family in _ONLY_STATES:
        return False
    return read.family in _BOTH or not _recurrent(read, n, count)


def _recurrent(read: _Read, n: int, count: int) -> bool:
    family = read.family
    if family in _ONLY_STATES or family in _BOTH:
        return True
    if family in _INTERVAL:
        return (n + 1) % (read.number("full_attention_interval") or _INTERVAL[family]) != 0
    if not (read.number("ssm.inner_size") or read.number("shortconv.l_cache") or read.number("kda.head_dim")):
        return False
    each = read.each("attention.head_count_kv", count)
    feeds = read.each("feed_forward_length", count)
    return bool(each) and each[n] == 0 and (not family.startswith("nemotron") or not feeds or feeds[n] == 0)


def _state(read: _Read, width: int) -> int:
    """Numbers of a layer's running state, for one sequence (`n_embd_r` and `n_embd_s` of llama.cpp)."""
    if head := read.number("wkv.head_size"):
        return width * head + width * (read.number("token_shift_count") or 2)
    if cache := read.number("shortconv.l_cache"):
        return width * (cache - 1)
    inner, state = read.number("ssm.inner_size"), read.number("ssm.state_size")
    kernel = max(0, read.number("ssm.conv_kernel") - 1)
    if head := read.number("kda.head_dim"):
        heads = read.number("attention.head_count")
        return 3 * kernel * heads * head + head * head * heads
    return kernel * (inner + 2 * read.number("ssm.group_count") * state) + state * inner


def _slides(read: _Read, n: int, count: int) -> bool:
    if not read.number("attention.sliding_window"):
        return False
    given = read.info.arrays.get(f"{read.family}.attention.sliding_window_pattern")
    if given is not None:
        return n < len(given) and bool(given[n])
    pattern = read.number("attention.sliding_window_pattern") or _PATTERNS.get(read.family, 0)
    return pattern > 1 and n % pattern < pattern - 1 and not (read.family == "exaone4" and count < 64)


def _inner(read: _Read, count: int) -> int:
    """The widest feed-forward part. Of experts those count that work on a token."""
    whole = max(read.each("feed_forward_length", count) or (0,))
    experts = read.number("expert_used_count") * read.number("expert_feed_forward_length")
    return max(experts or 0, whole if not experts or read.number("leading_dense_block_count") else 0,
               read.number("expert_shared_feed_forward_length"), 2 * read.number("ssm.inner_size"))


def _embedded_tokens(info: GgufInfo) -> int:
    for tensor in info.weights:
        if tensor.name == "token_embd.weight" and len(tensor.shape) == 2:
            return min(tensor.shape[1], _MOST)
    return 0
