"""`traktir templates` as scripts use it: real files, the real helper process, no core."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tui.cli import main

PLAIN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
UNSEEN = "{% for m in messages %}[{{ m.role }}]\n{{ m.content }}\n[end]\n{% endfor %}" \
    "{% if add_generation_prompt %}[assistant]\n{% endif %}"


@pytest.fixture
def jinja(tmp_path: Path) -> Path:
    return tmp_path / "template.jinja"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit status, JSON lines, what was said aside."""
    status = main(["templates", *words, "--json"])
    said = capsys.readouterr()
    return status, [json.loads(line) for line in said.out.splitlines()], said.err


def test_detect_answers_with_the_id_and_how_it_was_found(jinja: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jinja.write_text(PLAIN)
    status, [line], _ = run(capsys, "detect", "--jinja", str(jinja))
    assert status == 0
    assert (line["type"], line["id"], line["found_by"], line["differences"]) == ("template", "chatml", "rules", [])
    assert "chatml-openhermes-2.5" in line["aliases"]
    assert line["why"]
    assert "template" not in line


def test_detect_derives_what_nobody_has_seen(jinja: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jinja.write_text(UNSEEN)
    status, [line], _ = run(capsys, "detect", "--jinja", str(jinja))
    assert status == 0
    assert (line["found_by"], line["differences"]) == ("derived", [])
    made = line["template"]
    assert (made["user_prefix"], made["user_suffix"], made["assistant_prefix"]) == (
        "[user]\n", "\n[end]\n", "[assistant]\n"
    )
    assert made["stop"]


def test_detect_says_when_the_template_itself_must_be_run(jinja: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jinja.write_text(UNSEEN.replace("[{{ m.role }}]", "[{{ m.role }} {{ loop.index }}]"))
    status, [line], _ = run(capsys, "detect", "--jinja", str(jinja))
    assert status == 0
    assert line["found_by"] == "jinja"
    assert line["differences"]
    assert "loop.index" in line["template"]["jinja"]


def test_detect_names_the_line_of_a_broken_template(jinja: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jinja.write_text("first\n{% for m in messages %}\n{{ m.content \n{% endfor %}")
    status, [line], _ = run(capsys, "detect", "--jinja", str(jinja))
    assert status == 1
    assert (line["id"], line["found_by"]) == (None, None)
    assert "line 4" in line["why"]


def test_detect_survives_a_template_without_end(jinja: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jinja.write_text("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
    status, [line], _ = run(capsys, "detect", "--jinja", str(jinja))
    assert status == 1
    assert line["id"] is None


@pytest.mark.parametrize(("file", "wanted", "by"), [
    ("phi-3", "phi-3-first", "sha256"), ("qwen2", "qwen-1.5", "rules"), ("llama-bpe", "llama-3", "tokens"),
    ("falcon", "falcon", "name"), ("gpt-2", None, None),
])
def test_detect_from_a_model_file(
    shared: Path, capsys: pytest.CaptureFixture[str], file: str, wanted: str | None, by: str | None,
) -> None:
    path = shared / "vocab" / f"ggml-vocab-{file}.gguf"
    status, [line], _ = run(capsys, "detect", "--gguf", str(path))
    assert (line["id"], line["found_by"]) == (wanted, by)
    assert status == (0 if wanted else 1)
    assert line["differences"] == []


@pytest.fixture
def server() -> Iterator[str]:
    """A llama-server that tells its template, with the NUL that some versions leave at its end."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {
                "/props": {"chat_template": UNSEEN + "\0", "default_generation_settings": {"n_ctx": 512},
                           "total_slots": 1, "model_path": "/models/x.gguf", "build_info": "b1"},
                "/health": {"status": "ok"},
            }.get(self.path.split("?")[0])
            body = json.dumps(told or {"error": {"code": 404}}).encode()
            self.send_response(200 if told else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            return

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_detect_asks_a_server(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, [line], said = run(capsys, "detect", "--url", server)
    assert status == 0, said
    assert line["found_by"] == "derived"
    assert line["template"]["user_prefix"] == "[user]\n"


def test_a_choice_by_hand_comes_first(home: Path, shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = home / "config"
    config.mkdir()
    (config / "settings.toml").write_text('[template_pins]\nqwen2 = "gemma"\n')
    path = shared / "vocab" / "ggml-vocab-qwen2.gguf"
    status, [line], _ = run(capsys, "detect", "--gguf", str(path))
    assert (status, line["id"], line["found_by"]) == (0, "gemma", "pin")
    assert line["differences"]


def test_check_finds_nothing_in_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check")[:2] == (0, [])
    assert main(["templates", "check"]) == 0
    assert "ok" in capsys.readouterr().out


def test_check_names_a_broken_file_and_a_doubtful_format(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = home / "config" / "presets" / "templates"
    own.mkdir(parents=True)
    (own / "broken.yaml").write_text("label: x\nuser_prefx: y\n")
    (own / "doubtful.yaml").write_text('user_prefix: "U: "\nassistant_prefix: "A: "\nassistant_suffix: "\\n"\n')
    status, lines, _ = run(capsys, "check")
    assert status == 1
    assert {line.get("id") or line["template"] for line in lines} == {"broken", "doubtful"}
    status, lines, _ = run(capsys, "check", "doubtful")
    assert (status, {line["severity"] for line in lines}) == (0, {"warning"})


def test_check_beside_a_model(jinja: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jinja.write_text(PLAIN)
    status, lines, _ = run(capsys, "check", "chatml", "--jinja", str(jinja))
    assert (status, [line for line in lines if line["severity"] != "note"]) == (0, [])
    status, lines, _ = run(capsys, "check", "gemma", "--jinja", str(jinja))
    assert status == 1
    assert any("<start_of_turn>" in line["what"] for line in lines)
    status, lines, _ = run(capsys, "check", "--jinja", str(jinja))
    assert status == 0


def test_what_a_template_trips_over_is_told_with_its_line(jinja: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jinja.write_text("\n{{ messages[99].content }}")
    for verb in ("detect", "check"):
        assert main(["templates", verb, "--jinja", str(jinja)]) == 1
        out, err = capsys.readouterr()
        assert "line 2" in out + err
        assert "no element 99" in out + err


def test_render_takes_every_name_of_a_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "messages.json"
    file.write_text('[{"role": "user", "content": "Hi"}]')
    texts = set()
    for name in ("mistral-v1", "ref-mistral-common-v1", "mixtral", "miqu"):
        assert main(["prompt", "render", "--template", name, "--messages", str(file)]) == 0
        texts.add(capsys.readouterr().out)
    assert texts == {"<s> [INST] Hi [/INST]"}
