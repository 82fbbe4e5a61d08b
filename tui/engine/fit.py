"""What memory a model takes at a context, and what of it fits where. Pure arithmetic over a file's description.

After llama.cpp of the range in `tui.engine.SUPPORTED_RANGE`: weights lie where their layer lies, the token embedding
always in main memory; the KV cache holds all cells in every layer that attends (only the window and a batch in
sliding ones, unless their whole past is kept); running states are 32-bit, one for each sequence; outputs are one row
of the vocabulary for each sequence; the compute buffer is the larger of what the last step (a row of the vocabulary
for each token of a batch) and a layer takes. `tests/models/test_models_fit.py` compares with what is really allocated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tui.engine.ggml_types import Tensor
from tui.engine.gguf import GgufInfo, read_metadata, split_parts
from tui.engine.measures import Layer, Measures, measure

#: Bytes of 32 numbers of each type that a KV cache may have.
CACHE_BYTES: Mapping[str, int] = {
    "f32": 128, "f16": 64, "bf16": 64, "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18, "iq4_nl": 18,
}

#: What a GPU's own driver and kernels take of its memory once a program uses it, in bytes. Measured figures lie
#: between 0.2 and 0.5 GB.
GPU_OVERHEAD = 400 * 2**20

_PAD = 256


@dataclass(frozen=True, slots=True)
class Load:
    """How the model would be loaded: `cells` tokens of KV cache in all, `sequences` in it, `batch` tokens computed
    together, `gpu_layers` of the layers (the output counts as one more) on the GPU."""

    context: int
    cells: int
    sequences: int
    batch: int
    key_type: str = "f16"
    value_type: str = "f16"
    flash: bool = True
    whole_window: bool = True
    gpu_layers: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes of one place (main memory, or the GPU)."""

    weights: int = 0
    cache: int = 0
    compute: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.compute


@dataclass(frozen=True, slots=True)
class Needs:
    """What main memory and the GPU have to give."""

    main: Need
    gpu: Need = Need()

    @property
    def total(self) -> int:
        return self.main.total + self.gpu.total


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of the weights by where they belong: the embedding, each layer, the output. `tied`: the embedding serves as
    the output too, and a GPU has a copy of it."""

    embedding: int
    layers: tuple[int, ...]
    output: int
    tied: bool = False

    @property
    def total(self) -> int:
        return self.embedding + sum(self.layers) + self.output


def all_tensors(info: GgufInfo) -> tuple[Tensor, ...]:
    """The tensors of all parts that are there. Raises BadInput for a damaged part."""
    _, parts, paths = split_parts(info.path)
    if parts == 1:
        return info.weights
    return tuple(
        tensor for path in paths if path.is_file()
        for tensor in (info.weights if path == info.path else read_metadata(Path(path)).weights)
    )


def weigh(tensors: Sequence[Tensor], count: int) -> Weights:
    """The weights by layer."""
    layers = [0] * count
    embedding = output = 0
    own_output = False
    for tensor in tensors:
        head, _, rest = tensor.name.partition(".")
        number = rest.partition(".")[0]
        if head == "blk" and number.isascii() and number.isdigit() and len(number) < 5 and int(number) < count:
            layers[int(number)] += tensor.size
        elif head == "output":
            own_output, output = True, output + tensor.size
        elif head.startswith("output"):
            output += tensor.size
        else:
            embedding += tensor.size
    return Weights(embedding, tuple(layers), output, not own_output)


def needs(measures: Measures, weights: Weights, load: Load) -> Needs:
    """What memory the model takes when loaded so."""
    count = len(measures.layers)
    first = max(0, count + 1 - load.gpu_layers) if load.gpu_layers > 0 else count + 1
    on_gpu = range(first, count)
    caches = [_cache(layer, measures, load) for layer in measures.layers]
    whole_compute = compute_bytes(measures, load)
    output = measures.vocabulary * load.sequences * 4
    gpu = Need()
    if first <= count:
        tied = weights.embedding if weights.tied else 0
        gpu = Need(
            sum(weights.layers[n] for n in on_gpu) + weights.output + tied, sum(caches[n] for n in on_gpu),
            whole_compute + GPU_OVERHEAD,
        )
    main = Need(
        weights.embedding + sum(weights.layers[:first]) + (weights.output if first > count else 0),
        sum(caches[:first]),
        output + (whole_compute if first > 0 and first > count else _handover(measures, load)),
    )
    return Needs(main, gpu)


def cache_bytes(measures: Measures, load: Load) -> int:
    """The KV cache and the running states, all layers."""
    return sum(_cache(layer, measures, load) for layer in measures.layers)


def _cache(layer: Layer, measures: Measures, load: Load) -> int:
    cells = load.cells
    if layer.sliding and not load.whole_window:
        cells = min(cells, _padded(measures.window * load.sequences + load.batch))
    keys = layer.keys * CACHE_BYTES[load.key_type] // 32
    values = layer.values * CACHE_BYTES[load.value_type] // 32
    return (keys + values) * _padded(cells) + layer.state * 4 * load.sequences


def compute_bytes(measures: Measures, load: Load) -> int:
    """The buffer in which a batch is computed."""
    batch = -(-load.batch // load.sequences) * load.sequences
    cells = _padded(load.cells)
    last = 4 * load.batch * (measures.vocabulary + 2 * measures.width)
    attends = any(layer.keys for layer in measures.layers)
    mask = batch * cells * (2 if load.flash else 4) if attends else 0
    scores = 0 if load.flash or not attends else 4 * batch * cells * measures.heads
    keys = max((layer.keys for layer in measures.layers), default=0)
    attention = 4 * batch * (2 * measures.width + 3 * measures.query + keys) + scores
    feed = 4 * batch * (3 * measures.inner + 4 * measures.width)
    if measures.sliding:
        mask *= 2
    return max(last, mask + max(attention, feed))


def _handover(measures: Measures, load: Load) -> int:
    """What is left to main memory when the last layers are on a GPU: inputs, masks, what goes from one to the other."""
    mask = load.batch * _padded(load.cells) * (2 if load.flash else 4)
    return mask + 4 * load.batch * (3 * measures.inner + 4 * measures.width)


def most_layers(measures: Measures, weights: Weights, load: Load, free_gpu: int) -> int:
    """The most layers that fit into `free_gpu` bytes, the output counted as one more; 0 when none does."""
    for layers in range(len(measures.layers) + 1, 0, -1):
        if needs(measures, weights, replace(load, gpu_layers=layers)).gpu.total <= free_gpu:
            return layers
    return 0


def longest_context(measures: Measures, weights: Weights, load: Load, free_main: int, free_gpu: int = 0) -> int:
    """The longest context, in steps of 256 tokens up to a million, at which it fits as `load` says; 0 for none."""
    def fits(context: int) -> bool:
        need = needs(measures, weights, replace(load, context=context, cells=context))
        return need.main.total <= free_main and need.gpu.total <= free_gpu

    low, high = 0, 2**20 // _PAD
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle * _PAD) else (low, middle - 1)
    return low * _PAD


def _padded(cells: int) -> int:
    return -(-cells // _PAD) * _PAD


def describe(info: GgufInfo) -> tuple[Measures, Weights]:
    """Measures and weights of a model file. Raises BadInput for a damaged part."""
    measures = measure(info)
    return measures, weigh(all_tensors(info), len(measures.layers))
