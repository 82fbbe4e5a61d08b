"""The samplers' screen: all of them in groups, found by typing, each changed in a field that fits it."""

from __future__ import annotations

import pytest
from chat_stage import Stage, stage
from screens_stage import lines

from tui.domain.samplers import DEFAULT_ORDER, SAMPLER_NAMES, Samplers
from tui.i18n import use_language
from tui.ui.samplerwords import GROUPS, explained
from tui.ui.screens.samplers import SamplerForm, as_text, from_text, value_words
from tui.ui.screens.steporder import StepOrder

SIZES = [(48, 18), (40, 10)]


async def opened(play: Stage, query: str = "") -> None:
    play.app.open_screen("samplers")
    await play.until(lambda: isinstance(play.app.screen, SamplerForm) and len(lines(play.app)) > 5, "the screen")
    if query:
        await play.press(*query)
        await play.until(lambda: any(line.id == query for line in lines(play.app)), query)


async def own(play: Stage) -> dict[str, object]:
    got = await play.app.link.call("samplers.get", chat=play.app.state.chat.id)
    return dict(got["own"])


def test_every_sampler_has_a_place_and_a_sentence() -> None:
    placed = [name for names in GROUPS.values() for name in names]
    assert sorted(placed) == sorted(SAMPLER_NAMES)
    english = {name: explained(name) for name in SAMPLER_NAMES}
    use_language("ru")
    try:
        assert all(explained(name) != english[name] for name in SAMPLER_NAMES)
    finally:
        use_language("en")


def test_texts_in_fields_come_back() -> None:
    breakers = ["\n", ":", "\\n", "\t", "a b"]
    assert from_text("stop", as_text("stop", breakers)) == breakers
    bias = {"a: b": -1.5, "\n": 2.0, "#12": -100.0}
    assert {k: float(v) for k, v in from_text("logit_bias", as_text("logit_bias", bias)).items()} == bias
    assert value_words("order", DEFAULT_ORDER) == f"{len(DEFAULT_ORDER)} steps"
    assert value_words("grammar", "") == "–"
    assert all(value_words(name, value) for name, value in Samplers().to_json().items())


@pytest.mark.parametrize("size", SIZES)
async def test_numbers_lists_texts_and_switches(size: tuple[int, int]) -> None:
    async with stage(size=size) as play:
        await opened(play, "top_a")                                       # in a group that is closed
        await play.press("enter")
        await play.sees("0 … 1")
        await play.press("ctrl+u", *"0.2", "enter")
        await play.until(lambda: (play.app.state.field("samplers") or {}).get("top_a") == 0.2, "the number")
        await play.press("ctrl+u", *"banned_strings")
        await play.until(lambda: any(line.id == "banned_strings" for line in lines(play.app)), "the list")
        await play.press("enter")
        await play.sees("Ctrl+S")
        await play.press(*"oh my", "enter", *"a\\nb", "ctrl+s")
        wanted = ["oh my", "a\nb"]
        await play.until(lambda: (play.app.state.field("samplers") or {}).get("banned_strings") == wanted, "the list")
        await play.press("ctrl+u", *"ignore")
        await play.until(lambda: any(line.id == "ignore_eos" for line in lines(play.app)), "the switch")
        await play.press("enter")
        await play.sees("off")
        await play.press("enter")
        await play.until(lambda: (play.app.state.field("samplers") or {}).get("ignore_eos") is True, "the switch")
        await play.press("ctrl+u", *"reset")
        await play.press("ctrl+u")
        await play.until(lambda: any(line.id == "reset" for line in lines(play.app)), "the way back")
        await play.press("end", "pagedown", "pagedown", "pagedown", "pagedown", "pagedown", "pagedown")
        for _ in range(80):
            line = play.app.screen.picker.listing.chosen
            if line is not None and line.id == "reset":
                break
            await play.press("down")
        await play.press("enter")
        await play.until(lambda: not play.app.state.field("samplers"), "the preset's values")


async def test_groups_open_and_what_the_backend_lacks_is_said() -> None:
    async with stage() as play:
        await play.type("Well?", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        await opened(play)
        assert not any(line.id == "tfs" for line in lines(play.app))
        for _ in range(20):
            line = play.app.screen.picker.listing.chosen
            if line is not None and line.id.startswith("group:"):
                break
            await play.press("down")
        await play.press("enter")
        await play.until(lambda: any(line.id == "tfs" for line in lines(play.app)), "the group")
        await play.press(*"beams")
        await play.until(lambda: any("does not know" in line.note for line in lines(play.app)), "what it lacks")
        assert "koboldcpp does not know it." in play.screen()


@pytest.mark.parametrize("size", SIZES)
async def test_the_order_is_edited_by_moving_steps(size: tuple[int, int]) -> None:
    async with stage(size=size) as play:
        await opened(play, "order")
        await play.press("enter")
        await play.until(lambda: isinstance(play.app.screen, StepOrder), "the steps")
        await play.pilot.pause()
        await play.press("d", "d")
        await play.press("down", "space")                                 # the one below is left out
        await play.press("enter")
        await play.until(lambda: bool(play.app.state.field("samplers")), "the order")
        first, second, third, fourth, *rest = DEFAULT_ORDER
        assert (await own(play))["order"] == [second, third, first, *rest]
        assert fourth not in (await own(play))["order"]                   # type: ignore[operator]
        await play.press("enter")
        await play.until(lambda: isinstance(play.app.screen, StepOrder), "the steps again")
        await play.press("delete")
        await play.until(lambda: not play.app.state.field("samplers"), "the preset's order")


async def test_set_takes_all_kinds() -> None:
    async with stage() as play:
        for line, name, value in (
            ("/set ignore_eos on", "ignore_eos", True),
            ("/set negative_prompt rain, wind", "negative_prompt", "rain, wind"),
            ("/set banned_strings oh, ah", "banned_strings", ["oh", "ah"]),
            ("/set smoothing_factor 0,3", "smoothing_factor", 0.3),
            ("/set mirostat 2", "mirostat", 2), ("/set order top_k,min_p", "order", ["top_k", "min_p"]),
        ):
            await play.type(line, "enter")
            await play.until(lambda n=name, v=value: (play.app.state.field("samplers") or {}).get(n) == v, line)
