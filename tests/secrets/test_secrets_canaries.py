"""Secrets are sought where they do not belong: answers, events, errors, logs, the store, exports, files, processes."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import logging
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from canaries import CANARIES, MANNERS, files_with_secrets, found_in, teach, texts
from scripted import ScriptedServer
from secrets_kit import children_of, traktir
from terminal import CTRL_Q, ESCAPE, F4, Terminal

from tui.client.connection import Connection
from tui.client.launch import find_core
from tui.core.app import Core, CoreConfig
from tui.domain.errors import TraktirError
from tui.server.run import Serving, serving
from tui.server.service import Service
from tui.wire.ids import new_id
from tui.wire.place import socket_path
from tui.wire.target import Target

#: Where each profile's key comes from.
_SOURCES = {
    "file": "key file", "env": "variable", "handed": "handed variable", "url": "address",
    "header": "header", "kept": "kept",
}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    teach(server)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every secret in its place; returns the folder of the key file and of the token file."""
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "key").write_text(CANARIES["key file"] + "\n")
    (folder / "key").chmod(0o600)
    (folder / "token").write_text(CANARIES["token"] + "\n")
    monkeypatch.setenv("CANARY_KEY", CANARIES["variable"])
    monkeypatch.setenv("CANARY_HEADER", CANARIES["header"])
    monkeypatch.setenv("HF_TOKEN", CANARIES["hub"])
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://me:{CANARIES['proxy']}@127.0.0.1:9")
    return folder


def _profiles(port: int, folder: Path) -> dict[str, str]:
    """Profiles by name: each way to give a key, with each manner of server; and one beyond the proxy."""
    out = {}
    for manner in MANNERS:
        for source in _SOURCES:
            user = f"me:{CANARIES['address']}@" if source == "url" else ""
            key = {"file": f"  key_file: {folder / 'key'}\n", "env": "  key_env: CANARY_KEY\n",
                   "header": "  headers_env: {X-Tenant: CANARY_HEADER}\n",
                   "handed": "  key_env: HANDED_KEY\n", "url": "", "kept": ""}[source]
            out[f"{source}-{manner}"] = (
                f"backend:\n  kind: openai\n  mode: chat\n  url: http://{user}127.0.0.1:{port}/{manner}\n{key}"
                "template: chatml\n"
            )
    out["proxied"] = f"backend:\n  kind: openai\n  url: http://203.0.113.7:9/v1\n  key_file: {folder / 'key'}\n"
    return out


class Ear:
    """Everything that the core says, searched."""

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {}

    def hear(self, where: str, what: Any, but: tuple[str, ...] = ()) -> None:
        if found := found_in(texts(what), but):
            self.said.setdefault(f"{where}: {texts(what)[:400]}", []).extend(found)


