"""Pictures from the command line: said, shown, exported."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def traktir(home: Path) -> Iterator[Run]:
    env = {**os.environ, "TRAKTIR_HOME": str(home), "LC_ALL": "C.UTF-8"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "tui", *words], capture_output=True, text=True, env=env,
                              cwd=CHECKOUT, timeout=120, encoding="utf-8")

    yield run
    run("stop", "--force")


def png() -> bytes:
    rows = b"".join(b"\0" + bytes(range(24)) for _ in range(8))
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)


def test_a_picture_is_said_and_named_wherever_the_chat_is_read(traktir: Run, tmp_path: Path) -> None:
    file = tmp_path / "lamp.png"
    file.write_bytes(png())
    assert traktir("say", "--image", str(tmp_path / "gone.png"), "Hi").returncode == 1
    (tmp_path / "bad.png").write_bytes(b"no picture")
    refused = traktir("say", "--image", str(tmp_path / "bad.png"), "Hi")
    assert refused.returncode == 1
    assert "This is no picture" in refused.stderr
    said = traktir("say", "--character", "mira", "--image", str(file), "--json", "Look!")
    assert said.returncode == 0, said.stderr
    assert "does not see pictures" in said.stderr
    chat = json.loads(said.stdout.splitlines()[-1])["chat"]
    assert "▣ lamp.png · 8×8 · 1 KB\n  Look!" in traktir("chats", "show", chat).stdout
    traktir("export", "chat", chat, "-o", str(tmp_path / "c.txt"), "--format", "txt")
    assert "[image: lamp.png]\nLook!" in (tmp_path / "c.txt").read_text()
    traktir("export", "chat", chat, "-o", str(tmp_path / "c.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    [image] = next(line for line in lines if line.get("mes") == "Look!")["extra"]["traktir_images"]
    assert image["name"] == "lamp.png"
