"""Profiles: every field arrives, they are bound to characters and chats, and several servers work side by side."""

from __future__ import annotations

import dataclasses
import stat
import sys
import types
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from core_table import Table
from scripted import ScriptedServer, answer, as_openai

from tui.core.backend_spec import ENGINE_NAMES, engine_settings
from tui.core.keys import read_key_file
from tui.domain.errors import BackendError, BadInput
from tui.engine.settings import EngineSettings
from tui.formats.presets import read_profile
from tui.formats.profile_fields import BACKEND_FIELDS, ENGINE_FIELDS, SERVER_FIELDS
from tui.wire.ids import new_id

KEY = "sk-canary-0123456789abcdef"


async def keep(table: Table, name: str, text: str) -> None:
    await table.call("presets.save", kind="profiles", id=name, text=text)


def server_profile(url: str, more: str = "", template: str = "chatml") -> str:
    return f"backend:\n  kind: openai\n  url: {url}\n{more}template: {template}\n"


#: One value for each field of the engine, as a profile has it, and what the engine then gets.
ENGINE_VALUES: dict[str, tuple[str, Any]] = {
    "context_length": ("2048", 2048), "gpu_layers": ("7", 7), "threads": ("3", 3), "batch": ("64", 64),
    "ubatch": ("32", 32), "flash_attn": ("on", "on"), "cache_shift": ("true", True), "cache_type_k": ("q8_0", "q8_0"),
    "cache_type_v": ("q4_0", "q4_0"), "n_seq": ("2", 2), "swa_full": ("false", False),
    "rope_freq_base": ("1e6", 1e6), "rope_alpha": ("2.5", 2.5), "rope_freq_scale": ("0.5", 0.5),
    "rope_scaling": ("yarn", "yarn"), "lora": ("{/tmp/a.gguf: 0.5}", (("/tmp/a.gguf", 0.5),)),
    "mmproj": ("/tmp/p.gguf", "/tmp/p.gguf"),
}


def test_a_profile_has_a_field_for_everything_that_the_engine_can_be_told() -> None:
    named = {ENGINE_NAMES.get(field, field) for field in (*ENGINE_FIELDS, "context_length")}
    assert named == {field.name for field in dataclasses.fields(EngineSettings)}
    assert set(ENGINE_VALUES) == {*ENGINE_FIELDS, "context_length"}
    hints = get_type_hints(EngineSettings)
    for field, kind in ENGINE_FIELDS.items():
        if choices := [c for c in get_args(kind) if isinstance(c, str)]:
            assert choices == list(get_args(hints[field]))


@pytest.mark.parametrize("field", sorted(ENGINE_VALUES))
def test_each_setting_of_the_engine_arrives(field: str) -> None:
    written, wanted = ENGINE_VALUES[field]
    data = f"backend:\n  kind: embedded\n  {field}: {written}\n".encode()
    settings = engine_settings(read_profile(data, "x").backend)
    name = ENGINE_NAMES.get(field, field)
    assert getattr(settings, name) == wanted != getattr(EngineSettings(), name)


@pytest.mark.parametrize(("lines", "line", "words"), [
    ("kind: embedded\n  gpu_layers: -5", 3, "between -1 and"),
    ("kind: embedded\n  cache_type_k: q9", 3, "must be one of"),
    ("kind: embedded\n  flash_attn: maybe", 3, "must be one of"),
    ("kind: embedded\n  lora: {a.gguf: much}", 3, "must be a number"),
    ("kind: embedded\n  url: http://x", 3, "is for a backend of another kind"),
    ("kind: openai\n  threads: 4", 3, "is for a backend of another kind"),
    ("kind: openai\n  headers: {X-Api-Key: abc}", 3, "would keep a secret"),
    ("kind: openai\n  proxy: http://me:pass@proxy:1", 3, "would keep a secret"),
    ("kind: openai\n  body: 4", 3, "must hold fields"),
    ("kind: openai\n  bdy: {}", 3, "there is no field called"),
    ("kind: wrong", 2, "must be one of"),
])
def test_what_is_wrong_is_named_by_file_line_and_field(lines: str, line: int, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_profile(f"backend:\n  {lines}\n".encode(), "mine")
    told = caught.value.what
    assert told.args["file"] == "mine.yaml"
    assert told.args["line"] == line
    assert words in str(told)
    assert "pass" not in str(told)


async def test_each_setting_of_a_connection_arrives(
    table: Table, scripted_server: ScriptedServer, home: Path,
) -> None:
    as_openai(scripted_server, "Good evening.")
    for route in ("GET /v1/models", "POST /v1/chat/completions"):
        scripted_server.on(route.replace(" ", " /some/base"), *scripted_server.routes[route])
    table.core.connection.environment |= {"OTHER_SECRET": "hdr-canary-77"}
    key = home / "key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    await keep(table, "full", server_profile(f"{scripted_server.url}/some/base/v1", (
        f"  mode: chat\n  model: this-one\n  key_file: {key}\n  context_length: 3000\n  proxy: none\n"
        "  headers: {X-Title: Traktir}\n  headers_env: {X-Other-Key: OTHER_SECRET}\n  verify_tls: true\n"
        "  body: {top_k: null, tag: tale, deep: {n: 3}, top_p: null}\n"
    )))
    await table.call("profiles.use", id="full")
    chat = await table.new_chat()
    _, done = await table.say(chat, "Hello!")
    assert (done["error"], done["context"]) == (None, 3000)
    request = scripted_server.asked("/some/base/v1/chat/completions")[-1]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (request.headers["x-title"], request.headers["x-other-key"]) == ("Traktir", "hdr-canary-77")
    assert (request.json["model"], request.json["tag"], request.json["deep"]) == ("this-one", "tale", {"n": 3})
    assert "top_p" not in request.json
    assert set(SERVER_FIELDS) <= set(BACKEND_FIELDS)


