"""A model's server that says its next words when it is told to: `model_there.py SEED WORDS`.

Prints its port, then every request to complete as a line of JSON. Lines on standard input: a number of words to say,
`rest` for all that are left, `cut` to hang up in the middle.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))

from scripted import SSE, Line, Request, ScriptedServer, answer, text_chunk

_WORDS = (
    "море", "волна", "ветер", "ночь", "огонь", "тишина", "дорога", "свеча", "слово", "рыба", "вино", "ёлка", "the",
    "tide", "comes", "in", "naïve", "海風", "🌊",
)


def story(seed: int, words: int) -> list[str]:
    """The words of a reply, each with the space before it. Every one occurs once, so that a hole or a repetition
    shows."""
    chance = random.Random(seed)
    named = [f"{chance.choice(_WORDS)}{number}{'.' if number % 7 == 6 else ''}" for number in range(words - 1)]
    return [" " * bool(number) + word for number, word in enumerate([*named, "конец."])]


class Told:
    """How many words may be said by now."""

    def __init__(self) -> None:
        self.words = 0
        self.cut = False
        self._news = asyncio.Event()

    def tell(self, line: str) -> None:
        if line == "cut":
            self.cut = True
        else:
            self.words = 1 << 30 if line == "rest" else self.words + int(line)
        self._news.set()

    async def may(self, number: int, line: Line) -> bool:
        while self.words <= number and not self.cut:
            self._news.clear()
            waits = [asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(line.gone.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            if line.gone.is_set():
                return False
        return not self.cut


async def main() -> None:
    words = story(int(sys.argv[1]), int(sys.argv[2]))
    told, said, newest = Told(), 0, 0
    server = ScriptedServer()

    async def complete(request: Request, line: Line) -> None:
        nonlocal said, newest
        print(json.dumps(request.json), flush=True)
        told.cut = False
        newest += 1
        this = newest
        await line.send(SSE)
        while said < len(words):
            if not await told.may(said, line) or this != newest:    # a line that died never says so
                return
            await line.send(text_chunk(words[said]))
            said += 1
        said, told.words = 0, 0
        await line.send(text_chunk("", "stop") + b"data: [DONE]\n\n")

    server.on("GET /v1/models", answer({"object": "list", "data": [{"id": "there", "object": "model"}]}))
    server.on("POST /v1/completions", complete)
    await server.start(host="0.0.0.0")
    print(server.port, flush=True)
    loop = asyncio.get_running_loop()
    loop.add_reader(0, lambda: [told.tell(line) for line in sys.stdin.buffer.raw.read(4096).decode().split()])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
