"""The kinds of server that are known, as data: how each is called, and what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tui.backends.address import Address
from tui.backends.roles import ANY_ORDER, RoleRules
from tui.backends.sampling import TABLES, Table
from tui.domain.backend import CacheClass

Wire = Literal["openai", "llamacpp", "koboldcpp", "ollama", "horde"]

#: How a chat is gone on with where its last message is a started reply: by itself (tail), by keys of the body (flags,
#: continue), by a key of that message (prefix, partial); "" where nothing does.
Prefill = Literal["", "tail", "flags", "continue", "prefix", "partial"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server. `text` and `chat` say which wire completes that way, None where it should not."""

    name: str
    label: str
    text: Wire | None = None
    chat: Wire | None = "openai"
    prefill: Prefill = ""                         # in a chat
    echoes: bool = False                          # says a started reply again before it goes on
    roles: RoleRules = ANY_ORDER
    adds_bos: bool = True
    ask_usage: bool = True                        # takes stream_options.include_usage
    busy_with_one: bool = False                   # any other request disturbs the one that runs
    empty_is_failure: bool = False                # reports failures as an empty success
    seeds: bool = False                           # takes a seed and does not tell the one it draws
    serves_one: bool = False                      # has one model, whatever name is sent
    cache: CacheClass = "unknown"                 # of prompts, for a model whose memory has no limits of its own
    sets_window: bool = False                     # has the context that a request asks for
    whole_windows: bool = False                   # keeps all of a sliding window's past
    public: bool = False                          # a service with many models, of which one must be chosen
    any_model: bool = False                       # chooses one where none is named
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        return TABLES[self.name]

    def api(self, address: Address) -> str:
        """Where the OpenAI-like routes hang: as given for servers of no known layout."""
        return address.api if self.public or self.name == "openai" else f"{address.root}/v1"


DIALECTS: Mapping[str, Dialect] = {
    d.name: d
    for d in (
        Dialect("llamacpp", "llama.cpp server", text="llamacpp", prefill="tail", seeds=True, serves_one=True,
                cache="prefix"),
        Dialect("llama_cpp_python", "llama-cpp-python server", text="openai", ask_usage=False, busy_with_one=True,
                seeds=True, serves_one=True, cache="prefix", whole_windows=True),
        Dialect("koboldcpp", "KoboldCpp", text="koboldcpp", serves_one=True, cache="prefix", whole_windows=True),
        Dialect("textgen", "text-generation-webui", text="openai", prefill="continue",
                empty_is_failure=True, seeds=True, serves_one=True, cache="prefix"),
        Dialect("tabby", "TabbyAPI", text="openai", prefill="flags", serves_one=True, cache="prefix",
                whole_windows=True),
        Dialect("vllm", "vLLM", text="openai", prefill="flags", seeds=True, cache="prefix",
                whole_windows=True),
        Dialect("aphrodite", "Aphrodite", text="openai", prefill="flags", seeds=True, cache="prefix",
                whole_windows=True),
        Dialect("sglang", "SGLang", text="openai", prefill="flags", seeds=True, cache="prefix",
                whole_windows=True),
        Dialect("lmstudio", "LM Studio", text="openai", cache="prefix"),
        Dialect("ollama", "Ollama", text="ollama", chat="ollama", seeds=True, sets_window=True, cache="prefix"),
        Dialect("openrouter", "OpenRouter", body={"transforms": []}, public=True, prefill="tail"),
        Dialect("mistral", "Mistral", ask_usage=False, public=True, prefill="prefix", echoes=True,
                roles=RoleRules(alternate=True, user_first=True, user_last=True)),
        Dialect("deepseek", "DeepSeek", public=True, prefill="prefix"),
        Dialect("horde", "AI Horde", text="horde", chat=None, any_model=True),
        Dialect("openai", "OpenAI-compatible server"),
    )
}
