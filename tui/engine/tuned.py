"""What was measured to be best for a model on this machine: threads, batches, flash attention, layers on the GPU.

`traktir bench --tune` writes it; it fills in what a profile leaves open, for the same file on the same processor and
build of llama.cpp.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tui.domain.errors import BadInput
from tui.engine.settings import EngineSettings

_FILE = "engine-tuned.json"
_REMEMBERED = 200
#: What is tuned; a setting that is not as it is by default was chosen by a person, and stays.
TUNED = ("n_threads", "n_batch", "n_ubatch", "n_gpu_layers", "flash_attn")
_DEFAULT = EngineSettings()


def model_key(machine: str, path: Path) -> str:
    """Names a file on a machine (`machine` as `quirks.machine_key` has it). Raises OSError."""
    return f"{machine} | {path.name} {path.stat().st_size}"


def tuned(state_dir: Path, key: str) -> dict[str, Any]:
    """The settings found best for `key`, {} where nothing was measured or the file is damaged."""
    found = _read(state_dir).get(key)
    values = {name: found[name] for name in TUNED if name in found} if isinstance(found, dict) else {}
    try:
        EngineSettings.from_json(values)
    except BadInput:
        return {}
    return values


def remember(state_dir: Path, key: str, values: Mapping[str, Any]) -> None:
    """Keep `values` (of TUNED) for `key`. Raises OSError where the disk takes nothing."""
    known = {k: v for k, v in _read(state_dir).items() if k != key}
    known[key] = {name: values[name] for name in TUNED if name in values}
    kept = dict(list(known.items())[-_REMEMBERED:])
    temporary = state_dir / f"{_FILE}.{os.getpid()}.tmp"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"models": kept}, indent=1), "utf-8")
        temporary.replace(state_dir / _FILE)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def filled_in(settings: EngineSettings, values: Mapping[str, Any]) -> EngineSettings:
    """`settings` with what was measured in the place of all that is as by default."""
    usual = {f.name: getattr(_DEFAULT, f.name) for f in fields(EngineSettings)}
    return replace(settings, **{n: v for n, v in values.items() if getattr(settings, n) == usual[n]})


def _read(state_dir: Path) -> dict[str, Any]:
    try:
        data = json.loads((state_dir / _FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    known = data.get("models") if isinstance(data, dict) else None
    return known if isinstance(known, dict) else {}