async def test_a_profile_holds_for_a_character_and_a_chat_goes_its_own_way(
    table: Table, scripted_server: ScriptedServer,
) -> None:
    as_openai(scripted_server, "From the server.")
    await keep(table, "a", server_profile(scripted_server.url, "  model: model-a\n"))
    await keep(table, "b", server_profile(scripted_server.url, "  model: model-b\n"))
    await keep(table, "c", server_profile(scripted_server.url, "  model: model-c\n"))
    await table.call("profiles.use", id="a")

    async def model_of(chat: str) -> str:
        await table.say(chat, "Hello!")
        return str(scripted_server.asked("/v1/chat/completions")[-1].json["model"])

    chat = await table.new_chat()
    assert await model_of(chat) == "model-a"
    await table.call("profiles.bind", profile="b", character="mira")
    assert await model_of(chat) == "model-b"
    assert (await table.call("connection.get", character="mira"))["profile"] == "b"
    assert (await table.call("connection.get"))["profile"] == "a"
    await table.call("profiles.bind", profile="c", chat=chat)
    assert await model_of(chat) == "model-c"
    assert await model_of(await table.new_chat()) == "model-b"
    await table.call("profiles.bind", chat=chat)
    assert await model_of(chat) == "model-b"
    listed = (await table.call("presets.list", kind="profiles"))["presets"]
    held = next(p for p in listed if p["id"] == "b")
    assert held["characters"] == ["mira"]
    assert (held["holds"]["model"], held["holds"]["template"]) == ("model-b", "chatml")
    await table.call("profiles.bind", character="mira")
    assert await model_of(chat) == "model-a"
    with pytest.raises(BadInput):
        await table.call("profiles.bind", profile="a")


async def test_a_small_model_writes_the_summaries(table: Table) -> None:
    large, small = ScriptedServer(), ScriptedServer()
    await large.start()
    await small.start()
    try:
        as_openai(large, "A long story begins, and goes on and on.")
        as_openai(small, "They met and talked.")
        await keep(table, "large", server_profile(large.url, "  mode: text\n  context_length: 4096\n"))
        await keep(table, "small", server_profile(small.url, "  mode: text\n  context_length: 1200\n", "alpaca"))
        await table.call("profiles.use", id="large")
        await table.call("settings.set", name="summary_profile", value="small")
        chat = await table.new_chat()
        for number in range(8):
            await table.say(chat, f"And then, number {number}? " + "Tell me more. " * 12)
        made = (await table.call("summary.make", chat=chat, id=new_id()))["summary"]
        assert "They met and talked." in str(made)
        asked = [r for r in small.requests if r.method == "POST" and r.path == "/v1/completions"]
        assert len(asked) == 1
        prompt = asked[0].json["prompt"]
        assert "### Instruction" in prompt
        assert "<|im_start|>" not in prompt
        assert len(prompt) / 3.3 < 1200
        assert not any(r.path == "/v1/completions" and "Summarise" in r.body.decode() for r in large.requests)
    finally:
        await large.stop()
        await small.stop()


