"""What was learnt by a crash: models that need llama.cpp's plain kernels on this processor and build."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
from pathlib import Path

_FILE = "engine-kernels.json"
_REMEMBERED = 200


def machine_key(version: str, quantisation: str) -> str:
    """Names the processor, the build of llama.cpp and the kind of weights: where one of them differs, what was
    learnt does not hold and the fast kernels are tried again."""
    return " | ".join((_processor(), f"llama-cpp-python {version} {_build()}", quantisation or "unknown weights"))


def build_key(version: str) -> str:
    """Names the installed build of llama.cpp."""
    return f"{version} {_build()}"


def needs_plain_kernels(state_dir: Path, key: str) -> bool:
    return key in _read(state_dir)


def remember_plain_kernels(state_dir: Path, key: str) -> None:
    """Remember `key`. A disk that takes nothing costs another crash at the next start, not this reply."""
    known = [*(k for k in _read(state_dir) if k != key), key][-_REMEMBERED:]
    temporary = state_dir / f"{_FILE}.{os.getpid()}.tmp"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"plain_kernels": known}, indent=1), "utf-8")
        temporary.replace(state_dir / _FILE)
    except OSError:
        temporary.unlink(missing_ok=True)


def _read(state_dir: Path) -> list[str]:
    try:
        data = json.loads((state_dir / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    known = data.get("plain_kernels") if isinstance(data, dict) else None
    return [key for key in known if isinstance(key, str)] if isinstance(known, list) else []


def _processor() -> str:
    """The processor's name with a digest of its features: virtual machines often hide the exact type."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n", 1)[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    features = fields.get("flags") or fields.get("Features") or ""
    name = fields.get("model name") or platform.machine()
    kind = f"{fields.get('cpu family', '')}-{fields.get('model', '')}-{fields.get('stepping', '')}"
    return f"{name} {kind} {hashlib.sha256(features.encode()).hexdigest()[:8]}"


def _build() -> str:
    """Size and time of the compiled libraries: a new build is a new chance."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return ""
    folder = Path(os.environ.get("LLAMA_CPP_LIB_PATH") or Path(spec.submodule_search_locations[0]) / "lib")
    try:
        facts = sorted((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in folder.glob("*ggml*"))
    except OSError:
        return ""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:8]
