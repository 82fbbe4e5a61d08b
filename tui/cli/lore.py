"""`traktir lore test`: which entries fire, and why the others do not."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tui.cli.output import add_json, json_line, line, say_aside, sentence
from tui.domain.backend import estimate_tokens
from tui.domain.errors import BadInput
from tui.domain.lore import SILLYTAVERN_LORE, LoreSettings, LoreSource, TurnKind
from tui.domain.notice import Notice, notice
from tui.domain.prompt.types import LoreHit
from tui.i18n import tr

if TYPE_CHECKING:
    from tui.domain.card import Card
    from tui.domain.lore_scan import LoreScan, ScanSettings
    from tui.domain.macro_context import MacroContext
    from tui.sandbox import Sandbox


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    test = verbs.add_parser("test", help="scan messages or a text with the books given")
    test.add_argument("--book", required=True, action="extend", nargs="+", type=Path, metavar="FILE")
    source = test.add_mutually_exclusive_group(required=True)
    source.add_argument("--messages", metavar="FILE")
    source.add_argument("--text")
    test.add_argument(
        "--context", type=int, default=8192, metavar="TOKENS", help="the window that the budget is a share of"
    )
    test.add_argument("--all", action="store_true", help="those that do not fire, too")
    _add_settings(test)
    _add_turn(test)
    add_json(test)


def _add_settings(test: argparse.ArgumentParser) -> None:
    test.add_argument("--sillytavern", action="store_true", help="scan exactly as SillyTavern does")
    test.add_argument("--settings", type=Path, metavar="FILE", help="World Info settings of a SillyTavern, as JSON")
    test.add_argument("--depth", type=int, metavar="N", help="look through the last N messages")
    test.add_argument("--budget", type=int, metavar="TOKENS", help="for all entries together")
    test.add_argument("--min-activations", type=int, metavar="N", help="go further back until N entries fired")
    test.add_argument("--max-steps", type=int, metavar="N", help="passes at most, the first one counted")
    for name, text in (
        ("--recursion", "entries make others fire, whatever the book says"),
        ("--whole-words", "keys are whole words, where the entry does not say"),
        ("--stem", "keys match other forms of their words, where neither entry nor book says"),
    ):
        test.add_argument(name, action=argparse.BooleanOptionalAction, default=None, help=text)


def _add_turn(test: argparse.ArgumentParser) -> None:
    test.add_argument("--seed", type=int, default=0, metavar="N", help="decides all chances")
    test.add_argument("--kind", choices=get_args(TurnKind), default="normal", help="what kind of reply is asked for")
    test.add_argument("--card", type=Path, metavar="FILE", help="the speaking character, for filters and further texts")
    test.add_argument("--user", default="User", metavar="NAME", help="the person's name, for macros")
    test.add_argument("--persona", default="", metavar="TEXT", help="the person's description")
    test.add_argument(
        "--source", action="append", default=[], metavar="BOOK=KIND",
        help="where a book comes from: chat, persona, character or global",
    )


def run(args: argparse.Namespace) -> int:
    from tui.cli.prompt import _messages
    from tui.domain.macro_context import MacroContext
    from tui.formats.files import read_bounded
    from tui.formats.lore_read import read_lorebook

    books = [read_lorebook(read_bounded(path), path.name) for path in args.book]
    settings = _settings(args)
    said = [("", args.text)] if args.text is not None else [(m.name, m.content) for m in _messages(args.messages)]
    names = settings.lore.include_names
    texts = [f"{name}: {text}" if name and names else text for name, text in said]
    scanned = _scan(books, texts, settings, MacroContext(
        args.user, settings.characters[1] if settings.characters else "Character", args.persona, seed=args.seed,
    ))
    _show(scanned, args)
    return 0


def _scan(books: Sequence[Any], texts: Sequence[str], settings: ScanSettings, names: MacroContext) -> LoreScan:
    from tui.core.stems import stem_word
    from tui.domain.lore_index import IndexedFinder
    from tui.domain.lore_scan import scan_lore
    from tui.domain.macros import expand
    from tui.sandbox import Sandbox

    sandbox = Sandbox()
    try:
        finder = IndexedFinder(_matcher(sandbox), stem_word)
        return scan_lore(
            books, texts, estimate_tokens, settings=settings, finder=finder,
            resolve=lambda text, place: expand(text, replace(names, place=place)),
        )
    finally:
        sandbox.close()


def _matcher(sandbox: Sandbox) -> Callable[[Sequence[tuple[str, str]]], list[bool | Notice]]:
    """Patterns are tried in a process of their own, with limits."""
    def match(jobs: Sequence[tuple[str, str]]) -> list[bool | Notice]:
        return [answer if isinstance(answer, bool) else answer.why for answer in sandbox.search(jobs)]

    return match


def _settings(args: argparse.Namespace) -> ScanSettings:
    from tui.domain.lore_scan import ScanSettings, lore_budget

    lore = _lore(args)
    card = _card(args.card) if args.card else None
    budget = lore_budget(lore, args.context) if args.budget is None else args.budget
    settings = ScanSettings(
        lore, budget, exact=args.sillytavern, seed=args.seed, kind=args.kind, sources=dict(map(_source, args.source)),
        fields={"persona": args.persona},
    )
    if card is None:
        return settings
    return replace(
        settings, characters=(card.name, card.display_name, args.card.stem), tags=card.tags or None,
        fields={
            "persona": args.persona, "description": card.description, "personality": card.personality,
            "scenario": card.scenario, "character_note": card.depth_prompt, "creator_notes": card.creator_notes,
        },
    )


def _lore(args: argparse.Namespace) -> LoreSettings:
    from tui.formats.lore_settings import lore_settings

    lore = SILLYTAVERN_LORE if args.sillytavern else LoreSettings()
    if args.settings:
        lore = lore_settings(_object(args.settings))
    chosen = {
        "scan_depth": args.depth, "min_activations": args.min_activations, "max_recursion_steps": args.max_steps,
        "recursive": args.recursion, "whole_words": args.whole_words, "stem": args.stem,
        "book_recursion": None if args.recursion is None else False,
    }
    return replace(lore, **{name: value for name, value in chosen.items() if value is not None})


def _object(path: Path) -> dict[str, Any]:
    from tui.cli.templates import read_text

    try:
        data = json.loads(read_text(path, 16 << 20))
    except (ValueError, RecursionError) as error:
        at = getattr(error, "lineno", "?")
        raise BadInput(notice("{file} is not JSON (line {line}).", file=path.name, line=at), file=path.name) from None
    return data if isinstance(data, dict) else {}


def _card(path: Path) -> Card:
    from tui.formats.card_read import read_card
    from tui.formats.files import read_bounded

    return read_card(read_bounded(path), path.name).card


def _source(text: str) -> tuple[str, LoreSource]:
    book, _, kind = text.rpartition("=")
    for known in get_args(LoreSource):
        if book and kind == known:
            return book, known
    raise BadInput(
        notice("{text} does not say where a book comes from.", text=text),
        "Write the book's id and one of chat, persona, character or global, as in eldoria=chat.",
    )


def _show(scanned: LoreScan, args: argparse.Namespace) -> None:
    places = _places(scanned)
    if args.json:
        for hit in scanned.hits:
            data = hit.to_json()
            place = places.get((hit.book, hit.uid)) if hit.fired else None
            json_line({"type": "entry", **data, "why": sentence(data["why"]) or None, "place": place})
    else:
        for hit in sorted(scanned.active, key=lambda h: places[h.book, h.uid]):
            _print(hit)
        for hit in scanned.hits if args.all else ():
            if not hit.fired:
                _print(hit)
    for told in scanned.notices:
        say_aside(told)


def _places(scanned: LoreScan) -> dict[tuple[str, str], int]:
    """The order in which entries stand in the prompt, place by place, from 1."""
    from tui.domain.lore_output import lore_output

    out = lore_output(scanned.active)
    rows = [*out.before, *out.after, *out.examples, *out.note_top, *out.note_bottom]
    rows += [hit for group in sorted(out.depth, key=lambda g: -g.depth) for hit in group.hits]
    rows += [hit for hits in out.outlets.values() for hit in hits]
    placed = {(hit.book, hit.uid) for hit in rows}
    rows += [hit for hit in scanned.active if (hit.book, hit.uid) not in placed]
    return {(hit.book, hit.uid): number for number, hit in enumerate(rows, 1)}


def _print(hit: LoreHit) -> None:
    mark = "*" if hit.fired else " "
    place = hit.position + (f" {hit.depth} {hit.role}" if hit.position == "at_depth" else f" {hit.outlet}".rstrip())
    line(f"{mark} {hit.book}/{hit.uid} {hit.comment}".rstrip())
    line(f"    {place}  " + tr("order {order}, {tokens} tokens", order=hit.order, tokens=hit.tokens))
    for text in _trace(hit):
        line(f"    {text}")


def _trace(hit: LoreHit) -> list[str]:
    out = []
    if hit.key and hit.message is not None:
        out.append(tr("[{key}] in message {number}: {text}", key=hit.key, number=hit.message, text=hit.snippet))
    elif hit.key and hit.parent:
        out.append(tr("[{key}] in entry {entry}: {text}", key=hit.key, entry=hit.parent, text=hit.snippet))
    elif hit.key:
        out.append(f"[{hit.key}] {hit.snippet}".rstrip())
    elif hit.fired:
        out.append(tr("It needs no key."))
    if hit.dice is not None:
        out.append(tr("The dice fell on {number} of 100.", number=hit.dice))
    if hit.group:
        out.append(tr("Group {group}", group=hit.group))
    for name, left in hit.timers.items():
        out.append(tr("{name}: {count} more messages", name=name, count=left))
    if hit.dropped_by:
        out.append(tr("Left out by a budget: {name}", name=hit.dropped_by))
    if hit.why is not None:
        out.append(sentence(hit.why.to_json()))
    return out
