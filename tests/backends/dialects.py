"""How each kind of server speaks, for the scripted one: probing routes, frames, figures, refusals, by the notes on each
in the specification of backends. A `Voice` installs itself on a ScriptedServer and makes the bytes of its replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripted import NDJSON, SSE, Handler, Line, Request, ScriptedServer, answer, event, json_line, play

from tui.domain.endpoint import Endpoint, EndpointKind

WINDOW = 2048
MODEL = "scripted"


@dataclass(frozen=True)
class Voice:
    """One kind of server. `frame` is the shape of its replies by default: "chat", "text", "llamacpp", "koboldcpp",
    "ollama". `owner` is what its list of models says, `thought` its key for thoughts, `newline` how it ends lines."""

    name: EndpointKind
    frame: str
    owner: str = ""
    api: str = "/v1"
    newline: str = "\n"
    done: bytes = b"data: [DONE]\n\n"
    thought: str = "reasoning_content"
    window: bool = True                            # tells its context
    usage_alone: bool = True                       # the figures' frame has no choices
    routes: Mapping[str, Any] = field(default_factory=dict)
    counts: str = ""                               # route of its tokenizer
    server: str = ""

    @property
    def route(self) -> str:
        paths = {"llamacpp": "/completion", "koboldcpp": "/api/extra/generate/stream", "ollama": "/api/generate",
                 "text": f"{self.api}/completions", "chat": f"{self.api}/chat/completions"}
        return f"POST {paths[self.frame]}"

    @property
    def going_on(self) -> str:
        """The route for a started reply."""
        return "POST /beta/chat/completions" if self.name == "deepseek" else self.route

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    def endpoint(self, url: str, **changes: Any) -> Endpoint:
        """By hand where only the host's name tells what it is."""
        by_hand = {"openrouter", "mistral", "deepseek"}
        given: dict[str, Any] = {"kind": self.name if self.name in by_hand else "auto",
                                 "model": MODEL if self.name in by_hand else ""}
        suffix = self.api if self.name in by_hand else ""
        return Endpoint(url + suffix, **given | changes)

    def install(self, server: ScriptedServer, *replies: Handler) -> None:
        """Everything that it answers, and `replies` for its replies."""
        card: dict[str, Any] = {"id": MODEL, "object": "model", "owned_by": self.owner}
        if self.name in ("vllm", "aphrodite", "sglang"):
            card["max_model_len"] = WINDOW
        if self.name == "openrouter":
            card |= {"context_length": WINDOW, "supported_parameters": ["temperature", "top_p", "stop"]}
        if self.name == "mistral":
            card["max_context_length"] = WINDOW
        server.on(f"GET {self.api}/models", answer({"object": "list", "data": [card]}))
        for route, data in self.routes.items():
            server.on(route, answer(data, **({"Server": self.server} if self.server else {})))
        if self.counts:
            server.on(f"POST {self.counts}", _count)
        server.on("POST /api/extra/abort", answer({"success": "true", "done": "true"}))
        server.on(self.route, *(replies or [self.reply("Hello.")]))
        if self.going_on != self.route:
            server.on(self.going_on, self.reply("Hello."))

    def reply(self, text: str, reason: str = "stop") -> Handler:
        """A whole reply, some letters a frame."""
        return play(self.head, *(self.words(text[at:at + 4]) for at in range(0, len(text), 4)), self.end(reason))

    @property
    def head(self) -> bytes:
        """The head of a reply."""
        return NDJSON if self.frame == "ollama" else SSE

    def event(self, data: Any) -> bytes:
        if self.frame == "ollama":
            return json_line(data)
        name = b"event: message\n" if self.frame == "koboldcpp" else b""
        return name + event(data, self.newline)

    def words(self, text: str) -> bytes:
        """One frame of text."""
        if self.frame == "llamacpp":
            return self.event({"index": 0, "content": text, "tokens": [7], "stop": False, "id_slot": 0})
        if self.frame == "koboldcpp":
            return self.event({"token": text, "finish_reason": "null"})
        if self.frame == "ollama":
            return self.event({"model": MODEL, "response": text, "done": False})
        return self.event({self._model: MODEL, "choices": [self._choice(text, None)]})

    def thinks(self, text: str) -> bytes | None:
        """One frame of thoughts, None where they stand in the text."""
        if self.frame == "ollama":
            return self.event({"model": MODEL, "response": "", "thinking": text, "done": False})
        if self.frame != "chat":
            return None
        if self.name == "mistral":
            parts = [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]
            return self.event({"choices": [{"index": 0, "delta": {"content": parts}, "finish_reason": None}]})
        return self.event({"choices": [{"index": 0, "delta": {"content": "", self.thought: text},
                                        "finish_reason": None}]})

    def end(self, reason: str = "stop", prompt: int = 11, completion: int = 5) -> bytes:
        """What follows the last word: the reason, figures where it tells them, its closing mark."""
        if self.frame == "llamacpp":
            return self.event({
                "content": "", "stop": True, "stop_type": "limit" if reason == "length" else "eos",
                "tokens_evaluated": prompt, "tokens_predicted": completion,
                "timings": {"cache_n": 3, "prompt_n": prompt - 3, "predicted_n": completion}})
        if self.frame == "koboldcpp":
            return self.event({"token": "", "finish_reason": reason})
        if self.frame == "ollama":
            return self.event({
                "model": MODEL, "response": "", "done": True, "done_reason": reason, "load_duration": 5_000_000,
                "prompt_eval_count": prompt, "prompt_eval_duration": 10_000_000, "eval_count": completion,
                "eval_duration": 100_000_000, "total_duration": 115_000_000})
        last = self.event({self._model: MODEL, "choices": [self._choice("", reason)]})
        return last + self.figures({"prompt_tokens": prompt, "completion_tokens": completion}) + self.done

    def figures(self, usage: Any) -> bytes:
        if self.name == "llama_cpp_python":
            return b""
        return self.event({"choices": [] if self.usage_alone else [self._choice("", None)], "usage": usage})

    def failure(self, said: str) -> bytes:
        """Its error in the middle of a stream, with what comes after."""
        if self.name in ("vllm", "aphrodite", "sglang"):
            return self.event({"error": {"message": said, "type": "InternalServerError", "code": 500}}) + self.done
        if self.name == "openrouter":
            return self.event({"error": {"code": 502, "message": said}, "choices": [self._choice("", "error")]})
        if self.name == "tabby":
            return self.event({"error": {"message": said, "trace": "Traceback …"}})
        if self.name == "lmstudio":
            return b"event: error\n" + self.event({"error": {"message": said}})
        if self.name in ("ollama", "llama_cpp_python"):
            return self.event({"error": said})
        if self.name == "mistral":
            return self.event({"object": "error", "message": said, "code": 500})
        if self.name == "koboldcpp":
            return self.event({"detail": {"msg": said, "type": "server_error"}})
        return self.event({"error": {"code": 500, "message": said, "type": "server_error"}})

    def refusal(self, status: str, said: str, **headers: str) -> Handler:
        """An error in the place of a reply."""
        code = int(status[:3])
        if self.name == "koboldcpp":
            return answer({"detail": {"msg": said, "type": "error"}}, status, **headers)
        if self.name == "vllm" and code == 401:
            return answer({"error": said}, status, **headers)
        if self.name in ("ollama", "lmstudio"):
            return answer({"error": said}, status, **headers)
        if self.name in ("mistral", "llama_cpp_python", "tabby") and code != 400:
            return answer({"detail": said}, status, **headers)
        if self.name == "textgen" and code >= 500:
            return answer(said, status, content_type="Content-Type: text/plain", **headers)
        return answer({"error": {"message": said, "type": "error", "code": code}}, status, **headers)

    def overflow(self, prompt: int) -> Handler:
        """What comes when the prompt is too long: 400 at some, an empty success at others."""
        if self.name == "llamacpp":
            error = {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": prompt, "n_ctx": WINDOW,
                     "message": "the request exceeds the available context size"}
            return answer({"error": error}, "400 Bad Request")
        if self.name == "textgen":
            return play(SSE, self.words(""), self.end("stop", prompt, 0))
        if self.name == "llama_cpp_python":
            return play(SSE)
        said = f"This model's maximum context length is {WINDOW} tokens. However, you requested {prompt} tokens."
        return answer({"error": {"message": said, "type": "BadRequestError", "code": "context_length_exceeded"}},
                      "400 Bad Request")

    @property
    def _model(self) -> str:
        return "model_name" if self.name == "tabby" else "model"

    def _choice(self, text: str, reason: str | None) -> dict[str, Any]:
        if self.frame == "text":
            return {"index": 0, "text": text, "finish_reason": reason}
        return {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": reason}


async def _count(request: Request, line: Line) -> None:
    """A token for four characters, in the words of every tokenizer's route; BOS where that counts it."""
    asked = request.json
    with_bos = request.path in ("/api/extra/tokencount", "/v1/internal/token-count", "/extras/tokenize/count")
    given = next(asked[key] for key in ("content", "prompt", "text", "input") if key in asked)
    if isinstance(given, list):
        parts = [part for part in given if isinstance(part, str)]
        separated = [[0] * _tokens(part) + [-1] for part in parts]
        flat = [token for part in separated for token in part]
        told: Any = {"tokens": flat, "count": [_tokens(part) for part in parts]}
    else:
        number = _tokens(given) + with_bos
        tokens: list[Any] = [{"id": 1, "piece": given}] if asked.get("with_pieces") else [1] * number
        told = {"count": number, "tokens": tokens, "value": number, "length": number}
    await answer(told)(request, line)


def _tokens(text: str) -> int:
    return -(-len(text) // 4)


_PROPS = {"default_generation_settings": {"n_ctx": WINDOW}, "model_alias": MODEL, "total_slots": 1,
          "bos_token": "<s>", "eos_token": "</s>", "chat_template": "{{ messages[0].content }}"}
_TABBY = {"id": MODEL, "parameters": {"max_seq_len": WINDOW}}

VOICES = (
    Voice("llamacpp", "llamacpp", "llamacpp", routes={"GET /props": _PROPS}, counts="/tokenize", server="llama.cpp"),
    Voice("llama_cpp_python", "text", "me", counts="/extras/tokenize/count", window=False),
    Voice("koboldcpp", "koboldcpp", "koboldcpp", done=b"", counts="/api/extra/tokencount", routes={
        "GET /api/extra/version": {"result": "KoboldCpp", "version": "1.99"},
        "GET /api/v1/model": {"result": f"koboldcpp/{MODEL}"},
        "GET /api/extra/true_max_context_length": {"value": WINDOW},
        "GET /api/v1/config/max_context_length": {"value": 512},
        "GET /api/extra/perf": {"last_token_count": 5, "last_input_count": 11, "last_seed": 3, "idle": 1}}),
    Voice("textgen", "text", "user", counts="/v1/internal/token-count", window=False, routes={
        "GET /v1/internal/model/info": {"model_name": MODEL, "lora_names": [], "loader": "llama.cpp"}}),
    Voice("tabby", "text", "tabbyAPI", newline="\r\n", done=b"data: [DONE]\r\n\r\n", usage_alone=False,
          counts="/v1/token/encode", routes={
              "GET /.well-known/serviceinfo": {"software": {"name": "TabbyAPI"}}, "GET /v1/model": _TABBY}),
    Voice("vllm", "text", "vllm", counts="/tokenize", thought="reasoning",
          routes={"GET /version": {"version": "0.33.0"}}),
    Voice("aphrodite", "text", "aphrodite", counts="/tokenize", routes={"GET /version": {"version": "0.9"}}),
    Voice("sglang", "text", "sglang", counts="/tokenize"),
    Voice("lmstudio", "text", "organization_owner", routes={
        "GET /api/v0/models": {"data": [{"id": MODEL, "state": "loaded", "loaded_context_length": WINDOW}]}}),
    Voice("ollama", "ollama", "library", done=b"", routes={
        "GET /api/version": {"version": "0.13.5"}, "GET /api/tags": {"models": [{"name": MODEL, "model": MODEL}]},
        "GET /api/ps": {"models": [{"model": MODEL, "context_length": WINDOW, "size_vram": 1 << 30}]},
        "POST /api/show": {
            "template": "<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>", "capabilities": ["completion"],
            "model_info": {"general.architecture": "qwen2", "qwen2.context_length": 4 * WINDOW}}}),
    Voice("openrouter", "chat", api="/api/v1", thought="reasoning"),
    Voice("mistral", "chat"),
    Voice("deepseek", "chat", window=False),
    Voice("openai", "chat", "acme", window=False),
)
