"""Inside the helper process: chat templates as Hugging Face writes them, in Jinja's strictest environment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox
from jinja2.exceptions import SecurityError

from tui.domain.clock import format_date
from tui.sandbox.worker import Alarm, Overrun

#: The most text that a template may write, in characters, beyond four times what it was given.
OUTPUT = 2**20
#: A text or list longer than this, or a number of more bits, is not multiplied into being.
_PRODUCT = 2**20
_WIDTH = re.compile(r"%[^a-zA-Z%]{0,20}?(\d{6,}|\*)")
_NAME = "<template>"
_KEPT = 8


class TooMuchOutput(Exception):
    """The template writes without end."""


class Generation(jinja2.ext.Extension):
    """`{% generation %}` marks what a model wrote, for training; here it is only what stands in it."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Environment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Jinja's own sandbox, and no arithmetic that makes much of little."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            self._check(_length(left) * _times(right), _length(right) * _times(left))
        elif operator == "**" and isinstance(left, int) and isinstance(right, int):
            self._check(left.bit_length() * abs(right))
        elif operator == "%" and isinstance(left, str) and _WIDTH.search(left):
            raise MemoryError
        return super().call_binop(context, operator, left, right)

    @staticmethod
    def _check(*sizes: int) -> None:
        if max(sizes) > _PRODUCT:
            raise MemoryError


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, bytes, list, tuple)) else 0


def _times(value: Any) -> int:
    return abs(value) if isinstance(value, int) else 0


class TemplateRunner:
    """Renders conversations; every one is answered by its text or by why there is none."""

    def __init__(self, alarm: Alarm, answer: Callable[[dict[str, Any]], None]) -> None:
        self._alarm = alarm
        self._answer = answer
        self._environment = Environment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation], cache_size=0,
        )
        self._environment.filters["tojson"] = _tojson
        self._environment.globals["raise_exception"] = _raise
        self._compiled: dict[str, jinja2.Template] = {}

    def run(self, request: dict[str, Any]) -> None:
        for conversation in request["conversations"]:
            self._answer(self._one(request["template"], conversation, request["each"]))

    def _one(self, source: str, conversation: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        try:
            return {"text": self._alarm.within(seconds, lambda: self._render(source, conversation))}
        except Overrun:
            return {"refused": ["time"]}
        except MemoryError:
            self._compiled.clear()
            return {"refused": ["memory"]}
        except TooMuchOutput:
            return {"refused": ["output"]}
        except jinja2.TemplateSyntaxError as error:
            return {"refused": ["syntax", error.message or "", error.lineno]}
        except SecurityError as error:
            return {"refused": ["security", str(error), _line(error)]}
        except Refused as error:
            return {"refused": ["raised", str(error), _line(error)]}
        except Exception as error:                          # whatever a template brings about is its own failure
            return {"refused": ["failed", f"{type(error).__name__}: {error}"[:2_000], _line(error)]}

    def _render(self, source: str, conversation: Mapping[str, Any]) -> str:
        template = self._compiled.get(source)
        if template is None:
            if len(self._compiled) >= _KEPT:
                self._compiled.clear()
            template = self._compiled[source] = self._environment.from_string(source)
        values = dict(conversation)
        clock = str(values.pop("clock", ""))
        room = OUTPUT + 4 * sum(len(str(m.get("content"))) for m in values.get("messages", ()))
        parts: list[str] = []
        for part in template.generate(**values, strftime_now=lambda form: format_date(str(form), clock)):
            room -= len(part)
            if room < 0:
                raise TooMuchOutput
            parts.append(part)
        return "".join(parts)


class Refused(jinja2.TemplateError):
    """What `raise_exception` raises."""


def _raise(message: object = "") -> None:
    raise Refused(str(message)[:2_000])


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent,
        separators=tuple(separators) if separators else None, sort_keys=sort_keys,
    )


def _line(error: BaseException) -> int:
    """The line of the template that an error came from; 0 if it tells none."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
