"""Pictures inside texts, until a request is made of them.

A prompt is planned, wrapped, counted and compared as text. So a picture stands in its message as a mark: a run of code
points that are no characters (Unicode 23.7), which no text of people holds, no tokenizer joins with its neighbours and
no lore key matches. The mark tells which picture it is and how large. Where the request is made, marks give way to the
pictures; where a model sees none, or a person reads, to their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.domain.backend import ChatMessage, CompletionRequest, Image, Piece
from tui.domain.chat import Node
from tui.domain.pictures import SIGN as PICTURE
from tui.domain.pictures import Picture

#: What every mark begins with.
SIGN = "\ufdd0"

_DIGITS = "".join(chr(0xFDE0 + n) for n in range(16))
_HEX = str.maketrans("0123456789abcdef", _DIGITS)
_PLAIN = str.maketrans(_DIGITS, "0123456789abcdef")
_MARK = re.compile(f"\ufdd0([{_DIGITS}]{{16}})([{_DIGITS}]{{4}})([{_DIGITS}]{{4}})\ufdd1")
_ANY = re.compile("[\ufdd0-\ufdef]")

#: The pictures of a prompt by what their marks call them.
Shown = Mapping[str, Picture]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that was found: the first 16 digits of the picture's id, and its size in pixels."""

    key: str
    width: int
    height: int


def mark_of(picture: Picture) -> str:
    return SIGN + f"{picture.id[:16]}{picture.width:04x}{picture.height:04x}".translate(_HEX) + "\ufdd1"


def without_marks(text: str) -> str:
    """`text` without the code points that marks are made of: no text from outside may bring one."""
    return _ANY.sub("", text) if _ANY.search(text) is not None else text


def cut(text: str) -> list[str | Mark]:
    """`text` in stretches and marks."""
    if SIGN not in text:
        return [text] if text else []
    out: list[str | Mark] = []
    end = 0
    for found in _MARK.finditer(text):
        if found.start() > end:
            out.append(text[end:found.start()])
        key, width, height = (part.translate(_PLAIN) for part in found.groups())
        out.append(Mark(key, int(width, 16), int(height, 16)))
        end = found.end()
    return [*out, text[end:]] if end < len(text) else out


def pictures_of(node: Node) -> tuple[Picture, ...]:
    """The pictures of a message as it is on view."""
    return tuple(Picture.from_json(data) for data in node.revision.images)


def spoken(picture: Picture) -> str:
    """A picture for a model that reads texts alone."""
    return f"[image: {picture.name}]"


def shown_on(path: Iterable[Node]) -> dict[str, Picture]:
    """The pictures of a path's messages by what their marks call them."""
    return {picture.id[:16]: picture for node in path for picture in pictures_of(node)}


def with_pictures(path: Sequence[Node], say: Callable[[Picture], str]) -> list[Node] | None:
    """The messages of a path with what `say` makes of their pictures before their texts; None where there is none."""
    if not any(node.revision.images for node in path):
        return None
    out = []
    for node in path:
        pictures = pictures_of(node)
        if pictures:
            text = "\n".join([*map(say, pictures), *([node.text] if node.text else [])])
            there = replace(node.revision, text=text)
            node = replace(node, revisions=tuple(there if r.id == there.id else r for r in node.revisions))
        out.append(node)
    return out


def labelled(value: Any, shown: Shown) -> Any:
    """A JSON value with the names of pictures instead of their marks, for people."""
    if not shown:
        return value
    if isinstance(value, str):
        return "".join(part if isinstance(part, str) else _label(part, shown) for part in cut(value))
    if isinstance(value, Mapping):
        return {name: labelled(item, shown) for name, item in value.items()}
    return [labelled(item, shown) for item in value] if isinstance(value, (list, tuple)) else value


def requested(request: CompletionRequest, shown: Shown, images: Iterable[Image]) -> CompletionRequest:
    """The request with its pictures in the places of their marks. One whose bytes are missing is only named."""
    there = {image.id[:16]: image for image in images}
    pieces = tuple(new for piece in request.pieces for new in _pieces(piece, shown, there))
    messages = tuple(_message(message, shown, there) for message in request.messages)
    named = {p.image for p in pieces} | {name for m in messages for name in m.images}
    return replace(
        request, pieces=pieces, messages=messages,
        images=tuple(image for image in there.values() if image.id in named),
    )


def keys_in(request: CompletionRequest) -> list[str]:
    """What the marks of a request call their pictures, each once."""
    texts = [*(p.text for p in request.pieces), *(m.content for m in request.messages)]
    return list(dict.fromkeys(part.key for text in texts for part in cut(text) if isinstance(part, Mark)))


def _label(mark: Mark, shown: Shown) -> str:
    picture = shown.get(mark.key)
    return f"{PICTURE} {picture.name if picture else '?'} · {mark.width}×{mark.height}"


def _text(mark: Mark, shown: Shown) -> str:
    picture = shown.get(mark.key)
    return spoken(picture) if picture else "[image]"


def _pieces(piece: Piece, shown: Shown, there: Mapping[str, Image]) -> list[Piece]:
    if SIGN not in piece.text:
        return [piece]
    out = []
    for part in cut(piece.text):
        if isinstance(part, str):
            out.append(replace(piece, text=part))
        else:
            image = there.get(part.key)
            out.append(Piece(_text(part, shown), image=image.id if image else ""))
    return out


def _message(message: ChatMessage, shown: Shown, there: Mapping[str, Image]) -> ChatMessage:
    """Its pictures are beside the text; what parted them from it goes with them."""
    if SIGN not in message.content:
        return message
    texts: list[str] = []
    ids: list[str] = []
    for part in cut(message.content):
        if isinstance(part, str):
            texts.append(part.removeprefix("\n") if ids and not texts else part)
        elif (image := there.get(part.key)) is not None:
            ids.append(image.id)
        else:
            texts.append(_text(part, shown))
    return replace(message, content="".join(texts).lstrip("\n") if ids else "".join(texts), images=tuple(ids))
