"""The command line: argument parsing, one module a subcommand, imported only when it is called.

Exit status: 0 done, 1 it failed (one line on stderr), 2 the call's words are off.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence

#: Subcommand → (module, one line of help). A module has `add_arguments(parser)` and `run(args) -> int`.
COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("serve", "run the core in the foreground"),
    "status": ("status", "what runs, which model, who is attached"),
    "stop": ("stop", "end the core cleanly"),
    "say": ("say", "one turn without the terminal UI; the reply streams to stdout"),
    "chats": ("chats", "list, show, set, search, export, delete and undo chats"),
    "memory": ("memory", "what a chat remembers: facts, summaries, chapters, documents; what would be recalled"),
    "import": ("importing", "take in cards, lorebooks, chats and presets"),
    "export": ("exporting", "write a card, lorebook, chat or preset to a file"),
    "backup": ("backup", "write the whole home, or one chat, to one file; list the copies there are"),
    "restore": ("restore", "bring back a backup, or one chat out of it"),
    "characters": ("characters", "list, show and check characters"),
    "lorebooks": ("lorebooks", "list, show and check lorebooks"),
    "presets": ("presets", "list, show and check templates, samplers and prompts"),
    "profiles": ("profiles", "list, show, check and use profiles"),
    "templates": ("templates", "list, show, check and detect prompt formats"),
    "prompt": ("prompt", "render a prompt, or show the plan of a chat's next turn"),
    "lore": ("lore", "try which lorebook entries fire"),
    "regex": ("regex", "list regex scripts, and try them on a text"),
    "models": ("models", "find model files, say what is in one and what fits, download and delete"),
    "embed": ("embed", "turn texts into vectors, by a GGUF file or a server"),
    "tokens": ("tokens", "count the tokens of a text for a model file or a chat, and show them"),
    "probe": ("probe", "find out which backend answers at an address"),
    "bench": ("bench", "measure this machine: the embedded engine, and what the program itself costs"),
    "doctor": ("doctor", "check the installation, the terminal, the store and the model"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if hasattr(os, "umask"):
        os.umask(0o077)                            # chats, keys, exports: nobody else reads what the program writes
    _fill_closed_streams()
    _use_utf8()
    name = words[0] if words and words[0] in COMMANDS else None
    module_name = COMMANDS[name][0] if name else "opening"
    module = importlib.import_module(f"tui.cli.{module_name}")
    parser = _parser(name)
    module.add_arguments(parser)
    if name is None and words and not words[0].startswith("-"):
        near = difflib.get_close_matches(words[0], COMMANDS, 1)
        parser.error(f"there is no command {words[0]!r}" + (f"; did you mean {near[0]}?" if near else ""))
    args = parser.parse_args(words[1:] if name else words)
    from tui.cli.output import guarded

    return guarded(module.run, args)


def _parser(name: str | None) -> argparse.ArgumentParser:
    if name:
        return argparse.ArgumentParser(prog=f"traktir {name}", description=COMMANDS[name][1])
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {n:{width}}  {text}" for n, (_, text) in COMMANDS.items())
    return argparse.ArgumentParser(
        prog="traktir", description="Roleplay with language models, in the terminal.",
        epilog=f"commands:\n{listing}\n\ntraktir COMMAND --help says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _fill_closed_streams() -> None:
    """A standard stream that was closed becomes the null device: the next file that is opened, the store perhaps, would
    else get its number and whatever a library prints."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", encoding="utf-8"))
            try:
                os.fstat(number)
            except OSError:
                os.dup2(opened, number)


def _use_utf8() -> None:
    """UTF-8 in and out whatever the locale."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
