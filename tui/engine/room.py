"""How much memory there is to load a model into: main memory, and that of GPUs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_ASK_NVIDIA = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
_PATIENCE = 10.0
_MOST_GPUS = 64
#: Of the memory that it shares with its processor, what a Mac lets its GPU have.
_APPLE_SHARE = 0.7
_GPU_LIBRARIES = ("cuda", "hip", "vulkan", "metal", "sycl", "musa", "opencl")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU with memory of its own; sizes in bytes. `usable` is set for all when llama.cpp was built to use GPUs."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that can be had: of main memory (None where the system does not tell), and on GPUs that the installed
    llama.cpp can use. `idle_gpus` are there, but it cannot use them."""

    main: int | None
    gpus: tuple[Gpu, ...] = ()
    idle_gpus: tuple[Gpu, ...] = ()

    @property
    def gpu(self) -> int:
        return sum(gpu.free for gpu in self.gpus)


def look(root: Path = Path("/")) -> Room:
    """What there is now. Asks `nvidia-smi` where there is one, which takes a moment."""
    found = gpus(root)
    usable = gpu_build()
    return Room(main_memory(root), found if usable else (), () if usable else found)


def main_memory(root: Path = Path("/")) -> int | None:
    """Bytes of main memory that a new process could take without swapping; a container's limit counts."""
    free = _meminfo(root / "proc/meminfo")
    if free is None:
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if root == Path("/") else None
        except (AttributeError, ValueError, OSError):
            return None
    return min([free, *_limits(root / "sys/fs/cgroup")])


def gpus(
    root: Path = Path("/"), ask: Callable[[Sequence[str]], str] | None = None, system: str = sys.platform,
) -> tuple[Gpu, ...]:
    """GPUs by what `nvidia-smi` and the kernel's amdgpu driver say; on a Mac its share of the main memory."""
    if system == "darwin":
        main = main_memory(root) if platform.machine() == "arm64" else None
        return (Gpu("Apple", int(main * _APPLE_SHARE), int(main * _APPLE_SHARE)),) if main else ()
    return (*_nvidia((ask or _answer)(_ASK_NVIDIA)), *_amd(root))[:_MOST_GPUS]


def gpu_build() -> bool:
    """Whether the installed llama.cpp can use a GPU, by the libraries that came with it; nothing is loaded."""
    try:
        spec = find_spec("llama_cpp")
    except (ImportError, ValueError):
        return False
    for place in (spec.submodule_search_locations or ()) if spec else ():
        names = [path.name.lower() for path in (Path(place) / "lib").glob("*ggml*")]
        if any(kind in name for name in names for kind in _GPU_LIBRARIES):
            return True
    return False


def _meminfo(path: Path) -> int | None:
    try:
        for line in path.read_text("ascii", "replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _limits(folder: Path) -> list[int]:
    """What a control group leaves: its limit less what it holds now."""
    for most, used in (("memory.max", "memory.current"),
                       ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        try:
            limit, now = (folder / most).read_text("ascii"), (folder / used).read_text("ascii")
            if limit.strip().isdigit() and int(limit) < 2**60:
                return [max(0, int(limit) - int(now))]
        except (OSError, ValueError):
            continue
    return []


def _answer(command: Sequence[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _nvidia(text: str) -> list[Gpu]:
    out = []
    for line in text.splitlines()[:_MOST_GPUS]:
        name, _, rest = line.rpartition(",")[0].rpartition(",")
        free = line.rpartition(",")[2].strip()
        total = rest.strip()
        if total.isdigit() and free.isdigit():
            out.append(Gpu(name.strip()[:80], int(total) * 2**20, int(free) * 2**20))
    return out


def _amd(root: Path) -> list[Gpu]:
    out = []
    for total in sorted((root / "sys/class/drm").glob("card[0-9]*/device/mem_info_vram_total")):
        try:
            size = int(total.read_text("ascii"))
            used = int(total.with_name("mem_info_vram_used").read_text("ascii"))
        except (OSError, ValueError):
            continue
        out.append(Gpu("AMD", size, max(0, size - used)))
    return out
