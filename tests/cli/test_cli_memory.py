"""`traktir memory`: what a chat remembers, from the shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


class Traktir:
    """Runs `traktir` in the test's home."""

    def __init__(self, home: Path) -> None:
        self.env = {**os.environ, "TRAKTIR_HOME": str(home), "LC_ALL": "C.UTF-8"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tui", *words], capture_output=True, text=True, env=self.env, cwd=CHECKOUT,
            timeout=120, encoding="utf-8",
        )

    def __call__(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*words, "--json").splitlines()]


@pytest.fixture
def traktir(home: Path) -> Iterator[Traktir]:
    program = Traktir(home)
    yield program
    program.run("stop", "--force")


def test_facts_documents_summaries_and_a_story_carried_on(traktir: Traktir, tmp_path: Path) -> None:
    traktir("say", "--character", "mira", "Hello! How are you?")
    traktir("say", "And the weather?")
    chat = str(traktir.json("chats", "list")[0]["id"])

    pin = traktir("memory", "pin", chat, "Мира не умеет плавать.").strip()
    place = tmp_path / "town.md"
    place.write_text("# Гавань\n\nНачальник гавани Гримвальд берёт сельдь.\n", "utf-8")
    document = traktir("memory", "document", chat, str(place)).strip()
    (summary,) = traktir.json("memory", "summarise", chat, "--first", "1", "--last", "3")
    shown = traktir.json("memory", "show", chat)
    assert [one["type"] for one in shown] == ["pin", "summary", "document"]
    assert (shown[0]["id"], shown[2]["id"]) == (pin, document)
    assert (shown[1]["first"], shown[1]["last"], shown[1]["text"]) == (1, 3, summary["texts"][-1])
    assert "Мира не умеет плавать." in traktir("memory", "show", chat)

    (found,) = [one for one in traktir.json("memory", "recall", chat, "Кто в гавани?") if one["kind"] == "document"]
    assert "Гримвальд" in found["text"]
    assert found["words"] == ["гавани"]

    carried = traktir("memory", "carry", chat, "--title", "Дальше").strip()
    (new,) = [one for one in traktir.json("chats", "list") if one["id"] == carried]
    assert new["title"] == "Дальше"
    assert [one["type"] for one in traktir.json("memory", "show", carried)] == ["pin", "summary", "document"]

    traktir("memory", "unpin", chat, pin)
    traktir("memory", "forget", chat, document)
    assert [one["type"] for one in traktir.json("memory", "show", chat)][:1] == ["summary"]


def test_what_is_no_text_is_refused_in_one_sentence(traktir: Traktir, tmp_path: Path) -> None:
    traktir("say", "--character", "mira", "Hello!")
    chat = str(traktir.json("chats", "list")[0]["id"])
    picture = tmp_path / "map.png"
    picture.write_bytes(b"\x89PNG")
    for words in (("document", chat, str(picture)), ("document", chat, str(tmp_path / "none.txt")),
                  ("fold", chat), ("unpin", chat, "nobody")):
        done = traktir.run("memory", *words)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert "Traceback" not in done.stderr
