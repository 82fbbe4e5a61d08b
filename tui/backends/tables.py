"""The tables of all servers: the files that ship, and the user's own of the same name over them.

A person's file is read again when it changes; while it is broken, the last good one counts and the fault is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tui import paths, resources
from tui.backends.knobs import Table
from tui.backends.tablefile import Values, laid_over, read_values, table_of
from tui.domain.cleantext import clean_line
from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice

FOLDER = "servers"


class Tables(Mapping[str, Table]):
    """The tables by name."""

    def __init__(self) -> None:
        self._shipped: dict[str, Values] = {}
        self._read: dict[Path, tuple[tuple[int, int], Table]] = {}
        self._plain: dict[str, Table] = {}
        self._problems: dict[Path, Notice] = {}
        self._chosen: dict[tuple[str, str], str] = {}
        self._all: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Table:
        if name not in self._names():
            raise KeyError(name)
        own = self.own_folder() / f"{name}.yaml"
        try:
            stat = own.stat()
        except OSError:
            self._forget(own)
            return self._plain_table(name)
        stamp = (stat.st_mtime_ns, stat.st_size)
        known = self._read.get(own)
        if known is None or known[0] != stamp:
            known = self._read[own] = (stamp, self._merged(name, own, known[1] if known else None))
        return known[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    @staticmethod
    def own_folder() -> Path:
        return paths.config_dir() / "presets" / FOLDER

    def choose(self, dialect: str, host: str) -> Table:
        """The table of a server of that kind at that host: some public services have one of their own."""
        if (dialect, host) not in self._chosen:
            self._chosen[dialect, host] = next((name for name in self if self._is_for(name, dialect, host)), dialect)
        return self[self._chosen[dialect, host]]

    def _is_for(self, name: str, dialect: str, host: str) -> bool:
        if not host or host.encode("utf-8", "replace") not in _file(name).read_bytes():   # far quicker than YAML
            return False
        shipped = self._values(name)
        return shipped.get("dialect") == dialect and host in shipped.get("hosts", ())

    def problems(self) -> list[Notice]:
        """What is wrong with the user's own files, all of them looked at."""
        folder = self.own_folder()
        try:
            found = sorted(p for p in folder.iterdir() if p.suffix in (".yaml", ".yml"))
        except OSError:
            return []
        out: list[Notice] = []
        for path in found:
            if path.suffix == ".yaml" and path.stem in self._names():
                self[path.stem]
                if (problem := self._problems.get(path)) is not None:
                    out.append(problem)
            else:
                out.append(notice(
                    "{file} belongs to no kind of server. There are: {names}.", file=clean_line(path.name, 80),
                    names=", ".join(self._names())))
        return out

    def _merged(self, name: str, own: Path, last: Table | None) -> Table:
        self._problems.pop(own, None)
        try:
            return table_of(name, laid_over(self._values(name), read_values(own.read_bytes(), own.name)))
        except BadInput as error:
            self._problems[own] = error.what
        except OSError as error:
            self._problems[own] = notice(
                "{file} cannot be read ({reason}); the last good values stay.", file=own.name,
                reason=error.strerror or type(error).__name__)
        return last or self._plain_table(name)

    def _forget(self, own: Path) -> None:
        self._read.pop(own, None)
        self._problems.pop(own, None)

    def _plain_table(self, name: str) -> Table:
        if name not in self._plain:
            self._plain[name] = table_of(name, self._values(name))
        return self._plain[name]

    def _values(self, name: str) -> Values:
        if name not in self._shipped:
            self._shipped[name] = read_values(_file(name).read_bytes(), f"{name}.yaml")
        return self._shipped[name]

    def _names(self) -> tuple[str, ...]:
        if not self._all:
            self._all = tuple(sorted(p.stem for p in (resources.presets_dir() / FOLDER).glob("*.yaml")))
        return self._all


def _file(name: str) -> Path:
    return resources.presets_dir() / FOLDER / f"{name}.yaml"


TABLES = Tables()
