"""What `traktir doctor` says of machines: logouts, killers, containers, phones, GPUs, proxies, terminals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doctor_kit import by_id, made_up, places

from tui.cli.doctoring import copying, installation, living, screen
from tui.cli.doctoring.machine import Ran

SYSTEMD = {"run/systemd/system/here": ""}
SESSION = {"proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n"}
MANAGER = {"proc/self/cgroup": "0::/user.slice/user-1000.slice/user@1000.service/app.slice/foot.scope\n"}
KILLS = {"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=no\nKillUserProcesses=yes\n"}
LINGERS = {"var/lib/systemd/linger/ivan": ""}


def test_a_logout_that_kills_is_told_with_the_way_around_it(tmp_path: Path) -> None:
    found = by_id([*living.look(made_up(tmp_path, files={**SYSTEMD, **SESSION, **KILLS}))])["logout.kills"]
    assert found.severity == "note"
    assert found.do == "loginctl enable-linger ivan && systemd-run --user --scope traktir"


def test_lingering_is_asked_for_below_the_user_manager(tmp_path: Path) -> None:
    found = by_id([*living.look(made_up(tmp_path / "a", files={**SYSTEMD, **MANAGER}))])
    assert found["logout.lingering"].do == "loginctl enable-linger ivan"
    found = by_id([*living.look(made_up(tmp_path / "b", files={**SYSTEMD, **MANAGER, **LINGERS}))])
    assert found["logout.survives"].severity == "ok"


@pytest.mark.parametrize(("more", "dies"), [
    ({}, True),
    ({"etc/systemd/logind.conf.d/50.conf": "[Login]\nKillUserProcesses=no\n"}, False),
    ({"usr/lib/systemd/logind.conf.d/99.conf": "[Login]\nKillExcludeUsers=root ivan\n"}, False),
    ({"run/systemd/logind.conf.d/10.conf": "[Login]\nKillOnlyUsers=olga\n"}, False),
    ({"etc/systemd/logind.conf.d/50.conf": "no ini file at all"}, True),
])
def test_drop_ins_of_logind_count(tmp_path: Path, more: dict[str, str], dies: bool) -> None:
    files = {**SYSTEMD, **SESSION, **KILLS, **more}
    assert ("logout.kills" in by_id([*living.look(made_up(tmp_path, files=files))])) is dies


def test_without_systemd_nothing_is_said_of_logouts(tmp_path: Path) -> None:
    assert not [f for f in living.look(made_up(tmp_path, files={**SESSION, **KILLS})) if f.topic == "logout"]


def test_killers_that_run_are_named(tmp_path: Path) -> None:
    files = {"proc/7/comm": "systemd-oomd\n", "proc/8/comm": "earlyoom\n", "proc/9/comm": "bash\n"}
    found = by_id([*living.look(made_up(tmp_path, files=files))])
    assert "signal 9" in str(found["killer.systemd_oomd"].says)
    assert "earlyoom" in str(found["killer.earlyoom"].says)


@pytest.mark.parametrize("files", [
    {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n", "sys/fs/cgroup/pids.max": "32\n",
     "sys/fs/cgroup/memory.events": "low 0\noom 4\noom_kill 2\n"},
    {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "536870912\n",
     "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/pids.max": "32\n",
     "sys/fs/cgroup/a/b/memory.events": "oom_kill 2\n"},
])
def test_limits_of_a_container_are_told(tmp_path: Path, files: dict[str, str]) -> None:
    machine = made_up(tmp_path, files={**files, "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 100000 kB\n"})
    found = by_id([*living.look(machine)])
    assert "512 MB" in str(found["container.memory"].says)
    assert "32 processes" in str(found["container.processes"].says)
    assert "ended 2 processes" in str(found["container.killed"].says)
    assert "97 MB" in str(found["memory.little"].says)


def test_the_first_generation_of_cgroups_is_read_too(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "8:pids:/\n4:memory:/docker/x\n0::/\n", "proc/meminfo": "MemTotal: 8000000 kB\n",
             "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "268435456\n",
             "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    assert "256 MB" in str(by_id([*living.look(made_up(tmp_path, files=files))])["container.memory"].says)


def test_a_phone_is_told_of_the_killer_of_sleep_and_of_keys(tmp_path: Path) -> None:
    phone = made_up(tmp_path, {"TERMUX_VERSION": "0.118", "HOME": "/home", "LANG": ""}, platform="android",
                    answers={"getprop": Ran(0, "34\n")})
    found = by_id([*living.look(phone), *screen.look(phone), *copying.look(phone, places(tmp_path))])
    assert found["android.phantom"].do.endswith("settings_enable_monitor_phantom_procs false")
    assert found["android.wakelock"].do == "termux-wake-lock"
    assert "extra-keys = [['ESC'" in found["keys.extra"].do
    assert "macro: 'CTRL j'" in found["keys.extra"].do
    assert found["clipboard.termux"].do == "pkg install termux-api"
    assert found["mouse.phone"].severity == "ok"
    assert "logout.survives" not in found

    old = made_up(tmp_path, {"TERMUX_VERSION": "0.118", "HOME": "/home"}, {"home/.termux/termux.properties":
                  "extra-keys = [['ESC']]\n"}, {"getprop": Ran(0, "29\n")}, platform="android")
    found = by_id([*living.look(old), *screen.look(old)])
    assert "android.phantom" not in found
    assert found["keys.extra"].severity == "ok"


@pytest.mark.parametrize(("files", "platform", "option"), [
    ({"dev/nvidia0": ""}, "linux", "GGML_CUDA"), ({"proc/driver/nvidia/gpus/0000:01/information": ""}, "linux",
     "GGML_CUDA"), ({"dev/kfd": ""}, "linux", "GGML_VULKAN"),
    ({"sys/class/drm/renderD128/device/vendor": "0x1002\n"}, "linux", "GGML_VULKAN"),
])
def test_a_gpu_without_a_build_for_it_is_told_with_the_whole_command(
    tmp_path: Path, files: dict[str, str], platform: str, option: str
) -> None:
    machine = made_up(tmp_path, files=files, platform=platform)
    asked = Ran(0, json.dumps({"gpu": False, "info": "CPU : AVX2 = 1"}))
    found = by_id([*installation.engine_findings(machine, asked)])["engine.gpu"]
    assert found.severity == "note"
    assert found.do.startswith(f"CMAKE_ARGS='-D{option}=on' pip install --force-reinstall")
    asked = Ran(0, json.dumps({"gpu": True, "info": "CPU : AVX2 = 1"}))
    assert by_id([*installation.engine_findings(machine, asked)])["engine.gpu"].severity == "ok"


def test_builds_that_do_not_suit_the_processor_are_told(tmp_path: Path) -> None:
    old = made_up(tmp_path / "old", files={"proc/cpuinfo": "flags\t\t: fpu sse2 avx\n"})
    new = made_up(tmp_path / "new", files={"proc/cpuinfo": "flags\t\t: fpu avx avx2 fma\n"})
    broken = by_id([*installation.engine_findings(old, Ran(-4, ""))])["engine.broken"]
    assert broken.severity == "problem"
    assert "--no-binary llama-cpp-python" in broken.do
    slow = Ran(0, json.dumps({"gpu": False, "info": "CPU : SSE3 = 1"}))
    assert "engine.processor" in by_id([*installation.engine_findings(old, slow)])
    assert "engine.kernels" in by_id([*installation.engine_findings(new, slow)])


def test_the_engine_that_is_installed_here_says_what_it_can(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp")
    from tui.cli.doctoring.machine import this_machine

    assert "engine.installed" in by_id([*installation.look(this_machine())])


def test_python_that_is_too_old_is_a_problem(tmp_path: Path) -> None:
    found = by_id([*installation.look(made_up(tmp_path), (3, 10, 9))])
    assert found["traktir.python"].severity == "problem"


@pytest.mark.parametrize(("env", "caught"), [
    ({"http_proxy": "http://p:3128"}, True),
    ({"ALL_PROXY": "socks5://p:1080", "NO_PROXY": "localhost,127.0.0.1"}, True),
    ({"HTTP_PROXY": "http://p:3128", "NO_PROXY": "localhost,192.168.0.0/16"}, False),
    ({"http_proxy": "http://p:3128", "no_proxy": "*"}, False),
])
def test_proxies_that_catch_the_house_are_told(tmp_path: Path, env: dict[str, str], caught: bool) -> None:
    found = by_id([*installation.look(made_up(tmp_path, env))])
    assert ("proxy.catches" in found) is caught
    assert ("proxy.bypassed" in found) is not caught


@pytest.mark.parametrize(("env", "id_", "severity"), [
    ({"TERM": "dumb"}, "terminal.dumb", "note"), ({"TERM": ""}, "terminal.dumb", "note"),
    ({"NO_COLOR": "1"}, "colours.off", "note"), ({"COLORTERM": ""}, "colours.unknown", "note"),
    ({"COLORTERM": "", "SSH_CONNECTION": "a b"}, "colours.ssh", "note"), ({}, "colours.all", "ok"),
    ({"COLORTERM": "", "TERM": "linux"}, "colours.sixteen", "ok"), ({}, "letters.utf8", "ok"),
    ({"LC_ALL": "C"}, "letters.locale", "note"), ({"LC_ALL": "ru_RU.KOI8-R"}, "letters.locale", "note"),
    ({"LANG": ""}, "letters.locale", "note"), ({"TEXTUAL_DISABLE_KITTY_KEY": "1"}, "keys.kitty_off", "note"),
    ({}, "keys.layouts", "ok"), ({}, "images.none", "ok"),
    ({"TERM_PROGRAM": "vscode"}, "mouse.pixels", "note"), ({"SSH_TTY": "/dev/pts/3"}, "network.ssh", "ok"),
])
def test_the_terminal_by_its_variables(tmp_path: Path, env: dict[str, str], id_: str, severity: str) -> None:
    assert by_id([*screen.look(made_up(tmp_path, env))])[id_].severity == severity


def test_small_windows_and_none_are_told(tmp_path: Path) -> None:
    assert "terminal.small" in by_id([*screen.look(made_up(tmp_path, size=(20, 5)))])
    found = by_id([*screen.look(made_up(tmp_path, {"TERM": ""}, size=None))])
    assert "terminal.none" in found
    assert "terminal.dumb" not in found


@pytest.mark.parametrize(("version", "severity"), [("1.3.2", "note"), ("1.4.0", "ok")])
def test_mosh_is_found_above_the_program(tmp_path: Path, version: str, severity: str) -> None:
    files = {"proc/50/status": "Name:\tpython3\nPPid:\t40\n", "proc/40/status": "Name:\tbash\nPPid:\t30\n",
             "proc/30/status": "Name:\tmosh-server\nPPid:\t1\n"}
    machine = made_up(tmp_path, files=files, answers={"mosh-server": Ran(0, f"mosh-server (mosh) {version}\n")})
    found = by_id([*screen.look(machine)])["network.mosh"]
    assert found.severity == severity
    assert version[:3] in str(found.says)


@pytest.mark.parametrize(("env", "installed", "platform", "id_", "do"), [
    ({"DISPLAY": ":0"}, ["xclip"], "linux", "clipboard.tool", ""),
    ({"DISPLAY": ":0"}, [], "linux", "clipboard.missing", "sudo apt install xclip"),
    ({"WAYLAND_DISPLAY": "wayland-0"}, [], "linux", "clipboard.missing", "sudo apt install wl-clipboard"),
    ({}, [], "linux", "clipboard.osc52", ""),
    ({"TERM_PROGRAM": "Apple_Terminal"}, [], "darwin", "clipboard.apple", ""),
    ({"TERM_PROGRAM": "Apple_Terminal"}, ["pbcopy"], "darwin", "clipboard.tool", ""),
])
def test_the_way_to_the_clipboard_is_told(
    tmp_path: Path, env: dict[str, str], installed: list[str], platform: str, id_: str, do: str
) -> None:
    machine = made_up(tmp_path, env, installed=installed, platform=platform)
    assert by_id([*copying.look(machine, places(tmp_path))])[id_].do == do
