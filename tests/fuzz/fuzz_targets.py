"""What is fuzzed: each target takes any bytes, and fails where a promise of its reader is broken.

The promises: no exception but the documented ones (children of TraktirError, and those named at a reader), nothing a
terminal obeys in what comes out, work in proportion to the input, and the same again after a way out and in.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.backends.bounded import parse_json as bounded_json
from tui.backends.frames import Delta, read_event
from tui.backends.lines import LineParser
from tui.backends.readers import READERS
from tui.backends.sse import EventParser, TooLong
from tui.client.exchange import Broken
from tui.client.local import _Line
from tui.core.importing import _add
from tui.domain.chat import Chat, Node
from tui.domain.cleantext import clean, clean_line
from tui.domain.errors import BadInput, TraktirError
from tui.domain.macro_context import MacroContext
from tui.domain.macros import expand, macro_uses
from tui.domain.markup import lines
from tui.domain.pattern_literals import pattern_facts
from tui.domain.patterns import parse_pattern
from tui.domain.prompt.derive import derive_template
from tui.engine import protocol
from tui.engine.gguf import read_metadata
from tui.formats import png
from tui.formats.card_read import CardFile, read_card
from tui.formats.card_write import card_json, card_png
from tui.formats.chat_read import read_chat
from tui.formats.chat_write import chat_jsonl, chat_text
from tui.formats.detect import detect_kind
from tui.formats.jsontext import dump_json, parse_json
from tui.formats.lore_read import read_lore_file, read_lorebook
from tui.formats.lore_write import lorebook_json
from tui.formats.preset_import import convert_preset
from tui.formats.presets import read_profile, read_prompt, read_samplers, read_template
from tui.formats.yaml_read import read_yaml
from tui.sandbox import Refusal, Sandbox
from tui.wire import codec
from tui.wire.pace import at_once
from tui.wire.pieces import decode_steps, encode_steps
from tui.wire.sse import FrameReader, frame

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {}
SEEDS: dict[str, list[bytes]] = {}


def target(name: str, *seeds: bytes) -> Callable[[Target], Target]:
    def keep(function: Target) -> Target:
        TARGETS[name], SEEDS[name] = function, list(seeds)
        return function

    return keep


# ---------------------------------------------------------------- seeds

_BOOK = {
    "name": "B", "scan_depth": 3, "token_budget": 100, "extensions": {},
    "entries": [{"keys": ["a", "/b+/i"], "content": "@@depth 2\nc", "enabled": True, "insertion_order": 1, "id": 7,
                 "extensions": {"probability": 50}, "selective": True, "secondary_keys": ["d"]}],
}
_CARD: dict[str, Any] = {
    "spec": "chara_card_v3", "spec_version": "3.0",
    "data": {"name": "Kéeper", "description": "A {{char}}\n\tlighthouse.", "first_mes": "Hi", "tags": ["x"],
             "alternate_greetings": ["Yo"], "extensions": {"depth_prompt": {"prompt": "p", "depth": 4}},
             "character_book": _BOOK, "assets": [{"type": "icon", "uri": "embeded://a.png", "name": "main"}]},
}
CARD = json.dumps(_CARD, ensure_ascii=False).encode()
_V1 = b'{"name": "K", "description": "d", "first_mes": "f", "n": 1.50e3, "m": -0}'
_HEADER = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)


def card_picture(card: bytes = CARD, compressed: bytes = b"") -> bytes:
    import base64

    text = base64.b64encode(card)
    chunks = [png.Chunk(b"IHDR", _HEADER), png.Chunk(b"tEXt", b"chara\0" + text)]
    chunks += [png.Chunk(b"zTXt", b"ccv3\0\0" + zlib.compress(text))] if compressed else []
    chunks += [png.Chunk(b"iTXt", b"chara\0\1\0en\0\0" + zlib.compress(text))] if compressed else []
    return png.write_png([*chunks, png.Chunk(b"IDAT", zlib.compress(b"\0\0\0\0")), png.Chunk(b"IEND", b"")])


def archive(members: Mapping[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data, packed)
    return out.getvalue()


def exif(comment: bytes) -> bytes:
    body = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x9286, 7, len(comment), 26, 0)
    return body + comment


def webp(comment: bytes) -> bytes:
    data = exif(comment)
    chunk = b"EXIF" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def gguf(*pairs: tuple[bytes, int, bytes]) -> bytes:
    body = b"".join(struct.pack("<Q", len(k)) + k + struct.pack("<I", kind) + value for k, kind, value in pairs)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + body


def _gguf_text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


# ---------------------------------------------------------------- checks

def clean_texts(texts: Iterator[str] | list[str] | tuple[str, ...]) -> None:
    for text in texts:
        assert OBEYED.search(text) is None, repr(text)


def said(error: TraktirError) -> None:
    """An error is a sentence, and not a long one."""
    sentence = str(error)
    assert sentence.strip(), "an error without words"
    assert len(sentence) < 2000, sentence[:100]
    clean_texts([sentence])


def same_card(one: CardFile, other: CardFile) -> bool:
    plain = [replace(f.card, raw=None, spec="", book=replace(f.card.book, raw=None) if f.card.book else None)
             for f in (one, other)]
    return plain[0] == plain[1]


def whole_way(file: CardFile, stem: str) -> None:
    """A card that was read can be written, and is the same when it is read again."""
    card = file.card
    clean_texts([card.name, card.description, card.first_mes, *card.greetings, *card.tags, *(map(str, file.notes))])
    as_json = read_card(card_json(file), f"{stem}.json")
    assert same_card(file, as_json), (file.card, as_json.card)
    as_png = read_card(card_png(file), f"{stem}.png")
    assert same_card(file, as_png), (file.card, as_png.card)
    assert card_json(as_json) == card_json(read_card(card_json(as_json), f"{stem}.json"))


def card_of(data: bytes, name: str) -> None:
    try:
        file = read_card(data, name)
    except BadInput as error:
        said(error)
        return
    whole_way(file, name.partition(".")[0])     # which names a card without a name


# ---------------------------------------------------------------- files

@target("png", card_picture(), card_picture(compressed=b"1"), card_picture(_V1)[:-20])
def fuzz_png(data: bytes) -> None:
    png.read_png(data)
    card_of(png.SIGNATURE + data.removeprefix(png.SIGNATURE), "x.png")


@target("pngtext", CARD, _V1, b"\xef\xbb\xbf" + CARD, b"rcc||x", CARD.decode().encode("utf-16"))
def fuzz_png_text(data: bytes) -> None:
    """A text chunk whose length and sum are right, whatever it holds."""
    card_of(card_picture(data), "x.png")


@target("webp", webp(b"ASCII\0\0\0" + _V1), webp(b"UNICODE\0" + b"123,34"), exif(b"x"))
def fuzz_webp(data: bytes) -> None:
    card_of(b"RIFF" + data.removeprefix(b"RIFF")[:4].ljust(4) + b"WEBP" + data[12:], "x.webp")
    card_of(webp(data), "x.webp")


@target("jpeg", b"\xff\xd8\xff\xe0" + archive({"card.json": CARD, "a.png": card_picture()}))
def fuzz_jpeg(data: bytes) -> None:
    card_of(b"\xff\xd8\xff" + data.removeprefix(b"\xff\xd8\xff"), "x.jpg")


@target("zip", archive({"card.json": CARD, "a.png": card_picture()}), archive({"x/card.json": _V1}, zipfile.ZIP_STORED))
def fuzz_zip(data: bytes) -> None:
    card_of(b"PK\3\4" + data.removeprefix(b"PK\3\4"), "x.charx")
    card_of(archive({"card.json": data}), "x.charx")


@target("json", CARD, _V1, b'[1.0, 1e999, NaN, -0, "\\ud800", 123456789012345678901]', b'{"a": 1} tail', b'{"a":"\n"}')
def fuzz_json(data: bytes) -> None:
    try:
        value = parse_json(data, "x.json").value
    except BadInput as error:
        said(error)
        return
    text = dump_json(value)
    assert dump_json(parse_json(text, "x.json").value) == text
    assert dump_json(parse_json(dump_json(value, "  ", True), "x.json").value) == text


@target("yaml", b"name: K\ncontext: |\n  a\n  b\ngreeting: 'x'\n", b"a: [1, {b: c}]\n? d\n: e\n", b"- &a 1\n- *a\n")
def fuzz_yaml(data: bytes) -> None:
    try:
        file = read_yaml(data, "x.yaml")
    except BadInput as error:
        said(error)
        return
    for place in file.plain:
        assert file.line(*place) >= 1


@target("card", CARD, _V1, b'{"character": {"aiName": "A", "aiPersona": "p", "loreItems": [{"key": "k"}]}}')
def fuzz_card(data: bytes) -> None:
    card_of(data, "x.json")


@target("cardyaml", b"name: K\ncontext: c\ngreeting: g\n", b"bot: B\nexample_dialogue: |-\n  a\n")
def fuzz_card_yaml(data: bytes) -> None:
    card_of(data, "x.yaml")


_LINES = (
    b'{"user_name": "U", "character_name": "C", "chat_metadata": {"note_prompt": "n"}}\n'
    b'{"name": "C", "is_user": false, "mes": "a", "swipes": ["a", "b"], "swipe_id": 0, "send_date": 1700000000000}\n'
    b'{"name": "U", "is_user": true, "mes": "c", "extra": {"reasoning": "r"}}\n'
)


@target(
    "chat", _LINES, b'[{"name": "a", "mes": "b"}]', b'{"internal": [["a", "b"]], "visible": [["a", "b"]]}',
    b'{"gamestarted": true, "prompt": "p", "actions": ["a"], "savedsettings": {}}',
    b'{"type": "risuChat", "ver": 2, "data": {"message": [{"role": "char", "data": "x"}]}}',
    b'{"histories": {"histories": [{"msgs": [{"src": {"name": "a", "is_human": true}, "text": "t"}]}]}}',
)
def fuzz_chat(data: bytes) -> None:
    try:
        files = read_chat(data, "x.jsonl")
    except BadInput as error:
        said(error)
        return
    for file in files:
        clean_texts([file.title, file.character, file.user, *(m.text for m in file.messages), *map(str, file.notes)])
        nodes: dict[str, Node] = {}
        parent: str | None = None
        for message in file.messages:
            parent = _add(nodes, parent, message)
        chat = Chat("c", 0, 0, parent, dict(file.fields), nodes)
        again = read_chat(chat_jsonl(chat, file.character, file.user), "again.jsonl")[0]
        assert [m.text for m in again.messages] == [m.text for m in file.messages]
        clean_texts([chat_text(chat).decode()])


@target(
    "lore", json.dumps({"entries": {"0": {"uid": 0, "key": ["a"], "content": "c", "order": 5}}}).encode(),
    json.dumps({"spec": "lorebook_v3", "data": _BOOK}).encode(), json.dumps(_BOOK).encode(), CARD,
    b'{"lorebookVersion": 6, "entries": [{"text": "t", "keys": ["k"], "contextConfig": {"tokenBudget": 1}}]}',
    b'{"kind": "memory", "name": "n", "entries": [{"keywords": ["a"], "entry": "e", "weight": 1}]}',
    b'{"type": "risu", "ver": 1, "data": [{"key": "a,b", "content": "c", "mode": "normal", "alwaysActive": false}]}',
    b'[{"title": "t", "keys": "a,b", "entry": "e", "type": "x"}]',
)
def fuzz_lore(data: bytes) -> None:
    try:
        file = read_lore_file(data, "x.json")
    except BadInput as error:
        said(error)
        return
    clean_texts([file.book.name, *(text for e in file.book.entries for text in (e.content, e.comment, *e.keys))])
    assert all(key.strip() for entry in file.book.entries for key in entry.keys), "an empty key matches everything"
    once = lorebook_json(file.book)
    book = read_lorebook(once, "again.json")
    assert [(e.keys, e.content, e.constant) for e in book.entries] == [
        (e.keys, e.content, e.constant) for e in file.book.entries
    ]
    assert lorebook_json(book) == lorebook_json(read_lorebook(lorebook_json(book), "more.json"))


@target(
    "preset", b"user_prefix: '<|u|>'\nassistant_prefix: '<|a|>'\nstops: ['x']\n", b"temperature: 0.5\ntop_k: 40\n",
    b"backend: {kind: embedded}\ntemplate: auto\n", b"story: '{{#if system}}{{system}}{{/if}}'\nhistory_share: 0.5\n",
)
def fuzz_preset(data: bytes) -> None:
    """The program's own presets."""
    for read in (read_template, read_prompt, read_profile, read_samplers):
        try:
            read(data, "x", "x.yaml")
        except BadInput as error:
            said(error)


