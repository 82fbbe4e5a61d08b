"""Several prompts side by side in one context: on the starter model, in the real worker."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import POINTER, c_float, cast
from dataclasses import replace
from pathlib import Path

import pytest
from engine_help import ask, chat, reply

from tui.domain.backend import SIDE, Finish, Piece
from tui.domain.samplers import Samplers
from tui.engine.bindings import AbortFlag, Model
from tui.engine.bindings_memory import Context, Shape
from tui.engine.memory import Memory
from tui.engine.opening import open_context
from tui.engine.proxy import EmbeddedEngine
from tui.engine.sequences import MOST_MARKS, Held, Mark, choose, least_missed
from tui.engine.settings import EngineSettings

GREEDY = Samplers(temperature=0)
WORDS = ("lamp", "door", "rain", "bread", "salt", "boat", "tower", "candle", "letter", "garden", "winter", "bridge")


def talk(seed: int, turns: int, final: str = "What now?") -> tuple[Piece, ...]:
    """A chat of its own for each seed, from its system prompt on; about 40 tokens a turn."""
    def said(number: int) -> str:
        picks = [WORDS[(seed * 5 + number * 7 + i * (seed + 3)) % 12] for i in range(8)]
        return f"{number}: " + ", ".join(picks)

    return chat(*(said(n) for n in range(turns)), final, system=f"Story number {seed}. " + said(seed))


async def answer(
    engine: EmbeddedEngine, conversation: str, pieces: tuple[Piece, ...], **more: object
) -> tuple[str, Finish]:
    request = ask(pieces, samplers=GREEDY, conversation=conversation, **{"max_tokens": 8, "id": conversation, **more})
    text, finish = await reply(engine, request)
    assert finish.error is None
    return text, finish


def missing(finish: Finish) -> int:
    """Tokens of the prompt that had to be read."""
    assert finish.usage.prompt_tokens is not None
    assert finish.usage.cached_tokens is not None
    return finish.usage.prompt_tokens - finish.usage.cached_tokens


async def test_two_chats_and_a_side_job_do_not_evict_each_other(engine: EmbeddedEngine) -> None:
    one, two = talk(1, 8), talk(2, 8)
    first, _ = await answer(engine, "one", one)
    second, _ = await answer(engine, "two", two)
    side = (*one[:-4], Piece("<|im_start|>user\n", True), Piece("Sum it up."), Piece("<|im_end|>\n", True))
    _, summed = await answer(engine, "one" + SIDE, side)
    assert missing(summed) < 30                   # it begins as the chat does, and shares that
    for name, pieces, text in (("one", one, first), ("two", two, second)):
        again, finish = await answer(engine, name, pieces, id=f"{name}-again")
        assert (missing(finish), again) == (1, text)
    assert (await engine.capabilities()).details["prompts"] >= 3


async def test_the_same_words_in_any_sequence(make_engine: Callable[..., EmbeddedEngine]) -> None:
    """What a prompt is answered with depends neither on its neighbours nor on how it came into the memory."""
    alone, shared = make_engine(settings=EngineSettings(n_seq=1)), make_engine(settings=EngineSettings(n_seq=4))
    chats = [talk(n, 6) for n in range(3)]
    for number, pieces in enumerate(chats):
        await answer(shared, f"chat-{number}", pieces, max_tokens=24)
    for number in (2, 0, 1):
        longer = (*chats[number][:-1], *chat("And then?")[3:])
        expected, _ = await answer(alone, "", longer, max_tokens=24, id=f"a{number}")
        told, finish = await answer(shared, f"chat-{number}", longer, max_tokens=24, id=f"s{number}")
        branch, shares = await answer(shared, "another", longer, max_tokens=24, id=f"b{number}")
        assert told == expected == branch
        assert missing(finish) < 30
        assert missing(shares) == 1


async def test_a_new_conversation_takes_the_place_of_the_one_unused_for_longest(
    make_engine: Callable[..., EmbeddedEngine],
) -> None:
    engine = make_engine(settings=EngineSettings(n_seq=2, n_ctx=2048))
    chats = {name: talk(number, 16) for number, name in enumerate("abc")}
    for name in "abac":
        await answer(engine, name, chats[name], id=f"1{name}")
    _, kept = await answer(engine, "a", chats["a"], id="2a")
    _, gone = await answer(engine, "b", chats["b"], id="2b")
    assert missing(kept) == 1
    assert missing(gone) > 300


async def test_what_moves_is_not_moved_under_another(make_engine: Callable[..., EmbeddedEngine]) -> None:
    """A block is cut out of a chat whose beginning and middle a side job shares: the side job still reads right."""
    engine, fresh = make_engine(settings=EngineSettings(cache_shift=True)), make_engine()
    whole = talk(4, 30)
    without = (*whole[:12], *whole[42:])
    side = (*whole[:-1], *chat("Sum it up.")[3:])
    await answer(engine, "main", whole)
    await answer(engine, "main" + SIDE, side)
    _, moved = await answer(engine, "main", without, id="moved", shift=True)
    assert moved.usage.shifted > 0
    told, _ = await answer(engine, "main" + SIDE, side, id="again", max_tokens=24)
    expected, _ = await answer(fresh, "", side, max_tokens=24)
    assert told == expected


async def test_a_reading_ahead_for_one_chat_leaves_the_other_alone(engine: EmbeddedEngine) -> None:
    one, two = talk(1, 8), talk(2, 8)
    await answer(engine, "one", one)
    request = ask(two, samplers=GREEDY, max_tokens=8, conversation="two", id="ahead")
    held = await engine.warm(request)
    _, first = await answer(engine, "one", one, id="again")
    _, second = await reply(engine, replace(request, id="now"))
    assert (missing(first), missing(second)) == (1, 1)
    assert held == (second.usage.prompt_tokens or 0) - 1


def held(name: str, tokens: int, used: int, start: int = 0) -> Held:
    return Held(0, name, list(range(start, start + tokens)), used)


def test_the_own_sequence_is_chosen_then_a_free_one_then_what_is_missed_least() -> None:
    a, b, side = held("a", 2000, 1), held("b", 2000, 2, 9000), held("a/side", 2100, 3)
    assert choose([a, b, side], "b") is b
    assert choose([a, b, Held(2)], "c").number == 2
    assert choose([a, b, side], "c") is side      # most of it is there a second time: it is read again at once
    assert least_missed([a, b]) is a


def test_of_too_many_copies_the_crowded_ones_go() -> None:
    one = Held(0)
    for length in [*range(100, 1300, 100), 1210, 1220, 1230, 1240]:
        one.add_mark(Mark(length, bytearray(8)))
    lengths = [m.length for m in one.marks]
    assert len(lengths) == MOST_MARKS
    assert lengths[-3:] == [1220, 1230, 1240]
    assert lengths == sorted(lengths)


@pytest.mark.usefixtures("library")
class TestLent:
    """Sequences that are borrowed for guidance and search."""

    def memory(self, starter: Path) -> Memory:
        model = Model.load(starter)
        assert model is not None
        context, prompts = open_context(model, EngineSettings(n_ctx=512, n_threads=1), gpu=False, threads=1, notices=[])
        return Memory(context, AbortFlag(), prompts=prompts)

    def test_where_there_is_no_room_for_both_the_other_gives_way(self, starter: Path) -> None:
        """One window of cells for three prompts, each of which takes more than half of it: none fails."""
        model = Model.load(starter)
        assert model is not None
        shape = Shape(window=512, cells=512, batch=64, ubatch=64, threads=1, sequences=3)
        context = Context.create(model, shape)
        assert context is not None
        memory = Memory(context, AbortFlag(), prompts=3)
        gone: list[str] = []
        memory.on_loss = lambda held: gone.append(held.name)
        for number, name in enumerate("abca"):
            prompt = list(range(number * 10, number * 10 + 300))
            memory.turn_to(name, prompt)
            memory.read(prompt, lambda *_: None)
            assert memory.tokens == prompt
            assert context.length(memory.current.number) == 300
        assert gone == ["a", "b", "c"]

    def test_tokens_of_several_sequences_go_in_one_batch(self, starter: Path) -> None:
        memory = self.memory(starter)
        size = memory.context.model.vocab.size

        def best(index: int) -> int:
            values = cast(memory.context.logits(index), POINTER(c_float))[:size]
            return max(range(size), key=values.__getitem__)

        tokens = memory.context.model.vocab.tokenize
        prompt, other = tokens("The lamp stood in the window, and the"), tokens("The lamp stood in the window. He")
        memory.turn_to("a", prompt)
        memory.read(prompt, lambda *_: None)
        first = best(-1)
        with memory.scratch(other) as lent:
            second = best(-1)
            assert lent.tokens == other
            memory.decode_many([(memory.current, first), (lent, second)])
            together = best(0), best(1)
            ways = memory.lendable
        assert memory.lendable == ways + 1
        for start, token, expected in ((prompt, first, together[0]), (other, second, together[1])):
            memory.forget_all()
            memory.turn_to("b", [*start, token])
            memory.read([*start, token], lambda *_: None)
            assert best(-1) == expected

    def test_ways_part_and_the_best_one_becomes_the_reply(self, starter: Path) -> None:
        memory = self.memory(starter)
        prompt = memory.context.model.vocab.tokenize("The lamp stood in the window, and the rain fell on the")
        memory.turn_to("a", prompt)
        memory.read(prompt, lambda *_: None)
        with memory.scratch() as left, memory.scratch() as right:
            memory.copy(memory.current, left)
            memory.copy(memory.current, right)
            memory.decode_many([(left, prompt[1]), (right, prompt[2])])
            memory.decode_many([(left, prompt[3]), (right, prompt[4])])
            memory.copy(right, memory.current)
        assert memory.tokens == [*prompt, prompt[2], prompt[4]]
        assert memory.context.length(memory.current.number) == len(prompt) + 2
