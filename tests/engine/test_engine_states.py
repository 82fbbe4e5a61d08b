"""What a model has read, kept on disk: taken back after the worker is gone, and refused where it does not fit."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from engine_help import ask, chat, reply
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.backend import SIDE, Finish, Piece
from tui.domain.notice import Notice
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings
from tui.engine.state_files import MAGIC, Overview, StateFolder, TooLarge, Unfit, clear, drop, overview

GREEDY = Samplers(temperature=0)
WORDS = ("lamp", "door", "rain", "bread", "salt", "boat", "tower", "candle", "letter", "garden", "winter", "bridge")


def talk(seed: int, turns: int = 30, final: str = "What now?") -> tuple[Piece, ...]:
    said = (", ".join(WORDS[(seed * 5 + n * 7 + i * (seed + 3)) % 12] for i in range(8)) for n in range(turns))
    return chat(*said, final, system=f"Story number {seed}.")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def keeping(make_engine: Callable[..., EmbeddedEngine], kept: Path) -> Callable[..., EmbeddedEngine]:
    """Makes engines that keep what they read in one folder. Slow on purpose: so it is quicker from disk."""
    def make(**more: object) -> EmbeddedEngine:
        options = {"settings": EngineSettings(n_batch=16, n_ubatch=16, n_threads=1), "kept_dir": kept, **more}
        return make_engine(**options)

    return make


async def answer(engine: EmbeddedEngine, name: str, pieces: tuple[Piece, ...], **more: object) -> tuple[str, Finish]:
    request = ask(pieces, samplers=GREEDY, conversation=name, **{"max_tokens": 12, "id": name, **more})
    text, finish = await reply(engine, request)
    assert finish.error is None
    return text, finish


def missing(finish: Finish) -> int:
    assert finish.usage.prompt_tokens is not None
    assert finish.usage.cached_tokens is not None
    return finish.usage.prompt_tokens - finish.usage.cached_tokens


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)


async def test_after_unloading_a_chat_goes_on_without_being_read_again(
    keeping: Callable[..., EmbeddedEngine], make_engine: Callable[..., EmbeddedEngine], kept: Path,
) -> None:
    pieces = talk(1)
    first = keeping()
    text, cold = await answer(first, "one", pieces)
    assert cold.notices == ()
    await first.unload()
    assert overview(kept).files == 1
    onwards = (*pieces, Piece(text), Piece("<|im_end|>\n", True), *chat("Go on.")[3:])
    again = keeping()
    told, warm = await answer(again, "one", onwards, max_tokens=24)
    assert missing(warm) < 30
    assert [n.id for n in warm.notices] == ["{tokens} tokens came from disk in {ms} ms."]
    assert (await answer(again, "one", onwards, max_tokens=24))[1].notices == ()
    expected, _ = await answer(make_engine(), "", onwards, max_tokens=24)
    assert told == expected


async def test_reading_ahead_takes_it_from_disk_and_the_reply_tells(keeping: Callable[..., EmbeddedEngine]) -> None:
    first = keeping()
    await answer(first, "one", talk(1))
    await first.unload()
    again = keeping()
    await again.load()
    request = ask(talk(1), samplers=GREEDY, max_tokens=4, conversation="one", id="ahead")
    assert await again.warm(request)
    _, finish = await answer(again, "one", talk(1))
    assert missing(finish) == 1
    assert "came from disk" in str(finish.notices[0])


async def test_the_chat_before_is_written_when_another_follows(
    keeping: Callable[..., EmbeddedEngine], kept: Path,
) -> None:
    engine = keeping()
    await answer(engine, "one", talk(1))
    await answer(engine, "one" + SIDE, talk(1, 20))
    await answer(engine, "two", talk(2))
    await until(lambda: overview(kept).files == 1)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)           # no farewell: what was written by then is all there is
    again = keeping()
    _, one = await answer(again, "one", talk(1))
    _, two = await answer(again, "two", talk(2))
    assert missing(one) == 1
    assert missing(two) > 300


async def test_what_is_forgotten_while_it_is_written_does_not_come_back(
    keeping: Callable[..., EmbeddedEngine], kept: Path
) -> None:
    engine = keeping()
    for round_ in range(3):
        await answer(engine, "gone", talk(1, final=f"And {round_}?"))
        await answer(engine, "other", talk(2))                 # a second after it, the first is written
        await engine.forget("gone")
        drop(kept, "gone")
    await answer(engine, "other", talk(2, final="And?"))
    await engine.unload()
    assert overview(kept).files == 1


async def test_when_the_core_dies_the_worker_still_writes(keeping: Callable[..., EmbeddedEngine], kept: Path) -> None:
    engine = keeping()
    await answer(engine, "one", talk(1))
    session = engine._session
    assert session is not None
    assert session._worker._process.stdin is not None
    session._worker._process.stdin.close()        # what the end of the core looks like from the worker
    await until(lambda: not session.alive)
    assert overview(kept).files == 1


async def test_side_jobs_and_the_nameless_and_the_short_are_not_kept(
    keeping: Callable[..., EmbeddedEngine], kept: Path,
) -> None:
    engine = keeping()
    await answer(engine, "", talk(1))
    await answer(engine, "a" + SIDE, talk(2))
    await answer(engine, "short", talk(3, 2))
    await engine.unload()
    assert overview(kept) == Overview(0, 0)


@pytest.mark.parametrize(
    "changed", [{"n_ctx": 4096}, {"cache_type_k": "q8_0", "rope_freq_scale": 0.5}],
)
async def test_another_context_setting_refuses_it(
    keeping: Callable[..., EmbeddedEngine], kept: Path, changed: dict[str, object],
) -> None:
    base = EngineSettings(n_batch=16, n_ubatch=16, n_threads=1)
    first = keeping(settings=base)
    await answer(first, "one", talk(1))
    await first.unload()
    again = keeping(settings=replace(base, **changed))  # type: ignore[arg-type]
    _, finish = await answer(again, "one", talk(1))
    assert missing(finish) > 300
    assert "of another model, llama.cpp or setting" in str(finish.notices[0])
    assert overview(kept).files == 0
    assert await clean(again)


async def clean(engine: EmbeddedEngine) -> bool:
    """Whether it still answers."""
    return bool((await answer(engine, "after", talk(5, 2)))[1].usage.completion_tokens)


async def test_another_model_in_the_same_place_refuses_it(
    keeping: Callable[..., EmbeddedEngine], tmp_path: Path, starter: Path, quantised: Callable[[str], Path],
) -> None:
    model = tmp_path / "model.gguf"
    shutil.copy(starter, model)
    first = keeping(path=model)
    await answer(first, "one", talk(1))
    await first.unload()
    shutil.copy(quantised("Q8_0"), model)
    again = keeping(path=model)
    _, finish = await answer(again, "one", talk(1))
    assert missing(finish) > 300
    assert "of another model" in str(finish.notices[0])


async def test_another_template_makes_other_tokens_and_uses_nothing_of_it(
    keeping: Callable[..., EmbeddedEngine],
) -> None:
    first = keeping()
    await answer(first, "one", talk(1))
    await first.unload()
    plain = tuple(replace(p, text="### " if p.markup else p.text) for p in talk(1))
    again = keeping()
    text, finish = await answer(again, "one", plain)
    assert missing(finish) > 300
    expected, _ = await answer(again, "two", plain)
    assert text == expected


@pytest.mark.parametrize("where", ["tokens", "state", "short", "key"])
async def test_a_file_that_was_tampered_with_is_refused_and_removed(
    keeping: Callable[..., EmbeddedEngine], kept: Path, where: str,
) -> None:
    first = keeping()
    await answer(first, "one", talk(1))
    await first.unload()
    [file] = kept.glob("*.kv")
    data = bytearray(file.read_bytes())
    length = int.from_bytes(data[len(MAGIC):len(MAGIC) + 4], "little")
    match where:
        case "short":
            data = data[:-1000]
        case "key":
            (kept / "key").write_bytes(bytes(32))
        case "tokens":
            data[len(MAGIC) + 4 + length + 40] ^= 1
        case _:
            data[len(data) // 2] ^= 1
    file.write_bytes(data)
    again = keeping()
    _, finish = await answer(again, "one", talk(1))
    # A token that was changed may leave so little in common that the file is not opened at all.
    assert missing(finish) > 300
    assert where == "tokens" or "damaged or changed" in str(finish.notices[0])
    assert where == "tokens" or not file.exists()


async def test_a_file_that_cannot_be_read_is_told_as_such_and_left(
    keeping: Callable[..., EmbeddedEngine], kept: Path,
) -> None:
    first = keeping()
    await answer(first, "one", talk(1))
    await first.unload()
    [file] = kept.glob("*.kv")
    file.unlink()
    file.mkdir()                                  # not even root reads this one
    again = keeping()
    _, finish = await answer(again, "one", talk(1))
    assert missing(finish) > 300
    assert "could not be read (Is a directory)" in str(finish.notices[0])
    assert file.exists()


async def test_files_are_the_owners_alone(keeping: Callable[..., EmbeddedEngine], kept: Path) -> None:
    engine = keeping()
    await answer(engine, "one", talk(1))
    await engine.unload()
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.iterdir()} == {0o600}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


async def test_a_quota_too_small_is_told_and_nothing_is_written(
    keeping: Callable[..., EmbeddedEngine], kept: Path,
) -> None:
    said: list[Notice] = []
    engine = keeping(kept_quota=lambda: 100_000, on_said=said.append)
    await answer(engine, "one", talk(1))
    await engine.unload()
    assert overview(kept).files == 0
    assert ["kv_quota_mb" in str(notice) for notice in said] == [True]


async def test_a_folder_that_cannot_be_written_is_told_and_costs_nothing_else(
    keeping: Callable[..., EmbeddedEngine], kept: Path,
) -> None:
    kept.write_text("a file, not a folder")
    engine = keeping()
    _, finish = await answer(engine, "one", talk(1))
    assert finish.reason in ("stop", "length")
    assert any("cannot be kept on disk" in str(told) for told in (await engine.capabilities()).notices)


def folder(path: Path, quota: int = 10**6, identity: object = "m") -> StateFolder:
    made = StateFolder(path, {"path": identity}, quota)
    made.prepare()
    return made


def put(states: StateFolder, name: str, size: int = 1000) -> int:
    return states.put(name, range(300), 100.0, [(300, bytearray(size))])


def test_the_one_used_longest_ago_goes_first(tmp_path: Path) -> None:
    states = folder(tmp_path, quota=3 * 2600)
    for age, name in enumerate(("a", "b", "c")):
        put(states, name)
        os.utime(states.path(name), (age, age))
    with states.take("a") as (header, parts):
        assert (len(header.tokens), [len(part) for part in parts]) == (300, [1000])
    put(states, "d")
    assert [states.path(name).exists() for name in "abcd"] == [True, False, True, True]
    with pytest.raises(TooLarge):
        put(states, "e", 10**5)
    assert overview(tmp_path).files == 3


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = folder(tmp_path)
    put(states, "a")
    real = os.fdopen

    def full(descriptor: int, *args: object, **more: object) -> object:
        os.close(descriptor)
        return real(os.open("/dev/full", os.O_WRONLY), *args, **more)  # type: ignore[call-overload]

    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr("tui.engine.state_files.os.fdopen", full)
    with pytest.raises(OSError, match="No space"):
        put(states, "b")
    monkeypatch.undo()
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted([states.path("a").name, "key"])


def test_what_an_interrupted_writer_left_is_removed_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    dead, alive = tmp_path / "x.kv.99999999.tmp", tmp_path / f"x.kv.{os.getppid()}.tmp"
    tmp_path.mkdir(exist_ok=True)
    for file in (dead, alive):
        file.write_bytes(b"x")
    folder(tmp_path)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_states_of_one_chat_or_all_are_dropped(tmp_path: Path) -> None:
    first, second = folder(tmp_path, identity="m"), folder(tmp_path, identity="n")
    for states in (first, second):
        for name in ("chat", "other"):
            put(states, name)
    assert drop(tmp_path, "chat").files == 2
    assert overview(tmp_path).files == 2
    assert clear(tmp_path).bytes > 2000
    assert overview(tmp_path) == Overview(0, 0)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.data())
def test_no_change_of_any_byte_gets_through(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    states = folder(tmp_path_factory.mktemp("states"))
    put(states, "a")
    path = states.path("a")
    whole = bytearray(path.read_bytes())
    match data.draw(st.sampled_from(["flip", "cut", "insert", "start", "noise"])):
        case "flip":
            whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        case "cut":
            del whole[data.draw(st.integers(0, len(whole) - 1)):]
        case "insert":
            at = data.draw(st.integers(0, len(whole)))
            whole[at:at] = data.draw(st.binary(min_size=1, max_size=50))
        case "start":
            whole = bytearray(MAGIC + data.draw(st.binary(max_size=200)))
        case _:
            whole = bytearray(data.draw(st.binary(max_size=300)))
    path.write_bytes(whole)
    with pytest.raises(Unfit), states.take("a"):
        pass
    assert not path.exists()
