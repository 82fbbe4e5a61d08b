"""`traktir bench`: its statistics are right, its figures come, and nothing of it stays."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import time
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.bench import pairing
from tui.bench.figures import figure
from tui.bench.median import median_interval, percentile
from tui.bench.pairing import in_turns
from tui.bench.player import Play
from tui.bench.processes import cpu_s, descendants, memory_mb, tree_cpu_s
from tui.bench.terminal import Terminal
from tui.bench.texts import FIRST, LAST, chat_file, pieces
from tui.cli import main
from tui.domain.errors import TraktirError
from tui.domain.notice import notice

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)
SOON = settings(derandomize=True, deadline=None, max_examples=60)


@SOON
@given(VALUES)
def test_an_interval_holds_its_median_and_is_made_of_values(values: list[float]) -> None:
    found = median_interval(values)
    assert found.median == statistics.median(values)
    assert found.low <= found.median <= found.high
    assert {found.low, found.high} <= set(values)
    assert found.n == len(values)
    assert found.coverage >= 0.95 or (found.low, found.high) == (min(values), max(values))


@SOON
@given(VALUES, st.randoms(use_true_random=False), st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_the_order_of_runs_and_the_unit_do_not_matter(
    values: list[float], chance: object, shift: float, scale: float
) -> None:
    shuffled = list(values)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert median_interval(shuffled) == median_interval(values)
    moved, before = median_interval([shift + scale * value for value in values]), median_interval(values)
    for ours, theirs in ((moved.low, before.low), (moved.high, before.high), (moved.median, before.median)):
        assert ours == pytest.approx(shift + scale * theirs, rel=1e-9, abs=1e-6)


@SOON
@given(st.integers(6, 200))
def test_an_interval_reaches_its_level_and_the_next_narrower_does_not(n: int) -> None:
    found = median_interval(range(n))
    outside = int(found.low) + 1                   # how many values lie beside it, counted with its own end
    assert found.coverage >= 0.95
    assert found.coverage == pytest.approx(1 - 2 * sum(math.comb(n, i) for i in range(outside)) / 2**n)
    narrower = 1 - 2 * sum(math.comb(n, i) for i in range(outside + 1)) / 2**n
    assert narrower < 0.95 or outside + 1 > (n + 1) // 2


@pytest.mark.parametrize("n", [3, 6, 9])
def test_the_coverage_is_what_counting_all_cases_gives(n: int) -> None:
    """Each value lies below or above the true median with one chance in two: all 2ⁿ cases, counted."""
    found = median_interval(range(n))
    low, high = int(found.low), int(found.high)
    inside = sum(low < sum(case) <= high for case in product((0, 1), repeat=n))
    assert found.coverage == pytest.approx(inside / 2**n)


@SOON
@given(VALUES, st.floats(0.01, 1))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert not any(
        sum(value <= other for value in values) >= share * len(values) + 1e-9 for other in values if other < found
    )


def test_nothing_measured_is_no_figure() -> None:
    for empty in (median_interval, lambda values: percentile(values, 0.5)):
        with pytest.raises(ValueError, match="no values"):
            empty([])


def test_runs_come_in_turns_and_the_first_of_each_do_not_count() -> None:
    order: list[str] = []

    def run(name: str) -> str:
        order.append(name)
        return f"{name}{len(order)}"

    pairs = in_turns(3, lambda: run("a"), lambda: run("b"))
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    assert pairs == [("a3", "b4"), ("a6", "b5"), ("a7", "b8")]
    assert pairing.THOROUGH.pairs >= 8


def test_a_figure_says_whether_its_aim_is_met() -> None:
    title = notice("a prompt is read")
    assert figure("x", title, "ms", [1, 2, 3], aim=2).met is True
    assert figure("x", title, "ms", [1, 2, 3], aim=1.9).met is False
    assert figure("x", title, "ms", [1, 2, 3]).to_json()["met"] is None


def test_processor_time_and_memory_of_other_processes_are_seen() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc")
    code = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True) as parent:
        try:
            deadline = time.monotonic() + 60
            while (tree_cpu_s(parent.pid) or 0) - (cpu_s(parent.pid) or 0) < 0.05:
                assert time.monotonic() < deadline, "the child's time is not seen"
                time.sleep(0.01)
            assert len(descendants(parent.pid)) == 1
            assert (memory_mb(parent.pid) or 0) > 1
        finally:
            os.killpg(parent.pid, signal.SIGKILL)
    assert cpu_s(parent.pid) is None
    assert memory_mb(parent.pid) is None


def test_a_slow_line_brings_no_more_than_it_can() -> None:
    rate, size = 40_000, 20_000
    command = [sys.executable, "-c", f"print('x' * {size}, end='')\nprint('at the end')\ninput()"]
    with Terminal(command, dict(os.environ), bytes_a_second=rate) as terminal:
        first = terminal.wait("x")
        took = terminal.wait("at the end") - first
        assert took >= 0.8 * size / rate
        assert terminal.bytes >= size


def test_a_program_that_ends_early_is_told_of_at_once() -> None:
    with Terminal([sys.executable, "-c", "print('sorry')"], dict(os.environ)) as terminal:
        with pytest.raises(TraktirError, match="sorry"):
            terminal.wait("never", timeout=100)
        assert time.perf_counter() - terminal.began < 50


def test_texts_are_the_same_in_every_run() -> None:
    assert chat_file(3) == chat_file(3)
    lines = [json.loads(line) for line in chat_file(120).splitlines()]
    assert len(lines) == 121
    assert lines[1]["mes"].startswith(FIRST.format(count=120))
    assert lines[-1]["mes"].endswith(LAST.format(count=120))
    assert all(len(piece) == 4 for piece in pieces(500))
    assert Play.of("play 1 2 words … play 20 7 stamps") == Play(20, 7, True)
    stamps = [float(piece) for piece in Play(0, 5, True).pieces()]
    assert all(one <= other for one, other in pairwise(stamps))


#: As little as can be measured at all.
TINY = """
import sys
from tui.bench import painting, pairing
pairing.QUICK = pairing.Effort(pairs=1, seconds=0.3, keys=2, messages=150, pieces=40, tokens=8, quick=True)
painting.SIZES, painting.RATES = ((48, 18),), (100,)
from tui.cli import main
sys.exit(main(["bench", "--quick", "--json", sys.argv[1]]))
"""
WANTED = {
    "start": {"start.up.usable.ratio", "start.down.usable.ratio", "start.down.core.cpu"},
    "core": {"core.late.ratio", "core.piece.ratio", "core.cpu"},
    "chat": {"chat.open.ratio", "chat.travel.ratio", "chat.search", "chat.memory.travelled"},
    "ui": {"ui.48x18.100.cpu", "ui.48x18.ssh.100.bytes", "ui.48x18.ssh.echo.p95"},
    "engine": {
        f"engine{chain}.{part}" for chain in ("", ".greedy") for part in (
            "read.bare", "write.bare", "write.worker", "write.stack", "write.library", "read.stack.ratio",
            "write.stack.ratio", "cpu.stack.ratio", "again.stack", "later",
        )
    },
}


def test_every_part_is_measured_and_nothing_stays(home: Path, tmp_path: Path) -> None:
    """All parts beside each other: this is not about the figures."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    parts = [part for part in WANTED if part != "engine" or importlib.util.find_spec("llama_cpp")]
    with contextlib.ExitStack() as stack:
        running = {
            part: stack.enter_context(subprocess.Popen(
                [sys.executable, "-c", TINY, part], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ))
            for part in parts
        }
        said = {part: process.communicate(timeout=600) for part, process in running.items()}
    for part, (out, err) in said.items():
        assert running[part].returncode == 0, err
        machine, *figures = map(json.loads, out.splitlines())
        assert machine["type"] == "machine"
        assert machine["quick"] is True
        assert WANTED[part] <= {f["name"] for f in figures}
        assert all(f["low"] <= f["median"] <= f["high"] and f["n"] >= 1 for f in figures)
        assert "too few runs" in err
    assert not list(tmp_path.glob("tb-*"))
    assert not list(home.iterdir())                # the person's own home was not touched


def test_what_cannot_be_measured_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "weather"]) == 1
    assert "engine, core, ui, chat, start" in capsys.readouterr().err


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "tui", "bench", "--quick", "start"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),      # the tests may run in the background
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "core up" in line:
                break
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert not list(tmp_path.glob("tb-*"))


def test_the_library_is_whole_though_the_engine_has_loaded_but_its_functions() -> None:
    pytest.importorskip("llama_cpp")
    lines = (
        "from tui.engine.bindings import load_library", "functions = load_library()",
        "from tui.bench.contenders import whole_library", "library = whole_library()",
        "assert library.Llama and library.llama_log_callback",
        "assert library.llama_decode is functions.llama_decode",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=120)