_ST_INSTRUCT = {
    "name": "I", "input_sequence": "<|u|>", "output_sequence": "<|a|>", "system_sequence": "<|s|>", "wrap": True,
    "stop_sequence": "</s>", "names_behavior": "force",
}


@target(
    "foreign", json.dumps(_ST_INSTRUCT).encode(),
    b'{"temp": 1, "rep_pen": 1.1, "top_p": 0.9, "top_k": 40, "genamt": 9}',
    json.dumps({"name": "C", "story_string": "{{#if a}}{{b}}{{/if}}", "chat_start": "***"}).encode(),
    b'{"prompts": [{"identifier": "main", "content": "c", "role": "system"}], "prompt_order": [{"character_id": 100001,'
    b' "order": [{"identifier": "main", "enabled": true}]}], "temperature": 1}',
    b'{"contextsize": 4096, "gpulayers": 99, "model_param": "x.gguf"}',
    b'{"system_start": "<s>", "user_start": "u", "assistant_start": "a"}', b"instruction_template: '{{ messages }}'\n",
    b"user: u\nbot: b\nturn_template: '<|user|><|user-message|>\\n<|bot|><|bot-message|>\\n'\ncontext: c\n",
)
def fuzz_foreign(data: bytes) -> None:
    """Other programs' presets; what is made of them must be readable here."""
    readers = {"template": read_template, "prompt": read_prompt, "profile": read_profile, "samplers": read_samplers}
    for name in ("x.json", "x.yaml", "x.kcpps", "x.settings"):
        try:
            parts = convert_preset(data, name)
        except BadInput as error:
            said(error)
            continue
        for part in parts:
            readers[part.kind](part.data, "x", "x.yaml")
            clean_texts([part.name, *map(str, part.notes)])


