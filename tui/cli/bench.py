"""`traktir bench`: what this machine does with a model, and what the program itself costs on it."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.output import add_json, json_line, line, say_aside
from tui.domain.errors import Refused
from tui.domain.notice import notice
from tui.i18n import tr, tr_notice

if TYPE_CHECKING:
    from tui.bench.figures import Figure
    from tui.bench.pairing import Effort
    from tui.domain.notice import Notice

#: What can be measured, in the order in which it is, and the line that names it.
PARTS = ("engine", "core", "ui", "chat", "start")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="*", metavar="what", default=[],
        help=tr("engine, core, ui, chat, start: what to measure (all of it where nothing is said)"),
    )
    parser.add_argument("--quick", action="store_true", help=tr("few repetitions: figures to look at, not to trust"))
    parser.add_argument("--pairs", type=_pairs, metavar="N", help=tr("how many pairs of runs (10; 2 with --quick)"))
    parser.add_argument(
        "--tune", action="store_true",
        help=tr("find threads, batch and more for --model (or the starter), and use them from now on"),
    )
    parser.add_argument("--model", type=Path, metavar="FILE", help=tr("the GGUF file for engine (the starter model)"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the figures; those that miss their aim are no failure. Raises TraktirError when one cannot be taken."""
    unknown = [what for what in args.what if what not in PARTS]
    if unknown:
        raise Refused(notice("{name} cannot be measured.", name=unknown[0][:40]),
                      notice("What can be: {names}", names=", ".join(PARTS)))
    if os.name != "posix":
        raise Refused("Measuring needs pseudo-terminals and Unix sockets, which this system lacks.")
    effort = _effort(args)
    _tell_machine(args.json, effort)
    if args.tune:
        _tune(args, effort)
        return 0
    for part in PARTS:
        if not args.what or part in args.what:
            _measure(part, args, effort)
    return 0


def _effort(args: argparse.Namespace) -> Effort:
    from tui.bench.pairing import QUICK, THOROUGH

    effort = QUICK if args.quick else THOROUGH
    return replace(effort, pairs=args.pairs) if args.pairs else effort


def _tune(args: argparse.Namespace, effort: Effort) -> None:
    if why := _no_engine():
        raise Refused(why)
    from tui import paths
    from tui.bench.tuning import tune
    from tui.resources import starter_model

    if not args.json:
        line()
        line(tr("What runs fastest"))
    _print(tune(effort, say_aside, args.model or starter_model(), paths.data_dir() / "engine"), args.json, effort)


def _measure(part: str, args: argparse.Namespace, effort: Effort) -> None:
    if not args.json:
        line()
        line({"engine": tr("Embedded engine"), "core": tr("Core"), "ui": tr("Terminal"), "chat": tr("Long chat"),
              "start": tr("Start")}[part])
    if part == "engine" and (why := _no_engine()):
        if args.what:
            raise Refused(why)
        say_aside(why)
        return
    _print(_figures(part, args.model)(effort), args.json, effort)


def _print(figures: Iterator[Figure], as_json: bool, effort: Effort) -> None:
    for found in figures:
        if as_json:
            json_line({**found.to_json(), "quick": effort.quick})
        else:
            line(_line(found))


def _no_engine() -> Notice | None:
    from tui.engine import available

    return available()


def _figures(part: str, model: Path | None) -> Callable[[Effort], Iterator[Figure]]:
    from tui.bench import delivery, engine, longchat, painting, starting

    measures = {"core": delivery.measure, "ui": painting.measure, "chat": longchat.measure, "start": starting.measure}
    if part == "engine":
        return lambda effort: engine.measure(effort, say_aside, model)
    return lambda effort: measures[part](effort, say_aside)


def _tell_machine(as_json: bool, effort: Effort) -> None:
    from tui import __version__
    from tui.engine.settings import EngineSettings

    load = os.getloadavg()[0]
    facts = {
        "version": __version__, "python": platform.python_version(), "system": platform.platform(terse=True),
        "textual": metadata.version("textual"), "threads": EngineSettings().threads(), "load": round(load, 2),
        "pairs": effort.pairs, "quick": effort.quick,
    }
    if as_json:
        json_line({"type": "machine", **facts})
    else:
        line(tr("Traktir {version}, Python {python}, Textual {textual}, {system}, {threads} threads, load {load}",
                **facts))
        line(tr("Pairs of runs in the order AB BA: {pairs}. Each figure: the median, and the distribution-free "
                "interval of the median with the probability that it holds.", pairs=effort.pairs))
    if effort.quick:
        say_aside(notice("Quick: too few runs to trust these figures."))
    if load > 0.5 * (os.cpu_count() or 1):
        say_aside(notice("The machine is busy (load {load}): take the ratios and the processor times for true, not the "
                         "milliseconds.", load=facts["load"]))


def _line(found: Figure) -> str:
    value = found.interval
    text = f"  {tr_notice(found.title)}: {_number(value.median)} {found.unit}"
    if value.n > 1:
        text += tr(" ({low} to {high}, {coverage} %, n={n})", low=_number(value.low), high=_number(value.high),
                   coverage=f"{100 * value.coverage:.1f}".rstrip("0").rstrip("."), n=value.n)
    if found.aim is not None:
        aim = _number(found.aim)
        text += tr("; at most {aim}: met", aim=aim) if found.met else tr("; at most {aim}: NOT MET", aim=aim)
    return text


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _pairs(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{value} is not from 1 to 1000")
    return value
