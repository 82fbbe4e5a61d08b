"""llama.cpp's rarer samplers, and steps of our own between them through its interface for custom samplers."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.engine.bindings import Chain, load_library
from tui.engine.bindings_memory import Context

if TYPE_CHECKING:
    from tui.engine.steps.candidates import Step

#: As `bindings.SIGNATURES`: the functions used here.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "llama_sampler_accept": ("ptr", "c_int"),
    "llama_sampler_apply": ("ptr", "ptr"),
    "llama_sampler_init": ("ptr", "c_void_p"),
    "llama_sampler_init_adaptive_p": ("c_float", "c_float", "c_uint"),
    "llama_sampler_init_grammar": ("ptr", "c_char_p", "c_char_p"),
    "llama_sampler_init_infill": ("ptr",),
    "llama_sampler_init_mirostat": ("c_int", "c_uint", "c_float", "c_float", "c_int"),
    "llama_sampler_init_mirostat_v2": ("c_uint", "c_float", "c_float"),
    "llama_sampler_init_temp_ext": ("c_float", "c_float", "c_float"),
    "llama_sampler_init_typical": ("c_float", "c_ulong"),
}

#: As `bindings.FIELDS`.
FIELDS: dict[str, tuple[str, ...]] = {
    "llama_sampler_i": ("accept", "apply"),
    "llama_token_data_array": ("data", "size", "selected", "sorted"),
    "llama_token_data": ("id", "logit", "p"),
}

#: Tokens among which mirostat 1 estimates how steep the distribution is (its authors' number).
_MIROSTAT_TOKENS = 100


class FullChain(Chain):
    """A chain that may hold any sampler of llama.cpp and steps of our own."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._alive: list[Any] = []               # what native code points to
        self._last: Any = None
        self._looking: list[Any] = []             # the links that look back
        self.failure: BaseException | None = None

    def add_typical(self, p: float) -> None:
        self._add(self._lib.llama_sampler_init_typical(p, 1))

    def add_dynamic_temperature(self, temperature: float, reach: float, exponent: float) -> None:
        self._add(self._lib.llama_sampler_init_temp_ext(temperature, reach, exponent))

    def add_infill(self) -> None:
        self._add(self._lib.llama_sampler_init_infill(self._context.model.vocab.handle))

    def add_mirostat(self, version: int, seed: int, tau: float, eta: float) -> None:
        """Draws the token itself: the last link."""
        if version == 1:
            size = self._context.model.vocab.size
            self._add(self._lib.llama_sampler_init_mirostat(size, seed, tau, eta, _MIROSTAT_TOKENS))
        else:
            self._add(self._lib.llama_sampler_init_mirostat_v2(seed, tau, eta))

    def add_adaptive_p(self, target: float, decay: float, seed: int) -> None:
        """Draws the token itself: the last link."""
        self._add(self._lib.llama_sampler_init_adaptive_p(target, decay, seed))

    def add_grammar(self, grammar: str) -> bool:
        """Forbid what the rule `root` of a GBNF grammar does not allow. False where llama.cpp does not take it."""
        vocab = self._context.model.vocab.handle
        link = self._lib.llama_sampler_init_grammar(vocab, grammar.encode("utf-8", "replace"), b"root")
        if not link:
            return False
        self._add(link)
        return True

    def add_step(self, step: Step) -> None:
        """A link of our own. A failure in it is kept in `failure`: it must not pass through native code."""
        lib = load_library()

        def accept(_: Any, token: int) -> None:
            step.accept(token)

        def apply(_: Any, array: Any) -> None:
            try:
                step.apply_to(array.contents)
            except Exception as error:
                self.failure = error

        interface = lib.llama_sampler_i()
        interface.accept = lib.llama_sampler_i_accept(accept)
        interface.apply = lib.llama_sampler_i_apply(apply)
        self._alive.append(interface)
        self._add(lib.llama_sampler_init(ctypes.byref(interface), None))

    def add_penalties(self, last: int, repetition: float, frequency: float, presence: float) -> None:
        super().add_penalties(last, repetition, frequency, presence)
        self._looking.append(self._last)

    def add_dry(self, multiplier: float, base: float, allowed: int, last: int, breakers: Sequence[str]) -> None:
        super().add_dry(multiplier, base, allowed, last, breakers)
        self._looking.append(self._last)

    def show(self, tokens: Sequence[int]) -> None:
        """Let penalties and DRY see tokens that came before; other links count what is drawn."""
        for sampler in self._looking:
            for token in tokens:
                self._lib.llama_sampler_accept(sampler, token)

    def _add(self, sampler: Any) -> None:
        super()._add(sampler)
        self._last = sampler

    def sample(self) -> int:
        token = super().sample()
        if self.failure is not None:
            raise self.failure
        return token

    def apply(self, array: Any) -> None:
        """Run the chain on candidates instead of a context's, as `llama_sampler_sample` does."""
        self._lib.llama_sampler_apply(self._handle, ctypes.byref(array))
        if self.failure is not None:
            raise self.failure


def grammar_of_schema(schema: str) -> str:
    """A JSON Schema as a GBNF grammar, by the library's own converter, which knows no bounds of numbers and fetches
    nothing. Raises what it likes for one that it does not take."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    return str(json_schema_to_gbnf(schema))


class Candidates:
    """What the last output foretells, as an array that chains work on. numpy is loaded with it."""

    def __init__(self, context: Context) -> None:
        import numpy

        self._np: Any = numpy
        self._lib = load_library()
        self._context = context
        self._size = context.model.vocab.size
        self._data = (self._lib.llama_token_data * self._size)()
        record = numpy.dtype([("id", numpy.int32), ("logit", numpy.float32), ("p", numpy.float32)])
        self._records = numpy.frombuffer(self._data, record)
        self._ids = numpy.arange(self._size, dtype=numpy.int32)

    def fresh(self) -> Any:
        """All tokens with their logits."""
        logits = self._np.ctypeslib.as_array(self._context.logits(), (self._size,))
        self._records["id"], self._records["logit"], self._records["p"] = self._ids, logits, 0.0
        array = self._lib.llama_token_data_array()
        array.data = ctypes.cast(self._data, type(array.data))
        array.size, array.selected, array.sorted = self._size, -1, False
        return array

    def any_left(self, array: Any) -> bool:
        return bool(self._np.isfinite(self._records["logit"][:array.size]).any())

    def chosen(self, array: Any) -> int:
        return int(array.data[array.selected].id)
