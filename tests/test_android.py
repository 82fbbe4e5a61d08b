"""Traktir on a phone: no compiled module beside the standard library's, the core in the same process, no mouse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

#: Comes before everything else in the process: the name of the platform, and what cannot be imported there.
PHONE = r"""
import sys
sys.platform = "android"
import importlib.machinery, os
LIBRARY = os.path.join(os.path.dirname(os.__file__), "lib-dynload")
COMPILED = tuple(importlib.machinery.EXTENSION_SUFFIXES)
blocked = set()

class NothingCompiled:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("llama_cpp", "xllamacpp"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        origin = getattr(spec, "origin", None) or ""
        if origin.endswith(COMPILED) and os.path.dirname(origin) != LIBRARY:
            blocked.add(name)
            raise ImportError(f"{name} is compiled", name=name)
        return None

def loaded_compiled():
    origins = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
    return sorted(n for n, o in origins.items() if o.endswith(COMPILED) and os.path.dirname(o) != LIBRARY)

def no_libraries(event, args):
    if event == "ctypes.dlopen" and args[0] is not None and "site-packages" in str(args[0]):
        raise OSError(f"{args[0]} is compiled")

assert not loaded_compiled(), "something compiled came before the program"
sys.meta_path.insert(0, NothingCompiled)
sys.addaudithook(no_libraries)
sys.path.insert(0, os.environ["TESTS"] + "/backends")
"""

#: Opens the program as `traktir --character mira` does, on a screen in memory, and says something.
TALK = PHONE + r"""
import argparse, asyncio, json, traceback
from scripted import ScriptedServer, as_koboldcpp, as_openai
from tui.cli import opening
from tui.ui import prefs
from tui.ui.app import TraktirApp, UiOptions

async def until(pilot, wanted):
    try:
        async with asyncio.timeout(30):
            while not wanted():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(screen(pilot.app)) from None

def screen(app):
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())

async def main():
    server = ScriptedServer()
    {"koboldcpp": as_koboldcpp, "openai": as_openai}[sys.argv[1]](server, "*Она кивает.* «Чай уже готов».", delay=0.01)
    await server.start()
    profiles = os.environ["TRAKTIR_HOME"] + "/config/presets/profiles"
    os.makedirs(profiles)
    with open(profiles + "/phone.yaml", "w") as file:
        file.write(f"backend: {{kind: {sys.argv[1]}, url: '{server.url}'}}\ntemplate: chatml\n")
    parser = argparse.ArgumentParser()
    opening.add_arguments(parser)
    args = parser.parse_args(["--character", "mira", "--profile", "phone"])
    connect, end = opening.connector(args)
    app = TraktirApp(UiOptions(connect=connect, character=args.character, profile=args.profile))
    async with app.run_test(size=(48, 18)) as pilot:
        await until(pilot, lambda: app.state.chat is not None and app.state.connection)
        await until(pilot, lambda: app.state.field("profile") == "phone")
        await pilot.pause()
        app.chat.composer.insert("Добрый вечер! Есть ли чай?")
        await pilot.press("enter")
        await until(pilot, lambda: len(app.state.path) == 3 and not app.state.writing)
        await pilot.pause(0.2)
        shown = screen(app)
        standalone = app.link is not None and (await app.link.call("status"))["standalone"]
        texts = [node.text for node in app.state.path]
        await app.link.close()
    await asyncio.to_thread(end)
    await server.stop()
    print(json.dumps({
        "screen": shown, "texts": texts, "standalone": standalone, "mouse": prefs.read().mouse,
        "loaded": loaded_compiled(), "blocked": sorted(blocked), "pid": os.getpid(),
    }))

try:
    asyncio.run(main())
except BaseException:                              # the core's thread would wait for its end
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
"""


def on_a_phone(script: str, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"TESTS": str(CHECKOUT / "tests"), "TRAKTIR_HOME": str(home), "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-c", script, *words], env=env, cwd=CHECKOUT, capture_output=True, text=True, timeout=90,
        encoding="utf-8", check=False,
    )


@pytest.mark.parametrize("dialect", ["koboldcpp", "openai"])
def test_a_turn_with_a_server_needs_nothing_compiled(dialect: str, home: Path) -> None:
    done = on_a_phone(TALK, home, dialect)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["texts"][1:] == ["Добрый вечер! Есть ли чай?", "*Она кивает.* «Чай уже готов»."]
    assert "Добрый вечер!" in told["screen"]
    assert "Она кивает." in told["screen"]
    assert told["standalone"], "a process in the background would be killed there"
    assert not told["mouse"]
    assert told["loaded"] == []
