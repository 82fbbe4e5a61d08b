"""Where a remote backend is, and how to speak to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: "auto" asks the server what it is; the others name it.
EndpointKind = Literal[
    "auto", "openai", "koboldcpp", "llamacpp", "llama_cpp_python", "textgen", "tabby", "vllm", "aphrodite",
    "sglang", "ollama", "lmstudio", "openrouter", "mistral", "deepseek", "horde",
]
CompletionMode = Literal["auto", "text", "chat"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address and what its owner set for it.

    `url` may be bare (`localhost:5001`) or end in `/v1` and the like. `model` "" takes what the server serves.
    `mode` "auto" completes text where that server does so faithfully, and chats elsewhere. `context_length`
    (tokens) overrides what the server tells. `body` holds extra keys for the request; a key set to None
    leaves that key out. `ca_file` is a file of certificates (PEM) to trust beside the usual ones. `proxy` "" takes
    that of the environment, "none" takes none, anything else is one; none is ever taken for this machine itself. The
    key and `secret_headers` are secret: they are in no repr and in no message.
    """

    url: str
    kind: EndpointKind = "auto"
    model: str = ""
    api_key: str = field(default="", repr=False)
    mode: CompletionMode = "auto"
    context_length: int | None = None
    verify_tls: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict)
    ca_file: str = ""
    proxy: str = field(default="", repr=False)
