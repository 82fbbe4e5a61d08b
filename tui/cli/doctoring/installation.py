"""What was installed: Python, the program's own files, the engine and what its build can use, proxies."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from tui import __version__, resources
from tui.cli.doctoring.findings import Finding, note, ok, problem
from tui.cli.doctoring.machine import Machine, Ran

#: In a process of its own: native code that does not suit the processor ends it.
_ASK_ENGINE = (
    "import json; from tui.engine import bindings as b; b.load_library();"
    "print(json.dumps({'gpu': b.uses_gpu(), 'info': b.system_info()}))"
)
_COMPILE = "pip install --force-reinstall --no-cache-dir --no-binary llama-cpp-python"
_ILLEGAL_INSTRUCTION = -4


def look(m: Machine, version: Sequence[int] = sys.version_info[:3]) -> Iterator[Finding]:
    yield from _python(version)
    for folder in (resources.presets_dir(), resources.characters_dir()):
        if folder.is_dir() and any(folder.iterdir()):
            yield ok(f"shipped.{folder.name}", "{folder} ships with the program.", folder=folder.name)
        else:
            yield problem(f"shipped.{folder.name}", "{folder} is missing: install Traktir again.",
                          do="pip install --force-reinstall --no-deps traktir", folder=folder.name)
    yield from _engine(m)
    yield from _proxies(m)


def _python(version: Sequence[int]) -> Iterator[Finding]:
    told = ".".join(map(str, version[:3]))
    if tuple(version[:2]) < (3, 11):
        yield problem("traktir.python", "Python {python} is too old: Traktir needs 3.11 or newer.", python=told,
                      do="python3.11 -m venv .venv && .venv/bin/pip install traktir")
    else:
        yield ok("traktir.version", "Version {version} on Python {python}.", version=__version__, python=told)


def _engine(m: Machine) -> Iterator[Finding]:
    from tui.engine import INSTALL, SUPPORTED_RANGE, available

    missing = available()
    if missing is not None:
        yield Finding("engine.absent", "note", missing, do=INSTALL if not m.is_phone else "pkg install llama-cpp")
        if _old_processor(m):
            yield note("engine.processor", "The processor has no AVX2, which ready-made builds of the engine need:"
                       " compile it on this machine.", do=f"{_COMPILE} 'llama-cpp-python{SUPPORTED_RANGE}'")
        return
    yield from engine_findings(m, m.run((sys.executable, "-c", _ASK_ENGINE)))


def engine_findings(m: Machine, asked: Ran | None) -> Iterator[Finding]:
    """What the installed build of llama.cpp said of itself in a process of its own (`asked`)."""
    from tui.engine import SUPPORTED_RANGE
    from tui.engine.gpu import unused_gpu_notice, unused_gpu_remedy

    if asked is None or asked.status != 0:
        if asked is not None and (asked.status == _ILLEGAL_INSTRUCTION or _old_processor(m)):
            says = "The installed engine was built for a newer processor and cannot run on this one; compile it here:"
        else:
            says = "The installed engine cannot be loaded; compile it anew on this machine:"
        yield problem("engine.broken", says, do=f"{_COMPILE} 'llama-cpp-python{SUPPORTED_RANGE}'")
        return
    told = json.loads(asked.out.strip().splitlines()[-1])
    yield ok("engine.installed", "The embedded engine is installed.")
    unused = unused_gpu_notice(told["gpu"], m.root, m.platform)
    if unused is not None:
        yield Finding("engine.gpu", "note", unused, do=unused_gpu_remedy(m.root, m.platform))
    elif told["gpu"]:
        yield ok("engine.gpu", "This build of llama.cpp can use a GPU.")
    if "AVX2 = 1" in told["info"] or not _flags(m):
        return
    if "avx2" in _flags(m):
        yield note("engine.kernels", "The installed llama.cpp was built without AVX2, which this processor has; "
                   "compiled here it is several times faster:", do=f"{_COMPILE} 'llama-cpp-python{SUPPORTED_RANGE}'")
    else:
        yield note("engine.processor", "The processor has no AVX2: prompts are read slowly. A smaller model, or a"
                   " server elsewhere, helps.", do="/connect ADDRESS")


def _flags(m: Machine) -> set[str]:
    """What an x86 processor says it can do; empty for others."""
    found = re.search(r"^flags\s*:(.*)$", m.read("proc/cpuinfo"), re.MULTILINE)
    return set(found[1].split()) if found else set()


def _old_processor(m: Machine) -> bool:
    flags = _flags(m)
    return bool(flags) and "avx2" not in flags


def _proxies(m: Machine) -> Iterator[Finding]:
    """Addresses of this machine are never asked through a proxy; those of the house are, unless NO_PROXY says so."""
    named = [name for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY") if m.env.get(name)]
    if not named:
        return
    bypassed = m.env.get("no_proxy") or m.env.get("NO_PROXY") or ""
    if "*" in bypassed or any(_is_private(entry) for entry in bypassed.split(",")):
        yield ok("proxy.bypassed", "{name} is set; NO_PROXY ({bypassed}) leaves out what is near.", name=named[0],
                 bypassed=bypassed)
    else:
        yield note("proxy.catches", "{name} is set: Traktir asks this machine (127.0.0.1) without the proxy all the"
                   " same, but a server elsewhere in the house through it, which fails. Other programs need 127.0.0.1"
                   " there too:", do="export NO_PROXY=localhost,127.0.0.1,::1,192.168.1.10", name=named[0])


def _is_private(entry: str) -> bool:
    """Whether an entry of NO_PROXY is an address of a house (or a beginning of one) rather than of this machine."""
    entry = entry.strip().strip(".")
    try:
        address = ip_address(entry.partition("/")[0])
    except ValueError:
        return entry.startswith(("192.168", "10", "172.")) or entry in ("local", "lan", "home.arpa")
    return address.is_private and not address.is_loopback
