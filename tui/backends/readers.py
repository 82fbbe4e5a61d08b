"""Which reader understands the answers on each wire, and how their streams are cut into events."""

from __future__ import annotations

from collections.abc import Mapping

from tui.backends import frames, ollama
from tui.backends.frames import Reader
from tui.backends.lines import LineParser
from tui.backends.sse import EventParser

READERS: Mapping[str, Reader] = {**frames.READERS, "ollama": ollama.read}

#: Wires on which each line is a document.
LINE_WIRES = frozenset({"ollama"})


def parser_for(wire: str) -> EventParser:
    return LineParser() if wire in LINE_WIRES else EventParser()
