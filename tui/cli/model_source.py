"""Where commands learn what a model tells of itself: a GGUF file, a file with its chat template, or a server."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tui.domain.endpoint import Endpoint
from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.prompt.detect import ModelFacts
from tui.domain.prompt.lint import Tokens
from tui.domain.template import Template

if TYPE_CHECKING:
    from tui.sandbox import Renderer


def add_source(parser: argparse.ArgumentParser, *, required: bool) -> None:
    source = parser.add_mutually_exclusive_group(required=required)
    source.add_argument("--gguf", metavar="FILE", type=Path, help="a model file")
    source.add_argument("--jinja", metavar="FILE", type=Path, help="a file with the model's chat template")
    source.add_argument("--url", metavar="URL", help="ask the server there")
    parser.add_argument("--key-file", metavar="F", type=Path, help="a file that holds the server's key")


def facts_of(args: argparse.Namespace) -> ModelFacts:
    """What the source tells. Raises BadInput for a file, BackendError for a server that tells nothing."""
    if args.gguf is not None:
        from tui.engine.gguf import read_metadata

        info = read_metadata(args.gguf)
        return ModelFacts(
            info.chat_template, info.name or args.gguf.stem, info.architecture, info.control_tokens, info.bos_token,
            info.eos_token,
        )
    if args.url is not None:
        return _told_by_server(args)
    return ModelFacts(read_text(args.jinja))


def tokens_of(args: argparse.Namespace, template: Template) -> Tokens | None:
    """What the model's tokenizer makes of the texts that may stand for BOS; None where the source does not tell.

    A file tells which texts are control tokens and, mostly, whether BOS goes before a prompt. The engine that loads
    it writes no BOS twice.
    """
    if args.gguf is not None:
        from tui.engine.gguf import read_metadata

        info = read_metadata(args.gguf)
        if info.add_bos is None:
            return None
        counts = {mark: 1 for mark in (template.bos, info.bos_token) if mark in info.control_tokens}
        return Tokens(counts, info.bos_token, info.add_bos, once=True)
    return asyncio.run(_server_tokens(args, template)) if args.url is not None else None


async def _server_tokens(args: argparse.Namespace, template: Template) -> Tokens | None:
    from tui.backends.connect import open_backend
    from tui.core.prompt_formats import ask_tokens

    backend = open_backend(_endpoint(args))
    try:
        told = await backend.capabilities()
        return await ask_tokens(template, told, backend)
    finally:
        await backend.close()


@contextlib.contextmanager
def rendering(facts: ModelFacts) -> Iterator[Renderer | None]:
    """The model's own template as a function, in a helper process that ends with the block; None without one."""
    if not facts.has_template:
        yield None
        return
    from tui.sandbox import Sandbox

    sandbox = Sandbox()
    try:
        yield sandbox.renderer(facts.jinja.rstrip("\0"))
    finally:
        sandbox.close()


def _told_by_server(args: argparse.Namespace) -> ModelFacts:
    from tui.backends.probe import probe

    found = asyncio.run(probe(_endpoint(args)))
    if found.problem is not None:
        raise found.problem
    told = found.capabilities
    return ModelFacts(
        told.chat_template, told.model, tokens=frozenset(told.special_tokens), bos=told.bos_token, eos=told.eos_token,
    )


def _endpoint(args: argparse.Namespace) -> Endpoint:
    return Endpoint(url=args.url, api_key=read_text(args.key_file).strip() if args.key_file else "")


def read_text(path: Path, limit: int = 4 << 20) -> str:
    """The text of a file the user named. Raises BadInput naming it."""
    from tui.formats.files import read_bounded

    try:
        return read_bounded(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            notice("{file} is not UTF-8 text (byte {at}).", file=str(path), at=error.start), file=str(path)
        ) from None
