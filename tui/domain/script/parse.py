"""Scripts read into commands: `/name key=value text | /next`, closures in `{: :}`, comments in `/* */` and `//`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tui.domain.errors import BadInput
from tui.domain.notice import notice

#: Characters of a script, and closures within closures.
LONGEST_SCRIPT, DEEPEST = 100_000, 20

_NAME = re.compile(r"/(:?[^\s|{}]+|#)")
_KEY = re.compile(r"([A-Za-z][\w-]*)=")


@dataclass(frozen=True, slots=True)
class Closure:
    """Commands to be run later; `immediate` ones, `{: :}()`, are run where they stand."""

    commands: tuple[Command, ...]
    immediate: bool = False


Value = str | Closure


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `piped`: the result of the one before is its text where it has none (after `||` it is not)."""

    name: str
    named: tuple[tuple[str, Value], ...] = ()
    unnamed: tuple[Value, ...] = ()
    piped: bool = True


def parse_script(text: str) -> Closure:
    """The commands of a script. Raises BadInput that says where it is wrong."""
    if len(text) > LONGEST_SCRIPT:
        raise BadInput(notice("The script is longer than {n} characters.", n=LONGEST_SCRIPT))
    return _Parser(text).whole()


def names_in(closure: Closure) -> Iterator[str]:
    """The name of every command, those of inner closures too."""
    for command in closure.commands:
        yield command.name
        for value in (*(v for _, v in command.named), *command.unnamed):
            if isinstance(value, Closure):
                yield from names_in(value)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def whole(self) -> Closure:
        commands = self._commands()
        if self.at < len(self.text):
            raise self._wrong()
        return Closure(commands)

    def _wrong(self) -> BadInput:
        shown = self.text[self.at : self.at + 20].strip()
        return BadInput(notice("The script is wrong at character {at}: {what}", at=self.at + 1, what=shown or "…"))

    def _commands(self) -> tuple[Command, ...]:
        """Commands up to the end of the script or of the closure."""
        out: list[Command] = []
        piped = True
        while True:
            self._skip()
            if self.at >= len(self.text) or self.text.startswith(":}", self.at):
                return tuple(out)
            if self.text[self.at] == "|":
                twice = self.text.startswith("||", self.at)
                self.at += 2 if twice else 1
                piped = not twice
                continue
            if (command := self._command(piped)) is not None:
                out.append(command)
            piped = True

    def _skip(self) -> None:
        """White space and comments."""
        while self.at < len(self.text):
            if self.text[self.at].isspace():
                self.at += 1
            elif self.text.startswith("/*", self.at):
                end = self.text.find("*/", self.at + 2)
                self.at = len(self.text) if end < 0 else end + 2
            else:
                return

    def _command(self, piped: bool) -> Command | None:
        if self.text.startswith(("//", "/#"), self.at):
            while self.at < len(self.text) and self.text[self.at] != "|" and not self.text.startswith(":}", self.at):
                self.at += 1
            return None
        name = _NAME.match(self.text, self.at)
        if name is None:
            raise self._wrong()
        self.at = name.end()
        named: list[tuple[str, Value]] = []
        while True:
            self._skip()
            key = _KEY.match(self.text, self.at)
            if key is None:
                break
            self.at = key.end()
            named.append((key[1], self._argument()))
        return Command(name[1], tuple(named), self._unnamed(), piped)

    def _argument(self) -> Value:
        """The value of a named argument: a closure, a quoted text, or a word."""
        if self.text.startswith("{:", self.at):
            return self._closure()
        if self.text.startswith('"', self.at):
            return self._quoted()
        return self._plain(word=True)

    def _unnamed(self) -> tuple[Value, ...]:
        out: list[Value] = []
        while True:
            self._skip()
            if self.at >= len(self.text) or self.text[self.at] == "|" or self.text.startswith(":}", self.at):
                return tuple(out)
            if self.text.startswith("{:", self.at):
                out.append(self._closure())
            elif text := self._plain(word=False).strip():
                out.append(text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text)

    def _closure(self) -> Closure:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadInput("The script has too many closures within closures.")
        self.at += 2
        commands = self._commands()
        if not self.text.startswith(":}", self.at):
            raise self._wrong()
        self.at += 2
        self.depth -= 1
        immediate = self.text.startswith("()", self.at)
        self.at += 2 if immediate else 0
        return Closure(commands, immediate)

    def _quoted(self) -> str:
        out: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in ('"', "\\", "|", "{", "}"):
                out.append(self.text[self.at + 1])
                self.at += 2
            elif char == '"':
                self.at += 1
                return "".join(out)
            else:
                out.append(char)
                self.at += 1
        raise self._wrong()

    def _plain(self, *, word: bool) -> str:
        """Text up to `|`, the end of the closure, or (a word) white space; what stands in `{{ }}` is one piece."""
        out: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "|" or self.text.startswith((":}", "{:"), self.at) or (word and char.isspace()):
                break
            if out and out[-1].isspace() and self.text.startswith("/*", self.at):
                break
            end = self.text.find("}}", self.at) if self.text.startswith("{{", self.at) else -1
            if end >= 0:
                out.append(self.text[self.at : end + 2])
                self.at = end + 2
            elif char == "\\" and self.text[self.at + 1 : self.at + 2] in ("|", "{", "}", "\\", '"', "/"):
                out.append(self.text[self.at + 1])
                self.at += 2
            else:
                out.append(char)
                self.at += 1
        return "".join(out)
