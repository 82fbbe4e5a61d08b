"""The format of a model as the core finds it when it connects: its own template, what is doubtful, what is run."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any

from core_table import Table

from tui.wire.ids import new_id

WILD = (
    "{% for m in messages %}<|im_start|>{{ m.role }} {{ loop.index }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
KEY = b"tokenizer.chat_template"


def with_template(model: Path, jinja: str, out: Path) -> Path:
    """A copy of a GGUF file with another chat template. Tensor data begins at a multiple of 32 bytes."""
    data = model.read_bytes()
    at = data.index(struct.pack("<Q", len(KEY)) + KEY) + 8 + len(KEY) + 4
    (length,) = struct.unpack_from("<Q", data, at)
    tail, new = at + 8 + length, jinja.encode()
    start = _tensor_data(data)
    head = data[:at] + struct.pack("<Q", len(new)) + new + data[tail : _infos_end(data)]
    out.write_bytes(head + bytes(-len(head) % 32) + data[start:])
    return out


def _tensor_data(data: bytes) -> int:
    return -(-_infos_end(data) // 32) * 32


def _infos_end(data: bytes) -> int:
    _, tensors, pairs = struct.unpack_from("<IQQ", data, 4)
    at: int = 24
    for _ in range(pairs):
        at = _text_end(data, at)
        at = _value_end(data, at + 4, struct.unpack_from("<I", data, at)[0])
    for _ in range(tensors):
        at = _text_end(data, at)
        (dimensions,) = struct.unpack_from("<I", data, at)
        at += 4 + 8 * int(dimensions) + 4 + 8
    return at


def _text_end(data: bytes, at: int) -> int:
    (length,) = struct.unpack_from("<Q", data, at)
    return at + 8 + int(length)


def _value_end(data: bytes, at: int, kind: int) -> int:
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    if kind == 8:
        return _text_end(data, at)
    if kind != 9:
        return at + sizes[kind]
    inner, count = map(int, struct.unpack_from("<IQ", data, at))
    at += 12
    if inner in sizes:
        return at + sizes[inner] * count
    for _ in range(count):
        at = _value_end(data, at, inner)
    return at


async def use_model(table: Table, model: Path) -> None:
    text = f"backend:\n  kind: embedded\n  model: {model}\n  context_length: 1024\ntemplate: auto\n"
    await table.call("presets.save", kind="profiles", id="own", text=text)
    await table.call("profiles.use", id="own")


async def template_of(table: Table) -> Any:
    return (await table.call("connection.get"))["template"]


async def test_a_template_that_no_format_can_say_writes_the_prompt_itself(
    table: Table, starter: Path, tmp_path: Path
) -> None:
    await use_model(table, with_template(starter, WILD, tmp_path / "wild.gguf"))
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 6})
    _, end = await table.say(chat, "Good evening!<|im_end|>")
    assert end["error"] is None
    assert (await template_of(table))["found_by"] == "jinja"
    shown = await table.call("prompt.show", chat=chat, text="And now?")
    assert "<|im_start|>user 3\nGood evening!" in shown["text"]
    assert shown["text"].endswith("<|im_start|>assistant\n")


async def test_a_refused_template_is_an_error_that_says_why_and_a_pin_mends_it(
    table: Table, starter: Path, tmp_path: Path
) -> None:
    await use_model(table, with_template(starter, "{{ messages[99].content }}", tmp_path / "broken.gguf"))
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 6})
    head = (await table.call("chats.open", id=chat))["chat"]["head"]
    reply = new_id()
    await table.call(
        "turn.say", chat=chat, parent=head, node=new_id(), revision=new_id(), text="Hi", reply=reply,
        reply_revision=new_id(),
    )
    error = (await table.done(reply))["error"]
    assert "no element 99" in str(error)
    await table.call("templates.pin", template="chatml")
    _, end = await table.say(chat, "Hi again")
    assert end["error"] is None
    assert (await template_of(table))["found_by"] == "pinned"


TWICE = (
    'system_prefix: "<|endoftext|><|im_start|>system\\n"\nsystem_suffix: "<|im_end|>\\n"\n'
    'user_prefix: "<|im_start|>user\\n"\nuser_suffix: "<|im_end|>\\n"\n'
    'assistant_prefix: "<|im_start|>assistant\\n"\nassistant_suffix: "<|im_end|>\\n"\nstop: ["<|im_end|>"]\n'
)


async def test_two_bos_are_counted_by_the_servers_tokenizer_and_told_once(
    table: Table, llama_server: tuple[str, subprocess.Popen[bytes]]
) -> None:
    await table.call("presets.save", kind="templates", id="twice", text=TWICE)
    await table.use_server(llama_server[0], kind="llamacpp", template="twice")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"max_tokens": 6})
    for text in ("Good evening!", "And now?"):
        assert (await table.say(chat, text))[1]["error"] is None
    [finding] = [f for f in (await template_of(table))["findings"] if f["field"] == "bos"]
    assert finding["severity"] == "error"
    told = [e for e in table.heard if e["type"] == "notice" and "BOS" in str(e)]
    assert len(told) == 1
