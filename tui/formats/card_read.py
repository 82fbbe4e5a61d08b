"""Character cards from bytes: PNG, JSON, YAML, CHARX, CHARX in JPEG, WebP (cards.md 1)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tui.domain.card import Card
from tui.domain.errors import BadInput
from tui.domain.notice import Notice, notice
from tui.formats import png
from tui.formats.card_fields import card_from_object
from tui.formats.charx import holds_archive, read_charx
from tui.formats.coerce import Repairs, plain_name
from tui.formats.exif import exif_comment, webp_exif
from tui.formats.files import FILE_LIMIT, read_bounded, shown_name
from tui.formats.jsontext import JsonFile, decode_text, parse_json

Container = Literal["png", "json", "yaml", "charx", "jpeg", "webp"]
CARD_KEYWORDS = ("ccv3", "chara")
_ENCRYPTED = "The card is encrypted by RisuAI and cannot be read without its key."
_BAD_CHUNK = "A text chunk is malformed or too large; it was passed over."


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card and the file it came in. `picture` holds the portrait's bytes (PNG or whatever the archive has).
    `raw` is the parsed object, `original` the whole file, `json_text` the object's own text where it had one;
    the three make a lossless way out. `spec` is chara_card_v2, chara_card_v3 or v1."""

    card: Card
    container: Container
    picture: bytes | None
    notes: tuple[Notice, ...]
    raw: Any
    original: bytes
    spec: str
    json_text: str = ""
    layout: JsonFile | None = None
    path: str = ""                                 # where the bytes are, when they are not held here


def read_card(data: bytes, filename: str = "") -> CardFile:
    """Read a card, deciding by the first bytes. Raises BadInput naming the file, and line or field where known."""
    name = shown_name(filename) or "card"
    if not data:
        raise BadInput(notice("{file} is empty.", file=name), "Get the file again.", file=name)
    if len(data) > FILE_LIMIT:
        raise BadInput(
            notice("{file} is larger than {limit} bytes, the most that is read.", file=name, limit=FILE_LIMIT),
            file=name,
        )
    if data.startswith(png.SIGNATURE):
        return _from_png(data, name)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")) or (name.lower().endswith(".charx") and holds_archive(data)):
        return _from_zip(data, name, "charx")
    if data.startswith(b"\xff\xd8\xff"):
        return _from_zip(data, name, "jpeg")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _from_webp(data, name)
    if name.lower().endswith((".yaml", ".yml")):
        from tui.formats.card_yaml import card_from_yaml

        card, notes = card_from_yaml(data, _stem(name), name)
        return CardFile(card, "yaml", None, notes, card.raw, data, card.spec)
    return _finish(parse_json(data, name), data, name, "json", None, Repairs())


def whole_file(file: CardFile) -> CardFile:
    """The same card with its bytes, read again where a library holds it without them."""
    if file.original or not file.path:
        return file
    try:
        return read_card(read_bounded(Path(file.path)), Path(file.path).name)
    except BadInput:
        return file                                    # gone or broken since: the object is all there is


def _stem(name: str) -> str:
    return plain_name(re.sub(r"(\.(png|json|charx|card|ya?ml|webp|jpe?g))+$", "", name, flags=re.IGNORECASE))


def _finish(
    parsed: JsonFile, data: bytes, name: str, container: Container, picture: bytes | None, repairs: Repairs,
    text: str = "",
) -> CardFile:
    for note in parsed.notes:
        repairs.add(note.id, **note.args)
    card = card_from_object(parsed.value, _stem(name), name, repairs)
    return CardFile(card, container, picture, repairs.done(), card.raw, data, card.spec, text, parsed)


def _from_png(data: bytes, name: str) -> CardFile:
    image = png.read_png(data)
    repairs = Repairs()
    if image.bad_crc:
        repairs.add("Some checksums in the picture are wrong; the card was read all the same.")
    if image.cut:
        repairs.add("The picture is cut off; the card was read all the same.")
    if holds_archive(data):
        repairs.add("The file is an archive as well; only the card in the picture was read.")
    failure: BadInput | None = None
    for text in _candidates(image, repairs):
        try:
            parsed = parse_json(text, name)
            return _finish(parsed, data, name, "png", data if image.drawable else None, repairs, text)
        except BadInput as error:
            failure = failure or error
            repairs.add("A card in the picture could not be read; another one was taken.")
    if failure is not None:
        raise failure
    raise _no_card(image.cut, {note.id for note in repairs.done()}, name)


