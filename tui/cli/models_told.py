"""`traktir models info` and `traktir models fit`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.cli.output import json_line, line
from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice
from tui.i18n import tr, tr_notice

if TYPE_CHECKING:
    from tui.engine.advice import Fit


def info(args: argparse.Namespace) -> int:
    from tui.cli.local import library
    from tui.domain.prompt.detect import ModelFacts, choose_for
    from tui.engine.about import about
    from tui.engine.gguf import read_metadata

    model = read_metadata(args.file)
    choice = choose_for(library().templates(), ModelFacts(
        model.chat_template, model.name or args.file.stem, model.architecture, model.control_tokens, model.bos_token,
        model.eos_token,
    ))
    data = about(model) | {
        "path": str(args.file), "template": choice.template.id if choice.template else None,
        "template_found_by": choice.found_by or None,
    }
    if args.json:
        json_line({"type": "model", **data})
        return 0
    for name, value in _rows(data):
        line(f"{name:22} {value}")
    return 0


def _rows(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What `info` prints: names and values, those that the file tells."""
    from tui.engine.advice import size

    shares = ", ".join(f"{kind} {round(100 * share)} %" for kind, share in data["types"])
    rope = data["rope"] or {}
    scaling = f", {rope['scaling']} × {rope['factor']:g}" if rope.get("scaling") else ""
    found = f" ({data['template_found_by']})" if data["template_found_by"] else ""
    for name, value in (
        (tr("file"), data["path"]), (tr("name"), data["name"]), (tr("family"), data["architecture"]),
        (tr("size"), size(data["size"])),
        (tr("parameters"), _count(data["parameters"]) if data["parameters"] else data["size_label"]),
        (tr("quantisation"), data["quantisation"]),
        (tr("really"), f"{shares}; " + tr("{bits} bits a weight", bits=data["bits_per_weight"]) if shares else ""),
        (tr("importance matrix"), data["imatrix_dataset"] or (tr("yes") if data["imatrix"] else tr("not told"))),
        (tr("trained context"), data["context_length"]), (tr("layers"), data["layers"]),
        (tr("rope base"), f"{rope['base']:g} (d = {rope['dimensions']}{scaling})" if rope else ""),
        (tr("tokenizer"), f"{data['tokenizer']}, {data['vocabulary']}" if data["vocabulary"] else data["tokenizer"]),
        (tr("prompt format"), f"{data['template']}{found}" if data["template"] else tr("not recognised")),
        (tr("licence"), data["licence"]), (tr("made from"), data["base_model"]),
        (tr("parts"), data["parts"] if data["parts"] > 1 else ""),
        (tr("missing"), ", ".join(data["missing_parts"])),
    ):
        if value not in (None, ""):
            yield name, str(value)


def _count(number: int) -> str:
    return f"{number / 1e9:.2f} B" if number >= 1e8 else f"{number / 1e6:.1f} M"


def fit(args: argparse.Namespace) -> int:
    """Exit status 1 where it does not fit at the context that was asked for."""
    from tui.engine.advice import facts_of, fits_at
    from tui.engine.advice import fit as fit_one
    from tui.engine.gguf import read_metadata
    from tui.engine.room import look
    from tui.engine.settings import EngineSettings

    if args.context < 0:
        raise BadInput(notice("{field} must be 0 or more.", field="--context"), field="context")
    model = read_metadata(args.file)
    if model.missing_parts:
        raise BadInput(
            notice("{file} is one part of a model; {missing} is not beside it.",
                   file=args.file.name, missing=model.missing_parts[0]),
            "Download all parts into one folder.", file=str(args.file),
        )
    settings = EngineSettings.from_json({
        "n_ctx": args.context, "cache_type_k": args.cache_type, "cache_type_v": args.cache_type,
        "n_gpu_layers": args.gpu_layers, "n_seq": args.prompts, "rope_alpha": args.rope_alpha,
        "rope_freq_base": args.rope_freq_base, "rope_freq_scale": args.rope_freq_scale,
        "rope_scaling": args.rope_scaling,
    })
    facts = facts_of(model)
    room = look()
    main = fit_one(facts, room, settings)
    others = [] if args.context else fits_at(facts, room)
    if args.json:
        for found in others or [main]:
            json_line({"type": "fit", "path": str(args.file), **found.to_json()})
    else:
        _print(main, others)
    return 1 if args.context and main.verdict == "too_large" else 0


def _print(main: Fit, others: Sequence[Fit]) -> None:
    from tui.engine.advice import size

    line(tr_notice(main.advice))
    line()
    unknown = "?"
    for name, value in (
        (tr("context"), f"{main.load.context}" + (f" × {main.windows}" if main.windows > 1 else "")),
        (tr("weights"), size(main.needs.main.weights + main.needs.gpu.weights)),
        (tr("KV cache"), f"{size(main.needs.main.cache + main.needs.gpu.cache)} ({main.load.key_type})"),
        (tr("computing"), size(main.needs.main.compute + main.needs.gpu.compute)),
        (tr("main memory"), f"{size(main.needs.main.total)} / {size(main.room.main) if main.room.main else unknown}"),
        *(((tr("GPU memory"), f"{size(main.needs.gpu.total)} / {size(main.room.gpu)}"),
           (tr("layers on the GPU"), f"{main.load.gpu_layers} / {main.all_layers}")) if main.room.gpus else ()),
        (tr("longest that fits"), f"{main.longest}" if main.longest else tr("none")),
        ("rope_freq_base", f"{main.stretch.base:.0f}"), ("rope_alpha", f"{main.stretch.alpha:.3g}"),
    ):
        line(f"{name:22} {value}")
    for told in _notes(main):
        line()
        line(tr_notice(told))
    if others:
        line()
        line(f"{tr('context'):>10}  {tr('memory'):>9}  {tr('rope base'):>12}")
        for found in others:
            line(f"{found.load.context:>10}  {size(found.needs.total):>9}  {found.stretch.base:>12.0f}  "
                 f"{VERDICTS[found.verdict]()}")


def _notes(main: Fit) -> list[Notice]:
    out = list(main.stretch.notices)
    if main.windows > 1:
        out.append(notice(
            "The figures are for {windows} prompts side by side, as it is loaded here; one alone needs less, and is"
            " what it falls back to.", windows=main.windows,
        ))
    if main.room.idle_gpus:
        out.append(notice(
            "There is a GPU ({name}), but the installed llama.cpp was built without support for it; `traktir doctor`"
            " says how to mend that.", name=main.room.idle_gpus[0].name,
        ))
    return out


VERDICTS = {
    "fits": lambda: tr("fits"), "tight": lambda: tr("just fits"), "too_large": lambda: tr("does not fit"),
    "unknown": lambda: tr("free memory unknown"),
}
