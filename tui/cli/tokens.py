"""`traktir tokens`: how many tokens a text has, for a model file or for the model of a chat."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.cli.options import add_connect
from tui.cli.output import add_json, json_line, line
from tui.domain.errors import EngineError
from tui.domain.notice import notice
from tui.i18n import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--model", type=Path, metavar="F", help="a model file; the tokens themselves are shown too")
    whose.add_argument("--chat", metavar="ID", help="the model of that chat")
    parser.add_argument("file", metavar="FILE", help="the text; - for standard input")
    add_connect(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from tui.cli.model_source import read_text

    text = sys.stdin.read() if args.file == "-" else read_text(Path(args.file))
    return _by_model(args, text) if args.model is not None else _by_chat(args, text)


def _by_model(args: argparse.Namespace, text: str) -> int:
    from tui.engine import available
    from tui.engine.gguf import read_metadata

    missing = available()
    if missing is not None:
        raise EngineError(missing, kind="missing")
    read_metadata(args.model)
    from tui.engine import bindings

    with _silence():
        bindings.load_library()
        bindings.start_backend()
        model = bindings.Model.load(args.model, vocab_only=True)
    if model is None:
        raise EngineError(
            notice("llama.cpp could not load {file}.", file=args.model.name),
            notice("It may be damaged, not wholly downloaded, or of a family that this llama.cpp does not know."),
            kind="load",
        )
    tokens = model.vocab.tokenize(text)
    pieces = [(token, model.vocab.piece(token, special=True).decode("utf-8", "replace")) for token in tokens]
    if args.json:
        json_line({"type": "tokens", "tokens": len(tokens), "exact": True,
                   "pieces": [{"id": token, "text": piece} for token, piece in pieces]})
        return 0
    line(tr("{n} tokens", n=len(tokens)))
    for token, piece in pieces:
        line(f"{token:>7}  {piece!r}")
    return 0


def _by_chat(args: argparse.Namespace, text: str) -> int:
    from tui.cli.session import Session, on_core

    async def ask(core: Session) -> int:
        got: dict[str, Any] = await core.call("prompt.count", chat=args.chat, text=text)
        if args.json:
            json_line({"type": "tokens", **got})
        else:
            line(tr("{n} tokens", n=got["tokens"]) if got["exact"] else tr("about {n} tokens", n=got["tokens"]))
        return 0

    return on_core(args, ask)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """llama.cpp's log goes to the null device meanwhile."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
