"""Prompt formats decoded before, in one file: a start need not parse a hundred YAML files to know one.

It is only a copy. A file that changed since, another version of the program or a damaged copy are read anew.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui import __version__
from tui.domain.errors import TraktirError
from tui.domain.template import Detection, ReasoningTags, Template, Trim
from tui.formats.files import write_atomic

_LIMIT = 16 * 2**20
_NESTED: Mapping[str, type[Any]] = {"trim": Trim, "reasoning": ReasoningTags, "detect": Detection}
_KINDS: tuple[type[Any], ...] = (Template, Trim, ReasoningTags, Detection)
_SHAPE = [__version__, *(f.name for kind in _KINDS for f in dataclasses.fields(kind))]


class DecodedTemplates:
    """Formats by file. Not for several threads at once; what cannot be read or written is left."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: dict[str, Any] | None = None
        self._new = False

    def get(self, path: Path) -> Template | None:
        """The format that `path` held when it was last decoded, if the file is still the same."""
        entry = self._entries().get(str(path))
        try:
            return _restored(entry[1]) if entry is not None and entry[0] == _stamp(path) else None
        except (OSError, TypeError, ValueError, KeyError, IndexError, AttributeError):
            return None

    def put(self, path: Path, template: Template) -> None:
        """Keep a format that was just decoded from `path`."""
        try:
            self._entries()[str(path)] = [_stamp(path), _plain(template)]
            self._new = True
        except OSError:
            return

    def save(self, wanted: set[Path]) -> None:
        """Write what is new, without files that are gone. A disk that refuses costs only time at the next start."""
        if not self._new:
            return
        self._new = False
        names = {str(path) for path in wanted}
        kept = self._kept = {name: entry for name, entry in self._entries().items() if name in names}
        try:
            self._file.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)    # may be the first of all folders
            data = json.dumps({"shape": _SHAPE, "files": kept}, ensure_ascii=False, separators=(",", ":"))
            write_atomic(self._file, data.encode())
        except (OSError, TraktirError, ValueError):
            return

    def _entries(self) -> dict[str, Any]:
        if self._kept is None:
            self._kept = self._read()
        return self._kept

    def _read(self) -> dict[str, Any]:
        try:
            if self._file.stat().st_size > _LIMIT:
                return {}
            data = json.loads(self._file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        files = data.get("files") if isinstance(data, dict) and data.get("shape") == _SHAPE else None
        return files if isinstance(files, dict) else {}


def _stamp(path: Path) -> list[int]:
    """What changes when a file is written or replaced, even by one of the same size and age."""
    status = path.stat()
    return [status.st_mtime_ns, status.st_size, status.st_ctime_ns]


def _plain(value: Any) -> dict[str, Any]:
    """The fields of a format that differ from their defaults."""
    out: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if item != default:
            out[field.name] = _plain(item) if dataclasses.is_dataclass(item) else item
    if "modes" in out:
        out["modes"] = {
            name: {k: _plain(v) if dataclasses.is_dataclass(v) else v for k, v in changes.items()}
            for name, changes in out["modes"].items()
        }
    return out


def _restored(fields: Mapping[str, Any]) -> Template:
    values = {name: _typed(name, value) for name, value in fields.items()}
    if "modes" in values:
        values["modes"] = {
            name: {k: _typed(k, v) for k, v in changes.items()} for name, changes in values["modes"].items()
        }
    return Template(**values)


def _typed(name: str, value: Any) -> Any:
    if name in _NESTED:
        inner = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        return _NESTED[name](**inner)
    return tuple(value) if isinstance(value, list) else value
