"""Free memory of a made machine: main memory, a container's limit, GPUs of two makers."""

from __future__ import annotations

from pathlib import Path

from tui.engine.room import Gpu, gpus, main_memory

GB = 2**30


def machine(root: Path, available_kb: int) -> Path:
    (root / "proc").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:  {available_kb} kB\n")
    return root


def test_what_is_available_and_what_a_container_leaves(tmp_path: Path) -> None:
    root = machine(tmp_path, 16 * 2**20)
    assert main_memory(root) == 16 * GB
    group = root / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("5\n")
    assert main_memory(root) == 16 * GB
    (group / "memory.max").write_text(f"{4 * GB}\n")
    (group / "memory.current").write_text(f"{GB}\n")
    assert main_memory(root) == 3 * GB


def test_a_machine_that_does_not_tell(tmp_path: Path) -> None:
    assert main_memory(tmp_path) is None


def test_gpus_by_what_their_tools_and_drivers_say(tmp_path: Path) -> None:
    card = tmp_path / "sys/class/drm/card0/device"
    card.mkdir(parents=True)
    (card / "mem_info_vram_total").write_text(f"{8 * GB}\n")
    (card / "mem_info_vram_used").write_text(f"{GB}\n")
    told = "NVIDIA H200, 143771, 143000\nOdd, name, 24576, 20000\n[N/A], [N/A], [N/A]\n\nnonsense\n"
    assert gpus(tmp_path, lambda command: told, "linux") == (
        Gpu("NVIDIA H200", 143771 * 2**20, 143000 * 2**20), Gpu("Odd, name", 24576 * 2**20, 20000 * 2**20),
        Gpu("AMD", 8 * GB, 7 * GB),
    )
    assert gpus(tmp_path / "none", lambda command: "", "linux") == ()
