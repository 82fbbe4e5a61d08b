"""`traktir models pull` and `traktir models remove`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.output import json_line, line, say_aside
from tui.domain.errors import Refused
from tui.domain.notice import notice
from tui.i18n import tr

if TYPE_CHECKING:
    from tui.engine.hub import Choice, Listing
    from tui.engine.transfer import Pace, Progress


def pull(args: argparse.Namespace) -> int:
    from tui.engine import hub
    from tui.engine.transfer import Pull

    repo, quant = hub.split_name(args.repo)
    say_aside(notice("Asking the hub for {repo}…", repo=repo))
    listing = hub.list_repository(repo)
    if not quant and len(listing.choices) > 1:
        return _show(listing, args)
    choice = hub.pick(listing, quant) if quant else listing.choices[0]
    choices = [choice]
    if args.mmproj:
        if not listing.projectors:
            raise Refused(notice("{repo} has no projector (mmproj).", repo=repo), "Leave --mmproj away.")
        choices.append(hub.Choice(listing.projectors[0].name, listing.projectors[:1]))
    paths = []
    for one in choices:
        told = _Told(args.json)
        try:
            paths.append(Pull(listing, one, args.to, told.progress).run())
        except KeyboardInterrupt:
            told.end()
            say_aside(notice("Stopped. What came is kept; the same command goes on from there."))
            return 130
        told.end()
    if args.json:
        json_line({"type": "pulled", "repo": repo, "quant": choice.label, "path": str(paths[0]), "size": choice.size,
                   "projector": str(paths[1]) if len(paths) > 1 else None})
    else:
        for path in paths:
            line(str(path))
    return 0


def _show(listing: Listing, args: argparse.Namespace) -> int:
    """The quantisations there are, with sizes and what fits."""
    from tui.engine.advice import size
    from tui.engine.room import look

    room = look()
    best = None
    for choice in listing.choices:
        fits = fits_here(choice, room.main, room.gpu)
        best = choice if fits and not choice.missing else best
        if args.json:
            json_line({"type": "choice", "repo": listing.repo, **choice_json(choice), "fits": fits})
            continue
        words = {True: tr("fits"), False: tr("too large for the memory here"), None: ""}[fits]
        parts = tr("{n} parts", n=len(choice.files)) if len(choice.files) > 1 else ""
        lost = tr("{file} is missing", file=choice.missing[0]) if choice.missing else ""
        line(f"{choice.label:16} {size(choice.size):>9}  " + ", ".join(w for w in (words, parts, lost) if w))
    if not args.json:
        shown = (best or listing.choices[0]).label
        say_aside(notice("Choose one: traktir models pull {name}", name=f"{listing.repo}:{shown}"))
    return 0


def fits_here(choice: Choice, main: int | None, gpu: int) -> bool | None:
    from tui.core.memory_fit import fits

    return None if main is None else fits(choice.size, max(main, gpu))


def choice_json(choice: Choice) -> dict[str, Any]:
    return {
        "quant": choice.label, "size": choice.size, "imatrix": choice.imatrix,
        "files": [file.path for file in choice.files], "missing": list(choice.missing),
    }


class _Told:
    """Progress on stderr: one line that is written over on a terminal, else a line every tenth. As JSON on stdout."""

    def __init__(self, as_json: bool) -> None:
        from tui.engine.transfer import Pace

        self._json = as_json
        self._over = sys.stderr.isatty() and not as_json
        self._pace: Pace = Pace()
        self._tenth = -1

    def progress(self, progress: Progress) -> None:
        if not self._pace.due(progress):
            return
        share = 100 * progress.done // progress.total if progress.total else 100
        if self._json:
            json_line({"type": "progress", "state": progress.state, "file": progress.file, "done": progress.done,
                       "total": progress.total, "speed": round(self._pace.speed)})
        elif self._over:
            print(f"\r\x1b[K{self._words(progress, share)}", end="", file=sys.stderr, flush=True)
        elif share // 10 != self._tenth:
            self._tenth = share // 10
            say_aside(self._words(progress, share))

    def _words(self, progress: Progress, share: int) -> str:
        from tui.engine.advice import size

        speed = self._pace.speed
        if progress.state == "checking":
            return f"{progress.file}  {share} %  " + tr("checking what came before")
        words = f"{progress.file}  {share} %  {size(progress.done)} / {size(progress.total)}"
        if speed > 0 and progress.state == "loading":
            left = int((progress.total - progress.done) / speed)
            words += f"  {size(int(speed))}/s  {left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
        return words

    def end(self) -> None:
        if self._over:
            print(file=sys.stderr)


def remove(args: argparse.Namespace) -> int:
    """Exit status 1 where nothing was removed for want of --yes."""
    from tui.engine.advice import size
    from tui.engine.removing import plan_removal

    going = plan_removal(Path(args.file))
    if args.json:
        json_line({"type": "removal", "files": [str(path) for path in going.files], "size": going.size,
                   "removed": args.yes})
    else:
        for path in going.files:
            line(str(path))
    if not args.yes:
        say_aside(notice(
            "This deletes {count} files, {size}, and cannot be undone; only a new download brings them back. Say --yes"
            " to do it.", count=len(going.files), size=size(going.size),
        ))
        return 1
    going.run()
    say_aside(notice("Deleted: {size} are free again.", size=size(going.size)))
    return 0
