"""Classifier-free guidance: away from what another prompt would say.

Both prompts are read side by side, and each token of the reply goes behind both in one batch. What is sampled from is
`negative + scale * (positive - negative)` of the logits: Sanchez et al., "Stay on topic with Classifier-Free Guidance".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from tui.engine.memory import Memory
from tui.engine.sequences import Held


class Guidance:
    """Mixes what the current sequence and another foretell, in the place from which llama.cpp samples."""

    def __init__(self, memory: Memory, other: Held, scale: float, positive: Any) -> None:
        import numpy

        self._as_array = numpy.ctypeslib.as_array
        self._memory, self._other, self._scale = memory, other, scale
        self._mix(positive, self._output(-1))     # the other prompt was read last

    def advance(self, token: int) -> None:
        """Read a token of the reply behind both prompts. Raises Aborted, EngineError."""
        self._memory.decode_many([(self._other, token), (self._memory.current, token)])
        self._mix(self._output(1), self._output(0))

    def _mix(self, positive: Any, negative: Any) -> None:
        mixed = negative + self._scale * (positive - negative)
        self._output(-1)[:] = mixed

    def _output(self, index: int) -> Any:
        context = self._memory.context
        return self._as_array(context.logits(index), (context.model.vocab.size,))


@contextlib.contextmanager
def guided(memory: Memory, negative: Sequence[int], scale: float) -> Iterator[Guidance]:
    """Guidance behind the prompt that was just read. Raises Aborted, EngineError (`kind` is "sequences" where no other
    prompt can be held)."""
    import numpy

    context = memory.context
    positive = numpy.ctypeslib.as_array(context.logits(), (context.model.vocab.size,)).copy()
    with memory.scratch(negative) as other:
        yield Guidance(memory, other, scale, positive)
