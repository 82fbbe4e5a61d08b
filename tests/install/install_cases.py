"""Environments in which the installed program is tried: locales, terminals, homes, windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """`change` changes the environment of an ordinary terminal (None takes a variable away; `{home}` is the folder of
    the case). `homes` says that the folders of HOME are used rather than TRAKTIR_HOME, and `config` where the
    configuration then lies. `refused`: nothing can be kept there, doctor calls it a problem, and commands and the
    terminal say so with these words. `size` is that of the terminal; `shows`: a reply can be read in it."""

    name: str
    change: Mapping[str, str | None] = field(default_factory=dict)
    homes: bool = False
    config: str = ".config/traktir"
    refused: str = ""
    shows: bool = True
    size: tuple[int, int] = (100, 30)
    standalone: bool = False
    quick: bool = False


#: `quick` ones are tried with every run of the tests, the others by hand (`python tests/install/matrix.py`).
CASES: tuple[Case, ...] = (
    Case("Cyrillic home and TMPDIR", {"TMPDIR": "{home}/врем енно"}),
    Case("core in the terminal's process", standalone=True),
    Case("LANG=C", {"LC_ALL": None, "LANG": "C"}),
    Case("LC_ALL=C", {"LC_ALL": "C"}),
    Case("LC_ALL=POSIX", {"LC_ALL": "POSIX"}),
    Case("no locale variables", {"LC_ALL": None, "LANG": None}),
    Case("LC_ALL=C, PYTHONUTF8=0", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, quick=True),
    Case("LC_ALL=ru_RU.KOI8-R", {"LC_ALL": "ru_RU.KOI8-R"}),
    Case("LC_ALL=ru_RU.CP1251, PYTHONUTF8=0", {"LC_ALL": "ru_RU.CP1251", "PYTHONUTF8": "0"}),
    Case("PYTHONIOENCODING=ascii", {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}),
    Case("TERM=dumb", {"TERM": "dumb", "COLORTERM": None}, quick=True),
    Case("TERM unset", {"TERM": None, "COLORTERM": None}),
    Case("TERM=nonsense", {"TERM": "nonsense-42"}),
    Case("TERM=xterm", {"TERM": "xterm", "COLORTERM": None}),
    Case("TERM=tmux", {"TERM": "tmux"}),
    Case("TERM=screen", {"TERM": "screen", "COLORTERM": None}),
    Case("TERM=linux", {"TERM": "linux", "COLORTERM": None}),
    Case("NO_COLOR", {"NO_COLOR": "1"}),
    Case("48×18", size=(48, 18)),
    Case("20×5", size=(20, 5), quick=True),
    Case("HOME alone", homes=True, quick=True),
    Case("HOME unset", {"HOME": None, "XDG_CONFIG_HOME": "{home}/c", "XDG_DATA_HOME": "{home}/d"}, homes=True,
         config="c/traktir"),
    Case("HOME not there yet", {"HOME": "{home}/нет/ещё"}, homes=True, config="нет/ещё/.config/traktir"),
    Case("XDG relative", {"XDG_CONFIG_HOME": "c", "XDG_DATA_HOME": "./d"}, homes=True),
    Case("XDG with spaces", {"XDG_CONFIG_HOME": "{home}/к онф", "XDG_DATA_HOME": "{home}/д ата"}, homes=True,
         config="к онф/traktir"),
    Case("XDG empty", {"XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}, homes=True),
    Case("TMPDIR not there", {"TMPDIR": "/proc/1/gone"}, refused="TMPDIR", quick=True),
    Case("home that cannot be written", {"TRAKTIR_HOME": "/proc/1/none"}, refused="/proc/1/none"),
    Case("20×1", size=(20, 1), shows=False),
    Case("1×1", size=(1, 1), shows=False, quick=True),
    Case("0×0", size=(0, 0), shows=False),
    Case("TMPDIR too long", {"TMPDIR": "{home}/" + "т" * 60}),
    Case("HOME that cannot be", {"HOME": "/proc/1/none", "TRAKTIR_HOME": "{home}/own"}, config="../own/config"),
)


def environment(case: Case, folder: Path) -> dict[str, str]:
    """The whole environment of a case whose files lie in `folder`."""
    ordinary: dict[str, str | None] = {
        "HOME": str(folder), "TRAKTIR_HOME": None if case.homes else str(folder / "трактир мой"),
        "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor",
    }
    changed = {n: v if v is None else v.replace("{home}", str(folder)) for n, v in case.change.items()}
    return {name: value for name, value in (ordinary | changed).items() if value is not None}


def config_of(case: Case, folder: Path) -> Path:
    """Where the configuration of the case lies."""
    env = environment(case, folder)
    return folder / case.config if case.homes else Path(env["TRAKTIR_HOME"]) / "config"
