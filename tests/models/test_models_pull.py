"""`traktir models pull` and `remove`, against a server that answers like the hub, with every fault it may have."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from fake_hub import COMMIT, Hub
from hub_stage import MAKER, Commands

PLAIN = "Story-7B.i1-Q4_K_S.gguf"


def content(hub: Hub, name: str = PLAIN) -> bytes:
    return hub.files[MAKER][name]


def blob(commands: Commands, hub: Hub, name: str = PLAIN) -> Path:
    digest = hashlib.sha256(content(hub, name)).hexdigest()
    return commands.cache / f"models--{MAKER.replace('/', '--')}/blobs/{digest}"


def test_without_a_quantisation_it_lists_what_there_is_and_what_fits(commands: Commands, hub: Hub) -> None:
    choices = {c["quant"]: c for c in commands.json("models", "pull", MAKER)}
    assert set(choices) == {"i1-Q4_K_S", "Q8_0", "IQ4_XS"}
    assert choices["Q8_0"]["size"] == sum(700_004 + n for n in (1, 2, 3))
    assert len(choices["Q8_0"]["files"]) == 3
    assert choices["i1-Q4_K_S"]["fits"] is True
    assert choices["i1-Q4_K_S"]["imatrix"] is True
    assert choices["IQ4_XS"]["missing"] == ["Story-7B-IQ4_XS-00002-of-00002.gguf"]
    shown = commands.run("models", "pull", MAKER)
    assert "3 parts" in shown.stdout
    assert f"traktir models pull {MAKER}:" in shown.stderr
    assert not hub.transfers()


def test_a_model_lands_in_the_cache_and_is_found_there(commands: Commands, hub: Hub) -> None:
    *progress, done = commands.json("models", "pull", f"{MAKER}:q4_k_s")
    assert Path(done["path"]).read_bytes() == content(hub)
    assert Path(done["path"]).is_symlink()
    assert progress[-1]["done"] == progress[-1]["total"] == len(content(hub))
    assert done["path"].endswith(f"/snapshots/{COMMIT}/{PLAIN}")
    found = {m["name"]: m["path"] for m in commands.json("models", "list")}
    assert found == {PLAIN.removesuffix(".gguf"): done["path"]}
    commands.json("models", "pull", f"{MAKER}:Q4_K_S")
    assert len(hub.transfers()) == 1                           # what is there is not asked for again


def test_other_programs_of_the_hub_find_it_too(commands: Commands) -> None:
    done = commands.json("models", "pull", f"{MAKER}:i1-Q4_K_S")[-1]
    script = f"from huggingface_hub import hf_hub_download as d; print(d({MAKER!r}, {PLAIN!r}, local_files_only=True))"
    asked = subprocess.run(
        [*commands.command()[:1], "-c", script], env=commands.env, capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == done["path"]


def test_all_parts_of_a_split_model_come_to_a_folder_with_its_projector(commands: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    done = commands.json("models", "pull", f"{MAKER}:Q8_0", "--to", str(folder), "--mmproj")[-1]
    assert sorted(p.name for p in folder.iterdir()) == [
        *(f"Story-7B-Q8_0-{n:05}-of-00003.gguf" for n in (1, 2, 3)), "mmproj-Story-7B-f16.gguf"]
    assert done["path"] == str(folder / "Story-7B-Q8_0-00001-of-00003.gguf")
    (model,) = commands.json("models", "list", str(folder))
    assert (model["parts"], model["missing"]) == (3, [])
    assert model["projector"] == str(folder / "mmproj-Story-7B-f16.gguf")


def test_a_broken_line_is_taken_up_where_it_broke(commands: Commands, hub: Hub) -> None:
    hub.breaks, hub.break_after, hub.unavailable = 2, 300_000, 1
    done = commands.json("models", "pull", f"{MAKER}:i1-Q4_K_S")[-1]
    assert Path(done["path"]).read_bytes() == content(hub)
    ranges = [asked[2] for asked in hub.transfers()]
    assert [r for r in ranges if r] == ["bytes=300000-", "bytes=600000-"]


def test_ctrl_c_keeps_what_came_and_the_next_call_goes_on(commands: Commands, hub: Hub) -> None:
    hub.slow, hub.break_after = threading.Event(), 400_000
    running = subprocess.Popen(
        commands.command("models", "pull", f"{MAKER}:i1-Q4_K_S"), env=commands.env, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))      # a shell may have had it ignored
    part = blob(commands, hub).with_name(blob(commands, hub).name + ".incomplete")
    deadline = time.monotonic() + 60
    while not (part.exists() and hub.transfers()) and time.monotonic() < deadline:
        time.sleep(0.02)
    time_left = deadline - time.monotonic()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=max(1, time_left))
    assert running.returncode in (130, -signal.SIGINT), said     # they are one to a shell
    assert "goes on from there" in said
    assert "Traceback" not in said
    hub.slow.set()
    hub.slow = None
    kept = part.stat().st_size
    done = commands.json("models", "pull", f"{MAKER}:i1-Q4_K_S")[-1]
    assert Path(done["path"]).read_bytes() == content(hub)
    assert hub.transfers()[-1][2] == (f"bytes={kept}-" if kept else "")
    assert not part.exists()


@pytest.mark.parametrize("before", [100_000, 5_000_000])
def test_a_server_that_knows_no_ranges_and_a_part_too_long_end_well(
    commands: Commands, hub: Hub, before: int,
) -> None:
    hub.deaf = True
    target = blob(commands, hub)
    target.parent.mkdir(parents=True)
    target.with_name(target.name + ".incomplete").write_bytes(bytes(before))
    done = commands.json("models", "pull", f"{MAKER}:i1-Q4_K_S")[-1]
    assert Path(done["path"]).read_bytes() == content(hub)


def test_wrong_bytes_are_thrown_away_and_said(commands: Commands, hub: Hub) -> None:
    hub.corrupt = True
    failed = commands.run("models", "pull", f"{MAKER}:i1-Q4_K_S")
    assert failed.returncode == 1
    assert "checksum" in failed.stderr
    assert not blob(commands, hub).exists()
    hub.corrupt = False
    assert Path(commands.json("models", "pull", f"{MAKER}:i1-Q4_K_S")[-1]["path"]).read_bytes() == content(hub)
    assert hub.transfers()[-1][2] == ""                       # nothing of the wrong bytes was built on


def test_a_gated_repository_says_what_to_do_and_a_token_opens_it_without_being_told(
    commands: Commands, hub: Hub,
) -> None:
    hub.gated.add(MAKER)
    refused = commands.run("models", "pull", f"{MAKER}:i1-Q4_K_S")
    assert refused.returncode == 1
    assert "gated" in refused.stderr
    assert "HF_TOKEN" in refused.stderr
    wrong = commands.run("models", "pull", f"{MAKER}:i1-Q4_K_S", HF_TOKEN="hf_other")
    assert wrong.returncode == 1
    assert "hf_other" not in wrong.stderr + wrong.stdout
    done = commands.run("models", "pull", f"{MAKER}:i1-Q4_K_S", "--json", HF_TOKEN=hub.token)
    assert done.returncode == 0, done.stderr
    assert hub.token not in done.stderr + done.stdout
    assert all(not with_token for _, _, _, with_token in hub.transfers())      # the other host never saw it
    assert all(with_token for _, path, _, with_token in hub.asked[-3:] if "/resolve/" in path)


@pytest.mark.parametrize(("name", "said"), [
    ("maker/nothing", "no repository maker/nothing"), (f"{MAKER}:Q2_K", "It has: "),
    (f"{MAKER}:IQ4_XS", "lacks Story-7B-IQ4_XS-00002-of-00002.gguf"), ("../etc", "not the name of a repository"),
    ("maker", "not the name of a repository"), ("a/b/../../c:x y", "not the name of a repository"),
])
def test_what_cannot_be_had_is_said_in_one_line(commands: Commands, name: str, said: str) -> None:
    failed = commands.run("models", "pull", name)
    assert failed.returncode == 1
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_hub_out_of_reach_is_said(commands: Commands) -> None:
    failed = commands.run("models", "pull", MAKER, HF_ENDPOINT="http://127.0.0.1:1")
    assert failed.returncode == 1
    assert "HF_ENDPOINT" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_without_the_package_it_says_what_to_install(commands: Commands, tmp_path: Path) -> None:
    hidden = tmp_path / "site"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u; f = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'huggingface_hub' else f(name, *a)\n")
    failed = commands.run("models", "pull", MAKER, PYTHONPATH=str(hidden))
    assert failed.returncode == 1
    assert "traktir[llama]" in failed.stderr


def test_hostile_names_of_files_never_leave_the_cache(commands: Commands, hub: Hub, tmp_path: Path) -> None:
    for name in ("../../../../evil-Q4_0.gguf", "/tmp/evil-Q5_0.gguf", "a/../../b-Q6_K.gguf", "x\x1b[31m-Q8_0.gguf"):
        hub.files[MAKER][name] = b"GGUF" + bytes(10)
    assert {c["quant"] for c in commands.json("models", "pull", MAKER)} == {"i1-Q4_K_S", "Q8_0", "IQ4_XS"}


def test_a_full_disk_is_seen_before_anything_is_fetched(commands: Commands, hub: Hub, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import shutil, collections\n"
        "shutil.disk_usage = lambda p: collections.namedtuple('U', 'total used free')(1, 1, 1000)\n")
    failed = commands.run("models", "pull", f"{MAKER}:i1-Q4_K_S", PYTHONPATH=str(site))
    assert failed.returncode == 1
    assert "still to come" in failed.stderr
    assert not hub.transfers()
    assert not list(commands.cache.glob("models--*"))          # nor is anything left of it


def test_a_cache_that_takes_no_files_is_said_in_a_sentence(commands: Commands, hub: Hub) -> None:
    commands.cache.parent.mkdir(parents=True, exist_ok=True)
    commands.cache.write_text("not a folder")
    failed = commands.run("models", "pull", f"{MAKER}:i1-Q4_K_S")
    assert failed.returncode == 1
    assert "cannot be written to the disk" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not hub.transfers()


def test_a_downloaded_model_is_removed_only_with_yes_and_not_while_in_use(commands: Commands, hub: Hub) -> None:
    path = Path(commands.json("models", "pull", f"{MAKER}:i1-Q4_K_S")[-1]["path"])
    asked = commands.run("models", "remove", str(path))
    assert asked.returncode == 1
    assert "--yes" in asked.stderr
    assert path.exists()
    if os.path.isdir("/proc/self/fd"):
        with path.open("rb"):
            busy = commands.run("models", "remove", str(path), "--yes")
        assert busy.returncode == 1
        assert str(os.getpid()) in busy.stderr
        assert path.exists()
    gone = commands.run("models", "remove", str(path), "--yes")
    assert gone.returncode == 0, gone.stderr
    assert not path.exists()
    assert not blob(commands, hub).exists()


def test_a_file_of_other_programs_is_not_removed(commands: Commands, tmp_path: Path) -> None:
    mine = tmp_path / "models/mine.gguf"
    mine.parent.mkdir()
    mine.write_bytes(b"GGUF")
    refused = commands.run("models", "remove", str(mine), "--yes")
    assert refused.returncode == 1
    assert "not deleted" in refused.stderr
    assert mine.exists()
