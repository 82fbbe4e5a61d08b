"""Reading ahead, and a block cut out of the memory: on the starter model, in the real worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from engine_help import ask, chat, collect, reply
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.backend import Finish, Piece, Progress, Text
from tui.domain.samplers import Samplers
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings
from tui.engine.stretches import LEAST_MOVED, kept_stretches

GREEDY = Samplers(temperature=0)
WORDS = (
    "lamp", "door", "rain", "bread", "salt", "boat", "tower", "candle", "letter", "garden", "winter", "bridge", "coin",
    "mirror", "song", "harbour",
)


def story(number: int) -> str:
    """A few sentences, other ones for each number."""
    pairs = ((WORDS[(number * 7 + i * 5) % 16], WORDS[(number * 3 + i) % 16]) for i in range(5))
    return " ".join(f"The {one} and the {other} were old." for one, other in pairs)


def talk(first: int, last: int, final: str = "What now?") -> tuple[Piece, ...]:
    turns = [story(n) for n in range(first, last)]
    return chat(*turns, *((final,) if len(turns) % 2 == 0 else ("Yes.", final)))


async def read(engine: EmbeddedEngine, request_id: str, pieces: tuple[Piece, ...], **more: object) -> Finish:
    _, finish = await reply(engine, ask(pieces, id=request_id, samplers=GREEDY, max_tokens=8, **more))
    assert finish.error is None
    return finish


async def test_what_it_can_do_is_told(engine: EmbeddedEngine) -> None:
    told = await engine.capabilities()
    assert (told.warm, told.shift, told.cache, told.exact_tokens) == (True, True, "prefix", True)
    assert told.details["sliding_window"] == 0
    assert len(told.tokenizer) > 10


async def test_a_prompt_read_ahead_is_not_read_again(engine: EmbeddedEngine) -> None:
    request = ask(talk(0, 6), samplers=GREEDY, max_tokens=8)
    cold_text, cold = await reply(engine, request)
    other = ask(chat("Hi!"), id="other", samplers=GREEDY, max_tokens=2)
    await reply(engine, other)
    total = cold.usage.prompt_tokens
    assert total is not None
    assert await engine.warm(request) == total - 1
    text, finish = await reply(engine, replace(request, id="again"))
    assert finish.usage.cached_tokens == total - 1
    assert text == cold_text


async def test_reading_ahead_what_is_there_already_keeps_the_reply_behind_it(engine: EmbeddedEngine) -> None:
    pieces = talk(0, 4)
    text, first = await reply(engine, ask(pieces, samplers=GREEDY, max_tokens=12, stop=()))
    total, written = first.usage.prompt_tokens, first.usage.completion_tokens
    assert total is not None
    assert written is not None
    assert await engine.warm(ask(pieces, id="w")) == total
    onwards = await read(engine, "r2", (*pieces, Piece(text)))
    assert (onwards.usage.cached_tokens or 0) >= total + written - 3


async def test_nothing_is_read_ahead_before_a_model_is_loaded_or_during_a_reply(engine: EmbeddedEngine) -> None:
    assert await engine.warm(ask(talk(0, 4))) is None
    assert not engine.loaded
    await engine.load()
    warmed = []
    async for event in engine.complete(ask(chat("Tell me."), id="long", max_tokens=40)):
        if isinstance(event, Text) and not warmed:
            warmed.append(await engine.warm(ask(talk(0, 4), id="w")))
    assert warmed == [None]


async def test_a_reply_ends_the_reading_ahead_at_once_and_loses_nothing(
    make_engine: Callable[..., EmbeddedEngine],
) -> None:
    engine = make_engine(settings=EngineSettings(n_ctx=8192, n_batch=32, n_ubatch=32, n_threads=1))
    pieces = chat(*(story(n) for n in range(61)))
    total = (await engine.count_tokens([pieces]))[0]
    assert total > 2500
    warming = asyncio.create_task(engine.warm(ask(pieces, id="w")))
    await asyncio.sleep(0.15)
    finish = await read(engine, "r1", pieces)
    held = await warming
    assert held is not None
    assert 0 < held < total - 32
    assert finish.usage.cached_tokens == held


async def test_called_off_it_stops_and_the_next_reading_takes_over(make_engine: Callable[..., EmbeddedEngine]) -> None:
    engine = make_engine(settings=EngineSettings(n_ctx=8192, n_batch=32, n_ubatch=32, n_threads=1))
    pieces = chat(*(story(n) for n in range(61)))
    await engine.load()
    first = asyncio.create_task(engine.warm(ask(pieces, id="w")))
    await asyncio.sleep(0.2)
    second = asyncio.create_task(engine.warm(ask(pieces[:40], id="w2")))
    held = await first
    assert held is not None
    assert held < 2500
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    finish = await read(engine, "r1", chat("Hi!"))
    assert finish.reason in {"stop", "length"}


async def test_a_replaced_block_is_cut_out_and_the_rest_is_not_read_again(engine: EmbeddedEngine) -> None:
    whole, without = talk(0, 12), (*talk(0, 2)[:6], *talk(4, 12)[3:])
    await read(engine, "r1", whole)
    events = await collect(engine, ask(without, id="r2", samplers=GREEDY, max_tokens=8, shift=True))
    finish = events[-1]
    assert isinstance(finish, Finish)
    usage = finish.usage
    assert usage.prompt_tokens is not None
    assert usage.cached_tokens == usage.prompt_tokens - 1
    assert usage.shifted >= LEAST_MOVED
    assert next(e for e in events if isinstance(e, Progress)).cached == usage.cached_tokens
    again = await read(engine, "r3", without)
    assert (again.usage.cached_tokens, again.usage.shifted) == (usage.prompt_tokens - 1, 0)


async def test_the_moved_tokens_stand_where_they_would_have_been_read(engine: EmbeddedEngine) -> None:
    """What follows a moved stretch is foretold as it is after a fresh reading: the same words, greedily, in most of
    several places; a wrong position would make noise of all of them."""
    agree = 0
    for number in range(4):
        whole = talk(number, number + 12)
        without = (*talk(number, number + 2)[:6], *talk(number + 4, number + 12)[3:])
        await read(engine, f"a{number}", whole)
        moved_text, moved = await reply(
            engine, ask(without, id=f"b{number}", samplers=GREEDY, max_tokens=12, shift=True))
        assert moved.usage.shifted >= LEAST_MOVED
        await read(engine, f"c{number}", chat("Hi!"))
        fresh_text, fresh = await reply(engine, ask(without, id=f"d{number}", samplers=GREEDY, max_tokens=12))
        assert fresh.usage.shifted == 0
        agree += moved_text.split()[:3] == fresh_text.split()[:3]
    assert agree >= 3


async def test_nothing_moves_unless_it_is_asked_for(make_engine: Callable[..., EmbeddedEngine]) -> None:
    whole, without = talk(0, 12), (*talk(0, 2)[:6], *talk(4, 12)[3:])
    plain, shifting = make_engine(), make_engine(settings=EngineSettings(cache_shift=True))
    cached = []
    for engine in (plain, shifting):
        await read(engine, "r1", whole)
        finish = await read(engine, "r2", without)
        cached.append((finish.usage.cached_tokens or 0, finish.usage.shifted > 0))
    assert [moved for _, moved in cached] == [False, True]
    assert cached[0][0] + LEAST_MOVED < cached[1][0]


async def test_a_summary_in_the_place_of_a_block_is_all_that_is_read(
    make_engine: Callable[..., EmbeddedEngine],
) -> None:
    engine = make_engine(settings=EngineSettings(cache_shift=True))
    system, rest = chat()[:3], talk(0, 12)[18:]
    summary = (Piece("<|im_start|>system\n", True), Piece("They spoke of old things."), Piece("<|im_end|>\n", True))
    await read(engine, "r1", (*system, *talk(0, 12)[3:18], *rest))
    with_summary = (*system, *summary, *rest)
    events = await collect(engine, ask(with_summary, id="r2", samplers=GREEDY, max_tokens=8))
    finish = events[-1]
    assert isinstance(finish, Finish)
    usage = finish.usage
    assert usage.prompt_tokens is not None
    assert usage.cached_tokens is not None
    new = (await engine.count_tokens([summary]))[0]
    assert usage.shifted >= LEAST_MOVED
    assert new - 4 <= usage.prompt_tokens - usage.cached_tokens <= new + 1
    assert [e.processed for e in events if isinstance(e, Progress)][-1] == usage.prompt_tokens
    again, same = await reply(engine, ask(with_summary, id="r3", samplers=GREEDY, max_tokens=8))
    assert (same.usage.cached_tokens, same.usage.shifted) == (usage.prompt_tokens - 1, 0)
    assert again == "".join(e.text for e in events if isinstance(e, Text))
    await read(engine, "r4", chat("Hi!"))
    fresh, _ = await reply(make_engine(), ask(with_summary, id="r5", samplers=GREEDY, max_tokens=8))
    assert fresh.split()[:1] == again.split()[:1]


async def test_a_chat_goes_on_over_many_cuts(engine: EmbeddedEngine) -> None:
    """Positions stay right: each cut reads the new turn alone, and the model's window never overflows."""
    shifts = read_anew = 0
    first, last = 0, 10
    await read(engine, "start", talk(first, last))
    for step in range(6):
        last += 2
        if step % 2:
            first += 4
        finish = await read(engine, f"r{step}", talk(first, last), shift=True)
        assert finish.usage.prompt_tokens is not None
        assert finish.usage.cached_tokens is not None
        shifts += finish.usage.shifted > 0
        read_anew += finish.usage.prompt_tokens - finish.usage.cached_tokens
    assert shifts == 3
    assert read_anew < 6 * 260