@target("detect", CARD, _LINES, b"a: b\n", card_picture(), b"PK\5\6" + b"\0" * 18, b"temperature: 1\n")
def fuzz_detect(data: bytes) -> None:
    for name in ("x", "x.yaml", "x.json", "x.txt", "x.charx"):
        detect_kind(data, name)


@target(
    "gguf", gguf((b"general.architecture", 8, _gguf_text(b"llama")), (b"llama.context_length", 4, b"\0\4\0\0")),
    gguf((b"tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 2) + _gguf_text(b"<s>") + _gguf_text(b"a")),
         (b"tokenizer.ggml.token_type", 9, struct.pack("<IQ", 5, 2) + struct.pack("<ii", 3, 1)),
         (b"tokenizer.ggml.bos_token_id", 4, b"\0\0\0\0"), (b"x", 9, struct.pack("<IQIQ", 9, 1, 4, 1) + b"\1\0\0\0")),
)
def fuzz_gguf(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(data)
        file.flush()
        try:
            info = read_metadata(Path(file.name))
        except BadInput as error:
            said(error)
            return
    clean_texts([info.name])


# ---------------------------------------------------------------- streams

@target(
    "sse", b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": null}]}\n\ndata: [DONE]\n\n',
    b'event: message\r\ndata: {"token": "x", "finish_reason": "null"}\r\n\r\n', b": ping\n\nid: 1\rdata: a\r\rdata",
    b'\xef\xbb\xbfdata: {"content": "a", "stop": true, "timings": {"cache_n": 1, "predicted_per_second": 2}}\n\n',
)
def fuzz_sse(data: bytes) -> None:
    """Any way of cutting the bytes gives the same events, and every frame is understood or is said not to be."""
    whole = _events([data])
    assert whole == _events([data[n : n + 1] for n in range(len(data))])
    middle = len(data) // 2
    assert whole == _events([data[:middle], data[middle:]])
    for event in whole or ():
        for reader in READERS.values():
            for delta in read_event(event, reader):
                _sound(delta)


def _events(pieces: list[bytes], parser: EventParser | None = None) -> list[Any] | None:
    parser, events = parser or EventParser(4096), []
    try:
        for piece in pieces:
            events += parser.feed(piece)
        return events + parser.close()
    except TooLong:
        return None


def _sound(delta: Delta) -> None:
    assert isinstance(delta.text, str)
    assert isinstance(delta.reasoning, str)
    assert delta.finish in ("", "stop", "length", "error")
    assert delta.speed is None or 0 < delta.speed < 1e9
    assert delta.seed is None or 0 <= delta.seed < 1 << 53
    if delta.progress is not None:
        assert 0 <= delta.progress.cached <= delta.progress.total


@target(
    "lines", b'{"response": "a", "done": false}\n{"message": {"content": "b", "thinking": "c"}}\r\n',
    b'{"response": "", "done": true, "done_reason": "length", "eval_count": 5, "eval_duration": 100, '
    b'"prompt_eval_count": 9, "logprobs": [{"token": "a", "logprob": -1}]}',
    b': ping\n\n{"error": "x"}', b"[1]\n7\nnull",
)
def fuzz_lines(data: bytes) -> None:
    """As sse, for streams of a JSON document a line."""
    whole = _lines([data])
    assert whole == _lines([data[n : n + 1] for n in range(len(data))])
    for event in whole or ():
        for delta in read_event(event, READERS["ollama"]):
            _sound(delta)


def _lines(pieces: list[bytes]) -> list[Any] | None:
    return _events(pieces, LineParser(4096))


@target("frame", *(b'{"%s": {"a": [1, {"content": 5}]}, "choices": [{"message": {"content": [{"text": 1}]}}]}' % k
                   for k in (b"timings", b"usage", b"prompt_progress", b"error")), b'{"results": [{"text": "x"}]}')
def fuzz_frame(data: bytes) -> None:
    """A frame's JSON by itself, so that all of it reaches the readers."""
    text = data.decode("utf-8", "replace")
    bounded_json(text)
    events = _events([b"data: " + text.replace("\n", " ").replace("\r", " ").encode("utf-8", "replace") + b"\n\n"])
    for event in events or ():
        for reader in READERS.values():
            for delta in read_event(event, reader):
                _sound(delta)


@target("codec", CARD, b'[1, "\\ud800", null]', b'{"a": {"b": {"c": {"d": {"e": {"f": [1]}}}}}}', b"[" * 2000)
def fuzz_codec(data: bytes) -> None:
    """Both coders agree; only ValueError."""
    try:
        value: Any = codec.decode(data)
    except ValueError:
        value = _NONE
    try:
        steps: Any = at_once(decode_steps(data))
    except ValueError:
        steps = _NONE
    if value is _NONE or steps is _NONE:
        return
    assert repr(value) == repr(steps)
    encoded = codec.encode(value)
    assert codec.decode(b"".join(at_once(encode_steps(value)))) == codec.decode(encoded) or b"NaN" in encoded


_NONE = object()


@target("frames", frame("1:2", b'{"a": 1}') + b": ping\n\n" + frame("1:3", b"{}"), b"id: \xff\ndata\n\n", b"a" * 100)
def fuzz_frames(data: bytes) -> None:
    """Our own stream, cut anywhere."""
    def read(pieces: list[bytes]) -> list[Any]:
        reader = FrameReader()
        return [block for piece in pieces for block in reader.feed(piece)]

    assert read([data]) == read([data[n : n + 1] for n in range(len(data))])


@target(
    "http", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 x\r\n\r\nall",
)
def fuzz_http(data: bytes) -> None:
    """An answer on the socket, whole and cut: a status and bytes, or Broken."""
    async def read(pieces: list[bytes]) -> tuple[Any, ...]:
        reader = asyncio.StreamReader()
        line = _Line(reader, _Nobody(), 5.0)          # type: ignore[arg-type]
        await line.send("GET", "/v1/hello", {}, b"")
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        body = b""
        try:
            status = await line.status()
            async for part in line.pieces():
                body += part
            return status, body
        except Broken:
            return (None,)

    asyncio.run(read([data]))


class _Nobody:
    def write(self, data: bytes) -> None:
        """What is asked is not looked at here."""

    async def drain(self) -> None:
        """There is always room."""


@target("pipe", protocol.encode({"is": "text", "id": "1", "text": "a"}), b'{"is": "finish"}\n', b"[]\n", b"{" * 999)
def fuzz_pipe(data: bytes) -> None:
    """A line of the worker: an object, or ValueError."""
    try:
        message = protocol.decode(data)
    except ValueError:
        return
    assert protocol.decode(protocol.encode(message)) == message or "NaN" in repr(message) or "nan" in repr(message)


# ---------------------------------------------------------------- languages

@target(
    "macros", b"{{user}} {{random::a::b}} {{#if x}}a{{else}}b{{/if}} {{// c}} {{roll:2d6}} {{pick::1,2}}",
    b"{{setvar::a::1}}{{addvar::a::2}}{{.a += 3}}{{$b = {{getvar::a}}}} {{datetimeformat::YYYY}} {{reverse:abc}}",
    b"{{trim}} <USER> <BOT> {{time_UTC+2}} {{banned \"x\"}} {{!--x--}} \\{{user}} {{ char }}",
)
def fuzz_macros(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    context = MacroContext(
        user="{{char}}U", char="C{{user}}", description="D {{description}}", clock="2024-01-01T00:00:00"
    )
    out = expand(text, context)
    assert len(out) <= 4 * len(text) + 65_536
    assert expand(text, replace(context, variables=type(context.variables)())) == expand(
        text, replace(context, variables=type(context.variables)())
    )
    for use in macro_uses(text):
        assert len(use.text) <= 200


@target(
    "pattern", b"/(a+)+$/i",
    b"/[\\]a-z]\\/(?<n>x)\\k<n>\\p{L}{1,3}?/giu", b"/(?<=a)b|\\u{1F600}^$/ms", b"/[^\\W\\d_]+\\b./s"
)
def fuzz_pattern(data: bytes) -> None:
    """A key as a pattern: it is none, or it says what is wrong, or Python's compiler takes what it became."""
    key = data.decode("utf-8", "replace")
    for written in (key, f"/{key}/", f"/{key}/iu"):
        pattern = parse_pattern(written)
        if pattern is None:
            continue
        facts = pattern_facts(pattern.source, pattern.flags)
        if pattern.problem is not None:
            clean_line(str(pattern.problem))
            continue
        assert pattern.python is not None
        if len(pattern.python) < 300 and not re.search(r"\{\d{3,}", pattern.python):
            re.compile(pattern.python, re.IGNORECASE if pattern.ignore_case else 0)
        assert facts.literals is None or all(facts.literals)


@target("text", b"*a* **b** `c` \"d\" ~~e~~ [x](y)\n```\nf\n# g", "\x1b[31m\u202ea\u2028\x9b".encode(), b"*" * 99)
def fuzz_text(data: bytes) -> None:
    """Text on its way to the screen."""
    text = data.decode("utf-8", "surrogateescape")
    for shown in (clean(text), clean_line(text), clean(text, 80), clean_line(text, 80)):
        clean_texts([shown])
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u2028\u2029]", shown)
    assert len(clean(text, 80)) <= 80
    plain = clean(text)
    assert clean(plain) == plain
    for line in lines(plain):
        assert all(0 <= span.start <= span.end for span in line.spans)


@target(
    "jinja", b"{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    b"{% if add_generation_prompt %}<|a|>{% endif %}",
    b"{{ bos_token }}{{ raise_exception('x') }}", b"{{ ''.__class__ }}", b"{{ 'x' * 10**9 }}",
)
def fuzz_jinja(data: bytes) -> None:
    """A chat template: a text or a refusal; what is derived of it is a prompt format or none."""
    template = data.decode("utf-8", "replace")
    render = _sandbox().renderer(template, budget=1.0)
    derived = derive_template(render, jinja=template)
    assert derived.template is None or derived.template.jinja or derived.template.user_prefix is not None
    assert render.refusal is None or isinstance(render.refusal, Refusal)


_box: list[Sandbox] = []


def _sandbox() -> Sandbox:
    if not _box:
        _box.append(Sandbox(deadline=1.0, per_render=0.3))
    return _box[0]


def close() -> None:
    """End the helper process."""
    while _box:
        _box.pop().close()
