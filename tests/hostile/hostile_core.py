"""A core that is given every file of a folder, under watch. Prints one JSON object with what was seen.

Called as: hostile_core.py FOLDER. The working directory and the home must be empty.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import stat
import sys
import time
from pathlib import Path
from typing import Any

HOME, FOLDER = Path(os.environ["TRAKTIR_HOME"]), Path(sys.argv[1])
#: What a terminal obeys: C0 but newline and tab, DEL, C1; and what turns the direction of writing.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
problems: list[str] = []
slowest: list[tuple[float, str]] = []
now = "the start"


def watch(event: str, args: tuple[Any, ...]) -> None:
    """Nothing is written outside the home, nobody is called, nothing foreign is read."""
    if event == "open":
        path, _, flags = args
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if isinstance(path, str | bytes | os.PathLike) and (writes or "passwd" in os.fsdecode(path)):
            at_home(event, path)
    elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate"):
        at_home(event, args[0])
    elif event in ("os.rename", "os.link", "os.symlink"):
        at_home(event, args[1])
    elif event in ("os.system", "os.exec", "socket.getaddrinfo", "socket.gethostbyname"):
        problems.append(f"{now}: {event} {args!r:.200}")
    elif event == "socket.connect" and not isinstance(args[1], str | bytes):
        problems.append(f"{now}: {event} {args[1]!r:.200}")


def at_home(event: str, path: Any) -> None:
    if isinstance(path, int):
        return
    where = Path(os.fsdecode(path)).absolute()
    if where != Path(os.devnull) and HOME not in (where, *where.parents):
        problems.append(f"{now}: {event} {os.fsdecode(path)!r:.200}")


def said(sentence: str) -> None:
    if OBEYED.search(sentence) or len(sentence) > 1500 or not sentence.strip():
        problems.append(f"{now}: a sentence that is none: {sentence!r:.200}")


def watch_sees() -> None:
    """The watch itself is looked at once."""
    Path("outside").write_text("")
    Path("outside").unlink()
    assert len(problems) == 2, problems
    problems.clear()


class Table:
    """A core as its clients see it."""

    def __init__(self, core: Any) -> None:
        self._core = core

    async def call(self, method: str, **params: Any) -> Any:
        """An answer, which must be JSON for the wire; None after an error that is meant for people."""
        from tui.domain.errors import TraktirError
        from tui.wire.codec import encode

        start = time.monotonic()
        try:
            answer = await self._core.call(method, params)
            encode(answer)
            return answer
        except TraktirError as error:
            said(str(error))
        except Exception as error:
            problems.append(f"{now}: {method}: {type(error).__name__}: {error!s:.300}")
        finally:
            slowest.append((round(time.monotonic() - start, 3), f"{method} of {now}"))
        return None


async def take(table: Table, path: Path) -> dict[str, Any]:
    """Import a file and use what it brought: open it, begin a chat, plan a turn."""
    from tui.wire.ids import new_id

    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    answer = await table.call("import", name=name, data_base64=base64.b64encode(path.read_bytes()).decode())
    kinds: list[Any] = []
    for result in answer["files"] if answer else ():
        kinds.append(result["kind"])
        if result["error"]:
            from tui.domain.errors import TraktirError

            said(str(TraktirError.from_json(result["error"])))
        elif result["kind"] == "card":
            await table.call("characters.get", id=result["id"])
            await table.call("characters.export", id=result["id"], format="json")
            chat = new_id()
            await table.call("chats.create", id=chat, character=result["id"])
            await table.call("prompt.show", chat=chat, text="a {{random:b,c}}")
        elif result["kind"] == "chat":
            await table.call("chats.open", id=result["id"])
            await table.call("prompt.show", chat=result["id"], text="a")
            await table.call("chats.export", id=result["id"], format="jsonl")
        elif result["kind"] == "lorebook":
            await table.call("lorebooks.get", id=result["id"])
    return {"kinds": kinds}


def peak_kb() -> int:
    """The peak of this program alone: getrusage would count what the test runner held before it started us."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


async def main() -> None:
    from tui.core.app import Core, CoreConfig

    global now
    core = await Core.start(CoreConfig())
    table, taken = Table(core), {}
    await table.call("models.load")                # the engine starts before the watch: it is a process of ours
    sys.addaudithook(watch)
    watch_sees()
    for path in sorted(FOLDER.glob("*/*")):
        if stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size < 1 << 26:
            now = ascii(str(path.relative_to(FOLDER)))
            taken[now] = (await take(table, path))["kinds"]
    now = "the end"
    for method in ("characters.list", "chats.list", "lorebooks.list"):
        await table.call(method)
    await table.call("chats.search", query="keeper")
    await core.close()
    print(json.dumps({
        "problems": problems, "taken": taken, "slowest": sorted(slowest, reverse=True)[:12],
        "memory": peak_kb(),
    }))


asyncio.run(main())
