"""Memory of the terminal's process with a chat of 5,000 messages: opened, after its first and again its last message.

Run: python tests/bench/bench_memory.py [--pages]; with --pages it gets there page by page, so that every message was
drawn, instead of with Home and End.
"""

from __future__ import annotations

import argparse

from bench_stage import FIRST, LAST, TRAKTIR, Terminal, home, long_chat, memory_mb

_UP, _DOWN, _HOME, _END, _ESCAPE = "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1b"


def _turn_pages(terminal: Terminal, key: str, wanted: str) -> int:
    """Press a key until `wanted` is on the screen; how often that was."""
    for page in range(1, 5000):
        terminal.type(key)
        if wanted.encode() in terminal.collect():
            return page
    raise SystemExit(f"{wanted} was not found")


def _tell(where: str, terminal: Terminal) -> None:
    rss, pss = memory_mb(terminal.process.pid)
    print(f"{where}: {rss:.1f} MB resident" + (f", {pss:.1f} MB proportional" if pss is not None else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", action="store_true", help="page by page")
    options = parser.parse_args()
    with home() as env:
        long_chat(env)
        terminal = Terminal(TRAKTIR, env)
        terminal.wait(LAST)
        terminal.quiet(1.0)
        _tell("opened", terminal)
        terminal.type(_ESCAPE)
        terminal.quiet(0.5)
        ways = (("the first message", _UP, _HOME, FIRST), ("the last again", _DOWN, _END, LAST))
        for name, page, key, wanted in ways:
            if options.pages:
                print(f"{_turn_pages(terminal, page, wanted)} pages")
            else:
                terminal.type(key)
                terminal.wait(wanted)
            terminal.quiet(0.5)
            _tell(name, terminal)
        terminal.close()


if __name__ == "__main__":
    main()
