"""A core that is given every file of a folder, under watch. Prints one JSON object with what was seen.

Called as: hostile_core.py FOLDER URL. URL is of a server in KoboldCpp's manner that says SAID. The working directory
and the home must be empty.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import resource
import stat
import sys
import time
from pathlib import Path
from typing import Any

HOME, FOLDER, SERVER = Path(os.environ["TRAKTIR_HOME"]), Path(sys.argv[1]), sys.argv[2]
SAID = "Understood, keeper."
#: What a terminal obeys: C0 but newline and tab, DEL, C1; and what turns the direction of writing.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: Words that wake lorebooks, macros and slow patterns among the samples.
SPOKEN = "go keeper a k1 key5 " + "a" * 40 + "! " + "x" * 40
STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn")
PRESETS = {"template": "template", "samplers": "samplers", "prompt": "prompt"}
problems: list[str] = []
steps: list[dict[str, Any]] = []
too_long: list[str] = []
now = "the start"


def watch(event: str, args: tuple[Any, ...]) -> None:
    """Nothing is written outside the home, nobody but the server is called, nothing foreign is read or started."""
    if event == "open":
        path, _, flags = args
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if isinstance(path, str | bytes | os.PathLike) and (writes or "passwd" in os.fsdecode(path)):
            at_home(event, path)
    elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate"):
        at_home(event, args[0])
    elif event in ("os.rename", "os.link", "os.symlink"):
        at_home(event, args[1])
    elif event in STARTS or (event == "subprocess.Popen" and "tui.sandbox.worker" not in str(args[1])):
        problems.append(f"{now}: {event} {args!r:.200}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.bind", "socket.sendto"):
        at_server(event, args)


def at_home(event: str, path: Any) -> None:
    if isinstance(path, int):
        return
    where = Path(os.fsdecode(path)).absolute()
    if str(where) not in (os.devnull, "/proc/self/clear_refs") and HOME not in (where, *where.parents):
        problems.append(f"{now}: {event} {os.fsdecode(path)!r:.200}")


def at_server(event: str, args: tuple[Any, ...]) -> None:
    host, _, port = SERVER.removeprefix("http://").partition(":")
    if event == "socket.getaddrinfo" and args[:2] in ((host, port), (host, int(port))):
        return
    if event != "socket.connect" or tuple(args[1])[:2] != (host, int(port)):
        problems.append(f"{now}: {event} {args[1:]!r:.200}")


def said(sentence: str) -> None:
    if OBEYED.search(sentence) or len(sentence) > 1500 or not sentence.strip():
        problems.append(f"{now}: a sentence that is none: {sentence!r:.200}")


def watch_sees() -> None:
    """The watch itself is looked at once."""
    import socket

    Path("outside").write_text("")
    Path("outside").unlink()
    with socket.socket() as line:
        line.connect_ex(("127.0.0.1", 9))
    assert len(problems) == 3, problems
    problems.clear()


class Table:
    """A core as its clients see it."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self._ends: dict[str, asyncio.Future[dict[str, Any]]] = {}
        core.subscribe(self._hear)

    def _hear(self, event: dict[str, Any]) -> None:
        if event["type"] == "turn" and event["state"] == "done" and event["node"] in self._ends:
            self._ends.pop(event["node"]).set_result(event)

    async def call(self, method: str, **params: Any) -> Any:
        """An answer, which must be JSON for the wire; None after an error that is meant for people."""
        from tui.domain.errors import TraktirError
        from tui.wire.codec import encode

        try:
            with Step(method):
                answer = await self._core.call(method, params)
            encode(answer)
            return answer
        except TraktirError as error:
            said(str(error))
        except Exception as error:
            problems.append(f"{now}: {method}: {type(error).__name__}: {error!s:.300}")
        return None

    async def turn(self, chat: str) -> None:
        """Say something in a chat; the reply is there, whole, in the chat and in the tables."""
        from tui.wire.ids import new_id

        snapshot = await self.call("chats.open", id=chat)
        node, reply = new_id(), new_id()
        end = self._ends[reply] = asyncio.get_running_loop().create_future()
        with Step("a turn"):
            begun = await self.call(
                "turn.say", chat=chat, parent=snapshot["chat"]["head"], node=node, revision=new_id(), text=SPOKEN,
                reply=reply, reply_revision=new_id(),
            )
            done = await asyncio.wait_for(end, 120) if begun else None
        if done is not None and (done["error"] or {}).get("code") == "prompt_too_long":
            too_long.append(now)
            return
        if done is None or done["error"] is not None:
            problems.append(f"{now}: a turn failed: {done!r:.300}")
            return
        kept = (await self._core.store.load_chat(chat)).nodes[reply]
        shown = {n["id"]: n for n in (await self.call("chats.open", id=chat))["nodes"]}[reply]
        for text in (kept.text, shown["revisions"][-1]["text"]):
            if text.strip() != SAID:
                problems.append(f"{now}: the reply is kept as {text!r:.200}")


