"""`traktir models`: GGUF files that are here, what is in one, what fits, and more of them from the Hugging Face hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from tui.cli import model_states
from tui.cli.output import add_json, json_line, line, say_aside
from tui.domain.notice import notice
from tui.i18n import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="models in the usual folders and those of the setting model_folders")
    listing.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="further folders to look in")
    info = verbs.add_parser("info", help="family, quantisation, context, rope, template, tokenizer, licence")
    info.add_argument("file", type=Path)
    _add_fit(verbs.add_parser("fit", help="memory at a context, layers on the GPU, the rope base of a longer context"))
    pull = verbs.add_parser("pull", help="download from the Hugging Face hub; without QUANT: what there is, what fits")
    pull.add_argument("repo", metavar="REPO[:QUANT]")
    pull.add_argument("--to", type=Path, metavar="FOLDER", help="a folder in place of the hub's cache")
    pull.add_argument("--mmproj", action="store_true", help="with the projector, for pictures")
    remove = verbs.add_parser("remove", help="delete a downloaded model; it cannot be brought back")
    remove.add_argument("file", type=Path, metavar="FILE")
    remove.add_argument("--yes", action="store_true", help="do it; without, it only says what would go")
    model_states.add_arguments(verbs)
    for sub in verbs.choices.values():
        add_json(sub)


def _add_fit(parser: argparse.ArgumentParser) -> None:
    from tui.engine.fit import CACHE_BYTES

    parser.add_argument("file", type=Path)
    parser.add_argument("--context", type=int, default=0, metavar="N", help="tokens; default: a few of interest")
    parser.add_argument("--cache-type", choices=sorted(CACHE_BYTES), default="f16", help="of keys and values")
    parser.add_argument("--gpu-layers", type=int, default=-1, metavar="N", help="default: as many as fit")
    parser.add_argument("--prompts", type=int, default=0, metavar="N", help="prompts held side by side (n_seq)")
    parser.add_argument("--rope-alpha", type=float, default=0.0, metavar="A")
    parser.add_argument("--rope-freq-base", type=float, default=0.0, metavar="B")
    parser.add_argument("--rope-freq-scale", type=float, default=0.0, metavar="S")
    parser.add_argument("--rope-scaling", choices=["model", "none", "linear", "yarn"], default="model")


def run(args: argparse.Namespace) -> int:
    if args.verb == "list":
        return _list(args)
    if args.verb == "states":
        return model_states.run(args)
    if args.verb in ("info", "fit"):
        from tui.cli import models_told

        return models_told.info(args) if args.verb == "info" else models_told.fit(args)
    from tui.cli import models_hub

    return models_hub.pull(args) if args.verb == "pull" else models_hub.remove(args)


def _list(args: argparse.Namespace) -> int:
    from tui import paths
    from tui.core.settings import Settings
    from tui.engine.discover import scan

    own = [Path(folder) for folder in Settings(paths.config_dir()).get("model_folders")]
    found = scan([*own, *args.folders])
    if not found and not args.json:
        say_aside(notice(
            "No GGUF file was found in the usual folders. Name another folder behind this command, or download a model:"
            " traktir models pull maker/repository",
        ))
    for model in found:
        if args.json:
            json_line({
                "type": "model", "path": str(model.path), "size": model.size, "name": model.name,
                "place": model.place, "modified": model.modified, "parts": model.parts, "quant": model.quant,
                "missing": list(model.missing), "projector": str(model.projector) if model.projector else None,
            })
            continue
        lost = "  " + tr("{file} is missing", file=model.missing[0]) if model.missing else ""
        sees = "  " + tr("with pictures") if model.projector else ""
        line(f"{model.size / 1e9:7.2f} GB  {model.name:40}  {model.path}{sees}{lost}")
    return 0
