"""Presets of other programs through the command line: they lie in the person's home, and leave it again."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tui.cli import main

Command = Callable[..., tuple[int, str, str]]
INSTRUCT = {
    "name": "Night Watch", "input_sequence": "<|u|>", "output_sequence": "<|a|>", "wrap": False,
    "first_output_sequence": "<|f|>", "names_behavior": "none",
}
CONTEXT = {"name": "Night Watch", "story_string": "{{#if system}}{{system}}{{/if}}", "example_separator": "***"}


@pytest.fixture
def traktir(home: Path) -> Iterator[Command]:
    """Runs commands in this process, on a core that stays: their status, output and errors."""

    def run(*words: str) -> tuple[int, str, str]:
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(words)
        out.flush()
        err.flush()
        return status, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()

    yield run
    run("stop", "--force")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def put(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=4), "utf-8")
    return path


def test_a_users_folder_of_sillytavern_goes_in(traktir: Command, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "default-user"
    put(folder / "settings.json", {"power_user": {}})
    put(folder / "secrets.json", {"api_key_openai": "hush"})
    (folder / "characters").mkdir()
    (folder / "thumbnails").mkdir()
    (folder / "thumbnails" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    put(folder / "instruct" / "Night Watch.json", INSTRUCT)
    put(folder / "context" / "Night Watch.json", CONTEXT)
    put(folder / "sysprompt" / "Calm.json", {"name": "Calm", "content": "Be calm."})
    put(folder / "reasoning" / "Night Watch.json",
        {"name": "Night Watch", "prefix": "<think>", "suffix": "</think>", "separator": ""})
    put(folder / "TextGen Settings" / "Warm.json", {"temp": 9, "top_p": 0.9, "rep_pen": 1.1, "server_url": "http://x/"})
    status, out, err = traktir("import", str(folder), "--json")
    assert status == 0, err
    taken = lines(out)
    assert all(line["type"] == "file" and not line["error"] for line in taken)
    assert {(line["kind"], line["id"]) for line in taken} == {
        ("template", "night-watch"), ("template", "night-watch-2"), ("prompt", "night-watch"), ("prompt", "calm"),
        ("samplers", "warm"),
    }
    told = {line["id"]: " ".join(line["warnings"]) for line in taken}
    assert "temp (9) became 5.0" in told["warm"]
    assert "hush" not in out + err
    assert "secrets.json holds keys" in err

    presets = home / "config" / "presets"
    files = {p.relative_to(presets).as_posix() for p in presets.rglob("*.yaml")}
    assert files == {
        "templates/night-watch.yaml", "templates/night-watch-2.yaml", "prompts/night-watch.yaml", "prompts/calm.yaml",
        "samplers/warm.yaml",
    }
    assert "http://x" not in (presets / "samplers/warm.yaml").read_text("utf-8")
    status, out, _ = traktir("presets", "check")
    assert status == 0, out

    again = lines(traktir("import", str(folder / "instruct"), "--json")[1])
    assert again[0]["id"] == "night-watch"                     # the very same file again changes nothing
    assert sorted(p.name for p in (presets / "templates").glob("*.yaml")) == ["night-watch-2.yaml", "night-watch.yaml"]


def test_another_preset_of_that_name_stays(traktir: Command, home: Path, tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", INSTRUCT)
    traktir("import", str(file))
    own = home / "config" / "presets" / "templates" / "night-watch.yaml"
    own.write_text("label: Mine\nuser_prefix: 'U:'\n", "utf-8")
    (line,) = lines(traktir("import", str(file), "--json")[1])
    assert line["id"] == "night-watch-2"
    assert own.read_text("utf-8").startswith("label: Mine")


def test_presets_leave_as_yaml_and_as_the_file_they_were(traktir: Command, tmp_path: Path) -> None:
    traktir("import", str(put(tmp_path / "a.json", INSTRUCT)))
    traktir("import", str(put(tmp_path / "b.json", {"temp": 0.5, "top_k": 3, "rep_pen": 1, "strange": {"kept": [1]}})))
    status, out, err = traktir("export", "preset", "night-watch", "-o", "-")
    assert status == 0, err
    assert yaml.safe_load(out)["user_prefix"] == "<|u|>"
    status, out, err = traktir("export", "preset", "templates/night-watch", "--format", "sillytavern", "-o", "-")
    assert status == 0, err
    assert json.loads(out) == INSTRUCT
    target = tmp_path / "out.json"
    assert traktir("export", "preset", "b", "--format", "sillytavern", "-o", str(target))[0] == 0
    assert json.loads(target.read_text("utf-8"))["strange"] == {"kept": [1]}
    status, _, err = traktir("export", "preset", "default", "--format", "sillytavern", "-o", "-")
    assert status == 1
    assert "did not come from SillyTavern" in err


def test_a_jinja_template_of_text_generation_webui_becomes_a_format(traktir: Command, tmp_path: Path) -> None:
    file = tmp_path / "Plain.yaml"
    file.write_text(
        "instruction_template: |-\n"
        "  {%- for m in messages -%}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{%- endfor -%}\n"
        "  {%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}\n", "utf-8",
    )
    (line,) = lines(traktir("import", str(file), "--json")[1])
    assert (line["kind"], line["id"], line["error"]) == ("template", "plain", None)
    fields = yaml.safe_load(traktir("export", "preset", "templates/plain", "-o", "-")[1])
    assert (fields["user_prefix"], fields["assistant_suffix"]) == ("<|user|>", "<|end|>")
    assert "jinja" not in fields

    bad = tmp_path / "Bad.yaml"
    bad.write_text("instruction_template: \"{{ ''.__class__.__mro__[1].__subclasses__() }}\"\n", "utf-8")
    status, _, err = traktir("import", str(bad))
    assert status == 1
    assert "tries what no template may" in err


def test_what_has_no_use_is_refused_in_a_sentence(traktir: Command, home: Path, tmp_path: Path) -> None:
    file = put(tmp_path / "Wide.json", {"name": "Wide", "movingUIState": {}})
    status, _, err = traktir("import", str(file))
    assert status == 1
    assert "has no use for that yet" in err
    assert not list((home / "config").rglob("presets/*/*.yaml"))


def test_every_shared_preset_and_lorebook_goes_in(traktir: Command, shared: Path) -> None:
    _, out, _ = traktir("import", str(shared / "presets"), "--json")
    refused = {Path(line["path"]).name for line in lines(out) if line["error"]}
    assert refused == {"st_moving-ui_Black Magic Time.json"}
    assert traktir("presets", "check")[0] == 0
    _, out, _ = traktir("import", str(shared / "lorebooks"), "--json")
    books = [line for line in lines(out) if not line["error"]]
    assert {line["kind"] for line in books} == {"lorebook"}
    why = {Path(line["path"]).name: line["error"]["what"] for line in lines(out) if line["error"]}
    assert "line" in why["nai_Ripple_a.lorebook"]["args"]                # cut off in the middle
    assert "its fields are" in why["cfg_quack_lorebook.json"]["id"]
