"""The tokens of a reply on the screen: walking, choosing a rival, going on from it; with texts that mean harm."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from chat_stage import Stage, scripted, stage

from tui.i18n import use_language
from tui.ui.screens.tokens import RivalList, TokensPage, percent
from tui.ui.widgets.tokentext import Shown, TokenText, spelled, visible

SAID: Sequence[tuple[str, float, dict[str, float]]] = (
    ("I", 0.9, {"She": 0.05}), (" hear", 0.55, {" see": 0.3, " know": 0.1}), (" it", 0.04, {" you": 0.9}),
    (" too", 0.2, {}), (".", 0.99, {}),
)


def speak(server: Any, *replies: Sequence[tuple[str, float, dict[str, float]]]) -> None:
    """A server that tells its tokens' rivals as OpenAI's does, and gives `replies` in turn."""
    model = scripted()

    def chunk(text: str, chance: float, rivals: dict[str, float]) -> bytes:
        top = [{"token": t, "logprob": math.log(p)} for t, p in {text: chance, **rivals}.items()]
        told = {"content": [{"token": text, "logprob": math.log(chance), "top_logprobs": top}]}
        data = {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": told, "finish_reason": None}]}
        return f"data: {json.dumps(data)}\n\n".encode()

    def handler(reply: Sequence[tuple[str, float, dict[str, float]]]) -> Any:
        return model.play(model.SSE, *(chunk(*token) for token in reply), model.chat_chunk("", "stop"),
                          b"data: [DONE]\n\n")

    server.on("GET /v1/models", model.answer({"object": "list", "data": [{"id": "scripted", "object": "model"}]}))
    server.on("POST /v1/chat/completions", *(handler(reply) for reply in replies))


async def converse(play: Stage, *replies: Sequence[tuple[str, float, dict[str, float]]], logprobs: int = 3) -> None:
    """Speak with such a server until its first reply is there."""
    speak(play.server, *replies)
    await play.app.link.call("connection.use", kind="openai", url=play.server.url, model="scripted", template="chatml")
    if logprobs:
        await play.type(f"/set logprobs {logprobs}", "enter")
        await play.pilot.pause(0.1)
    before = len(play.texts())
    await play.type("Well?", "enter")
    await play.until(lambda: len(play.texts()) == before + 2, "the reply")
    await play.idle()


async def opened(play: Stage, key: str = "t") -> TokensPage:
    await play.press("tab", key)
    await play.until(lambda: isinstance(play.app.screen, TokensPage), "the tokens")
    page = play.app.screen
    assert isinstance(page, TokensPage)
    await play.until(lambda: page._tokens or page.query("#sentence.-shown"), "what was kept")
    await play.pilot.pause()
    return page


@pytest.mark.parametrize("size", [(120, 40), (48, 18), (40, 10)])
async def test_walk_choose_and_go_on(size: tuple[int, int]) -> None:
    other = ((" them", 0.7, {}), ("!", 0.9, {}))
    async with stage(size=size) as play:
        await converse(play, SAID, other)
        page = await opened(play, "е" if size == (48, 18) else "t")          # the same key in the Russian layout
        assert "I hear it too." in play.screen()
        await play.press("right")
        await play.sees("55.0 %")
        assert "30.0 %" in play.screen()
        assert "␣see" in play.screen()
        assert "10.0 %" in play.screen()
        await play.press("enter")
        await play.sees("This is what came")
        await play.press("n")
        assert page._at == 2, "the next that was unlikely"
        await play.press("left", "down", "enter")
        await play.until(lambda: not isinstance(play.app.screen, TokensPage), "the chat")
        await play.until(lambda: play.texts()[-1].startswith("I see"), "the branch")
        await play.idle()
        assert play.texts()[-1] == "I see them!"
        sent = play.server.asked("/v1/chat/completions")[-1].json["messages"]
        assert ("assistant", "I see") in [(m["role"], m["content"]) for m in sent[-2:]], "what it is to go on from"
        await play.press("alt+left")
        await play.until(lambda: play.texts()[-1] == "I hear it too.", "the first version")


async def test_a_reply_without_them_says_how_to_get_them() -> None:
    async with stage(size=(48, 18)) as play:
        await converse(play, SAID, logprobs=0)
        await play.type("/tokens", "enter")
        await play.until(lambda: isinstance(play.app.screen, TokensPage), "the tokens")
        await play.sees("/set logprobs 5")
        await play.press("right", "down", "enter", "n", "pageup")            # nothing to walk among: nothing happens
        await play.press("escape")
        await play.until(lambda: not isinstance(play.app.screen, TokensPage), "the chat")


HOSTILE = (
    ("a\x1b[2J\x07", 0.5, {"\x1b]52;c;AAAA\x07": 0.2}), ("[red]b[/]", 0.4, {"[@click=app.quit]x[/]": 0.3}),
    ("\n\n", 0.3, {"\r\n\t": 0.2}), ("漢字", 0.2, {"かな": 0.1}), ("\u202eevil", 0.5, {"\u2066x": 0.4}),
    ("e\u0301\u0302" * 30, 0.5, {"שלום": 0.3}), ("x" * 400, 0.02, {"y" * 300: 0.01}), (" ", 0.9, {"": 0.05}),
    ("\U0001f469\u200d\U0001f680", 0.6, {"\ufffd": 0.1}), ("end", 0.5, {}),
)


@pytest.mark.parametrize("size", [(120, 40), (40, 10)])
async def test_hostile_tokens_are_shown_safely(size: tuple[int, int]) -> None:
    async with stage(size=size) as play:
        await converse(play, HOSTILE, logprobs=5)
        page = await opened(play)
        for step in range(len(page._tokens)):
            screen = play.screen()
            assert not any(c in screen for c in "\x1b\x07\r\u202e\u2066"), f"token {step}"
            for line in page.query_one(RivalList).render().plain.split("\n"):
                assert "\t" not in line
            await play.press("right")
        assert "[red]b[/]" in page.query_one(TokenText)._text, "markup is text"
        assert "<U+202E>evil" in page.query_one(TokenText)._text
        await play.press("home", "end", "pageup", "pagedown")
        await play.pilot.click(TokenText, offset=(1, 0))
        await play.until(lambda: page._at < len(page._tokens) - 1, "the token that was tapped")
        await play.press("q")
        await play.until(lambda: not isinstance(play.app.screen, TokensPage), "the chat")


async def test_russian() -> None:
    use_language("ru")
    try:
        async with stage(size=(48, 18)) as play:
            use_language("ru")
            await converse(play, SAID, logprobs=2)
            await opened(play)
            await play.sees("токен 1 из 5")
    finally:
        use_language("en")


async def test_a_long_reply_shows_the_marked_token_wherever_it_is() -> None:
    text = TokenText()
    tokens = [Shown(visible(f" word{n}" if n % 17 else "\n"), 0.5) for n in range(3000)]
    text.show("Opening. ", tokens, " rest")
    for at in (0, 1, 17, 1500, 2999):
        text.mark(at)
        assert 0 <= text.row_of(at) < len(text._rows)
        if at % 17:
            assert tokens[at].text.strip() in text.render().plain


def test_spelling() -> None:
    assert (spelled(" a b\n"), spelled(""), spelled("\x00"), spelled("\t")) == ("␣a␣b⏎", "◦", "◦", "⇥")
    assert (percent(0.5), percent(0.00001), percent(1.0)) == ("50.0 %", "<0.1 %", "100.0 %")
