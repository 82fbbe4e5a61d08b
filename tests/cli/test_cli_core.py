"""The program as scripts use it: real processes, a real core, the real engine."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


class Traktir:
    """Runs `traktir` in the test's home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {**os.environ, "TRAKTIR_HOME": str(home), "LC_ALL": "C.UTF-8"}

    def __call__(self, *words: str, rc: int = 0, stdin: str | None = None) -> str:
        """Standard output of one command, which must end with `rc`."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == rc, done.stderr
        return done.stdout

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tui", *words], capture_output=True, text=True, env=self.env, input=stdin,
            cwd=CHECKOUT, timeout=120, encoding="utf-8",
        )

    def json(self, *words: str, rc: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*words, "--json", rc=rc).splitlines()]


@pytest.fixture
def traktir(home: Path) -> Iterator[Traktir]:
    program = Traktir(home)
    yield program
    program.run("stop", "--force")


def test_say_starts_the_core_streams_the_reply_and_keeps_the_chat(traktir: Traktir) -> None:
    said = traktir("say", "--character", "mira", "Hello! How are you?")
    assert said.strip()
    lines = traktir.json("say", "And what do you do?")
    deltas = [line for line in lines if line["type"] == "delta"]
    done = lines[-1]
    assert done["type"] == "done"
    assert "".join(d["text"] for d in deltas).rstrip() == done["text"].rstrip()
    assert done["usage"]["cached_tokens"] > 0
    (chat,) = traktir.json("chats", "list")
    assert chat["messages"] == 5
    shown = traktir("chats", "show", chat["id"])
    assert "Hello! How are you?" in shown
    assert done["text"].rstrip().splitlines()[0] in shown
    assert traktir.json("status")[0]["running"]


def test_russian_goes_in_and_is_found_again(traktir: Traktir) -> None:
    traktir("say", "--character", "mira", "Расскажи о пропавшем маяке, ёлке и чайке.")
    (hit,) = traktir.json("chats", "search", "маяк чайк елк")
    assert hit["name"]
    assert "\x02" in hit["snippet"]


def test_ctrl_c_stops_the_reply_and_keeps_what_came(traktir: Traktir) -> None:
    traktir("say", "--character", "mira", "Hello!")
    talker = subprocess.Popen(
        [sys.executable, "-m", "tui", "say", "--json", "--set", "max_tokens=340", "--set", "temperature=3",
         "--set", "min_p=0", "--set", "top_p=1", "Tell me everything you know about everything."],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=traktir.env, cwd=CHECKOUT, encoding="utf-8",
    )
    assert talker.stdout is not None
    first = json.loads(talker.stdout.readline())
    talker.send_signal(signal.SIGINT)
    talker.communicate(timeout=30)
    messages = traktir.json("chats", "show", first_chat(traktir))
    assert messages[-1]["text"].startswith(first["text"].rstrip())
    assert messages[-1]["finish"] in ("cut", "stop", "length")


def first_chat(traktir: Traktir) -> str:
    return str(traktir.json("chats", "list")[0]["id"])


def test_errors_are_one_sentence_and_exit_status_1(traktir: Traktir) -> None:
    done = traktir.run("say", "--character", "nobody-of-that-name", "Hi")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "nobody-of-that-name" in done.stderr
    assert "Traceback" not in done.stderr
    assert traktir.run("say").returncode == 2
    assert traktir.run("nonsense").returncode == 2


def test_a_card_goes_in_and_comes_back_with_unknown_fields(traktir: Traktir, tmp_path: Path) -> None:
    card = {
        "spec": "chara_card_v2", "spec_version": "2.0", "own": {"kept": [1, 2.50]},
        "data": {"name": "Ворон", "description": "A raven.", "first_mes": "Kraa.", "strange": "field"},
    }
    file = tmp_path / "raven.json"
    file.write_text(json.dumps(card, ensure_ascii=False), "utf-8")
    broken = tmp_path / "broken.json"
    broken.write_text('{"spec": "chara_card_v2", "data": ')
    results = traktir.json("import", str(file), str(broken), rc=1)
    assert [bool(r["error"]) for r in results] == [False, True]
    assert "broken.json" in json.dumps(results[1])
    out = tmp_path / "out.json"
    traktir("export", "card", results[0]["id"], "-o", str(out))
    assert json.loads(out.read_text("utf-8")) == card
    picture = tmp_path / "out.png"
    traktir("export", "card", results[0]["id"], "-o", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert traktir.json("import", str(picture))[0]["name"] == "Ворон"


def test_a_chat_is_exported_deleted_and_restored(traktir: Traktir, tmp_path: Path) -> None:
    traktir("say", "--character", "mira", "Hello!")
    chat = first_chat(traktir)
    exported = traktir("chats", "export", chat)
    assert json.loads(exported.splitlines()[-1])["mes"]
    traktir("chats", "delete", chat)
    assert traktir.json("chats", "list") == []
    assert len(traktir.json("chats", "list", "--trash")) == 1
    traktir("chats", "restore", chat)
    assert first_chat(traktir) == chat
    file = tmp_path / "chat.jsonl"
    file.write_text(exported, "utf-8")
    taken = traktir.json("import", str(file))[0]
    assert taken["kind"] == "chat"
    assert taken["messages"] == 3


def test_undo_takes_the_last_change_back(traktir: Traktir) -> None:
    traktir("say", "--character", "mira", "Hello!")
    chat = first_chat(traktir)
    traktir("chats", "undo", chat)
    assert traktir.json("chats", "show", chat)[-1]["text"] == "Hello!"


def test_redo_and_the_map_of_the_branches(traktir: Traktir) -> None:
    traktir("say", "--character", "mira", "Hello!")
    (chat,) = [c["id"] for c in traktir.json("chats", "list")]
    before = traktir("chats", "show", chat)
    runs = traktir.json("chats", "map", chat)
    assert sum(r["count"] for r in runs if r["on_path"]) == 3
    assert [r["here"] for r in runs].count(True) == 1
    assert "● #1–3  " in traktir("chats", "map", chat)
    traktir("chats", "undo", chat)
    assert traktir("chats", "show", chat) != before
    traktir("chats", "redo", chat)
    assert traktir("chats", "show", chat) == before
    assert "nothing to redo" in traktir.run("chats", "redo", chat).stderr


def test_undo_takes_a_chat_out_of_the_trash_before_it_takes_back_what_was_said(traktir: Traktir) -> None:
    traktir("say", "--character", "mira", "Hello!")
    chat = first_chat(traktir)
    traktir("chats", "delete", chat)
    traktir("chats", "undo", chat)
    assert first_chat(traktir) == chat
    assert len(traktir.json("chats", "show", chat)) == 3


def test_a_prompt_that_does_not_fit_is_refused_with_its_largest_parts(traktir: Traktir) -> None:
    refused = traktir.run("say", "--character", "yermolay", "Доброй ночи")
    assert refused.returncode == 1
    (sentence,) = (line for line in refused.stderr.splitlines() if "does not fit" in line)
    assert "card.description" in sentence


def test_a_broken_preset_is_named_with_its_line_and_the_rest_loads(traktir: Traktir) -> None:
    folder = traktir.home / "config" / "presets" / "samplers"
    folder.mkdir(parents=True)
    (folder / "wild.yaml").write_text("label: Wild\ntemperature: 1.1\nmin_pee: 0.1\n")
    (folder / "good.yaml").write_text("label: Good\ntemperature: 1e-1\n")
    done = traktir.run("presets", "check", "samplers")
    assert done.returncode == 1
    assert "wild" in done.stderr
    assert "3" in done.stderr
    assert "min_p" in done.stderr
    assert "good" in traktir("presets", "list", "samplers")


def test_presets_of_all_kinds_are_listed_and_checked_at_once(traktir: Traktir) -> None:
    named = {line["id"] for line in traktir.json("presets", "list")}
    assert {"samplers/default", "profiles/starter", "templates/chatml"} <= named
    assert traktir("presets", "check").strip() == f"{len(named)} ok"


def test_an_edited_preset_counts_and_a_bad_edit_changes_nothing(traktir: Traktir) -> None:
    traktir("presets", "edit", "samplers", "default", "--text", "label: Mine\ntemperature: 0.5\n")
    assert "Mine" in traktir("presets", "show", "samplers", "default")
    bad = traktir.run("presets", "edit", "samplers", "default", "--text", "temperature: hot\n")
    assert bad.returncode == 1
    assert "temperature" in bad.stderr
    assert "Mine" in traktir("presets", "show", "samplers", "default")


def test_a_plan_can_be_seen_before_it_is_sent(traktir: Traktir) -> None:
    traktir("say", "--character", "mira", "Hello!")
    lines = traktir.json("prompt", "show", "--chat", first_chat(traktir), "--text", "What now?")
    sources = [line["source"] for line in lines if line["type"] == "segment"]
    assert "card.description" in sources
    assert sources[-1].startswith("message:")
    assert lines[-1]["type"] == "plan"


def test_render_prints_exactly_the_prompt(traktir: Traktir, tmp_path: Path) -> None:
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]))
    text = traktir("prompt", "render", "--template", "chatml-openhermes-2.5", "--messages", str(file))
    assert text == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    bare = traktir("prompt", "render", "--template", "chatml", "--messages", str(file), "--no-generation")
    assert bare + "<|im_start|>assistant\n" == text
    file.write_text('[{"role": "king", "content": "Hi"}]')
    assert "message 1" in traktir.run("prompt", "render", "--template", "chatml", "--messages", str(file)).stderr


def test_lore_says_which_entries_fire_and_why_not(traktir: Traktir, tmp_path: Path) -> None:
    book = {"entries": {
        "0": {"uid": 0, "key": ["harbour"], "content": "The harbour is frozen.", "comment": "Harbour"},
        "1": {"uid": 1, "key": ["dragon"], "content": "No dragons.", "comment": "Dragon"},
    }}
    file = tmp_path / "book.json"
    file.write_text(json.dumps(book))
    hits = {h["uid"]: h for h in traktir.json("lore", "test", "--book", str(file), "--text", "Down to the Harbour!")}
    assert hits[0]["fired"]
    assert hits[0]["key"] == "harbour"
    assert not hits[1]["fired"]
    assert hits[1]["why"]


def test_models_and_templates_are_told_without_a_core(traktir: Traktir, starter: Path) -> None:
    (info,) = traktir.json("models", "info", str(starter))
    assert (info["template"], info["context_length"], info["quantisation"]) == ("chatml", 1024, "F16")
    (found,) = traktir.json("templates", "detect", "--gguf", str(starter))
    assert found["id"] == "chatml"
    assert traktir.run("status").returncode == 1                  # nothing was started for it


def test_the_core_can_be_reached_over_tcp_with_its_token_only(traktir: Traktir, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(base64.urlsafe_b64encode(os.urandom(24)).decode())
    core = subprocess.Popen(
        [sys.executable, "-m", "tui", "serve", "--host", "127.0.0.1", "--port", "0", "--token-file", str(token)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=traktir.env, cwd=CHECKOUT,
    )
    try:
        assert core.stderr is not None
        address = next(word for line in core.stderr for word in line.split() if word.startswith("http://"))
        assert "mira" in traktir("characters", "list", "--connect", address, "--token-file", str(token))
        wrong = tmp_path / "wrong"
        wrong.write_text("x" * 32)
        assert traktir.run("characters", "list", "--connect", address, "--token-file", str(wrong)).returncode == 1
    finally:
        core.terminate()
        core.communicate(timeout=20)
    assert core.returncode == 0


def test_doctor_finds_nothing_wrong_with_a_fresh_home(traktir: Traktir) -> None:
    found = traktir.json("doctor")
    assert {f["topic"] for f in found} >= {"traktir", "engine", "presets", "core"}
    assert not [f for f in found if f["severity"] == "problem"]


def test_help_is_quick_and_names_every_command(traktir: Traktir) -> None:
    started = time.monotonic()
    text = traktir("--help")
    assert time.monotonic() - started < 5
    words = (
        "serve", "status", "stop", "say", "chats", "import", "export", "characters", "templates", "presets", "prompt",
        "lore", "models", "probe", "doctor",
    )
    assert [word for word in words if word not in text] == []


def test_a_word_that_is_no_command_is_answered_with_one_that_is(traktir: Traktir) -> None:
    done = traktir.run("charcters")
    assert done.returncode == 2
    assert "characters" in done.stderr.splitlines()[-1]


def test_damaged_json_is_named_with_its_line(traktir: Traktir, tmp_path: Path) -> None:
    file = tmp_path / "torn.json"
    file.write_text('{"name": "Torn",\n "description": "a \\q bad escape"\n')
    done = traktir.run("import", str(file))
    assert done.returncode == 1
    assert "torn.json" in done.stderr
    assert "2" in done.stderr or "3" in done.stderr


def test_a_servers_own_template_is_recognised(traktir: Traktir) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )

    class Server(BaseHTTPRequestHandler):
        server_version = "llama.cpp"

        def do_GET(self) -> None:
            known = self.path == "/props"
            told = {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1, "model_path": "some.gguf",
                    "chat_template": template}
            body = json.dumps(told if known else {"error": "none"}).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        (found,) = traktir.json("templates", "detect", "--url", f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
    assert (found["id"], found["found_by"]) == ("chatml", "rules")
