"""A profile's backend as what the engine or a connection is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui import resources
from tui.core.keys import key_for, variable
from tui.domain.endpoint import Endpoint
from tui.engine.settings import EngineSettings

#: Fields of a profile whose names differ from the engine's own.
ENGINE_NAMES: Mapping[str, str] = {
    "context_length": "n_ctx", "gpu_layers": "n_gpu_layers", "threads": "n_threads", "batch": "n_batch",
    "ubatch": "n_ubatch",
}
_SAME = (
    "flash_attn", "cache_shift", "cache_type_k", "cache_type_v", "n_seq", "swa_full", "rope_freq_base", "rope_alpha",
    "rope_freq_scale", "rope_scaling",
)


def engine_settings(spec: Mapping[str, Any]) -> EngineSettings:
    """How the embedded engine loads the model of a profile. Raises BadInput naming the field."""
    values: dict[str, Any] = {name: spec[name] for name in _SAME if spec.get(name) is not None}
    values |= {name: spec[field] for field, name in ENGINE_NAMES.items() if spec.get(field) is not None}
    values["mmproj"] = str(Path(str(spec.get("mmproj") or "auto")).expanduser())
    if spec.get("lora"):
        values["lora"] = [[str(Path(file).expanduser()), scale] for file, scale in dict(spec["lora"]).items()]
    return EngineSettings.from_json(values)


def endpoint_of(spec: Mapping[str, Any], environment: Mapping[str, str], config: Path) -> Endpoint:
    """The address with its key and secret headers, read where the profile says. Raises BadInput, BackendError."""
    secret = {name: variable(str(value), environment) for name, value in dict(spec.get("headers_env") or {}).items()}
    return Endpoint(
        url=str(spec.get("url") or ""), kind=spec.get("kind") or "auto", model=str(spec.get("model") or ""),
        api_key=key_for(spec, environment, config), mode=spec.get("mode") or "auto",
        context_length=int(spec["context_length"]) if spec.get("context_length") else None,
        verify_tls=bool(spec.get("verify_tls", True)), headers=dict(spec.get("headers") or {}), secret_headers=secret,
        body=dict(spec.get("body") or {}), ca_file=str(spec.get("ca_file") or ""), proxy=str(spec.get("proxy") or ""),
    )


def model_path(name: str) -> Path:
    """The GGUF file that a profile names; `starter` is the one that ships."""
    return resources.starter_model() if name == "starter" else Path(name).expanduser()


def with_choice(spec: Mapping[str, Any], choice: str) -> Mapping[str, Any]:
    """`spec` with the model that was chosen at its server, as long as it is still that server and its own model is the
    one that it had then. `choice` is what `choice_of` made, or ""."""
    before, mark, name = choice.rpartition("\n")
    if not mark or before != _own(spec) or spec.get("kind") == "embedded":
        return spec
    return {**spec, "model": name}


def choice_of(spec: Mapping[str, Any], name: str) -> str:
    """What is kept of the choice of model `name` at the server of `spec`: address, its own model, the chosen one."""
    return f"{_own(spec)}\n{name}"


def _own(spec: Mapping[str, Any]) -> str:
    return "\n".join(str(spec.get(field) or "") for field in ("url", "model"))