def _no_card(cut: bool, found: set[str], name: str) -> BadInput:
    """Why there is no card in a picture."""
    if _ENCRYPTED in found:
        told = notice("The card in {file} is encrypted by RisuAI and cannot be read without its key.", file=name)
        return BadInput(told, "Ask its author for a plain card.", file=name)
    if _BAD_CHUNK in found:
        told = notice("The text in the picture {file} is damaged or unpacks to too much; no card was found.", file=name)
        return BadInput(told, "Get the file again from where it came.", file=name)
    if cut:
        told = notice("The picture {file} breaks off before any character card.", file=name)
        return BadInput(told, "Get the file again from where it came.", file=name)
    return BadInput(
        notice("{file} is a picture without a character card in it.", file=name),
        "Pictures lose their card when a site or a chat program shrinks them; get the original file.",
        file=name,
    )


def _candidates(image: png.Png, repairs: Repairs) -> list[str]:
    """JSON texts to try, best first: ccv3 before chara, the last chunk of a keyword before earlier ones."""
    chunks = list(png.texts(image, CARD_KEYWORDS))
    out: list[str] = []
    for word in CARD_KEYWORDS:
        same = [chunk for found, chunk in chunks if found == word]
        if len(same) > 1:
            repairs.add("The picture holds {count} cards under one keyword; the last one counts.", count=len(same))
        out += [text for chunk in same[:-9:-1] if (text := _payload(png.text_of(chunk), repairs)) is not None]
    for chunk in image.chunks:
        if chunk.kind == b"eXIf" and (comment := exif_comment(chunk.data)) is not None:
            text = _payload(comment, repairs)
            out += [text] if text is not None else []
    return out


def _payload(data: bytes | None, repairs: Repairs) -> str | None:
    """The JSON text in a text chunk: plain, base64 of any make, or base64 twice."""
    if data is None:
        repairs.add(_BAD_CHUNK)
        return None
    for _ in range(3):
        stripped = data.strip().removeprefix(b"\xef\xbb\xbf")
        if stripped[:1] in (b"{", b"[") or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            text, notes = decode_text(data)
            for note in notes:
                repairs.add(note.id)
            return text
        if stripped.startswith(b"rcc||"):
            repairs.add(_ENCRYPTED)
            return None
        decoded = unbase64(stripped)
        if decoded is None:
            break
        data = decoded
    repairs.add("A text chunk holds no card; it was passed over.")
    return None


def unbase64(data: bytes) -> bytes | None:
    """Base64 with blanks, the URL-safe alphabet or missing padding; None where it is none."""
    body = b"".join(data.split()).replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    if not body:
        return None
    if len(body) % 4 == 1:
        body = body[:-1]                               # a cut file: what is whole still decodes
    try:
        return base64.b64decode(body + b"=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _from_zip(data: bytes, name: str, container: Container) -> CardFile:
    archive = read_charx(data, name)
    repairs = Repairs(archive.notes)
    parsed = parse_json(archive.card, name)
    value = parsed.value
    picture = archive.picture_of(value) if isinstance(value, Mapping) else None
    text = archive.card.decode("utf-8", "replace")
    return _finish(parsed, data, name, container, picture, repairs, text)


def _from_webp(data: bytes, name: str) -> CardFile:
    comment = webp_exif(data)
    text = comment.decode("utf-8", "replace").strip("\0 \r\n") if comment else ""
    if re.fullmatch(r"[0-9, ]+", text):                # comma separated bytes, as TavernAI wrote them
        numbers = [n for n in text.replace(" ", "").split(",") if n]
        if all(len(n) < 4 and int(n) < 256 for n in numbers):
            text = bytes(map(int, numbers)).decode("utf-8", "replace")
    if not text.lstrip().startswith("{"):
        decoded = unbase64(text.encode())
        text = decoded.decode("utf-8", "replace") if decoded else ""
    if not text.strip():
        raise _no_card(int.from_bytes(data[4:8], "little") > len(data) - 8, set(), name)
    return _finish(parse_json(text, name), data, name, "webp", data, Repairs(), text)
