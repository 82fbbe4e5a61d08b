"""What may end the core before its time: logouts, memory killers, containers, Android."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

from tui.cli.doctoring.findings import Finding, note, ok
from tui.cli.doctoring.machine import Machine

_LOGIND = ("usr/lib/systemd/logind.conf", "run/systemd/logind.conf", "etc/systemd/logind.conf")
_YES = ("yes", "true", "on", "1")
_KILLERS = ("systemd-oomd", "earlyoom", "nohang")
_MB = 1 << 20
#: Megabytes of memory left below which little more than a chat with a server fits.
_LITTLE_MEMORY = 400
#: Processes below which a core, an engine and a shell may not fit.
_FEW_PROCESSES = 64
#: Android 12, the first whose system counts and ends the children of apps.
_PHANTOM_SDK = 31


def look(m: Machine) -> Iterator[Finding]:
    if m.is_phone:
        yield from _android(m)
        return
    yield from _logout(m)
    yield from _killers(m)
    yield from _container(m)
    yield from _memory(m)


def _logout(m: Machine) -> Iterator[Finding]:
    """logind.conf(5): `KillUserProcesses` ends what is in a session's scope, lingering or not; without lingering, what
    is below `user@UID.service` ends with the last session."""
    if not m.exists("run/systemd/system"):
        return
    lingers = m.exists(f"var/lib/systemd/linger/{m.user}")
    settings = _logind(m.root)
    group = m.read("proc/self/cgroup")
    if _kills(settings, m.user) and re.search(r"/session-[^/]*\.scope", group):
        yield note(
            "logout.kills",
            "logind.conf says KillUserProcesses=yes: logging out ends the core, and a reply that is being written stops"
            " there. Start Traktir outside of the session, once lingering is on:",
            do=f"loginctl enable-linger {m.user} && systemd-run --user --scope traktir" if not lingers
            else "systemd-run --user --scope traktir",
        )
    elif f"user@{m.uid}.service" in group and not lingers:
        yield note(
            "logout.lingering",
            "Lingering is off and this runs below your systemd user manager, which ends with your last session: the"
            " core ends with it. To keep it:", do=f"loginctl enable-linger {m.user}",
        )
    else:
        yield ok("logout.survives", "The core goes on after you log out.")


def _logind(root: Path) -> dict[str, str]:
    """The [Login] section in force: the files in the order of systemd, each with its drop-ins."""
    found: dict[str, str] = {}
    drops = {d.name: d for name in _LOGIND for d in sorted((root / f"{name}.d").glob("*.conf"))}
    for path in (*(root / name for name in _LOGIND), *(drops[name] for name in sorted(drops))):
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        try:
            parser.read_string(path.read_text("utf-8", "replace"))
        except (OSError, configparser.Error):
            continue
        if parser.has_section("Login"):
            found |= {name: value or "" for name, value in parser.items("Login")}
    return found


def _kills(settings: dict[str, str], user: str) -> bool:
    if settings.get("killuserprocesses", "no").strip().lower() not in _YES:
        return False
    only = settings.get("killonlyusers", "").split()
    return user in only if only else user not in settings.get("killexcludeusers", "root").split()


def _killers(m: Machine) -> Iterator[Finding]:
    names = {_line(path) for path in (m.root / "proc").glob("[0-9]*/comm")}
    for name in _KILLERS:
        if name[:15] not in names:
            continue
        if name == "systemd-oomd":
            yield note(
                "killer.systemd_oomd",
                "systemd-oomd ends whole groups of processes when memory runs short (with signal 9): a model that"
                " hardly fits takes the core with it. Take a smaller model or context, and give the core a group of"
                " its own:", do="systemd-run --user --scope traktir",
            )
        else:
            yield note(
                "killer.earlyoom",
                "{name} ends the largest process when memory runs short (with signal 9), which is the engine with its"
                " model. Take a smaller model or context (F4).",
                name=name,
            )


def _container(m: Machine) -> Iterator[Finding]:
    groups = [(line.split(":", 2)[1], line.split(":", 2)[2]) for line in m.read("proc/self/cgroup").splitlines()
              if line.count(":") >= 2]
    limit = min(_limits(m, groups, "memory", "memory.max", "memory.limit_in_bytes"), default=None)
    total = _meminfo(m).get("MemTotal")
    if limit is not None and (total is None or limit < total):
        yield note(
            "container.memory",
            "This container may use {mb} MB of memory; a process that wants more is ended with signal 9. Take a model"
            " that is smaller than that (F4).", mb=limit // _MB,
        )
    few = min(_limits(m, groups, "pids", "pids.max", "pids.max"), default=None)
    if few is not None and few < _FEW_PROCESSES:
        yield note("container.processes", "This container may run {n} processes and threads at a time; an engine with"
                   " many threads cannot start. Fewer threads: threads: 2 in the backend of the profile.", n=few)
    killed = _killed(m, groups)
    if killed:
        yield note("container.killed", "The system has ended {n} processes of this container for lack of memory (signal"
                   " 9). Take a smaller model or context (F4).", n=killed)


def _limits(m: Machine, groups: list[tuple[str, str]], controller: str, new: str, old: str) -> Iterator[int]:
    """The limits above this process in both generations of cgroups; a container sees its own group as the root."""
    for kinds, path in groups:
        base = "sys/fs/cgroup" if not kinds else f"sys/fs/cgroup/{controller}"
        if kinds and controller not in kinds.split(","):
            continue
        parts = path.strip("/").split("/") if path.strip("/") else []
        for depth in range(len(parts), -1, -1):
            text = m.read("/".join((base, *parts[:depth], old if kinds else new))).strip()
            if text.isdecimal() and int(text) < 1 << 60:
                yield int(text)


def _killed(m: Machine, groups: list[tuple[str, str]]) -> int:
    for kinds, path in groups:
        if not kinds:
            for file in (f"sys/fs/cgroup/{path.strip('/')}/memory.events", "sys/fs/cgroup/memory.events"):
                if found := re.search(r"^oom_kill (\d+)$", m.read(file), re.MULTILINE):
                    return int(found[1])
    return 0


def _memory(m: Machine) -> Iterator[Finding]:
    left = _meminfo(m).get("MemAvailable")
    if left is None:
        return
    if left // _MB < _LITTLE_MEMORY:
        yield note("memory.little", "{mb} MB of memory are left: enough for a chat with a server, hardly for a model"
                   " here. What takes it:", do="ps -eo rss,comm --sort=-rss | head", mb=left // _MB)
    else:
        yield ok("memory.left", "{mb} MB of memory are left.", mb=left // _MB)


def _meminfo(m: Machine) -> dict[str, int]:
    """Bytes by the names of /proc/meminfo."""
    found = re.findall(r"^(\w+):\s+(\d+) kB", m.read("proc/meminfo"), re.MULTILINE)
    return {name: int(kilobytes) * 1024 for name, kilobytes in found}


def _android(m: Machine) -> Iterator[Finding]:
    asked = m.run(("getprop", "ro.build.version.sdk"))
    level = int(asked.out) if asked and asked.out.strip().isdecimal() else _PHANTOM_SDK
    if level >= _PHANTOM_SDK:
        yield note(
            "android.phantom",
            "Android ends processes in the background (“Process completed (signal 9)”): the phantom process killer."
            " What was written is kept. It is switched off in the developer options (“Disable child process"
            " restrictions”), or from a computer with:",
            do="adb shell settings put global settings_enable_monitor_phantom_procs false",
        )
    yield note("android.wakelock", "When the screen goes dark, Android lets programs sleep, and a reply may stop with"
               " the network. Keep Termux awake while you talk:", do="termux-wake-lock")
    yield note("android.engine", "Models on the phone itself run in llama-server, which Termux has ready-made; then"
               " /connect localhost:8080.", do="pkg install llama-cpp && llama-server -m MODEL.gguf")


def _line(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""                                      # it ended meanwhile
