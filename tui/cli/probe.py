"""`traktir probe URL`: which backend answers there, what it can, and which models it has; another one loaded."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.output import add_json, json_line, line, say_aside, sentence
from tui.domain.errors import TraktirError

if TYPE_CHECKING:
    from tui.backends.models import ServerModel
    from tui.domain.backend import Status
    from tui.domain.endpoint import Endpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--key-file", metavar="F", type=Path, help="a file that holds the server's key")
    parser.add_argument("--kind", default="auto", help="the kind of server, where asking it does not tell")
    parser.add_argument("--model", default="", metavar="NAME", help="the model to look at, where it has several")
    deeds = parser.add_mutually_exclusive_group()
    deeds.add_argument("--models", action="store_true", help="list its models, and which are loaded")
    deeds.add_argument("--load", metavar="NAME", help="have it load a model")
    deeds.add_argument("--unload", metavar="NAME", help="have it take a model out of its memory")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Look at the server, or do what was asked about its models. 1 where it cannot be used as it is."""
    from tui.cli.templates import read_text
    from tui.domain.endpoint import Endpoint

    key = read_text(args.key_file).strip() if args.key_file else ""
    endpoint = Endpoint(url=args.url, api_key=key, kind=args.kind, model=args.model)
    if args.models or args.load or args.unload:
        return asyncio.run(_about_models(endpoint, args))
    from tui.backends.probe import probe

    found = asyncio.run(probe(endpoint)).to_json()
    if args.json:
        json_line({"type": "probe", **found})
    else:
        _print(found)
    return 0


async def _about_models(endpoint: Endpoint, args: argparse.Namespace) -> int:
    from tui.backends.remote import RemoteBackend

    backend = RemoteBackend(endpoint)

    async def tell(status: Status) -> None:
        share = "" if status.fraction is None else f" {status.fraction:.0%}"
        say_aside(f"{sentence(status.notice.to_json())}{share}")

    try:
        if args.load:
            await backend.load_model(args.load, tell)
        elif args.unload:
            await backend.unload_model(args.unload)
        for model in await backend.models():
            _print_model(model, as_json=args.json)
    finally:
        await backend.close()
    return 0


def _print_model(model: ServerModel, *, as_json: bool) -> None:
    if as_json:
        json_line({"type": "model", **model.to_json()})
    else:
        line(f"{model.state:9} {model.context or '–':>8}  {model.id}")


_CAN = ("prefill", "images", "logprobs", "warm", "switch", "exact_tokens")


def _print(found: Mapping[str, Any]) -> None:
    capabilities: Mapping[str, Any] = found.get("capabilities") or {}
    details: Mapping[str, Any] = capabilities.get("details") or {}
    for key in ("dialect", "version", "model", "context_length", "auth"):
        line(f"{key:16} {found.get(key) or '–'}")
    if found.get("problem") is None:
        line(f"{'mode':16} {'text' if capabilities.get('text_completion') else 'chat'}")
        line(f"{'template':16} {'yes' if capabilities.get('has_template') else '–'}")
        line(f"{'can':16} {', '.join(name for name in _CAN if capabilities.get(name)) or '–'}")
        line(f"{'samplers':16} {', '.join(capabilities.get('samplers') or ()) or '–'}")
        for key in ("prefill", "abort", "reasoning"):
            line(f"{key:16} {details.get(key) or '–'}")
    models = found.get("models") or []
    if len(models) > 1:
        line(f"{'models':16} {', '.join(models)}")
    if found.get("problem"):
        say_aside(str(TraktirError.from_json(found["problem"])))
    for told in capabilities.get("notices") or ():
        say_aside(sentence(told))