async def test_two_servers_serve_two_chats_in_turns_and_neither_is_closed(table: Table) -> None:
    one, two = ScriptedServer(), ScriptedServer()
    await one.start()
    await two.start()
    try:
        as_openai(one, "One.")
        as_openai(two, "Two.")
        await keep(table, "one", server_profile(one.url))
        await keep(table, "two", server_profile(two.url))
        first, second = await table.new_chat(), await table.new_chat()
        await table.call("profiles.bind", profile="one", chat=first)
        await table.call("profiles.bind", profile="two", chat=second)
        for turn in range(3):
            _, done_one = await table.say(first, "Hello!")
            _, done_two = await table.say(second, "Hello!")
            assert (done_one["error"], done_two["error"]) == (None, None)
            if turn == 0:
                looked = len(one.asked("/v1/models")), len(two.asked("/v1/models"))
        assert (len(one.asked("/v1/models")), len(two.asked("/v1/models"))) == looked
        assert len(one.asked("/v1/chat/completions")) == len(two.asked("/v1/chat/completions")) == 3
        states = [(await table.call("connection.get", profile=p))["state"] for p in ("one", "two")]
        assert states == ["ready", "ready"]
    finally:
        await one.stop()
        await two.stop()


async def test_the_embedded_model_stays_loaded_while_a_server_answers(
    table: Table, scripted_server: ScriptedServer,
) -> None:
    as_openai(scripted_server, "From afar.")
    await keep(table, "far", server_profile(scripted_server.url))
    here, there = await table.new_chat(), await table.new_chat()
    await table.call("samplers.set", chat=here, values={"max_tokens": 4})
    await table.call("profiles.bind", profile="far", chat=there)
    for _ in range(2):
        _, done_here = await table.say(here, "Hello!")
        _, done_there = await table.say(there, "Hello!")
        assert (done_here["error"], done_there["error"]) == (None, None)
        assert (await table.call("connection.get", profile="starter"))["state"] == "ready"
    loads = [e for e in table.heard if e["type"] == "connection" and e["connection"]["state"] == "loading"]
    assert len(loads) <= 2                         # told when it begins and as it goes on; once


async def test_a_key_is_kept_in_a_private_file_and_told_nowhere(
    table: Table, scripted_server: ScriptedServer, home: Path,
) -> None:
    as_openai(scripted_server, "Good evening.")
    await keep(table, "keyed", server_profile(scripted_server.url))
    before = (home / "config" / "presets" / "profiles" / "keyed.yaml").read_bytes()
    told = await table.call("profiles.key", profile="keyed", key=f"  {KEY}\n")
    file = home / "config" / told["kept"]["key_file"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == f"{KEY}\n"
    assert (home / "config" / "presets" / "profiles" / "keyed.yaml").read_bytes() == before
    await table.call("profiles.use", id="keyed")
    chat = await table.new_chat()
    _, done = await table.say(chat, "Hello!")
    assert done["error"] is None
    assert scripted_server.asked("/v1/chat/completions")[-1].headers["authorization"] == f"Bearer {KEY}"
    answers = [told, done, await table.call("connection.get"), await table.call("settings.get"),
               await table.call("presets.list", kind="profiles"),
               await table.call("presets.get", kind="profiles", id="keyed"), *table.heard]
    assert KEY not in repr(answers)
    holds = next(p for p in answers[4]["presets"] if p["id"] == "keyed")["holds"]
    assert holds["key"] == "key_file"
    await table.call("profiles.key", profile="keyed", key="second-key-value")
    assert read_key_file(file) == "second-key-value"
    with pytest.raises(BadInput, match="no key"):
        await table.call("profiles.key", profile="starter", key=KEY)
    with pytest.raises(BadInput) as caught:
        await table.call("profiles.key", profile="keyed", key=f"{KEY}\nmore")
    assert KEY not in str(caught.value)


async def test_a_typed_key_is_tried_and_then_kept_with_the_profile(
    table: Table, scripted_server: ScriptedServer, home: Path,
) -> None:
    as_openai(scripted_server, "Good evening.")
    await table.call("connection.probe", url=scripted_server.url, key=KEY)
    assert scripted_server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert not list(home.rglob("*.key"))
    await table.call("connection.use", kind="openai", url=scripted_server.url, key=KEY, template="chatml")
    assert [stat.S_IMODE(p.stat().st_mode) for p in home.rglob("*.key")] == [0o600]
    assert KEY not in (home / "config" / "presets" / "profiles" / "mine.yaml").read_text()
    _, done = await table.say(await table.new_chat(), "Hello!")
    assert done["error"] is None
    assert scripted_server.asked("/v1/chat/completions")[-1].headers["authorization"] == f"Bearer {KEY}"


async def test_a_key_kept_for_one_server_does_not_go_to_the_next(table: Table, scripted_server: ScriptedServer) -> None:
    """Connecting writes the same profile anew: what was kept under its name belongs to the server before."""
    as_openai(scripted_server, "Good evening.")
    route, other = "/v1/chat/completions", scripted_server.url.replace("127.0.0.1", "localhost")
    chat = await table.new_chat()
    await table.call("connection.use", kind="openai", url=scripted_server.url, template="chatml")
    await table.call("profiles.key", profile="mine", key=KEY)
    await table.call("connection.use", kind="openai", url=f"{scripted_server.url}/v1", template="chatml")
    await table.say(chat, "Hello!")
    assert scripted_server.asked(route)[-1].headers["authorization"] == f"Bearer {KEY}"
    await table.call("connection.use", kind="openai", url=other, template="chatml")
    _, done = await table.say(chat, "And you?")
    assert (done["error"], "authorization" in scripted_server.asked(route)[-1].headers) == (None, False)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o660])
