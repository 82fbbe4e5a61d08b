"""Finding models in the folders of other programs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tui.engine.discover import scan


def put(path: Path, starter: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(starter, path)
    return path


def test_models_are_found_where_programs_keep_them(tmp_path: Path, starter: Path) -> None:
    put(tmp_path / "models/mine.gguf", starter)
    put(tmp_path / ".cache/llama.cpp/cached.gguf", starter)
    put(tmp_path / ".lmstudio/models/maker/repo/studio.gguf", starter)
    put(tmp_path / "text-generation-webui/user_data/models/webui.gguf", starter)
    put(tmp_path / "koboldcpp/kobold.GGUF", starter)
    found = {model.name: model.place for model in scan(home=tmp_path)}
    assert found == {
        "mine": "models", "cached": "llama.cpp", "studio": "LM Studio", "webui": "text-generation-webui",
        "kobold": "KoboldCpp",
    }


def test_the_hub_cache_links_to_its_blobs(tmp_path: Path, starter: Path) -> None:
    repo = tmp_path / ".cache/huggingface/hub/models--maker--repo"
    blob = put(repo / "blobs/0123abcd", starter)
    snapshot = repo / "snapshots/deadbeef"
    snapshot.mkdir(parents=True)
    (snapshot / "model-Q8_0.gguf").symlink_to(blob)
    (model,) = scan(home=tmp_path)
    assert (model.name, model.size) == ("model-Q8_0", starter.stat().st_size)


def test_ollama_models_go_by_their_names(tmp_path: Path, starter: Path) -> None:
    root = tmp_path / ".ollama/models"
    put(root / "blobs/sha256-abc123", starter)
    manifest = root / "manifests/somewhere/library/story/7b"
    manifest.parent.mkdir(parents=True)
    layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:abc123"}]
    manifest.write_text(json.dumps({"layers": layers}))
    for name, digest in (("climb", "sha256:../../../etc/passwd"), ("gone", "sha256:ffff")):
        layers[0]["digest"] = digest
        manifest.with_name(name).write_text(json.dumps({"layers": layers}))
    manifest.with_name("broken").write_text("{")
    manifest.with_name("odd").write_text('{"layers": [3]}')
    assert [model.name for model in scan(home=tmp_path)] == ["story:7b"]


def test_what_is_no_model_is_left_out(tmp_path: Path, starter: Path) -> None:
    folder = tmp_path / "some"
    put(folder / "real.gguf", starter)
    put(folder / "mmproj-real.gguf", starter)
    put(folder / ".hidden/x.gguf", starter)
    put(folder / "weights.bin", starter)
    (folder / "page.gguf").write_text("<html>")
    (folder / "empty.gguf").touch()
    (folder / "dangling.gguf").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.gguf")
    assert [model.name for model in scan([folder], usual=False)] == ["real"]


def test_links_in_a_circle_end_and_each_model_comes_once(tmp_path: Path, starter: Path) -> None:
    folder = tmp_path / "a"
    put(folder / "b/one.gguf", starter)
    (folder / "b/up").symlink_to(folder)
    (folder / "again.gguf").symlink_to(folder / "b/one.gguf")
    assert len(scan([folder, folder / "b", tmp_path / "absent"], usual=False)) == 1


def test_a_split_model_is_one_with_the_size_of_all_parts(tmp_path: Path, starter: Path) -> None:
    for part in (1, 2):
        put(tmp_path / f"big-{part:05}-of-00002.gguf", starter)
    (model,) = scan([tmp_path], usual=False)
    assert (model.name, model.parts, model.size) == ("big", 2, 2 * starter.stat().st_size)


def test_it_does_not_go_down_for_ever(tmp_path: Path, starter: Path) -> None:
    put(tmp_path / "1/2/3/4/5/6/deep.gguf", starter)
    put(tmp_path / "1/2/3/4/5/6/7/too-deep.gguf", starter)
    assert [model.name for model in scan([tmp_path], usual=False)] == ["deep"]
