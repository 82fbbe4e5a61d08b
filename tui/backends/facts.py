"""What the readers of all kinds of servers share: fields of Capabilities out of the answers of strangers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from tui.backends.http import Answer
from tui.domain.cleantext import clean_line

NAME_LIMIT = 120
MODELS_LIMIT = 500
TEMPLATE_LIMIT = 200_000
PATH_LIMIT = 4096

Get = Callable[[str], Awaitable[Answer]]
Facts = dict[str, Any]
"""Fields of Capabilities found so far."""


def base_name(path: Any) -> str:
    """A model's name: of a path only the last part, without .gguf."""
    whole_path = path[-PATH_LIMIT:] if isinstance(path, str) else ""
    name = re.split(r"[/\\]", whole_path)[-1] if whole_path.lower().endswith(".gguf") else whole_path
    return clean_line(re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE), NAME_LIMIT)


def line(text: Any, limit: int = NAME_LIMIT) -> str:
    """A string of a stranger as one clean line, "" for anything else."""
    return clean_line(text, limit) if isinstance(text, str) else ""


def template(text: Any) -> str:
    """A Jinja template as the model has it; old servers end it with a NUL."""
    return text.rstrip("\0")[:TEMPLATE_LIMIT] if isinstance(text, str) else ""


def token(text: Any) -> str:
    return text[:80] if isinstance(text, str) else ""


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any, limit: int = MODELS_LIMIT) -> list[dict[str, Any]]:
    """The objects in a JSON list, at most `limit` of them."""
    return [entry for entry in value if isinstance(entry, dict)][:limit] if isinstance(value, list) else []