@given(st.lists(st.integers(0, 3), max_size=60), st.lists(st.integers(0, 3), min_size=1, max_size=40), st.data())
def test_the_block_is_found_wherever_it_was(head: list[int], block: list[int], data: st.DataObject) -> None:
    tail = [data.draw(st.integers(0, 50000)) for _ in range(8)] * (LEAST_MOVED // 8) + [7]
    have, want = [*head, *block, *tail], [*head, *tail]
    start = next((i for i, (a, b) in enumerate(zip(have, want, strict=False)) if a != b), len(want))
    found = kept_stretches(have, want, start)
    if len(want) - start >= LEAST_MOVED:
        assert [(s.place, s.place_end) for s in found] == [(start, len(want))]
        assert have[found[0].start:found[0].end] == want[start:]
    else:
        assert found == []


sizes = st.integers(0, 900)


@given(st.integers(0, 300), st.lists(st.tuples(sizes, sizes, sizes), min_size=1, max_size=4))
def test_all_that_can_be_kept_is_found_in_order(head: int, parts: list[tuple[int, int, int]]) -> None:
    have, want = list(range(head)), list(range(head))
    fresh = iter(range(10_000, 10_000_000))
    for gone, inserted, kept in parts:
        have += [next(fresh) for _ in range(gone)]
        want += [next(fresh) for _ in range(inserted)]
        same = [next(fresh) for _ in range(kept)]
        have, want = have + same, want + same
    start = next((i for i, (a, b) in enumerate(zip(have, want, strict=False)) if a != b), min(len(have), len(want)))
    found = kept_stretches(have, want, start)
    for before, after in pairwise(found):
        assert before.end <= after.start
        assert before.place_end <= after.place
    for stretch in found:
        assert start <= stretch.place <= stretch.start
        assert stretch.length >= LEAST_MOVED
        assert have[stretch.start:stretch.end] == want[stretch.place:stretch.place_end]
    gone, inserted, kept = parts[0]
    if len(parts) == 1 and gone >= LEAST_MOVED + inserted and kept >= 2 * LEAST_MOVED:
        assert [s.length for s in found] == [kept]
    if len(parts) == 1 and inserted and gone < LEAST_MOVED:
        assert found == []


async def test_several_places_may_change_at_once(make_engine: Callable[..., EmbeddedEngine]) -> None:
    """A cut may take a block, an old summary and an old entry, and bring a new summary, all in one."""
    engine = make_engine(settings=EngineSettings(cache_shift=True, n_ctx=4096))
    system, opener = chat()[:3], chat()[3:]
    one, two, three, gone = (chat(*(story(n) for n in range(a, a + 8)))[3:-1] for a in (100, 200, 300, 0))
    short = (Piece("<|im_start|>system\n", True), Piece("A short word."), Piece("<|im_end|>\n", True))
    await read(engine, "r1", (*system, *one, *gone, *two, *short, *three, *opener))
    after = (*system, *short, *one, *short, *two, *three, *opener)
    text, finish = await reply(engine, ask(after, id="r2", samplers=GREEDY, max_tokens=8))
    assert finish.usage.prompt_tokens is not None
    again, same = await reply(engine, ask(after, id="r3", samplers=GREEDY, max_tokens=8))
    assert (same.usage.cached_tokens, again) == (finish.usage.prompt_tokens - 1, text)
    last = (*system, *one[6:], *two, *three[6:], *opener)
    moved = await read(engine, "r4", last)
    assert moved.usage.shifted >= LEAST_MOVED
    assert moved.usage.prompt_tokens is not None
    assert moved.usage.prompt_tokens - (moved.usage.cached_tokens or 0) < 150


async def test_a_move_that_is_called_off_leaves_a_memory_that_is_right(
    make_engine: Callable[..., EmbeddedEngine],
) -> None:
    """While what replaces a block is read, the rest lies aside; a reply that comes then reads it again."""
    small = EngineSettings(n_ctx=4096, n_batch=32, n_ubatch=32, n_threads=1, cache_shift=True)
    engine, plain = make_engine(settings=small), make_engine(settings=replace(small, cache_shift=False))
    block, instead, rest = (chat(*(story(n) for n in range(a, b)))[3:-1] for a, b in ((0, 36), (100, 118), (200, 212)))
    system, opener = chat()[:3], chat()[3:]
    await read(engine, "r1", (*system, *block, *rest, *opener))
    after = (*system, *instead, *rest, *opener)
    warming = asyncio.create_task(engine.warm(ask(after, id="w")))
    await asyncio.sleep(0.15)
    text, finish = await reply(engine, ask(after, id="r2", samplers=GREEDY, max_tokens=12))
    held = await warming
    assert finish.error is None
    assert held is not None
    assert finish.usage.prompt_tokens is not None
    assert 0 < held < finish.usage.prompt_tokens
    if not finish.usage.shifted:
        fresh, _ = await reply(plain, ask(after, id="r3", samplers=GREEDY, max_tokens=12))
        assert text.split()[:4] == fresh.split()[:4]
