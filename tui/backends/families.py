"""Models whose memory cannot be cut in the middle, known by their names: servers do not tell how a model is built."""

from __future__ import annotations

import re

from tui.domain.backend import CacheClass

_RECURRENT = re.compile(
    r"mamba|rwkv|jamba|zamba|bamba|falcon-?h1|granite-?4[.\d]*-?h|lfm-?2|nemotron-?(h|3|nano-?(9|12)b-?v2)"
    r"|qwen-?3-?next|qwen-?3\.[56]|plamo-?2|kimi-?linear|ring-?(mini|flash)-?linear",
    re.IGNORECASE,
)
_SLIDING = re.compile(
    r"gemma-?[234]|gpt-?oss|command-?r7b|command-?a\b|exaone-?4|olmo-?3|llama-?4",
    re.IGNORECASE,
)


def cache_class(server: CacheClass, model: str, *, whole_windows: bool) -> CacheClass:
    """What the memory of `model` allows on a server that by itself allows `server`. `whole_windows`: the server
    keeps all of a sliding window's past, so that it can be cut like any other."""
    if server != "prefix":
        return server
    if _RECURRENT.search(model):
        return "recurrent"
    if _SLIDING.search(model) and not whole_windows:
        return "swa"
    return "prefix"
