"""Memory of the terminal's process with a chat of 5,000 messages, page by page to its first and again to its last
message, so that every message was drawn. (`traktir bench chat` goes there at once, with Home and End.)

Run: python tests/bench/bench_memory.py [--messages 5000]
"""

from __future__ import annotations

import argparse

from tui.bench.processes import memory_mb
from tui.bench.stage import TRAKTIR, own_home
from tui.bench.terminal import Terminal
from tui.bench.texts import FIRST, LAST

_UP, _DOWN, _ESCAPE = "\x1b[5~", "\x1b[6~", "\x1b"


def turn_pages(terminal: Terminal, key: str, wanted: str) -> int:
    """Press a key until `wanted` is on the screen; how often that was."""
    for page in range(1, 50_000):
        terminal.type(key)
        if wanted.encode() in terminal.collect():
            return page
    raise SystemExit(f"{wanted} was not found")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    messages = parser.parse_args().messages
    with own_home() as stage:
        chat = stage.chat(messages)
        with Terminal([*TRAKTIR, "--chat", chat], stage.env) as terminal:
            terminal.wait(LAST.format(count=messages))
            terminal.quiet(1.0)
            print(f"opened: {memory_mb(terminal.pid):.1f} MB")
            terminal.type(_ESCAPE)
            terminal.quiet(0.5)
            for name, key, wanted in (("the first message", _UP, FIRST), ("the last again", _DOWN, LAST)):
                pages = turn_pages(terminal, key, wanted.format(count=messages))
                terminal.quiet(0.5)
                print(f"{name}, {pages} pages: {memory_mb(terminal.pid):.1f} MB")


if __name__ == "__main__":
    main()