def test_a_key_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(mode)
    with pytest.raises(BadInput) as caught:
        read_key_file(file)
    assert "other users" in str(caught.value)
    assert KEY not in str(caught.value)
    file.chmod(0o400)
    assert read_key_file(file) == KEY


class _Ring(types.ModuleType):
    """What the package `keyring` offers of what is used."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self._fails = fails

    def set_password(self, service: str, name: str, key: str) -> None:
        if self._fails:
            raise RuntimeError(f"no Secret Service for {key}")
        self.kept[service, name] = key

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))


async def test_the_keyring_keeps_a_key(
    table: Table, scripted_server: ScriptedServer, home: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    as_openai(scripted_server, "Good evening.")
    await keep(table, "ring", server_profile(scripted_server.url))
    ring = _Ring()
    monkeypatch.setitem(sys.modules, "keyring", ring)
    await table.call("profiles.key", profile="ring", key=KEY, keyring=True)
    assert ring.kept == {("traktir", "ring"): KEY}
    assert not list(home.rglob("*.key"))
    await table.call("profiles.use", id="ring")
    await table.say(await table.new_chat(), "Hello!")
    assert scripted_server.asked("/v1/chat/completions")[-1].headers["authorization"] == f"Bearer {KEY}"


async def test_a_keyring_that_is_not_there_is_told_in_a_sentence(
    table: Table, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch,
) -> None:
    await keep(table, "ring", server_profile(scripted_server.url))
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(BackendError, match="not installed"):
        await table.call("profiles.key", profile="ring", key=KEY, keyring=True)
    monkeypatch.setitem(sys.modules, "keyring", _Ring(fails=True))
    with pytest.raises(BackendError, match="cannot be used here") as caught:
        await table.call("profiles.key", profile="ring", key=KEY, keyring=True)
    assert KEY not in str(caught.value) + repr(caught.value.__cause__)


async def test_a_broken_table_of_a_person_is_named_and_the_last_good_one_stays(
    table: Table, scripted_server: ScriptedServer, home: Path,
) -> None:
    as_openai(scripted_server, "Good evening.")
    own = home / "config" / "presets" / "servers" / "openai.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("samplers:\n  top_k: {name: my_top_k}\n")
    await keep(table, "there", server_profile(scripted_server.url))
    await table.call("profiles.use", id="there")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"top_k": 17, "temperature": 4.5, "min_p": 0.1})
    _, done = await table.say(chat, "Hello!")
    assert scripted_server.asked("/v1/chat/completions")[-1].json["my_top_k"] == 17
    assert done["clamped"] == {"temperature": 2.0}
    assert "min_p" in done["dropped"]
    assert set(done["reasons"]) == {"temperature", *done["dropped"]}
    own.write_text("samplers:\n  top_k: {name: other, lowest: 3}\n")
    problems = [str(p) for p in (await table.call("settings.get"))["problems"]]
    assert any("openai.yaml" in p and "lowest" in p and "2" in p for p in problems)
    await table.say(chat, "Hello!")
    assert scripted_server.asked("/v1/chat/completions")[-1].json["my_top_k"] == 17


async def test_a_refused_setting_is_left_out_told_and_remembered(
    table: Table, scripted_server: ScriptedServer,
) -> None:
    as_openai(scripted_server, "Good evening.")
    speak = scripted_server.routes["POST /v1/chat/completions"][0]
    refusal = answer({"error": {"message": "Unsupported parameter", "param": "seed", "type": "x"}}, "400 Bad Request")
    scripted_server.on("POST /v1/chat/completions", refusal, speak)
    await keep(table, "there", server_profile(scripted_server.url))
    await table.call("profiles.use", id="there")
    chat = await table.new_chat()
    await table.call("samplers.set", chat=chat, values={"seed": 4})
    for _ in range(2):
        _, done = await table.say(chat, "Hello!")
        assert done["error"] is None
        assert "seed" in done["dropped"]
        assert "refused" in str(done["reasons"]["seed"])
    sent = ["seed" in r.json for r in scripted_server.asked("/v1/chat/completions")]
    assert sent == [True, False, False]
