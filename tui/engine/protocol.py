"""What the proxy and the worker say to each other: one JSON object a line, over two pipes.

To the worker, by `do`: `load` (path, settings, extra_bufts, kept), `complete` (id, pieces, samplers, max_tokens,
stop, bos, shift, conversation), `warm` (id, pieces, bos, shift, conversation), `count` (id, prompts), `keep` (id,
within), `forget` (conversation), `rescale` (settings), `abort` (id), `ping`. The end of the pipe means: finish.

From the worker, by `is`: `loading` (fraction), `proving`, `ready` (facts), `failed` (error); then with the id of
a request `progress`, `text`, `finish` (outcome, notices), `error`, `counted`, `warmed` (tokens), `kept`; at any time
`here`, the answer to `ping`, and `said` (notice), for the person.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tui.domain.backend import CompletionRequest, Image, Piece
from tui.domain.pictures import measure
from tui.domain.samplers import Samplers

#: The longest line either side takes, in bytes.
MAX_LINE = 2**26


def encode(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message in a line. Raises ValueError for what is none."""
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


def pieces_to_json(pieces: Iterable[Piece]) -> list[list[Any]]:
    return [[p.text, p.markup, p.image] if p.image else [p.text, p.markup] for p in pieces]


def pieces_from_json(data: Sequence[Sequence[Any]]) -> tuple[Piece, ...]:
    return tuple(Piece(*piece) for piece in data)


def picture_to_json(image: Image) -> dict[str, Any]:
    return {"do": "picture", "id": image.id, "data": base64.b64encode(image.data).decode("ascii")}


def request_to_json(request: CompletionRequest, *, shift: bool = False) -> dict[str, Any]:
    return {
        **_prompt_to_json(request, shift), "do": "complete", "id": request.id,
        "samplers": request.samplers.to_json(), "max_tokens": request.max_tokens, "stop": list(request.stop),
        "negative": pieces_to_json(request.negative),
    }


def warm_to_json(request: CompletionRequest, key: str, *, shift: bool) -> dict[str, Any]:
    return {**_prompt_to_json(request, shift), "do": "warm", "id": key}


def _prompt_to_json(request: CompletionRequest, shift: bool) -> dict[str, Any]:
    return {
        "pieces": pieces_to_json(request.pieces), "bos": request.bos, "shift": shift,
        "conversation": request.conversation,
        "sizes": {image.id: picture_size(image) for image in request.images},
    }


def picture_size(image: Image) -> tuple[int, int]:
    """Width and height as the file's head says. Raises BadInput."""
    found = measure(image.data)
    return found.width, found.height


def samplers_from_json(data: Mapping[str, Any]) -> Samplers:
    """The samplers as they were sent, without checking ranges again: the core has done so."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Samplers(**values)
