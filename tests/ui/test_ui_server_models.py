"""Another model of the server: by its list on the connection screen, and by its name."""

from __future__ import annotations

from typing import Any

from chat_stage import Stage, scripted, stage
from screens_stage import go_to, lines, listed

from tui.client.connection import Connection


async def two_models() -> Any:
    """A server of vLLM's kind with two models."""
    model = scripted()
    server = model.ScriptedServer()
    model.as_openai(server, "Yes.", owner="vllm", context=2048)
    data = [{"id": name, "owned_by": "vllm", "max_model_len": 2048} for name in ("acme/big", "acme/small")]
    server.on("GET /v1/models", model.answer({"data": data}))
    await server.start()
    return server


async def model_of(play: Stage) -> str:
    return str((await play.app.link.call("connection.get"))["model"])


async def test_a_model_is_chosen_from_the_servers_list_or_by_its_name() -> None:
    server = await two_models()

    async def use(connection: Connection) -> None:
        await connection.call("connection.use", kind="vllm", url=server.url, template="chatml")

    try:
        async with stage(size=(120, 40), before=use) as play:
            await play.press("f4")
            await listed(play, "Backend")
            await go_to(play, "Choose another model of the server…")
            await play.press("enter")
            await go_to(play, "acme/small · loaded · 2,048 tokens")
            await play.press("enter")
            await play.until(lambda: any("acme/small" in line.detail for line in lines(play.app)), "the model's name")
            assert await model_of(play) == "acme/small"
            await play.press("escape")
            await play.until(lambda: play.app.screen is play.app.chat, "the chat")
            await play.type("/model big", "enter")
            await play.sees("The server's model is now acme/big.")
            assert await model_of(play) == "acme/big"
            await play.type("/model huge-one", "enter")
            await play.sees("The server's model is now huge-one.")
    finally:
        await server.stop()
