"""Versions written in the background: nothing yanks the reader away, and what is finished is told."""

from __future__ import annotations

from chat_stage import Stage, stage

from tui.wire.ids import new_id


async def say(play: Stage, line: str) -> None:
    play.app.compose_line("")
    await play.type(line, "enter")


def versions(play: Stage) -> list[str]:
    node = play.app.state.path[2]
    return [n.text for n in play.app.state.versions(node) if n.revision.finish in ("stop", "length")]


async def test_several_are_written_while_the_view_stays() -> None:
    async with stage("First.", "Second.", "Third.", "Fourth.", size=(120, 40)) as play:
        await say(play, "Hello")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await play.press("tab", "R")
        await play.until(lambda: versions(play) == ["First.", "Second.", "Third.", "Fourth."], "three more")
        assert play.texts()[-1] == "First.", "the view stays"
        await play.sees("The other versions are written")
        assert play.app.state.queued == 0
        await play.press("enter", "alt+right")
        await play.until(lambda: play.texts()[-1] == "Second.", "the next")
        chat = play.app.state.chat
        assert chat is not None
        assert chat.head == play.app.state.head or chat.nodes[str(chat.head)].text in ("First.", "Second.")


async def test_what_one_says_goes_first_and_the_rest_comes_after() -> None:
    long = "Second" + ", and so on" * 20 + "."
    async with stage("First.", long, "Yes.", "Third.", delay=0.03, size=(120, 40)) as play:
        await say(play, "Hello")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await say(play, "/swipes 2")
        await play.until(lambda: play.app.state.queued == 2, "the queue")
        await say(play, "And?")
        await play.until(lambda: play.texts()[-1] == "Yes.", "the reply that is waited for")
        await play.until(lambda: versions(play) == ["First.", long, "Third."], "those in the background")
        assert play.texts()[2:] == ["First.", "And?", "Yes."]


async def test_escape_drops_those_to_come() -> None:
    async with stage("First.", "word " * 100, "Third.", delay=0.03, size=(48, 18)) as play:
        await say(play, "Hello")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await say(play, "/версии 5")
        await play.sees("versions to come: 5")
        await say(play, "/stop")
        await play.until(lambda: play.app.state.queued == 0, "the end")
        assert versions(play) == ["First."]
        assert len(play.server.asked("/api/extra/generate/stream")) == 2


async def test_another_chat_is_told_of_by_its_name() -> None:
    async with stage("First.", "word " * 120, delay=0.02, size=(120, 40)) as play:
        await say(play, "/rename The mill")
        await say(play, "Hello")
        await play.until(lambda: play.texts()[-1] == "First.", "the reply")
        await play.idle()
        await say(play, "/swipes 1")
        await play.until(lambda: play.app.state.queued == 1, "the queue")
        await play.app.link.call("chats.create", id=(other := new_id()), character="mira")
        await play.app.actions.open_chat(other)
        await play.sees("In “The mill” the other versions are written.")
        assert len(play.texts()) == 1
