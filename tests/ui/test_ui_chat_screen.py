"""The chat screen: drafts, commands, keys of other layouts, sizes, taps, hostile text, what happens while away."""

from __future__ import annotations

import time
from typing import Any

import pytest
from chat_stage import stage
from textual.events import Key

from tui.client.connection import Connection
from tui.ui.keys import latin_key
from tui.ui.terminal import KeyParser, plain_key
from tui.wire.ids import new_id


async def test_a_draft_is_there_again_in_its_chat() -> None:
    async with stage() as play:
        first = play.app.state.chat
        assert first is not None
        await play.type("half a thought")
        await play.app.actions.new_chat("mira")
        assert play.composer.text == ""
        await play.app.actions.open_chat(first.id)
        assert play.composer.text == "half a thought"


@pytest.mark.parametrize("size", [(40, 10), (48, 18), (120, 40), (200, 60)])
async def test_everything_has_its_place_at_every_size(size: tuple[int, int]) -> None:
    async with stage("A fine reply. " * 30, size=size) as play:
        await play.type("Hello there", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        await play.type("and then\nwhat?\nI\nwonder\nabout\nall\nof this")
        rows = play.screen().split("\n")
        assert len(rows) == size[1]
        assert "Mira" in rows[0]
        assert play.composer.size.height <= max(1, size[1] // 3)
        assert "A fine reply." in "\n".join(play.story())
        assert "of this" in "\n".join(rows[-6:])
        assert ("☰" in rows[-1]) == (size[0] < 60)


async def test_the_size_may_change_at_any_moment() -> None:
    async with stage("word " * 200, delay=0.002) as play:
        await play.type("Hello", "enter")
        for size in [(40, 10), (200, 60), (20, 4), (8, 3), (1, 1), (120, 40)]:
            await play.pilot.resize_terminal(*size)
            await play.pilot.pause()
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        assert "word word" in "\n".join(play.story())


async def test_slash_opens_a_list_that_can_be_chosen_from() -> None:
    async with stage() as play:
        await play.press("slash", "r", "e", "n")
        await play.sees("/rename")
        await play.press("tab")
        assert play.composer.text == "/rename "
        await play.type("The storm", "enter")
        await play.until(lambda: play.app.state.field("title") == "The storm", "the new name")
        await play.sees("Mira · The storm")


async def test_a_command_that_is_none_is_a_sentence_and_an_escaped_slash_is_text() -> None:
    async with stage() as play:
        await play.type("/frobnicate now", "enter")
        await play.until(lambda: "/frobnicate" in play.app.chat.top.notice, "the sentence")
        await play.type("//me waves", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        assert play.texts()[1] == "/me waves"


async def test_russian_letters_are_keys_among_the_messages_and_with_ctrl() -> None:
    async with stage("First.", "Second.") as play:
        await play.type("Привет", "enter")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await play.press("tab")
        assert play.app.chat.story.selected == 2
        play.app.simulate_key("л")
        await play.until(lambda: play.app.chat.story.selected == 1, "k")
        play.app.simulate_key("ctrl+к")
        await play.until(lambda: len(play.server.asked("/api/extra/generate/stream")) == 2, "Ctrl+R")
        await play.idle()


async def test_what_is_typed_in_one_go_after_the_way_to_the_composer_is_text() -> None:
    async with stage("First.") as play:
        await play.type("Hello", "enter")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        for way, letters, written in (("slash", "dre", "/dre"), ("enter", "dre", "dre")):
            play.composer.put("")
            play.app.chat.set_focus(play.app.chat.story)
            play.app.post_message(Key(way, "/" if way == "slash" else None))
            for letter in letters:                       # before anything had time to answer the first key
                play.app.post_message(Key(letter, letter))
            await play.until(lambda text=written: play.composer.text == text, written)
        assert len(play.texts()) == 3
        assert play.app.chat.editing.node is None


async def test_letters_of_any_layout_are_text_while_writing() -> None:
    async with stage() as play:
        await play.press("л", "о", "j")
        assert play.composer.text == "лоj"


@pytest.mark.parametrize(("typed", "meant"), [
    ("ctrl+с", "ctrl+c"), ("ctrl+к", "ctrl+r"), ("alt+ц", "alt+w"), ("о", "j"), ("ctrl+shift+з", "ctrl+shift+p"),
    ("ctrl+і", "ctrl+s"), ("ctrl+c", "ctrl+c"), ("f2", "f2"), ("enter", "enter"), ("é", "é"), ("ctrl+é", "ctrl+é"),
])
def test_keys_of_other_layouts(typed: str, meant: str) -> None:
    assert latin_key(typed) == meant


def keys_of(sequence: str) -> list[str]:
    """The keys that a terminal's bytes mean, once it is clear that no more are coming."""
    parser = KeyParser()
    found = list(parser.feed(sequence))
    until = time.monotonic() + 2
    while not found and time.monotonic() < until:
        found = list(parser.tick())
    return [event.key for event in found if isinstance(event, Key)]


@pytest.mark.parametrize(("sequence", "key"), [
    ("\x1b[1089;5u", "ctrl+с"),                    # Cyrillic с with Ctrl, as kitty sends it
    ("\x1b[1089::99;5u", "ctrl+c"),                # the same with the key of the Latin layout: made Textual fall over
    ("\x1b[1092:1060:97;2;1060u", "Ф"),
    ("\x1b[99;5u", "ctrl+c"),
    ("\x1b[27;5;1084~", "ctrl+м"),
    ("\x1b\r", "alt+enter"),                       # would be a plain Enter, which sends
    ("\r", "enter"), ("\n", "ctrl+j"), ("\x1b[13;2u", "shift+enter"), ("\x1b[13;3u", "alt+enter"),
    ("\x1b[1;3C", "alt+right"), ("\x1bс", "alt+с"),
])
def test_key_codes_with_alternates_are_read(sequence: str, key: str) -> None:
    assert keys_of(sequence) == [key]


@pytest.mark.parametrize("sequence", ["\x1b[", "\x1b[::;u", "\x1b[;;;;u", "\x1b[1:2:3:4:5u", "\x1b[999999999;5u"])
def test_nonsense_from_a_terminal_does_not_end_the_program(sequence: str) -> None:
    list(KeyParser().feed(sequence + "x"))
    assert isinstance(plain_key(sequence), str)


async def test_taps_swipe_choose_and_send() -> None:
    async with stage("First.", "Second.", size=(48, 18)) as play:
        await play.type("Knock knock")
        await play.pilot.click("#status", offset=(46, 0))
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await play.press("ctrl+r")
        await play.until(lambda: play.texts()[-1] == "Second.", "another")
        await play.idle()
        top = play.screen().split("\n")[0]
        await play.pilot.click("#top", offset=(top.index("‹"), 0))
        await play.until(lambda: play.texts()[-1] == "First.", "the first version")
        row = next(y for y, text in enumerate(play.story()) if "Knock" in text)
        await play.pilot.click("#story", offset=(3, row))
        assert play.app.chosen() is not None
        assert play.app.chosen().text == "Knock knock"  # type: ignore[union-attr]


async def test_names_titles_and_errors_of_others_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;pwned\x07\x1b[2J[red]Mira[/red]\u202e"

    async def before(core: Connection) -> None:
        chat = new_id()
        await core.call("chats.create", id=chat, character="mira", title=evil)

    async with stage(evil + "ok", before=before) as play:
        await play.type("Hello", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply")
        await play.idle()
        screen = play.screen()
        assert "\x1b" not in screen
        assert "pwned" not in screen
        assert "[red]Mira[/red]<U+202E>ok" in screen


async def test_what_was_finished_while_nobody_looked_is_told() -> None:
    async with stage("A reply.") as play:
        chat = play.app.state.chat
        assert chat is not None
        snapshot: dict[str, Any] = await play.app.link.call("chats.open", id=chat.id)
        play.app.show_chat(snapshot | {"away": {"node": snapshot["chat"]["head"], "tokens": 212}})
        assert "212" in play.app.chat.top.notice


async def test_another_terminal_in_the_same_chat_is_followed() -> None:
    others: list[Connection] = []

    async def before(core: Connection) -> None:
        others.append(await Connection.open(core.target))

    async with stage("Their reply.", before=before) as play:
        chat = play.app.state.chat
        assert chat is not None
        await others[0].call(
            "turn.say", chat=chat.id, node=new_id(), parent=play.app.state.head, revision=new_id(),
            text="From the other room", reply=new_id(), reply_revision=new_id(),
        )
        await play.until(lambda: play.texts()[1:] == ["From the other room", "Their reply."], "what the other said")
        await others[0].close()


async def test_the_list_of_everything_opens_and_does_something() -> None:
    async with stage() as play:
        await play.press("ctrl+p")
        await play.until(lambda: len(play.app.screen_stack) == 2, "the palette")
        await play.press("escape")
        for key, words in [("f1", "Help"), ("f2", "Chats"), ("f3", "rofile"), ("f4", "onnection"), ("f5", "rompt")]:
            await play.press(key)
            await play.until(lambda: len(play.app.screen_stack) == 2, key)
            await play.sees(words)
            await play.press("escape")
            await play.until(lambda: len(play.app.screen_stack) == 1, f"{key} to close")


async def test_keys_may_be_changed_in_a_file(home: Any) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "client.toml").write_text('keys = {regenerate = "f9", walk-up = "w"}\n')
    async with stage("First.", "Second.") as play:
        await play.type("Hello", "enter")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await play.press("f9")
        await play.until(lambda: play.texts()[-1] == "Second.", "another reply")
        await play.press("tab", "w")
        assert play.app.chat.story.selected == 1


async def test_enter_on_nothing_while_a_reply_is_written_asks_for_no_second_one() -> None:
    async with stage("One two three four five. " * 40, delay=0.05) as play:
        await play.type("Count", "enter")
        await play.until(lambda: len(play.texts()) == 3, "the reply to begin")
        await play.press("enter")
        await play.until(lambda: "being written" in play.app.chat.top.notice, "the sentence")
        await play.press("escape")
        await play.idle()
        assert len(play.server.asked("/api/extra/generate/stream")) == 1


async def test_the_program_speaks_russian(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from tui.i18n import use_language

    use_language("ru")
    try:
        async with stage() as play:
            await play.sees("F1 справка")
            assert play.app.chat.composer.placeholder.plain == "Пишите здесь; / — команды"  # type: ignore[union-attr]
    finally:
        use_language("en")


async def test_leaving_works_in_a_dialog_and_stores_the_draft() -> None:
    async with stage() as play:
        chat = play.app.state.chat
        assert chat is not None
        await play.type("half a thought")
        play.app.do("delete_chosen")
        await play.sees("Delete this message")
        await play.press("ctrl+q")
        await play.until(lambda: play.app._exit, "the end")
        core = await Connection.open(play.target)
        assert (await core.call("chats.open", id=chat.id))["draft"] == "half a thought"
        await core.close()
