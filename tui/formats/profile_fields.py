"""What a profile may say about its backend, field by field, with bounds; keys to servers are named, never held."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from typing import Any, Literal

from tui.domain.endpoint import CompletionMode, EndpointKind

_CacheType = Literal["f16", "q8_0", "q4_0", "f32", "bf16", "q5_0", "q5_1", "q4_1", "iq4_nl"]

_BOTH: Mapping[str, Any] = {
    "kind": Literal["embedded", *typing.get_args(EndpointKind)], "model": str, "context_length": int,
}
#: How the embedded engine loads its model.
ENGINE_FIELDS: Mapping[str, Any] = {
    "gpu_layers": int, "threads": int, "batch": int, "ubatch": int, "flash_attn": Literal["auto", "on", "off"],
    "cache_shift": bool, "cache_type_k": _CacheType, "cache_type_v": _CacheType, "n_seq": int, "swa_full": bool,
    "rope_freq_base": float, "rope_alpha": float, "rope_freq_scale": float,
    "rope_scaling": Literal["model", "none", "linear", "yarn"], "lora": Mapping[str, float], "mmproj": str,
}
#: Where a server is, and how to speak to it.
SERVER_FIELDS: Mapping[str, Any] = {
    "url": str, "mode": CompletionMode, "key_env": str, "key_file": str, "keyring": str, "headers": Mapping[str, str],
    "headers_env": Mapping[str, str], "ca_file": str, "proxy": str, "verify_tls": bool, "body": Mapping[str, Any],
}
BACKEND_FIELDS: Mapping[str, Any] = {**_BOTH, **ENGINE_FIELDS, **SERVER_FIELDS}

#: Lowest and highest of the numbers.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "context_length": (0, 1 << 24), "gpu_layers": (-1, 10_000), "threads": (0, 4096), "batch": (0, 1 << 20),
    "ubatch": (0, 1 << 20), "n_seq": (0, 256), "rope_freq_base": (0, 1e10), "rope_alpha": (0, 1000),
    "rope_freq_scale": (0, 100), "lora": (-100, 100),
}
#: A header of such a name carries a secret, and its value has no place in a file that people share.
SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)
_WITH_PASSWORD = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@]*:[^/@]*@", re.IGNORECASE)


def holds_password(url: str) -> bool:
    """Whether an address has a password in it."""
    return _WITH_PASSWORD.match(url.strip()) is not None
