"""A telephone that reads along while its network changes, goes, dies and returns: the reply is the core's, and comes
through whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from network_stage import PATIENCE_S, PING_S, FarCore, Model, Phone, text_of
from terminal import ENTER

from tui.wire import PING_SECONDS

if TYPE_CHECKING:
    from conftest import World
    from network_kit import Air

CORE, PHONE, ELSEWHERE = "10.77.0.1", "10.77.1.2", "10.77.2.9"
_WORDS = 120


class Scene:
    """A telephone in one room, core and model in another, and the air between."""

    def __init__(self, world: World, ping_s: float = PING_S, **nature: float) -> None:
        here, there = world.room(), world.room()
        self.air: Air = world.air(here, there, PHONE, CORE, **nature)
        self.model: Model = world.model(there, _WORDS)
        self.core: FarCore = world.core(there)
        self.core.prepare(f"http://127.0.0.1:{self.model.port}")
        self.url = f"http://{CORE}:{self.core.port}"
        self.phone: Phone = world.phone(here, self.url, ping_s)
        self.phone.until(lambda screen: "▸ server" in screen and "Mira" in screen, PATIENCE_S)

    def begin(self, words: int) -> None:
        """Say something; the reply comes as far as `words`."""
        self.phone.type("Tell me everything.", ENTER)
        self.phone.until("Tell me everything.", PATIENCE_S)
        self.model.asked()
        self.say(words)
        self.phone.until_shown(self.model.words[:words])

    def say(self, words: int) -> None:
        self.model.tell(str(words))

    def assert_whole(self) -> None:
        """The reply on the screen and in the core is what the model said: no hole, nothing twice."""
        self.phone.until_shown(self.model.words)
        assert self.core.until(lambda revision: revision["finish"] == "stop")["text"] == self.model.text
        assert [message["role"] for message in self.core.path()] == ["assistant", "user", "assistant"]
        assert self.said() == ["Tell me everything."]

    def until_draft(self, text: str) -> None:
        """Wait until the core keeps `text` as what is being written."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.core.draft()) != text:
            assert time.monotonic() < deadline, found
            self.phone.pump(0.1)

    def said(self) -> list[str]:
        """All that the person said, in any branch."""
        return [text_of(message) for message in self.core.all_messages() if message["role"] == "user"]


@pytest.mark.parametrize("how", ["its address changes", "the link is down", "the line dies silently"])
def test_the_text_stays_and_the_reply_comes_through(world: World, how: str) -> None:
    scene = Scene(world, delay_s=0.03)
    phone, air = scene.phone, scene.air
    scene.begin(30)
    if how == "its address changes":
        air.ends[0].drop()
    elif how == "the link is down":
        air.ends[0].down()
    else:
        air.dead = True
    scene.say(40)
    scene.core.until(lambda revision: len(revision["text"].split()) >= 70)         # the core goes on by itself
    phone.until("core lost", PATIENCE_S)                                      # and it is told what happened
    assert phone.shown(scene.model.words[:30])
    if how == "its address changes":
        air.ends[0].take(ELSEWHERE)
    elif how == "the link is down":
        air.ends[0].up()
    else:
        air.dead = False
    phone.until(lambda screen: "core lost" not in screen, PATIENCE_S)
    phone.until_shown(scene.model.words[:70])
    scene.model.tell("rest")
    scene.assert_whole()


def test_two_hundred_milliseconds_and_a_fifth_of_the_packets_lost(world: World) -> None:
    scene = Scene(world)
    scene.begin(10)
    scene.air.delay_s, scene.air.loss = 0.2, 0.2
    for _ in range(8):
        scene.say(10)
        time.sleep(0.1)
    scene.air.ends[0].move(ELSEWHERE)                                          # and another address on top
    scene.model.tell("rest")
    scene.assert_whole()
    assert scene.air.there.lost + scene.air.back.lost > 0


def test_what_is_said_without_a_line_waits_in_the_composer(world: World) -> None:
    scene = Scene(world)
    phone = scene.phone
    scene.begin(5)
    scene.model.tell("rest")
    scene.assert_whole()
    scene.air.ends[0].drop()
    phone.until("core lost", PATIENCE_S)
    phone.type("And then, offline?", ENTER)
    phone.until(lambda screen: "No core answers" in screen and "› And then, offline?" in screen, PATIENCE_S)
    scene.air.ends[0].take(ELSEWHERE)
    phone.until(lambda screen: "core lost" not in screen, PATIENCE_S)
    assert "› And then, offline?" in phone.screen()
    assert scene.said() == ["Tell me everything."]
    scene.until_draft("And then, offline?")                                    # and is safe in the core again
    phone.type(ENTER)
    scene.model.asked()
    scene.model.tell("rest")
    phone.until(lambda screen: "› Write here" in screen, PATIENCE_S)
    assert scene.said() == ["Tell me everything.", "And then, offline?"]


@pytest.mark.parametrize("impatient", [False, True], ids=["one waits", "one presses Enter again"])
def test_what_arrived_though_the_answer_was_lost_is_said_once(world: World, impatient: bool) -> None:
    scene = Scene(world)
    phone = scene.phone
    scene.begin(5)
    scene.model.tell("rest")
    scene.assert_whole()
    phone.type("Did you hear me?")
    scene.until_draft("Did you hear me?")                                      # a connection is open and rests
    scene.air.deaf = True
    phone.type(ENTER)
    scene.model.asked()                                                        # it was heard
    phone.until(lambda screen: "broke (" in screen and "› Did you hear me?" in screen, PATIENCE_S)
    scene.air.ends[0].drop()
    scene.air.deaf = False
    if impatient:
        phone.send(ENTER)
    scene.air.ends[0].take(ELSEWHERE)
    scene.model.tell("rest")
    phone.until(lambda screen: "› Write here" in screen and "core lost" not in screen, PATIENCE_S)
    scene.core.until(lambda revision: revision["finish"] == "stop")
    phone.until(lambda screen: screen.count("Did you hear me?") == 1, PATIENCE_S)
    assert scene.said() == ["Tell me everything.", "Did you hear me?"]
    assert [m["role"] for m in scene.core.all_messages()].count("user") == 2
    assert len(scene.core.path()) == 5


def test_the_core_moves_and_is_found_again_by_hand(world: World) -> None:
    scene = Scene(world)
    phone = scene.phone
    scene.begin(20)
    scene.air.ends[1].move("10.77.0.200")
    scene.say(30)
    phone.until("core lost", PATIENCE_S)
    phone.type("Are you there?", ENTER)
    phone.until("No core answers at", PATIENCE_S)
    again = world.phone(phone.room, f"http://10.77.0.200:{scene.core.port}")
    again.until_shown(scene.model.words[:50])
    scene.model.tell("rest")
    again.until_shown(scene.model.words)
    assert phone.shown(scene.model.words[:20])
    assert scene.core.until(lambda revision: revision["finish"] == "stop")["text"] == scene.model.text


def test_few_bytes_go_through_the_air_for_a_word(world: World) -> None:
    """Headers of TCP and IP counted, both ways, at a pace of about thirty words a second."""
    scene = Scene(world, ping_s=PING_SECONDS)
    scene.begin(10)
    scene.air.reset()
    for _ in range(100):
        scene.say(1)
        time.sleep(0.03)
    scene.phone.until_shown(scene.model.words[:110])
    there, back = scene.air.there, scene.air.back
    each = (there.bytes + back.bytes) / 100
    print(f"{each:.0f} bytes a word on the wire, {(there.packets + back.packets) / 100:.1f} packets")
    assert each < 700
    scene.model.tell("rest")
    scene.assert_whole()
