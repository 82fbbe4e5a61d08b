"""A GPU that is there but that the installed llama.cpp cannot use: seen here, with the command that mends it."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from tui.domain.notice import Notice, notice
from tui.engine import SUPPORTED_RANGE

_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD"}
_OPTION = {"NVIDIA": "GGML_CUDA", "AMD": "GGML_VULKAN", "Apple": "GGML_METAL"}


def visible_gpu(root: Path = Path("/"), system: str = sys.platform) -> str:
    """NVIDIA, AMD or Apple when such a GPU shows in the system at `root`; else empty."""
    if system == "darwin":
        return "Apple" if platform.machine() == "arm64" else ""
    if any((root / "dev").glob("nvidia[0-9]*")) or any((root / "proc/driver/nvidia/gpus").glob("*")):
        return "NVIDIA"
    if (root / "dev/dxg").exists() and (root / "usr/lib/wsl/lib/libcuda.so.1").exists():
        return "NVIDIA"
    if (root / "dev/kfd").exists():                # ROCm's own device
        return "AMD"
    for vendor in sorted((root / "sys/class/drm").glob("renderD*/device/vendor")):
        try:
            name = _VENDORS.get(vendor.read_text("ascii", "replace").strip(), "")
        except OSError:
            continue
        if name:
            return name
    return ""


def unused_gpu_notice(gpu_build: bool, root: Path = Path("/"), system: str = sys.platform) -> Notice | None:
    """What to tell when a GPU is visible and the build has no support for any; None when all is well."""
    maker = "" if gpu_build else visible_gpu(root, system)
    if not maker:
        return None
    return notice(
        "There is a GPU by {maker}, but the installed llama.cpp was built for the processor alone, which is much"
        " slower. To use it: {command} (the README says where ready-made builds are).",
        maker=maker, command=unused_gpu_remedy(root, system),
    )


def unused_gpu_remedy(root: Path = Path("/"), system: str = sys.platform) -> str:
    """The command that builds llama.cpp for the GPU that is visible; empty without one."""
    maker = visible_gpu(root, system)
    if not maker:
        return ""
    package = f"llama-cpp-python{SUPPORTED_RANGE}"
    return f"CMAKE_ARGS='-D{_OPTION[maker]}=on' pip install --force-reinstall --no-cache-dir '{package}'"
