"""The models screen: what is found and whether it fits, details, the hub, and a download that goes on by itself."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from chat_stage import Stage, stage
from screens_stage import detail_of, lines, listed, titles

pytest.importorskip("gguf")
pytest.importorskip("huggingface_hub")

_MODELS = Path(__file__).parents[1] / "models"
REPO = "maker/Tale-7B-GGUF"
PLACES = "/{repo_id}/resolve/{revision}/{filename}"


def _helper(name: str) -> Any:
    """A module of the tests of models."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _MODELS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def own_home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's folder with one model in it, and a cache of the hub of its own."""
    from huggingface_hub import constants

    folder = tmp_path / "person"
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("LLAMA_CACHE", "OLLAMA_MODELS", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(folder / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hf/hub"))
    maker = _helper("gguf_maker")
    maker.make(folder / "models/Winter-8B.i1-Q4_K_S.gguf", maker.LLAMA)
    return folder


async def opened(play: Stage) -> None:
    play.app.open_screen("models")
    await listed(play, "Winter-8B.i1-Q4_K_S")


@pytest.mark.parametrize("size", [(120, 40), (48, 18), (40, 10)])
async def test_what_is_found_with_details_at_every_size(own_home: Path, size: tuple[int, int]) -> None:
    async with stage("Hi.", size=size) as play:
        await opened(play)
        assert detail_of(play.app, "Winter-8B.i1-Q4_K_S") == "i1-Q4_K_S · 22 MB · fits"
        await play.sees("Winter-8B.i1-Q4_K_S")
        await play.press("right")
        await play.sees("It fits: ")
        if size[1] >= 40:
            for words in ("stretched 2×", "rope_freq_base 25750", "rope_alpha 2.5", "KV cache", "Q8_0 100 %"):
                await play.sees(words)
        await play.press("escape")
        await listed(play, "Winter-8B.i1-Q4_K_S")


async def test_a_repository_is_looked_into_and_a_model_downloaded(
    own_home: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    import huggingface_hub

    server = _helper("fake_hub")
    files = {"Tale-7B-Q4_K_M.gguf": b"GGUF" + bytes(300_000), "Tale-7B-Q8_0.gguf": b"GGUF" + bytes(500_000)}
    with server.served(server.Hub({REPO: files})) as hub:
        from huggingface_hub import constants, file_download, hf_api

        for module in (constants, file_download.constants, hf_api.constants):
            monkeypatch.setattr(module, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + PLACES)
        assert huggingface_hub.HfApi().endpoint == hub.url
        async with stage("Hi.", size=(120, 40)) as play:
            await opened(play)
            await play.press(*REPO, "enter")
            await listed(play, "Q4_K_M")
            assert titles(play.app) == ["Q4_K_M", "Q8_0"]
            assert "the largest that fits" in lines(play.app)[1].note
            await play.press("enter")
            await listed(play, "Tale-7B-Q4_K_M")
            (pull,) = (await play.app.link.call("models.pulls"))["pulls"]
            assert (pull["state"], pull["done"]) == ("done", 300_004)
            assert Path(pull["path"]).read_bytes() == files["Tale-7B-Q4_K_M.gguf"]


async def test_a_download_can_be_stopped_and_taken_up_again(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from huggingface_hub import constants

    server = _helper("fake_hub")
    hub = server.Hub({REPO: {"Tale-7B-Q4_K_M.gguf": b"GGUF" + bytes(900_000)}}, slow=threading.Event())
    hub.break_after = 200_000
    with server.served(hub):
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + PLACES)
        async with stage("Hi.", size=(48, 18)) as play:
            name = f"{REPO}:Q4_K_M"
            await play.app.link.call("models.pull", repo=name)
            play.app.open_screen("models")
            await listed(play, name)
            status = await play.app.link.call("status")
            assert status.get("busy") is True
            await play.until(lambda: "%" in detail_of(play.app, name), "progress")
            await play.until(lambda: bool(hub.transfers()), "the transfer")
            await play.press("enter")
            await play.sees("Stop the download of")
            await play.press("down", "enter")
            hub.slow.set()
            await play.until(lambda: name not in titles(play.app), "the end of the download")
            (pull,) = (await play.app.link.call("models.pulls"))["pulls"]
            assert pull["state"] == "stopped"
            hub.slow = None
            await play.app.link.call("models.pull", repo=name)
            await listed(play, "Tale-7B-Q4_K_M")
