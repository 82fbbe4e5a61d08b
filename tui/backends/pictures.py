"""Pictures as each wire takes them: pure functions from the request's images to parts of a body.

A picture stands before the text of its message. Where a text prompt has no place for it, its piece's text stands in.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.domain.backend import CompletionRequest, Image, Piece
from tui.domain.defuse import defuse

#: How Ollama's raw prompts name the n-th of the `images`.
_OLLAMA_TAG = "[img-"


def by_id(images: Iterable[Image]) -> Mapping[str, Image]:
    return {image.id: image for image in images}


def base64_of(image: Image) -> str:
    """The bytes in base64 without a head, as KoboldCpp, Ollama and llama-server's native route take them."""
    return base64.b64encode(image.data).decode("ascii")


def data_uri(image: Image) -> str:
    return f"data:{image.mime};base64,{base64_of(image)}"


def openai_content(text: str, ids: Sequence[str], images: Mapping[str, Image]) -> str | list[dict[str, Any]]:
    """The `content` of a chat message: the text alone, or parts, its pictures first. Ids without a picture are
    passed over; a message of nothing else is at least not empty."""
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": data_uri(images[name])}} for name in ids if name in images
    ]
    if not parts:
        return text if text or not ids else "[image]"
    return [*parts, *([{"type": "text", "text": text}] if text else [])]


def llamacpp_prompt(
    pieces: Iterable[Piece], images: Mapping[str, Image], marker: str, special: Iterable[str] = (), bos: str = "",
) -> str | dict[str, Any]:
    """The `prompt` of llama-server's native route: a text, or `prompt_string` with `multimodal_data`. `marker` is the
    `media_marker` of its /props; a text that spells it is broken, lest the server miss a picture for it."""
    text, used = _marked(pieces, images, lambda _: marker, (*special, *([marker] if marker else [])))
    if not used or not marker:
        return bos + text
    return {"prompt_string": bos + text, "multimodal_data": [base64_of(image) for image in used]}


def koboldcpp_images(request: CompletionRequest, most: int) -> list[str]:
    """The `images` of KoboldCpp, in the order of the prompt; the last `most` where it takes no more."""
    named = by_id(request.images)
    used = [named[p.image] for p in request.pieces if p.image in named]
    return [base64_of(image) for image in used[-most:]] if most > 0 else []


def ollama_prompt(
    pieces: Iterable[Piece], images: Mapping[str, Image], special: Iterable[str] = (),
) -> tuple[str, list[str]]:
    """The raw prompt for Ollama's /api/generate, in which tags stand where the pictures go, and its `images`."""
    text, used = _marked(pieces, images, lambda number: f"{_OLLAMA_TAG}{number}]", (*special, _OLLAMA_TAG))
    return text, [base64_of(image) for image in used]


def ollama_images(ids: Sequence[str], images: Mapping[str, Image]) -> list[str]:
    """The `images` of one message for Ollama's /api/chat."""
    return [base64_of(images[name]) for name in ids if name in images]


def without_pictures(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces for a server that sees nothing: each picture's text in its place."""
    return tuple(replace(piece, image="") if piece.image else piece for piece in pieces)


def _marked(
    pieces: Iterable[Piece], images: Mapping[str, Image], tag: Callable[[int], str], special: Iterable[str],
) -> tuple[str, list[Image]]:
    """The prompt as one text in which `tag` of its number stands for each picture, and the pictures in order."""
    broken, out, used = tuple(special), [], list[Image]()
    for piece in pieces:
        if piece.image in images:
            out.append(tag(len(used)))
            used.append(images[piece.image])
        else:
            out.append(piece.text if piece.markup else defuse(piece.text, broken))
    return "".join(out), used
