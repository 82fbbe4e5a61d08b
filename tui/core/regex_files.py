"""Regex scripts where they are kept: files in the folder `regex` of the configuration, and cards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tui.core.settings import Settings
from tui.domain.card import Card
from tui.domain.errors import BadInput, NotFound, TraktirError
from tui.domain.notice import Notice, notice
from tui.domain.regex_scripts import RegexScript, read_scripts
from tui.formats.files import PRESET_LIMIT, read_bounded, safe_id, shown_name, write_atomic
from tui.formats.jsontext import parse_json
from tui.formats.yaml_read import read_yaml

_SUFFIXES = (".json", ".yaml", ".yml")
#: Files that are looked at.
_MOST_FILES = 1_000


@dataclass(frozen=True, slots=True)
class _Seen:
    stamp: tuple[int, int]
    scripts: tuple[RegexScript, ...]
    problem: Notice | None


class RegexFiles:
    """Reads files again when they change. May be used from threads, one at a time."""

    def __init__(self, config: Path, settings: Settings) -> None:
        self.folder = config / "regex"
        self._settings = settings
        self._seen: dict[Path, _Seen] = {}

    def everywhere(self) -> tuple[RegexScript, ...]:
        """The scripts of files, by the files' names, switched as the person has them."""
        return tuple(self._switched(s) for seen in self._files().values() for s in seen.scripts)

    def problems(self) -> list[Notice]:
        return [seen.problem for seen in self._files().values() if seen.problem is not None]

    def of_card(self, character: str, card: Card) -> tuple[RegexScript, ...]:
        """The scripts that a card brings, whether they may run or not."""
        value = _extension(card)
        return tuple(self._switched(s) for s in read_scripts(value, f"{character}:")) if value else ()

    def allowed(self, character: str, card: Card) -> bool:
        """Whether the person has let the scripts of a card run, as they now are: one with others asks anew."""
        value = _extension(card)
        return bool(value) and self._settings.get("regex_allowed").get(character) == _digest(value)

    def allowances(self) -> Mapping[str, str]:
        """The characters whose scripts may run, with what these were when that was said."""
        allowed: Mapping[str, str] = self._settings.get("regex_allowed")
        return allowed

    def allow(self, character: str, card: Card, value: bool) -> None:
        """Let a card's scripts run, or no more. Raises StoreError."""
        allowed = {k: v for k, v in self._settings.get("regex_allowed").items() if k != character}
        scripts = _extension(card)
        if value and scripts:
            allowed[character] = _digest(scripts)
        self._settings.set("regex_allowed", allowed)

    def switch(self, script: RegexScript, value: bool) -> None:
        """Let a script run, or no more, whatever its file says. Raises StoreError."""
        switched = dict(self._settings.get("regex_switched"))
        switched[script.id] = "on" if value else "off"
        self._settings.set("regex_switched", switched)

    def _switched(self, script: RegexScript) -> RegexScript:
        wanted = self._settings.get("regex_switched").get(script.id)
        return script if wanted is None else replace(script, disabled=wanted == "off")

    def _files(self) -> dict[Path, _Seen]:
        """All files, read where they changed."""
        present: dict[Path, _Seen] = {}
        try:
            paths = sorted(p for p in self.folder.iterdir() if p.suffix.lower() in _SUFFIXES)[:_MOST_FILES]
        except OSError:
            paths = []
        for path in paths:
            try:
                status = path.stat()
            except OSError:
                continue
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._seen.get(path)
            present[path] = known if known is not None and known.stamp == stamp else _read(path, stamp)
        self._seen = present
        return present


def read_regex(data: bytes, name: str) -> tuple[RegexScript, ...]:
    """The scripts of a file, SillyTavern's JSON or YAML. Raises BadInput where it holds none."""
    shown = shown_name(name)
    yaml = shown.lower().endswith((".yaml", ".yml"))
    value = read_yaml(data, shown).value if yaml else parse_json(data, shown, PRESET_LIMIT).value
    found = read_scripts(value, Path(name).stem)
    if not found:
        raise BadInput(
            notice("{file} holds no regex script.", file=shown),
            "A script has findRegex and replaceString; a file holds one, or a list.", file=shown,
        )
    return found


def keep_scripts(folder: Path, name: str, data: bytes) -> tuple[Path, tuple[RegexScript, ...]]:
    """Write a file of scripts into `folder`, beside others of that name. Raises BadInput where it holds none,
    StoreError."""
    found = read_regex(data, name)
    suffix = Path(name).suffix.lower()
    stem, suffix = safe_id(Path(name).stem, data), suffix if suffix in _SUFFIXES else ".json"
    path, number = folder / (stem + suffix), 1
    while path.exists() and path.read_bytes() != data:
        number += 1
        path = folder / f"{stem}-{number}{suffix}"
    write_atomic(path, data)
    return path, found


def named(scripts: tuple[RegexScript, ...], word: str) -> RegexScript:
    """The script of that id or name. Raises NotFound."""
    for script in scripts:
        if word in (script.id, script.name):
            return script
    for script in scripts:
        if script.name.casefold() == word.casefold():
            return script
    raise NotFound(notice("There is no regex script called {name}.", name=word[:60]))


def _read(path: Path, stamp: tuple[int, int]) -> _Seen:
    try:
        return _Seen(stamp, read_regex(read_bounded(path, PRESET_LIMIT), path.name), None)
    except TraktirError as error:
        return _Seen(stamp, (), error.what)


def _extension(card: Card) -> Any:
    data = card.raw.get("data")
    extensions = data.get("extensions") if isinstance(data, Mapping) else None
    return extensions.get("regex_scripts") if isinstance(extensions, Mapping) else None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]