async def test_no_answer_event_log_or_file_tells_a_secret(
    secrets: Path, server: ScriptedServer, home: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    ear = Ear()
    cores: list[Core] = []

    async def make() -> Core:
        cores.append(await Core.start(CoreConfig()))
        cores[0].subscribe(lambda event: ear.hear("event", event))
        return cores[0]

    how = Serving(socket=socket_path(), host="127.0.0.1", token=CANARIES["token"])
    async with serving(make, how) as service:
        connection = await Connection.open(Target(socket=socket_path()))
        await connection.call("env.hand", values={"HANDED_KEY": CANARIES["handed variable"]})
        chat = new_id()
        await connection.call("chats.create", id=chat, character="mira")
        profiles = _profiles(server.port, secrets)
        for name, text in profiles.items():
            await connection.call("presets.save", kind="profiles", id=name, text=text)
            if name.startswith("kept-"):
                ear.hear("kept", await connection.call("profiles.key", profile=name, key=CANARIES["kept"]))
            await _talk(connection, chat, name, ear)
        await _use_and_probe(connection, server.port, secrets, ear)
        await _call_everything(connection, cores[0], chat, ear)
        monkey = pytest.MonkeyPatch()
        monkey.setattr(cores[0].connection, "describe", _broken)    # an error inside
        ear.hear("inner error", await _outcome(connection.call("connection.get")))
        monkey.undo()
        ear.hear("hello", await connection.greet())
        ear.hear("status", await connection.call("status"))
        ear.hear("repr", [repr(how), repr(service), repr(cores[0].connection.endpoint(
            {"url": "http://127.0.0.1:1", "key_file": str(secrets / "key")}))])
        await connection.close()
    assert len(server.requests) > len(profiles)                               # the servers were really asked
    for secret in ("key file", "header", "kept"):
        assert any(CANARIES[secret] in texts(r.headers) for r in server.requests)
    assert ear.said == {}
    assert found_in(caplog.text) == []
    kept = [*(home / "config" / "keys").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    own = [*(home / "config" / "presets" / "profiles").iterdir(), secrets / "key", secrets / "token", *kept]
    assert files_with_secrets(home, tmp_path, Path(os.environ["TMPDIR"]), but=own) == {}
    assert {name for path in own if path.is_file() for name in found_in(path.read_bytes())} == {
        "key file", "token", "address", "kept"}


def _broken(*_: object) -> None:
    key = CANARIES["key file"]
    raise ZeroDivisionError(f"with a key of {len(key)} characters at hand")


async def _talk(connection: Connection, chat: str, profile: str, ear: Ear) -> None:
    """One turn with the profile; what it comes to, and what is shown of the connection."""
    await connection.call("chats.set", id=chat, field="profile", value=profile)
    head = (await connection.call("chats.open", id=chat))["chat"]["head"]
    said = await _outcome(connection.call(
        "turn.say", chat=chat, parent=head, node=new_id(), revision=new_id(), text="Hello?", reply=new_id(),
        reply_revision=new_id(),
    ))
    ear.hear(f"say {profile}", said)
    async with asyncio.timeout(60):
        while (await connection.greet())["busy"]:
            await asyncio.sleep(0.02)
    ear.hear(f"chat {profile}", await connection.call("chats.open", id=chat))
    ear.hear(f"connection {profile}", await connection.call("connection.get", profile=profile))


async def _use_and_probe(connection: Connection, port: int, folder: Path, ear: Ear) -> None:
    """The ways by which the screens come to a server."""
    for manner in MANNERS:
        url = f"http://127.0.0.1:{port}/{manner}"
        for words in ({"key_file": str(folder / "key")}, {"key_env": "CANARY_KEY"}, {"key_env": "HANDED_KEY"}):
            ear.hear("probe", await _outcome(connection.call("connection.probe", url=url, **words)))
    for url in (f"http://me:{CANARIES['address']}@127.0.0.1:{port}/failing", f"http://me:{CANARIES['address']}@[bad"):
        ear.hear("probe", await _outcome(connection.call("connection.probe", url=url)))
        ear.hear("use", await _outcome(connection.call("connection.use", kind="openai", url=url)))
        ear.hear("get", await _outcome(connection.call("connection.get")))
    for method in ("connection.probe", "connection.use"):                     # the key where its name belongs
        answer = await _outcome(connection.call(
            method, kind="openai", url=f"http://127.0.0.1:{port}/failing", key_env=CANARIES["variable"]))
        assert "not the name of a variable" in texts(answer)
        ear.hear(method, answer)


async def _call_everything(connection: Connection, core: Core, chat: str, ear: Ear) -> None:
    """Every method that there is, with words of the right kind. What shows the text of a profile shows its address."""
    opened = await connection.call("chats.open", id=chat)
    node = opened["nodes"][-1]["id"]
    words: dict[str, Any] = {
        "chat": chat, "node": node, "nodes": [node], "revision": new_id(), "reply": new_id(), "kind": "profiles",
        "reply_revision": new_id(), "profile": "env-failing", "character": "mira", "text": "Hello", "query": "Hello",
        "format": "jsonl", "name": "profile", "value": "env-failing", "key_env": "CANARY_KEY", "url": "http://127.0.0.1:9",
        "data_base64": base64.b64encode(b"{}").decode(), "field": "title",
    }
    for method, handler in sorted(core._dispatcher._handlers.items()):
        if method in ("chats.delete", "connection.use"):
            continue
        for own in ("env-failing", chat, "mira"):
            given = words | {"id": own}
            known = inspect.signature(handler).parameters
            params = {name: given[name] for name in known if name in given}
            answer = await _outcome(asyncio.wait_for(connection.call(method, **params), 60))
            ear.hear(method, answer, ("address",) if method.startswith("presets.") else ())
    for method in Service._OWN:
        if method != "stop":
            ear.hear(method, await _outcome(connection.call(method)))


async def _outcome(call: Any) -> Any:
    try:
        return await call
    except TraktirError as error:
        return error.to_json()
    except TimeoutError:
        return None


def test_no_command_process_or_log_tells_a_secret(
    secrets: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line with a core of its own in the background, and what `ps` shows of it all."""
    profiles = home / "config" / "presets" / "profiles"
    profiles.mkdir(parents=True)
    for name, text in _profiles(9, secrets).items():
        if name.endswith("failing") or name == "proxied":
            (profiles / f"{name}.yaml").write_text(text)
    heard: dict[str, list[str]] = {}
    try:
        for line in (
            "status", "profiles list", "profiles use env-failing", "say --character mira Hello", "say --json Hello",
            "status --json", "profiles check", "doctor", "models list", "chats list --json", "chats export --help",
            f"probe http://me:{CANARIES['address']}@127.0.0.1:9 --key-file {secrets / 'key'}",
            "profiles show env-failing", "prompt show", "profiles use proxied", "say --json Hello",
        ):
            ran = traktir(*line.split())
            assert "Traceback" not in ran.stderr, line
            if found := found_in(ran.stdout + ran.stderr):
                heard[line] = found
        core = asyncio.run(_pid())
        for process in [core, *children_of(core)]:
            line = Path(f"/proc/{process}/cmdline").read_bytes()
            assert found_in(line) == []
            assert re.search(r"Max core file size +0 ", Path(f"/proc/{process}/limits").read_text())
        os.kill(core, 11)                                                   # a crash leaves no dump and tells nothing
    finally:
        traktir("stop", "--force")
    assert heard == {}
    own = [*profiles.iterdir(), secrets / "key", secrets / "token"]
    assert files_with_secrets(home, tmp_path, Path(os.environ["TMPDIR"]), but=own) == {}


async def _pid() -> int:
    target = await find_core()
    assert target is not None
    connection = await Connection.open(target)
    await connection.close()
    return int(json.loads(json.dumps(connection.hello))["pid"])


def test_the_screen_shows_no_secret(secrets: Path, home: Path) -> None:
    """All that goes to a terminal, its title and clipboard among it, while one looks at servers and is refused."""
    profiles = home / "config" / "presets" / "profiles"
    profiles.mkdir(parents=True)
    url = f"http://me:{CANARIES['address']}@127.0.0.1:9"
    (profiles / "secretive.yaml").write_text(f"backend:\n  kind: openai\n  url: {url}\n  key_file: {secrets / 'key'}\n")
    assert traktir("profiles", "use", "secretive").returncode == 0
    terminal = Terminal()
    raw = bytearray()
    feed = terminal._stream.feed

    def noted(data: bytes) -> None:
        raw.extend(data)
        feed(data)

    terminal._stream.feed = noted  # type: ignore[method-assign]
    try:
        terminal.until(lambda screen: "Mira" in screen or "Characters" in screen)
        terminal.type(ESCAPE)
        terminal.until("No chat is open")
        terminal.type(F4)
        terminal.until("http://127.0.0.1:9")
        terminal.type(ESCAPE)
        terminal.type(CTRL_Q)
        terminal.ended()
    finally:
        terminal.close()
        traktir("stop", "--force")
    assert b"127.0.0.1:9" in raw
    assert found_in(bytes(raw)) == []


async def test_a_preset_of_another_program_leaves_its_keys_behind(home: Path, secrets: Path) -> None:
    """SillyTavern's files may hold the password of a proxy and keys; none of it is taken in."""
    names = ("proxy_password", "hf_token", "api_key", "api_key_openai", "custom_include_headers", "Authorization")
    preset = {"temperature": 0.7, "top_p": 0.9, "openai_max_context": 4096, "prompts": [], "prompt_order": [],
              "reverse_proxy": f"http://me:{CANARIES['address']}@example.org"}
    preset |= dict.fromkeys(names, CANARIES["key file"])
    async with serving(lambda: Core.start(CoreConfig()), Serving(socket=socket_path())):
        connection = await Connection.open(Target(socket=socket_path()))
        data = base64.b64encode(json.dumps(preset).encode()).decode()
        answer = await connection.call("import", name="Preset.json", data_base64=data)
        assert found_in(texts(answer)) == []
        await connection.close()
    assert [path for path in (home / "config").rglob("*.yaml")] != []
    assert files_with_secrets(home) == {}
