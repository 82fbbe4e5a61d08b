"""Pictures in the real worker: the starter model sees through projectors of random weights made here."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from engine_help import ask, chat, collect, reply

from tui.domain.backend import CompletionRequest, Finish, Image, Piece, Progress, Text
from tui.domain.errors import EngineError
from tui.domain.samplers import Samplers
from tui.engine.discover import projector_of
from tui.engine.proxy import EmbeddedEngine
from tui.engine.settings import EngineSettings
from tui.engine.vision import stand_ins, words

pytest.importorskip("gguf")
pytest.importorskip("numpy")

from vision_models import png, write_dynamic_projector, write_mrope_model, write_projector

GREEDY = Samplers(temperature=0, repetition_penalty=1.2, dry_multiplier=0.8)
#: Tokens that the projector of `vision_models` makes of any picture.
CELLS = 16


def image(seed: int = 1, data: bytes | None = None) -> Image:
    data = png(seed=seed) if data is None else data
    return Image(hashlib.sha256(data).hexdigest(), "image/png", data)


def about(*images: Image, text: str = "What is on this?", name: str = "r1", **more: object) -> CompletionRequest:
    """A question about pictures, which stand before its words."""
    pieces = chat(text)
    shown = tuple(Piece(f"[image: {i.id[:4]}]", image=i.id) for i in images)
    return ask((*pieces[:4], *shown, *pieces[4:]), id=name, images=images, samplers=GREEDY, max_tokens=12, **more)


@pytest.fixture
def eyes(make_engine: Callable[..., EmbeddedEngine], tmp_path: Path) -> EmbeddedEngine:
    projector = write_projector(tmp_path / "mmproj.gguf", 256)
    return make_engine(settings=EngineSettings(mmproj=str(projector)))


async def test_a_model_with_a_projector_sees_and_another_does_not(
    eyes: EmbeddedEngine, make_engine: Callable[..., EmbeddedEngine],
) -> None:
    assert (await eyes.capabilities()).images
    plain = make_engine()
    assert not (await plain.capabilities()).images
    with pytest.raises(EngineError, match="does not see"):
        await plain.picture_tokens([(10, 10)])
    _, blind = await reply(plain, about(image()))
    text = about(image()).pieces
    named = ask(tuple(replace(p, image="") for p in text), id="r2", samplers=GREEDY, max_tokens=12)
    _, read = await reply(plain, named)
    assert blind.usage.prompt_tokens == read.usage.prompt_tokens, "it reads the name instead"


async def test_pictures_are_counted_before_they_are_seen(eyes: EmbeddedEngine) -> None:
    assert await eyes.picture_tokens([(64, 48), (1, 1), (4000, 3000)]) == [CELLS] * 3
    _, without = await reply(eyes, about(name="none"))
    for count in (1, 3):
        _, finish = await reply(eyes, about(*(image(n) for n in range(count)), name=f"with{count}"))
        assert finish.usage.prompt_tokens == (without.usage.prompt_tokens or 0) + count * CELLS


async def test_what_was_seen_is_not_looked_at_again(eyes: EmbeddedEngine) -> None:
    first_text, first = await reply(eyes, about(image(1)))
    assert first.usage.cached_tokens == 0
    text, again = await reply(eyes, about(image(1), name="again"))
    assert text == first_text
    assert again.usage.cached_tokens == (first.usage.prompt_tokens or 0) - 1
    _, further = await reply(eyes, about(image(1), text="What is on this? And what else?", name="further"))
    assert (further.usage.cached_tokens or 0) > CELLS, "the picture is in front of what changed"
    other_text, other = await reply(eyes, about(image(2), name="other"))
    [before] = await eyes.count_tokens([about().pieces[:4]])
    assert other.usage.cached_tokens in (before, before + 1), "another picture at the same place is another prompt"
    assert other_text != first_text, "the model sees what is on it"
    text, _ = await reply(eyes, about(image(1), name="back"))
    assert text == first_text, "read again, it is as at first"


async def test_two_pictures_in_other_order_are_another_prompt(eyes: EmbeddedEngine) -> None:
    one, first = await reply(eyes, about(image(1), image(2)))
    _, other = await reply(eyes, about(image(2), image(1), name="r2"))
    again, _ = await reply(eyes, about(image(1), image(2), name="r3"))
    assert one == again
    assert (first.usage.prompt_tokens or 0) - (other.usage.cached_tokens or 0) > 2 * CELLS


async def test_a_picture_may_be_the_last_of_a_prompt_and_the_first(eyes: EmbeddedEngine) -> None:
    seen = image(3)
    for name, pieces in (
        ("last", (Piece("See: "), Piece("", image=seen.id))), ("first", (Piece("", image=seen.id), Piece(" is"))),
        ("alone", (Piece("", image=seen.id),)),
    ):
        _, finish = await reply(eyes, ask(pieces, id=name, images=(seen,), samplers=GREEDY, max_tokens=4))
        assert finish.error is None, name


async def test_a_prompt_with_pictures_is_read_ahead(eyes: EmbeddedEngine) -> None:
    await eyes.load()
    request = about(image(1), name="ahead")
    held = await eyes.warm(request)
    _, finish = await reply(eyes, replace(request, id="now"))
    assert finish.usage.cached_tokens == held == (finish.usage.prompt_tokens or 0) - 1


async def test_too_many_pictures_for_the_window_are_refused_in_words(eyes: EmbeddedEngine) -> None:
    many = [image(n) for n in range(3)] * 25
    pieces = chat("?")
    shown = tuple(Piece("", image=i.id) for i in many)
    request = ask((*pieces[:4], *shown, *pieces[4:]), id="many", images=tuple(many[:3]), samplers=GREEDY)
    _, finish = await reply(eyes, request)
    assert finish.error is not None
    assert finish.error.details["kind"] == "too_long"


async def test_a_reply_about_a_picture_can_be_called_off(eyes: EmbeddedEngine) -> None:
    request = about(*(image(n) for n in range(8)), name="long")
    request = replace(request, max_tokens=400, samplers=Samplers(temperature=0))
    async for event in eyes.complete(request):
        if isinstance(event, Progress) and event.processed:
            await eyes.abort("long")
        if isinstance(event, Finish):
            assert event.reason == "cut"
    text, _ = await reply(eyes, about(image(1), name="after"))
    fresh, _ = await reply(eyes, about(image(1), name="once more"))
    assert text == fresh


async def test_bytes_that_are_no_picture_end_no_worker(eyes: EmbeddedEngine) -> None:
    """Heads that look right and bodies that are not: cut, turned over, filled with noise, of every kind that is
    read."""
    await eyes.load()
    pid = eyes.pid
    chance = random.Random(20261123)
    for number in range(40):
        data = bytearray(png(seed=number))
        match number % 4:
            case 0:
                data = data[:chance.randrange(33, len(data))]
            case 1:
                for _ in range(chance.randrange(1, 9)):
                    data[chance.randrange(33, len(data))] ^= 1 << chance.randrange(8)
            case 2:
                data[33:] = chance.randbytes(200)
            case _:
                data = bytearray(_HEADS[number // 4 % len(_HEADS)] + chance.randbytes(300))
        _, finish = await reply(eyes, about(image(data=bytes(data)), name=f"bad{number}"))
        assert finish.error is None or finish.error.details.get("kind") == "picture", finish.error
    assert eyes.pid == pid, "the same worker serves on"
    _, finish = await reply(eyes, about(image(1), name="good"))
    assert finish.error is None


_HEADS = (
    b"\xff\xd8\xff\xc0\0\x11\x08\0\x20\0\x20\3\1\x22\0\2\x11\1\3\x11\1\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0",
    b"GIF89a\x20\0\x20\0\xf7\0\0", b"BM" + b"\0" * 12 + b"\x28\0\0\0\x20\0\0\0\x20\0\0\0\1\0\x18\0" + b"\0" * 24,
    b"RIFF\0\1\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x1f\0\0\x1f\0\0",
)


async def test_a_file_that_is_no_projector_is_refused_by_name(
    make_engine: Callable[..., EmbeddedEngine], tmp_path: Path, starter: Path,
) -> None:
    wide = write_projector(tmp_path / "wide.gguf", 320)
    (tmp_path / "junk.gguf").write_bytes(b"GGUF" + bytes(64))
    for path in (wide, starter, tmp_path / "junk.gguf", tmp_path / "gone.gguf"):
        engine = make_engine(settings=EngineSettings(mmproj=str(path)))
        with pytest.raises(EngineError, match=path.name):
            await engine.load()


def test_stand_ins_are_of_one_picture_alone() -> None:
    one, other = stand_ins("a" * 64, 0, 50), stand_ins("b" * 64, 0, 50)
    assert one == stand_ins("a" * 64, 0, 50)
    assert all(-(2**31) <= token < 0 for token in one + other)
    assert not set(one) & set(other)
    assert one != stand_ins("a" * 64, 1, 50)
    assert words([1, *one, 2]) == [1, 2]


async def test_text_comes_out(eyes: EmbeddedEngine) -> None:
    events = await collect(eyes, about(image(5)))
    assert any(isinstance(event, Text) for event in events)


@pytest.fixture
def wide_eyes(make_engine: Callable[..., EmbeddedEngine], tmp_path: Path, starter: Path) -> EmbeddedEngine:
    """A model whose positions have two dimensions in a picture (M-RoPE), where a picture takes many tokens and few
    positions."""
    model = write_mrope_model(tmp_path / "mrope.gguf", starter)
    projector = write_dynamic_projector(tmp_path / "mmproj.gguf", 64)
    return make_engine(model, settings=EngineSettings(mmproj=str(projector), n_ctx=1024))


async def test_a_picture_of_many_tokens_and_few_positions(wide_eyes: EmbeddedEngine) -> None:
    large = image(data=png(280, 224))
    small, [tokens] = image(2), await wide_eyes.picture_tokens([(280, 224)])
    assert tokens >= 80, "ten by eight squares, and their marks"
    text, first = await reply(wide_eyes, about(large))
    _, without = await reply(wide_eyes, about(name="without"))
    assert first.usage.prompt_tokens == (without.usage.prompt_tokens or 0) + tokens
    again_text, again = await reply(wide_eyes, about(large, name="again"))
    assert again_text == text
    assert (again.usage.cached_tokens or 0) > 10
    _, further = await reply(wide_eyes, about(large, small, name="two"))
    assert further.error is None
    fresh_text, _ = await reply(wide_eyes, about(large, name="back"))
    assert fresh_text == text, "cut back behind a picture, the positions are right"


async def test_cells_are_what_is_counted_against_the_window(wide_eyes: EmbeddedEngine) -> None:
    many = tuple(image(data=png(280, 224, seed=n)) for n in range(14))
    _, finish = await reply(wide_eyes, about(*many))
    assert finish.error is not None
    assert finish.error.details["kind"] == "too_long"
    _, finish = await reply(wide_eyes, replace(about(*many[:9], name="nine"), max_tokens=2000))
    assert finish.error is None
    used = (finish.usage.prompt_tokens or 0) + (finish.usage.completion_tokens or 0)
    assert used <= 1024 + 1


async def test_the_projector_that_came_with_a_model_is_found(
    make_engine: Callable[..., EmbeddedEngine], tmp_path: Path, starter: Path,
) -> None:
    """By its name, or as the only one beside the only model; one that does not fit is told of, and no hindrance."""
    model = tmp_path / "Lamp-7B-Q4_K_M.gguf"
    model.symlink_to(starter)
    assert projector_of(model) is None
    fitting = write_projector(tmp_path / "mmproj-F16.gguf", 256)
    assert projector_of(model) == fitting
    seeing = make_engine(model, settings=EngineSettings(mmproj="auto"))
    assert (await seeing.capabilities()).images
    (tmp_path / "Door-3B.gguf").symlink_to(starter)
    assert projector_of(model) is None, "nobody knows whose it is"
    named = write_projector(tmp_path / "mmproj-lamp-7b-f16.gguf", 320)
    assert projector_of(model) == named
    assert projector_of(tmp_path / "Door-3B.gguf") is None
    told = await make_engine(model, settings=EngineSettings(mmproj="auto")).capabilities()
    assert not told.images
    assert any(notice.args.get("file") == named.name for notice in told.notices)
    blind = await make_engine(model, settings=EngineSettings(mmproj="none")).capabilities()
    assert (blind.images, blind.notices) == (False, ())
