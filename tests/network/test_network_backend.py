"""The line between the core and a model's server breaks in the middle of a reply: what came is kept, and goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from network_stage import FarCore, Model, text_of

if TYPE_CHECKING:
    from conftest import World
    from network_kit import Air

CORE, MODEL, ELSEWHERE = "10.77.0.1", "10.77.3.3", "10.77.0.99"


class Scene:
    """A core and a model's server in rooms of their own, and the air between."""

    def __init__(self, world: World) -> None:
        here, there = world.room(), world.room()
        self.air: Air = world.air(here, there, CORE, MODEL, delay_s=0.02)
        self.model: Model = world.model(there, 60)
        self.core: FarCore = world.core(here)
        self.core.prepare(f"http://{MODEL}:{self.model.port}")

    def begin(self, words: int) -> str:
        """Say something; the reply has come as far as `words`."""
        reply = self.core.say("Tell me everything.")
        self.model.asked()
        self.model.tell(str(words))
        self.core.until(lambda revision: revision["text"] == self.so_far(words))
        return reply

    def so_far(self, words: int) -> str:
        return "".join(self.model.words[:words])


@pytest.mark.parametrize("how", ["the server hangs up", "the core's address changes", "the line dies silently"])
def test_what_came_is_kept_and_goes_on(world: World, how: str) -> None:
    scene = Scene(world)
    core, model, here = scene.core, scene.model, scene.air.ends[0]
    reply = scene.begin(25)
    if how == "the server hangs up":
        model.tell("cut")
    elif how == "the core's address changes":
        here.drop()
    else:
        scene.air.dead = True
    cut = core.until(lambda revision: revision["finish"] not in ("streaming", ""))
    assert cut["finish"] in ("cut", "error")
    assert cut["text"] == scene.so_far(25)
    turn = core.ask(lambda connection: connection.call("chats.open", id=core.chat))["turn"]
    assert "broke before the answer was complete" in str(turn["error"])
    if how == "the core's address changes":
        here.take(ELSEWHERE)
    scene.air.dead = False
    core.continue_(reply)
    assert model.asked()["prompt"].endswith(scene.so_far(25))        # the model is given its own words to go on from
    model.tell("rest")
    whole = core.until(lambda revision: revision["finish"] == "stop")
    assert whole["text"] == model.text
    message = core.path()[-1]
    assert message["id"] == reply
    assert [text_of({"revisions": [r]}) for r in message["revisions"]] == [scene.so_far(25), model.text]


def test_a_lossy_line_to_the_model_changes_nothing(world: World) -> None:
    scene = Scene(world)
    scene.begin(5)
    scene.air.delay_s, scene.air.loss = 0.1, 0.2
    scene.model.tell("30")
    scene.model.tell("rest")
    assert scene.core.until(lambda revision: revision["finish"] == "stop")["text"] == scene.model.text
