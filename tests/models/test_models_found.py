"""Models with projectors, lost parts, and in the folders that variables name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hub_stage import Commands

from tui.engine.discover import FoundModel, projector_of, scan


def put(path: Path, starter: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(starter, path)
    return path


def named(home: Path, *folders: Path) -> dict[str, FoundModel]:
    return {model.name: model for model in scan(folders, home=home)}


def test_folders_that_variables_name(tmp_path: Path, starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, folder in (("LLAMA_CACHE", "one"), ("HF_HUB_CACHE", "two"), ("OLLAMA_MODELS", "three")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    put(tmp_path / "one/a.gguf", starter)
    put(tmp_path / "two/models--m--r/snapshots/x/b.gguf", starter)
    put(tmp_path / "elsewhere/models/maker/c.gguf", starter)
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{tmp_path}/elsewhere\n")
    assert {name: m.place for name, m in named(tmp_path).items()} == {
        "a": "llama.cpp", "b": "Hugging Face", "c": "LM Studio"}
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    put(tmp_path / "hf/hub/models--m--r/snapshots/x/d.gguf", starter)
    assert "d" in named(tmp_path)


def test_a_split_model_says_which_part_is_missing_also_when_it_is_the_first(tmp_path: Path, starter: Path) -> None:
    for part in (2, 3):
        put(tmp_path / f"models/big-Q5_K_M-{part:05}-of-00003.gguf", starter)
    (model,) = named(tmp_path).values()
    assert (model.name, model.parts, model.quant) == ("big-Q5_K_M", 3, "Q5_K_M")
    assert model.missing == ("big-Q5_K_M-00001-of-00003.gguf",)


def test_a_projector_goes_with_the_model_whose_name_is_nearest(tmp_path: Path, starter: Path) -> None:
    for name in ("Gemma-Q4_0", "Qwen-VL-Q4_0", "mmproj-Qwen-VL-f16", "mmproj-Gemma-f16"):
        put(tmp_path / f"models/{name}.gguf", starter)
    put(tmp_path / "models/alone/Plain-Q4_0.gguf", starter)
    seen = {name: model.projector.name if model.projector else None for name, model in named(tmp_path).items()}
    assert seen == {"Gemma-Q4_0": "mmproj-Gemma-f16.gguf", "Qwen-VL-Q4_0": "mmproj-Qwen-VL-f16.gguf",
                    "Plain-Q4_0": None}


def test_a_projector_named_after_nothing_but_its_type_goes_with_the_only_model(tmp_path: Path, starter: Path) -> None:
    for quant in ("fp16", "F32", "Q8_0", "q4_0"):
        folder = tmp_path / quant
        projector = put(folder / f"mmproj-{quant}.gguf", starter)
        assert projector_of(put(folder / "Lumen-7B-Q4_K_M.gguf", starter)) == projector


def test_a_list_of_nothing_says_what_to_do(commands: Commands) -> None:
    listed = commands.run("models", "list")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "traktir models pull" in listed.stderr
    assert commands.run("models", "list", "--json").stderr == ""


def test_ollama_names_with_makers_hosts_and_projectors(tmp_path: Path, starter: Path) -> None:
    root = tmp_path / ".ollama/models"
    for number in ("a1", "b2", "c3", "d4"):
        put(root / f"blobs/sha256-{number}", starter)
    kinds = "application/vnd.ollama.image."
    for place, layers in (
        ("registry.ollama.ai/library/llama3/8b", {"model": "a1"}),
        ("registry.ollama.ai/someone/tale/q4_0", {"model": "b2", "projector": "d4"}),
        ("hf.co/maker/Repo-GGUF/Q4_K_M", {"model": "c3"}),
    ):
        manifest = root / "manifests" / place
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"layers": [
            {"mediaType": kinds + kind, "digest": f"sha256:{number}"} for kind, number in layers.items()]}))
    found = named(tmp_path)
    assert set(found) == {"llama3:8b", "someone/tale:q4_0", "hf.co/maker/Repo-GGUF:Q4_K_M"}
    projector = found["someone/tale:q4_0"].projector
    assert projector is not None
    assert projector.name == "sha256-d4"
