"""Patterns of strangers, searched with in the helper process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.sandbox import Refusal, Sandbox

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox()
    yield box
    box.close()


def test_a_batch_is_answered_job_by_job(sandbox: Sandbox) -> None:
    jobs = [("/cat/i", "A CAT"), ("/dog/", "a cat"), (r"/город(а|е)?\b/i", "в ГОРОДЕ"), ("/a$/", "a\n")]
    assert sandbox.search(jobs) == [True, False, False, False]
    assert sandbox.search([]) == []


def test_a_pattern_that_hangs_is_refused_and_the_others_are_answered() -> None:
    box = Sandbox()
    try:
        bad = ("/(a+)+$/", "a" * 50 + "b")
        started = time.monotonic()
        first = box.search([("/x/", "x"), bad, ("/y/", "x"), bad])
        assert time.monotonic() - started < 2.5
        assert first[0] is True
        assert first[2] is False
        assert isinstance(first[1], Refusal)
        assert first[1].kind == "time"
        box.close()
        assert box.search([("/(a+)+$/", "a")])[0] == first[1], "it is not tried again"
        assert box.pid is None, "nothing had to be started for it"
    finally:
        box.close()


def test_what_cannot_be_compiled_says_why(sandbox: Sandbox) -> None:
    wrong, behind, many = sandbox.search([("/(/", ""), ("/(?<=a+)b/", "ab"), ("/a{99999999999}/", "a")])
    assert isinstance(wrong, Refusal)
    assert "wrong at character 1" in str(wrong.why)
    assert isinstance(behind, Refusal)
    assert "looks back" in str(behind.why)
    assert isinstance(many, Refusal)
    assert isinstance(sandbox.search([("plain", "plain")])[0], Refusal)


def test_a_process_that_was_killed_is_replaced(sandbox: Sandbox) -> None:
    assert sandbox.search([("/a/", "a")]) == [True]
    first = sandbox.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert sandbox.search([("/a/", "a"), ("/b/", "a")]) == [True, False]
    assert sandbox.pid not in (None, first)


def test_a_process_that_does_not_stop_by_itself_is_ended() -> None:
    box = Sandbox(deadline=0.8, per_pattern=30, per_render=30)
    try:
        box.search([("/a/", "a")])
        first = box.pid
        assert first is not None
        started = time.monotonic()
        (answer,) = box.search([("/(a+)+$/", "a" * 50 + "b")])
        assert isinstance(answer, Refusal)
        assert answer.kind == "time"
        assert not _lives(first)
        endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        (text,) = box.render(endless, [{"messages": []}])
        assert isinstance(text, Refusal)
        assert text.kind == "time"
        assert time.monotonic() - started < 4
        assert box.search([("/a/", "a")]) == [True]
    finally:
        box.close()


def test_many_threads_share_one_process(sandbox: Sandbox) -> None:
    sandbox.search([("/a/", "a")])
    pid, wrong = sandbox.pid, []

    def ask(number: int) -> None:
        if sandbox.search([(f"/w{number}/", f"a w{number} b"), ("/none/", "x")]) != [True, False]:
            wrong.append(number)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sandbox.pid == pid


@pytest.mark.parametrize("name", ["redos.json", "redos_world.json"])
def test_hostile_lore_is_answered_in_time(name: str, hostile: Path) -> None:
    text = (hostile / "lore" / name).read_text("utf-8")
    keys = sorted({key for key in _strings(json.loads(text)) if key.startswith("/")})
    assert len(keys) > 10
    hay = "a" * 40 + "! " + "x" * 40 + " " + "0" * 30 + "b" + " word" * 30
    box = Sandbox()
    try:
        for key in keys:
            started = time.monotonic()
            (answer,) = box.search([(key, hay)])
            assert time.monotonic() - started < 2, key
            assert isinstance(answer, bool | Refusal)
        started = time.monotonic()
        assert len(box.search([(key, hay) for key in keys])) == len(keys)
        assert time.monotonic() - started < 1, "what hung is known by now"
    finally:
        box.close()


def test_it_ends_with_the_program_that_started_it() -> None:
    code = (
        "from tui.sandbox import Sandbox\nimport os\nbox = Sandbox()\nbox.search([('/a/', 'a')])\n"
        "print(box.pid, flush=True)\nos._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    until = time.monotonic() + 5
    while _lives(pid):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_process_reads_no_template_engine_to_search() -> None:
    code = "import tui.sandbox.searching, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert not {"jinja2", "asyncio", "yaml", "httpx", "textual"} & set(done.stdout.split())


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
