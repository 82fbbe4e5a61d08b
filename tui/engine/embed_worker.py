"""A process that turns texts into vectors: a model of its own in a small context, beside the one that replies.

Started as `python -m tui.engine.embed_worker`, with a protocol like that of `tui.engine.worker`: `load` (path,
threads, gpu_layers, context) is answered with `ready` (dimensions, context) or `failed` (error), `embed` (id, texts)
with `embedded` (vectors) or `error`. It ends with the pipe.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
from pathlib import Path
from typing import Any

from tui.domain.embedding import unit
from tui.domain.errors import EngineError, TraktirError
from tui.domain.notice import notice
from tui.engine import bindings, protocol
from tui.engine.bindings_embedding import EmbeddingContext
from tui.engine.worker import Channel, no_core_dump, private_descriptors, told

#: The longest text that is read at once, in tokens, where nothing else is asked for.
WINDOW = 2048


def serve(commands: Any, channel: Channel) -> None:
    """Load what the first line says, then embed until the pipe ends."""
    first = protocol.decode(commands.readline(protocol.MAX_LINE) or b"{}")
    if not first:
        return
    try:
        context = _load(first)
    except TraktirError as error:
        channel.tell({"is": "failed", "error": error.to_json()})
        return
    channel.tell({"is": "ready", "facts": {"dimensions": context.dimensions, "context": context.size}})
    for line in iter(lambda: commands.readline(protocol.MAX_LINE), b""):
        command = protocol.decode(line)
        if command["do"] == "ping":
            channel.tell({"is": "here"})
            continue
        try:
            vectors = [_embedded(context, text) for text in command["texts"]]
            channel.tell({"is": "embedded", "id": command["id"], "vectors": vectors})
        except Exception as error:                # one text that makes no sense must not end the model
            channel.tell({"is": "error", "id": command["id"], "error": told(error).to_json()})


def _embedded(context: EmbeddingContext, text: str) -> list[float]:
    tokens = context.tokens(text)
    try:
        if not tokens:
            raise ValueError("no tokens")
        return list(unit(context.vector(tokens)))
    except (RuntimeError, ValueError):
        raise EngineError(notice("The model makes no vector of this text: {text}", text=text[:60])) from None


def _load(command: dict[str, Any]) -> EmbeddingContext:
    path = Path(command["path"])
    bindings.start_backend()
    model = bindings.Model.load(path, gpu_layers=command["gpu_layers"])
    if model is None:
        raise EngineError(notice("llama.cpp could not load {file}.", file=path.name), kind="load")
    size = min(model.trained_context or WINDOW, command["context"] or WINDOW)
    try:
        return EmbeddingContext(model, size=size, threads=command["threads"])
    except MemoryError:
        told = notice("There is no memory for a context of {tokens} tokens, nor for a smaller one.", tokens=size)
        raise EngineError(told, kind="memory") from None


def main() -> None:
    commands, channel = private_descriptors()
    no_core_dump()
    faulthandler.enable()
    try:
        with contextlib.suppress(OSError, ValueError):
            serve(commands, channel)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(70)
    os._exit(0)


if __name__ == "__main__":
    main()
