"""Models whose memory cannot be cut: what llama.cpp reports of them decides, and copies made in time save reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_families import FAMILIES, WINDOW, make
from engine_help import ask, chat, reply

from tui.domain.backend import SIDE, Finish, Piece
from tui.domain.samplers import Samplers
from tui.engine.bindings import AbortFlag, Model
from tui.engine.bindings_memory import Context, Shape
from tui.engine.memory import Aborted, Memory
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings

GREEDY = Samplers(temperature=0)
WORDS = ("lamp", "door", "rain", "bread", "salt", "boat", "tower", "candle", "letter", "garden", "winter", "bridge")
SMALL = EngineSettings(n_ctx=2048, n_batch=64, n_ubatch=64, n_threads=1)
#: Each family, and the sliding windows also with nothing but their windows kept.
KINDS = [(family, True) for family in FAMILIES] + [("gemma3", False)]
kinds = pytest.mark.parametrize(("family", "whole"), KINDS, ids=[f"{f}-{'whole' if w else 'window'}" for f, w in KINDS])


def said(seed: int, turn: int) -> str:
    return ", ".join(WORDS[(seed * 5 + turn * 7 + i * (seed + 3)) % 12] for i in range(8))


def talk(seed: int, turns: int, final: str = "What now?") -> tuple[Piece, ...]:
    return chat(*(said(seed, n) for n in range(turns)), final, system=f"Story number {seed}.")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.fixture
def opened(
    make_engine: Callable[..., EmbeddedEngine], models: Path, starter: Path,
) -> Callable[..., EmbeddedEngine]:
    def open_(family: str, whole: bool, **more: object) -> EmbeddedEngine:
        values = {**SMALL.to_json(), "swa_full": whole, **more.pop("settings", {})}  # type: ignore[dict-item]
        return make_engine(make(family, models, starter), settings=EngineSettings.from_json(values), **more)

    return open_


async def answer(engine: EmbeddedEngine, name: str, pieces: tuple[Piece, ...], **more: object) -> tuple[str, Finish]:
    request = ask(pieces, samplers=GREEDY, conversation=name, **{"max_tokens": 12, "id": name, **more})
    text, finish = await reply(engine, request)
    assert finish.error is None
    return text, finish


def missing(finish: Finish) -> int:
    assert finish.usage.prompt_tokens is not None
    assert finish.usage.cached_tokens is not None
    return finish.usage.prompt_tokens - finish.usage.cached_tokens


@kinds
async def test_a_swipe_a_turn_and_a_change_of_the_last_message_do_not_read_all_again(
    opened: Callable[..., EmbeddedEngine], family: str, whole: bool,
) -> None:
    engine = opened(family, whole)
    pieces = talk(1, 24)
    text, cold = await answer(engine, "one", pieces)
    assert missing(cold) > 500
    told = (await engine.capabilities())
    assert told.cache == ("recurrent" if family != "gemma3" else "prefix" if whole else "swa")
    assert told.details["sliding_window"] == (WINDOW if family == "gemma3" else 0)

    swiped, swipe = await answer(engine, "one", pieces)
    assert (missing(swipe), swiped) == (1, text)
    onwards = (*pieces, Piece(text), Piece("<|im_end|>\n", True), *chat("Go on.")[3:])
    _, turn = await answer(engine, "one", onwards)
    assert missing(turn) < 80                     # the reply, perhaps, and the new message
    _, edited = await answer(engine, "one", talk(1, 24, "Where are we?"))
    assert missing(edited) < 60
    _, side = await answer(engine, "one" + SIDE, (*pieces[:-4], *chat("Sum it up.")[3:]))
    assert missing(side) < 120
    _, back = await answer(engine, "one", talk(1, 24, "Where are we?"))
    assert missing(back) == 1


@kinds
async def test_what_is_written_is_what_a_fresh_reading_writes(
    opened: Callable[..., EmbeddedEngine], family: str, whole: bool,
) -> None:
    """Sums are added in another order where a prompt is read in other pieces, and two tokens of a model of random
    weights may lie that near: so one of many may differ, and no more."""
    engine, fresh = opened(family, whole), opened(family, whole, settings={"n_seq": 1})
    agree = places = 0
    for seed in (1, 2, 3):
        pieces = talk(seed, 14)
        text, _ = await answer(engine, f"chat-{seed}", pieces)
        for other in (
            (*pieces, Piece(text), Piece("<|im_end|>\n", True), *chat("Go on.")[3:]),
            talk(seed, 14, "Where are we?"), talk(seed, 10, "And before?"), pieces,
        ):
            got, reused = await answer(engine, f"chat-{seed}", other, max_tokens=8)
            await answer(fresh, "", chat("Hi!", system="Nobody."), max_tokens=1)
            expected, cold = await answer(fresh, "", other, max_tokens=8, id="cold")
            assert missing(reused) < missing(cold) - 100
            places += 1
            agree += got == expected
    assert places == 12
    assert agree >= 10


@kinds
async def test_after_unloading_it_goes_on_from_disk(
    opened: Callable[..., EmbeddedEngine], tmp_path: Path, family: str, whole: bool,
) -> None:
    pieces = talk(1, 24)
    first = opened(family, whole, kept_dir=tmp_path / "kept")
    text, _ = await answer(first, "one", pieces)
    await first.unload()
    again = opened(family, whole, kept_dir=tmp_path / "kept")
    swiped, swipe = await answer(again, "one", pieces)
    assert missing(swipe) == 1
    assert swiped == text
    assert "came from disk" in str(swipe.notices[0])
    _, edited = await answer(again, "one", talk(1, 24, "Where are we?"))
    assert missing(edited) < 60


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_reading_that_is_called_off_loses_no_more_than_since_the_last_copy(
    models: Path, starter: Path, family: str,
) -> None:
    model = Model.load(make(family, models, starter))
    assert model is not None
    shape = Shape(window=1024, batch=32, ubatch=32, threads=1, sequences=2, whole_window=False)
    context = Context.create(model, shape)
    assert context is not None
    flag = AbortFlag()
    memory = Memory(context, flag, prompts=1, ends_message=lambda token: token % 50 == 0)
    prompt = list(range(100, 700))

    def call_off(processed: int, total: int, reused: int) -> None:
        if processed >= 400:
            flag.set()

    memory.turn_to("a", prompt)
    memory.read(prompt[:300], lambda *_: None)
    with pytest.raises(Aborted):
        memory.read(prompt, call_off)
    flag.clear()
    assert memory.tokens == prompt[:len(memory.tokens)]
    assert len(memory.tokens) >= 400
    memory.read(prompt, lambda *_: None)
    assert memory.tokens == prompt
    assert context.length(0) == 600
