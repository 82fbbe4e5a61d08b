"""`traktir embed`: texts as vectors, by a GGUF file or a server."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tui import paths
from tui.cli.model_source import read_text
from tui.cli.output import add_json, json_line, line
from tui.domain.embedding import likeness
from tui.domain.endpoint import Endpoint

if TYPE_CHECKING:
    from tui.domain.embedding import Embedder, Vector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a text a line; - reads standard input")
    parser.add_argument("--model", metavar="F", default="", help="a GGUF file, or with --server a model's name there; "
                        "default: the small model inside")
    parser.add_argument("--server", metavar="URL", help="ask the server there")
    parser.add_argument("--key-file", metavar="F", type=Path, help="a file that holds the server's key")
    parser.add_argument("--like", metavar="TEXT", help="print how alike each line is to this text, the likest first")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    whole = sys.stdin.read() if args.file == "-" else read_text(Path(args.file))
    texts = [text for text in whole.splitlines() if text.strip()]
    vectors = asyncio.run(_embedded(args, [*texts, *([args.like] if args.like else [])]))
    if args.like:
        wanted = vectors.pop()
        _print_likeness(args, [(likeness(wanted, vector), text) for vector, text in zip(vectors, texts, strict=True)])
        return 0
    for text, vector in zip(texts, vectors, strict=True):
        if args.json:
            json_line({"type": "embedding", "text": text, "dimensions": len(vector), "vector": list(vector)})
        else:
            line(" ".join(f"{value:.6f}" for value in vector))
    return 0


def _print_likeness(args: argparse.Namespace, found: list[tuple[float, str]]) -> None:
    for value, text in sorted(found, key=lambda pair: -pair[0]):
        if args.json:
            json_line({"type": "likeness", "text": text, "likeness": round(value, 6)})
        else:
            line(f"{value:7.4f}  {text}")


async def _embedded(args: argparse.Namespace, texts: list[str]) -> list[Vector]:
    embedder = _embedder(args)
    try:
        return await embedder.embed(texts)
    finally:
        await embedder.close()


def _embedder(args: argparse.Namespace) -> Embedder:
    if args.server:
        from tui.backends.embedding import RemoteEmbedder

        key = read_text(args.key_file).strip() if args.key_file else ""
        return RemoteEmbedder(Endpoint(url=args.server, model=args.model, api_key=key))
    from tui.core.backend_spec import model_path
    from tui.engine.embedding import EmbeddingEngine

    return EmbeddingEngine(model_path(args.model or "starter"), log_path=paths.log_dir() / "embedding.log")
