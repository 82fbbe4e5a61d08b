"""Every call into llama.cpp, and nothing else: with its neighbours `bindings_*` the only modules that know
llama-cpp-python's low-level names.

Only the worker process imports the native library, through `load_library`. The names in their `SIGNATURES` are
all that Traktir uses; the worker compares them with what is installed before it calls anything, because the C
interface changes between versions (0.3.36 put the vocabulary size first in `llama_sampler_init_penalties`) and
a wrong argument there is a crash, not an exception.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.engine.bindings_memory import Context

#: Arguments of each function used, as ctypes spells their types ("ptr" for any pointer or handle).
SIGNATURES: dict[str, tuple[str, ...]] = {
    "llama_backend_init": (),
    "llama_log_set": ("ptr", "c_void_p"),
    "llama_model_chat_template": ("ptr", "c_char_p"),
    "llama_model_default_params": (),
    "llama_model_desc": ("ptr", "c_char_p", "c_ulong"),
    "llama_model_free": ("ptr",),
    "llama_model_get_vocab": ("ptr",),
    "llama_model_has_encoder": ("ptr",),
    "llama_model_is_hybrid": ("ptr",),
    "llama_model_is_recurrent": ("ptr",),
    "llama_model_load_from_file": ("c_char_p", "llama_model_params"),
    "llama_model_n_ctx_train": ("ptr",),
    "llama_model_n_layer": ("ptr",),
    "llama_model_n_params": ("ptr",),
    "llama_model_n_swa": ("ptr",),
    "llama_model_size": ("ptr",),
    "llama_print_system_info": (),
    "llama_sampler_accept": ("ptr", "c_int"),
    "llama_sampler_chain_add": ("ptr", "ptr"),
    "llama_sampler_chain_default_params": (),
    "llama_sampler_chain_init": ("llama_sampler_chain_params",),
    "llama_sampler_free": ("ptr",),
    "llama_sampler_init_dist": ("c_uint",),
    "llama_sampler_init_dry": ("ptr", "c_float", "c_float", "c_int", "c_int", "ptr", "c_ulong"),
    "llama_sampler_init_greedy": (),
    "llama_sampler_init_logit_bias": ("c_int", "c_int", "ptr"),
    "llama_sampler_init_min_p": ("c_float", "c_ulong"),
    "llama_sampler_init_penalties": ("c_int", "c_int", "c_float", "c_float", "c_float"),
    "llama_sampler_init_temp": ("c_float",),
    "llama_sampler_init_top_k": ("c_int",),
    "llama_sampler_init_top_n_sigma": ("c_float",),
    "llama_sampler_init_top_p": ("c_float", "c_ulong"),
    "llama_sampler_init_xtc": ("c_float", "c_float", "c_ulong", "c_uint"),
    "llama_sampler_sample": ("ptr", "ptr", "c_int"),
    "llama_set_abort_callback": ("ptr", "ptr", "ptr"),
    "llama_supports_gpu_offload": (),
    "llama_token_to_piece": ("ptr", "c_int", "c_char_p", "c_int", "c_int", "c_bool"),
    "llama_tokenize": ("ptr", "c_char_p", "c_int", "ptr", "c_int", "c_bool", "c_bool"),
    "llama_vocab_bos": ("ptr",),
    "llama_vocab_eos": ("ptr",),
    "llama_vocab_get_add_bos": ("ptr",),
    "llama_vocab_get_attr": ("ptr", "c_int"),
    "llama_vocab_get_text": ("ptr", "c_int"),
    "llama_vocab_is_eog": ("ptr", "c_int"),
    "llama_vocab_n_tokens": ("ptr",),
}

#: Fields of the parameter structures that are set here; a rename would otherwise be a silent no-op.
FIELDS: dict[str, tuple[str, ...]] = {
    "llama_model_params": (
        "n_gpu_layers", "progress_callback", "use_extra_bufts", "vocab_only",
    ),
    "llama_sampler_chain_params": ("no_perf",),
    "llama_logit_bias": ("token", "bias"),
}

ATTR_UNKNOWN, ATTR_CONTROL, ATTR_LSTRIP, ATTR_RSTRIP = 1, 8, 128, 256

#: Modules beside this one that call llama.cpp too. Each has its own SIGNATURES and FIELDS.
NEIGHBOURS = ("bindings_memory", "bindings_adapters", "bindings_embedding", "bindings_samplers")

_library: Any = None


def load_library() -> Any:
    """llama-cpp-python's module of C functions, imported once.

    Its package `__init__` is passed over: it would bring numpy and a chat server's modules (0.3 s instead of
    0.05 s) and put a Python callback under every line that llama.cpp logs. Raises ImportError.
    """
    global _library
    if _library is None:
        spec = importlib.util.find_spec("llama_cpp")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("llama_cpp is not installed")
        if "llama_cpp" not in sys.modules:
            package = types.ModuleType("llama_cpp")
            package.__path__ = list(spec.submodule_search_locations)
            package.__spec__ = spec
            sys.modules["llama_cpp"] = package
        _library = importlib.import_module("llama_cpp.llama_cpp")
    return _library


def differences(
    lib: Any, signatures: Mapping[str, tuple[str, ...]] | None = None,
    fields: Mapping[str, tuple[str, ...]] | None = None,
) -> list[str]:
    """What of `signatures` and `fields` (by default those of this module) the library has otherwise, one line each;
    empty when all is as expected."""
    wrong = []
    for name, expected in (SIGNATURES if signatures is None else signatures).items():
        function = getattr(lib, name, None)
        if function is None:
            wrong.append(f"{name} is gone")
            continue
        found = tuple(_type_name(kind) for kind in function.argtypes)
        if not _agree(found, expected):
            wrong.append(f"{name}{found} instead of {expected}")
    for structure, names in (FIELDS if fields is None else fields).items():
        present = {field[0] for field in getattr(lib, structure)._fields_}
        wrong += [f"{structure}.{name} is gone" for name in names if name not in present]
    return wrong


def all_differences(lib: Any) -> list[str]:
    """The differences of this module and of all its neighbours `bindings_*`."""
    wrong = differences(lib)
    for name in NEIGHBOURS:
        module = importlib.import_module(f"tui.engine.{name}")
        wrong += differences(lib, module.SIGNATURES, module.FIELDS)
    return list(dict.fromkeys(wrong))             # several modules may call the same function


def _type_name(kind: Any) -> str:
    return "ptr" if kind is ctypes.c_void_p or not issubclass(kind, ctypes._SimpleCData | ctypes.Structure) \
        else str(kind.__name__)


def _agree(found: Sequence[str], expected: Sequence[str]) -> bool:
    same = {"c_void_p": "ptr", "c_ulonglong": "c_ulong"}
    return [same.get(name, name) for name in found] == [same.get(name, name) for name in expected]


class AbortFlag:
    """A flag that llama.cpp reads between graph nodes, on its own threads.

    The callback handed over is the C library's `strlen` and its argument two bytes: an empty string is 0, "go
    on"; one byte long is 1, "stop". A Python callback would take the interpreter lock at every node, 0.2 ms a
    token on a six-layer model and several on a large one.
    """

    def __init__(self) -> None:
        self._bytes = ctypes.create_string_buffer(2)
        self._strlen = ctypes.CDLL(None).strlen

    def set(self) -> None:
        self._bytes[0] = b"\1"

    def clear(self) -> None:
        self._bytes[0] = b"\0"

    @property
    def is_set(self) -> bool:
        return self._bytes[0] != b"\0"

    def attach(self, context: Context) -> None:
        lib = load_library()
        function = ctypes.cast(self._strlen, lib.ggml_abort_callback)
        lib.llama_set_abort_callback(context.handle, function, ctypes.addressof(self._bytes))


class Model:
    """A loaded model and its vocabulary. `load` may take minutes; `progress` hears fractions from 0 to 1."""

    def __init__(self, handle: Any) -> None:
        lib = load_library()
        self.handle = handle
        self.vocab = Vocab(lib.llama_model_get_vocab(handle))
        self.trained_context = int(lib.llama_model_n_ctx_train(handle))
        self.layers = int(lib.llama_model_n_layer(handle))
        self.parameters = int(lib.llama_model_n_params(handle))
        self.size = int(lib.llama_model_size(handle))
        self.has_encoder = bool(lib.llama_model_has_encoder(handle))
        #: True where the memory holds a running state, of which a tail cannot be taken back.
        self.recurrent = bool(lib.llama_model_is_recurrent(handle) or lib.llama_model_is_hybrid(handle))
        #: Tokens of the window that part of its layers slide over the text; 0 where every layer sees all of it.
        self.sliding_window = max(0, int(lib.llama_model_n_swa(handle)))
        template = lib.llama_model_chat_template(handle, None)
        self.chat_template = template.decode("utf-8", "replace") if template else ""

    @staticmethod
    def load(
        path: Path, *, gpu_layers: int = -1, extra_bufts: bool = True, vocab_only: bool = False,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> Model | None:
        """The model of `path`, or None when llama.cpp refuses it (its log says why)."""
        lib = load_library()

        def told(fraction: float, _: Any) -> bool:
            progress(fraction)
            return True

        params = lib.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.use_extra_bufts = extra_bufts
        params.vocab_only = vocab_only
        params.progress_callback = callback = lib.llama_progress_callback(told)
        handle = lib.llama_model_load_from_file(str(path).encode("utf-8", "surrogateescape"), params)
        del callback
        return Model(handle) if handle else None

    @property
    def description(self) -> str:
        buffer = ctypes.create_string_buffer(256)
        load_library().llama_model_desc(self.handle, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace")

    def free(self) -> None:
        load_library().llama_model_free(self.handle)


class Vocab:
    """Text to tokens and back. Reads only, so threads may share it."""

    def __init__(self, handle: Any) -> None:
        self._lib = load_library()
        self.handle = handle
        self.size = int(self._lib.llama_vocab_n_tokens(handle))
        self.bos = int(self._lib.llama_vocab_bos(handle))
        self.eos = int(self._lib.llama_vocab_eos(handle))
        self.adds_bos = bool(self._lib.llama_vocab_get_add_bos(handle))

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Tokens of `text`, without BOS; control tokens are read out of it only where `special`."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            out = (ctypes.c_int32 * room)()
            count = self._lib.llama_tokenize(self.handle, data, len(data), out, room, False, special)
            if count >= 0:
                return out[:count]
            room = -count

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that `token` stands for; nothing for a control token unless `special`."""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = self._lib.llama_token_to_piece(self.handle, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def text(self, token: int) -> str:
        """The text of `token` as the vocabulary spells it; empty for no token."""
        if not 0 <= token < self.size:
            return ""
        return (self._lib.llama_vocab_get_text(self.handle, token) or b"").decode("utf-8", "replace")

    def attributes(self, token: int) -> int:
        return int(self._lib.llama_vocab_get_attr(self.handle, token))

    def ends_reply(self, token: int) -> bool:
        return bool(self._lib.llama_vocab_is_eog(self.handle, token))


class Chain:
    """llama.cpp's samplers one after another. Free it after the reply."""

    def __init__(self, context: Context) -> None:
        self._lib = load_library()
        self._context = context
        params = self._lib.llama_sampler_chain_default_params()
        params.no_perf = True
        self._handle = self._lib.llama_sampler_chain_init(params)

    def _add(self, sampler: Any) -> None:
        self._lib.llama_sampler_chain_add(self._handle, sampler)

    def add_logit_bias(self, biases: Sequence[tuple[int, float]]) -> None:
        array = (self._lib.llama_logit_bias * len(biases))()
        for slot, (token, bias) in zip(array, biases, strict=True):
            slot.token, slot.bias = token, bias
        size = self._context.model.vocab.size
        self._add(self._lib.llama_sampler_init_logit_bias(size, len(biases), array))

    def add_penalties(self, last: int, repetition: float, frequency: float, presence: float) -> None:
        size = self._context.model.vocab.size
        self._add(self._lib.llama_sampler_init_penalties(size, last, repetition, frequency, presence))

    def add_dry(self, multiplier: float, base: float, allowed: int, last: int, breakers: Sequence[str]) -> None:
        texts = [text.encode() for text in breakers]
        array = (ctypes.c_char_p * len(texts))(*texts)
        vocab = self._context.model.vocab.handle
        self._add(self._lib.llama_sampler_init_dry(vocab, multiplier, base, allowed, last, array, len(texts)))

    def add_top_n_sigma(self, sigma: float) -> None:
        self._add(self._lib.llama_sampler_init_top_n_sigma(sigma))

    def add_top_k(self, k: int) -> None:
        self._add(self._lib.llama_sampler_init_top_k(k))

    def add_top_p(self, p: float) -> None:
        self._add(self._lib.llama_sampler_init_top_p(p, 1))

    def add_min_p(self, p: float) -> None:
        self._add(self._lib.llama_sampler_init_min_p(p, 1))

    def add_xtc(self, probability: float, threshold: float, seed: int) -> None:
        self._add(self._lib.llama_sampler_init_xtc(probability, threshold, 1, seed))

    def add_temperature(self, temperature: float) -> None:
        self._add(self._lib.llama_sampler_init_temp(temperature))

    def add_greedy(self) -> None:
        self._add(self._lib.llama_sampler_init_greedy())

    def add_draw(self, seed: int) -> None:
        self._add(self._lib.llama_sampler_init_dist(seed))

    def accept(self, token: int) -> None:
        """Let penalties and DRY see a token that was not sampled here."""
        self._lib.llama_sampler_accept(self._handle, token)

    def sample(self) -> int:
        """The next token after the last decode; the chain has seen it already."""
        return int(self._lib.llama_sampler_sample(self._handle, self._context.handle, -1))

    def free(self) -> None:
        self._lib.llama_sampler_free(self._handle)


def start_backend() -> None:
    """Ready llama.cpp, with its log on file descriptor 2 (a null callback is its own C writer)."""
    lib = load_library()
    lib.llama_log_set(lib.llama_log_callback(), None)
    lib.llama_backend_init()


def system_info() -> str:
    return str(load_library().llama_print_system_info().decode("utf-8", "replace")).strip(" |")


def uses_gpu() -> bool:
    """Whether this build of llama.cpp can put layers on a GPU."""
    return bool(load_library().llama_supports_gpu_offload())