class Step:
    """Times a step: seconds by the clock, of this process's work and of its helpers' work."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._began, self._work = time.monotonic(), time.process_time()
        self._helped = helpers_work()

    def __exit__(self, *_: object) -> None:
        steps.append({
            "step": self._name, "file": now, "seconds": round(time.monotonic() - self._began, 3),
            "work": round(time.process_time() - self._work, 3), "helpers": round(helpers_work() - self._helped, 3),
        })


def helpers_work() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


async def take(table: Table, path: Path, server: str) -> dict[str, Any]:
    """Import a file and use what it brought."""
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    return await take_bytes(table, name, path.read_bytes(), server)


async def take_bytes(table: Table, name: str, data: bytes, server: str) -> dict[str, Any]:
    """Import bytes; open what they brought, export it, begin a chat, plan a turn and take it."""
    from tui.domain.errors import TraktirError
    from tui.domain.notice import Notice
    from tui.wire.ids import new_id

    answer = await table.call("import", name=name, data_base64=base64.b64encode(data).decode())
    kinds: list[str] = []
    errors: list[str] = []
    notes: list[str] = []
    for result in answer["files"] if answer else ():
        if result["error"]:
            errors.append(str(TraktirError.from_json(result["error"])))
            said(errors[-1])
            continue
        kinds.append(result["kind"])
        for note in result["warnings"]:
            notes.append(str(Notice.from_json(note)))
            said(notes[-1])
        chat = new_id()
        if result["kind"] == "card":
            await table.call("characters.get", id=result["id"])
            await table.call("characters.export", id=result["id"], format="json")
            await table.call("characters.export", id=result["id"], format="png")
            await table.call("chats.create", id=chat, character=result["id"])
        elif result["kind"] == "chat":
            chat = result["id"]
            await table.call("chats.export", id=chat, format="jsonl")
        elif result["kind"] == "lorebook":
            await table.call("lorebooks.get", id=result["id"])
            await table.call("lorebooks.export", id=result["id"])
            await table.call("chats.create", id=chat, character="mira")
            await table.call("chats.set", id=chat, field="lorebooks", value=[result["id"]])
        else:
            await table.call("chats.create", id=chat, character="mira")
            if result["kind"] in PRESETS:
                await use_preset(table, chat, result["kind"], result["id"], server)
        await table.call("prompt.show", chat=chat, text=SPOKEN + "a {{random:b,c}}")
        await table.turn(chat)
        await table.call("chats.export", id=chat, format="txt")
    return {"kinds": kinds, "errors": errors, "notes": notes}


def as_preset(jinja: str) -> bytes:
    """A chat template as text-generation-webui keeps it."""
    return ("instruction_template: |-\n" + "".join(f"  {line}\n" for line in jinja.split("\n"))).encode()


async def use_preset(table: Table, chat: str, kind: str, preset: str, server: str) -> None:
    chosen = {"template": "chatml", "samplers": "default", "prompt": "default"} | {kind: preset}
    text = f"backend: {{kind: koboldcpp, url: '{server}'}}\n" + "".join(f"{k}: '{v}'\n" for k, v in chosen.items())
    await table.call("presets.save", kind="profiles", id="hostile", text=text)
    await table.call("profiles.use", id="hostile", chat=chat)


def memory(which: str) -> int:
    """Kilobytes of this program alone ("VmHWM": the peak; "VmRSS": now). getrusage would count what the test runner
    held before it started us."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(which))


async def main() -> None:
    from tui.core.app import Core, CoreConfig

    global now
    pace = measured_pace()
    core = await Core.start(CoreConfig())
    table, files = Table(core), {}
    await table.call("connection.use", kind="koboldcpp", url=SERVER, template="chatml")
    await table.call("models.load")
    sys.addaudithook(watch)
    watch_sees()
    for path in sorted(FOLDER.glob("*/*")):
        if stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size < 1 << 26 and os.access(path, os.R_OK):
            now = ascii(str(path.relative_to(FOLDER)))[1:-1]
            files[now] = await take(table, path, SERVER)
            if path.suffix == ".jinja":            # by itself it is nothing; in a preset it is rendered
                now += ".yaml"
                files[now] = await take_bytes(table, f"{path.name}.yaml", as_preset(path.read_text("utf-8")), SERVER)
            files[now] |= {"memory": memory("VmHWM"), "after": memory("VmRSS")}
            clear_peak()
    now = "the end"
    for method in ("characters.list", "chats.list", "lorebooks.list", "presets.list"):
        await table.call(method, **({"kind": "templates"} if method == "presets.list" else {}))
    await table.call("chats.search", query="keeper")
    problems.extend(map(str, await core.store.check()))
    await core.close()
    print(json.dumps({
        "problems": problems, "files": files, "steps": steps, "too_long": too_long, "pace": max(pace, measured_pace()),
    }))


def measured_pace() -> float:
    """Seconds of work that this machine needs now for what takes one of 2020's laptops about a tenth of a second."""
    began, total = time.process_time(), 0
    for number in range(2_000_000):
        total += number & 7
    return time.process_time() - began


def clear_peak() -> None:
    """Let the next peak be told by itself, where the system can."""
    try:
        descriptor = os.open("/proc/self/clear_refs", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(descriptor, b"5")
    finally:
        os.close(descriptor)


asyncio.run(main())
