"""Options that several commands share, with nothing imported that takes time."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_connect(parser: argparse.ArgumentParser) -> None:
    """The options that say which core is meant."""
    parser.add_argument("--connect", metavar="URL", help="a core elsewhere (token: --token-file or TRAKTIR_TOKEN)")
    parser.add_argument("--token-file", metavar="F", type=Path)
    parser.add_argument("--standalone", action="store_true", help="run the core inside this process")
