"""A llama-server that is played: it speaks the real one's routes, and accounts for its prefix cache token by token.

One slot. What a new prompt and the slot's content have in common at the beginning is not processed again; what was
generated stays in the slot; a request whose client leaves keeps what was processed by then. With `n_predict` 0 a prompt
is only read, which is booked apart: nobody waits for it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))

from replay_story import plain_tokens, tokens
from scripted import SSE, Line, Request, ScriptedServer, answer, event

BOS = "<s>"
#: What the model's own file says of its format: ChatML.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_BATCH = 512
_SEPARATOR = -1


@dataclass
class Served:
    """One request. `cached` and `processed` add up to `prompt` where it was read to its end; tokens, BOS among them."""

    text: str
    prompt: int
    cached: int
    ahead: bool
    processed: int = 0
    generated: int = 0
    cut: bool = False


@dataclass
class FakeLlamaServer:
    """`speak` answers a prompt. `pace` seconds pass for every 512 tokens that are processed."""

    speak: Callable[[str], str]
    context: int = 4096
    pace: float = 0.0
    served: list[Served] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    http: ScriptedServer = field(default_factory=ScriptedServer)
    _held: list[str] = field(default_factory=list)
    _slot: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ids: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.http.url

    async def start(self) -> None:
        http = self.http
        http.on("GET /props", answer({
            "default_generation_settings": {"n_ctx": self.context}, "total_slots": 1, "model_path": "fake.gguf",
            "chat_template": CHAT_TEMPLATE, "bos_token": BOS, "eos_token": "<|im_end|>", "build_info": "fake",
        }))
        meta = {"n_ctx_train": self.context}
        http.on("GET /v1/models", answer({"object": "list", "data": [
            {"id": "fake.gguf", "object": "model", "owned_by": "llamacpp", "meta": meta}]}))
        http.on("POST /tokenize", self._tokenize)
        http.on("POST /completion", self._complete)
        await http.start()

    async def stop(self) -> None:
        await self.http.stop()

    def replies(self) -> list[Served]:
        return [s for s in self.served if not s.ahead]

    async def _tokenize(self, request: Request, line: Line) -> None:
        body = request.json
        parts = body["content"] if isinstance(body["content"], list) else [body["content"]]
        split = tokens if body.get("parse_special", True) else plain_tokens
        out: list[Any] = [{"id": 1, "piece": BOS}] if body.get("add_special") else []
        for part in parts:
            if isinstance(part, int):
                out.append({"id": part, "piece": ""})
            else:
                out += [{"id": self._id(t), "piece": t} for t in split(part)]
        if not body.get("with_pieces"):
            out = [t["id"] for t in out]
        await answer({"tokens": out})(request, line)

    def _id(self, token: str) -> int:
        return self._ids.setdefault(token, len(self._ids) + 10)

    async def _complete(self, request: Request, line: Line) -> None:
        body = request.json
        text, ahead = body["prompt"], body.get("n_predict") == 0
        prompt = [BOS, *tokens(text)]
        async with self._slot:
            same = _same(self._held, prompt)
            served = Served(text, len(prompt), min(same, len(prompt) - 1), ahead)
            self.served.append(served)
            self.started.set()
            with suppress(ConnectionError):
                await line.send(SSE)
                served.cut = not await self._process(prompt, served, line)
                if not served.cut:
                    await self._answer(served, "" if ahead else self.speak(text), line)

    async def _process(self, prompt: Sequence[str], served: Served, line: Line) -> bool:
        """Read the prompt in batches; False when the client left."""
        done = served.cached
        self._held = list(prompt[:done])
        while done < len(prompt):
            step = min(_BATCH, len(prompt) - done)
            if self.pace:
                with suppress(TimeoutError):
                    await asyncio.wait_for(line.gone.wait(), self.pace)
            if line.gone.is_set():
                return False
            done += step
            served.processed += step
            self._held = list(prompt[:done])
            told = {"total": len(prompt), "cache": served.cached, "processed": done, "time_ms": 1}
            await line.send(event({"content": "", "stop": False, "prompt_progress": told}))
        return True

    async def _answer(self, served: Served, said: str, line: Line) -> None:
        written = tokens(said)
        served.generated = len(written)
        self._held += written
        if said:
            await line.send(event({"content": said, "stop": False}))
        await line.send(event({
            "content": "", "stop": True, "stop_type": "eos", "tokens_evaluated": served.prompt,
            "tokens_predicted": len(written), "generation_settings": {"seed": 1},
            "timings": {"cache_n": served.cached, "prompt_n": served.processed, "predicted_n": len(written)},
        }))


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))
