"""`traktir templates`: all in this process, no core needed."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from tui.cli.local import library
from tui.cli.model_source import add_source, facts_of, read_text, rendering, tokens_of
from tui.cli.output import add_json, json_line, line, say_aside
from tui.domain.errors import BadInput
from tui.domain.notice import Notice
from tui.domain.prompt.lint import Difference, Finding, lint
from tui.domain.prompt.probes import PLAIN_CHAT, suited
from tui.domain.prompt.resolve import Resolved, resolve_template
from tui.domain.template import Template
from tui.i18n import tr, tr_notice

__all__ = ["add_arguments", "read_text", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="the prompt formats there are")
    verbs.add_parser("show", help="print one").add_argument("name", metavar="NAME")
    check = verbs.add_parser("check", help="what is wrong or doubtful, by itself or beside a model's own template")
    check.add_argument("name", nargs="?", metavar="NAME", help="one format; without it all files are checked")
    add_source(check, required=False)
    detect = verbs.add_parser("detect", help="which format a model wants")
    add_source(detect, required=True)
    for sub in verbs.choices.values():
        add_json(sub)


def run(args: argparse.Namespace) -> int:
    return {"list": _list, "show": _show, "check": _check, "detect": _detect}[args.verb](args)


def _list(args: argparse.Namespace) -> int:
    for item in library().items("templates"):
        if not isinstance(item.value, Template):
            continue
        if args.json:
            json_line({
                "type": "template", "id": item.id, "label": item.value.label, "aliases": list(item.value.aliases),
                "source": item.source,
            })
        else:
            line(f"{item.id:20} {item.value.label:28} {', '.join(item.value.aliases)}")
    return 0


def _show(args: argparse.Namespace) -> int:
    template = library().template(args.name)
    if args.json:
        json_line({"type": "template", **asdict(template)})
    else:
        line(_yaml(template))
    return 0


def _check(args: argparse.Namespace) -> int:
    """Files first; then the format that is named, or all; beside a model, the one it is found to want."""
    if not args.name and _has_source(args):
        return _check_model(args, None)
    if args.name:
        template = library().template(args.name)
        return _check_model(args, template) if _has_source(args) else _tell_findings(template, lint(template), args)
    items = library().items("templates")
    broken = [(i.id, i.problem) for i in items if i.problem is not None]
    for id_, problem in broken:
        _tell_problem(id_, problem, args)
    wrong = len(broken)
    for item in items:
        if isinstance(item.value, Template):
            doubtful = [f for f in lint(item.value) if f.severity != "note"]
            wrong += any(f.severity == "error" for f in doubtful)
            _print_findings(item.value, doubtful, args)
    if not wrong and not args.json:
        line(f"{len(items)} ok")
    return 1 if wrong else 0


def _tell_problem(id_: str, problem: Notice, args: argparse.Namespace) -> None:
    if args.json:
        json_line({"type": "template", "id": id_, "problem": problem.to_json()})
    else:
        say_aside(problem)


def _has_source(args: argparse.Namespace) -> bool:
    return any(source is not None for source in (args.gguf, args.jinja, args.url))


def _check_model(args: argparse.Namespace, template: Template | None) -> int:
    facts = facts_of(args)
    with rendering(facts) as render:
        if template is None:
            template = resolve_template(library().templates(), facts, render=render).template
        if template is None:
            refusal = render.refusal_of(PLAIN_CHAT) if render is not None else None
            raise BadInput(
                refusal.why if refusal is not None else Notice("No prompt format is known for this model."),
                Notice("Name the format that is to be checked."),
            )
        findings = lint(
            template, render=suited(render) if render is not None else None, bos_token=facts.bos, eos_token=facts.eos,
            vocabulary=facts.tokens, tokens=tokens_of(args, template),
        )
        if render is not None and render.refusal is not None and render.refusal.final:
            findings = (Finding("error", render.refusal.why, "jinja"), *findings)
    return _tell_findings(template, findings, args)


def _tell_findings(template: Template, findings: tuple[Finding, ...], args: argparse.Namespace) -> int:
    _print_findings(template, list(findings), args)
    wrong = any(f.severity == "error" for f in findings)
    if not findings and not args.json:
        line(tr("{template}: nothing is wrong.", template=template.id))
    return 1 if wrong else 0


def _print_findings(template: Template, findings: list[Finding], args: argparse.Namespace) -> None:
    severities = {"error": tr("error"), "warning": tr("warning"), "note": tr("note")}
    for found in findings:
        if args.json:
            json_line({"type": "finding", "template": template.id, **found.to_json(), "what": tr_notice(found.what)})
        else:
            line(f"{template.id}: {severities[found.severity]}: {tr_notice(found.what)}")


def _detect(args: argparse.Namespace) -> int:
    """Which format, how it was found, and where it differs from the model's own template."""
    facts = facts_of(args)
    with rendering(facts) as render:
        found = resolve_template(library().templates(), facts, pinned=_pinned(facts.name), render=render)
        refusal = render.refusal if render is not None else None
        if render is not None and found.template is None:
            refusal = render.refusal_of(PLAIN_CHAT)
    why = refusal.why if refusal is not None and found.template is None else found.why
    if args.json:
        json_line(_as_json(found, why))
    else:
        _print_found(found, why)
    if refusal is not None and refusal.final and why is not refusal.why:
        say_aside(refusal.why)
    return 0 if found.template is not None else 1


def _pinned(model: str) -> Template | None:
    """The person's own choice for a model of this name."""
    from tui import paths
    from tui.core.settings import Settings

    pins: dict[str, Any] = Settings(paths.config_dir()).get("template_pins") or {}
    return library().template(str(pins[model])) if model and model in pins else None


def _as_json(found: Resolved, why: Notice) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "template", **found.to_json(), "why": tr_notice(why)}
    if found.template is not None and found.made:
        data["template"] = asdict(found.template)
    elif found.template is not None:
        data["aliases"] = list(found.template.aliases)
    return data


def _print_found(found: Resolved, why: Notice) -> None:
    if found.template is None:
        line(tr_notice(why))
        return
    line(f"{found.template.id} ({found.found_by})")
    say_aside(why)
    for difference in found.differences:
        if difference.required:
            _print_difference(difference)
    if found.made:
        line(_yaml(found.template))


def _print_difference(found: Difference) -> None:
    line(tr("{probe}, character {at}: here {ours}, there {theirs}", probe=found.probe, at=found.at, ours=found.ours,
            theirs=found.theirs))


def _yaml(template: Template) -> str:
    from tui.formats.presets import template_yaml

    return template_yaml(template).decode().rstrip()
