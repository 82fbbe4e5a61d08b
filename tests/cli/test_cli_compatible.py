"""SillyTavern's things taken over by the command line alone: what the model reads then is SillyTavern's to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "domain"), str(TESTS / "backends")]

import compatible_kit as kit  # noqa: E402
from scripted import ScriptedServer, as_koboldcpp, as_openai  # noqa: E402

from tui.cli import main  # noqa: E402

FIXTURES = kit.GOLD / "fixtures"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the shared data is not here")

CONTEXT = {
    "story_string": kit.STORY, "chat_start": "", "example_separator": "", "use_stop_strings": False,
    "names_as_stop_strings": True, "story_string_position": 0, "story_string_depth": 1, "story_string_role": 0,
    "always_force_name2": True,
}
PERSONA_PLACES = {"2": "note_top", "3": "note_bottom", "4": "at_depth", "9": "none"}
EXAMPLES = {"strip_examples": "never", "pin_examples": "always"}


def command(*words: str) -> str:
    """What a command prints; it must succeed."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    out.flush()
    err.flush()
    assert status == 0, err.buffer.getvalue().decode()
    return out.buffer.getvalue().decode()


def told(*words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in command(*words, "--json").splitlines()]


@pytest.fixture
def core(home: Path) -> Iterator[None]:
    yield
    with contextlib.suppress(AssertionError):
        command("stop", "--force")


class Person:
    """Does by commands what a recorded scenario says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chats = 0
        self.profiles: dict[str, str] = {}
        command("import", *map(str, sorted((FIXTURES / "characters").glob("*.png"))))

    def profile(self, instruct: str, changes: Mapping[str, Any]) -> str:
        """Imports the presets of a scenario, its changes among them, as a profile."""
        key = json.dumps([instruct, dict(changes)], sort_keys=True)
        if key not in self.profiles:
            number = len(self.profiles)
            own = {k.removeprefix("instruct."): v for k, v in changes.items() if k.startswith("instruct.")}
            context = {k.removeprefix("context."): v for k, v in changes.items() if k.startswith("context.")}
            context |= {k: v for k, v in changes.items() if k in ("single_line", "always_force_name2")}
            files = [
                self.put(f"i{number}.json", {"name": f"Ins {number}", **kit.INSTRUCT[instruct], **own}),
                self.put(f"c{number}.json", {"name": f"Con {number}", **CONTEXT, **context}),
                self.put(f"s{number}.json", {"name": f"Sys {number}", "content": kit.SYSTEM, "post_history": ""}),
            ]
            made = told("import", "--as-profile", f"Exactly {number}", *files)[-1]
            self.profiles[key] = made["id"]
            self.edit(made["id"], changes)
        return self.profiles[key]

    def edit(self, prompt: str, changes: Mapping[str, Any]) -> None:
        """What SillyTavern keeps in no preset stands in the prompt preset."""
        fields = yaml.safe_load(command("presets", "show", "prompts", prompt))
        fields["examples"] = next((mode for name, mode in EXAMPLES.items() if changes.get(name)), "gradual")
        if reasoning := {k.removeprefix("reasoning."): v for k, v in changes.items() if k.startswith("reasoning.")}:
            fields["sillytavern"]["reasoning"] = reasoning
        command("presets", "edit", "prompts", prompt, "--text", yaml.safe_dump(fields, allow_unicode=True))

    def put(self, name: str, value: object) -> str:
        path = self.folder / name
        path.write_text(json.dumps(value), "utf-8")
        return str(path)

    def chat(self, cfg: Mapping[str, Any]) -> str:
        """Imports the scenario's chat; narrators that a command adds are written into the file."""
        folder = self.folder / cfg["char"]
        folder.mkdir(exist_ok=True)
        source = FIXTURES / "chats_input" / cfg["char"] / f"{cfg['chat']}.jsonl"
        lines = source.read_text("utf-8").splitlines()
        for text in cfg["pre"]:
            if match := re.fullmatch(r"/sys at=(\d+) (.*)", text):
                narrator = {"name": "System", "is_user": False, "is_system": False, "mes": match[2],
                            "extra": {"type": "narrator"}}
                lines.insert(int(match[1]) + 1, json.dumps(narrator))
        path = folder / source.name
        self.chats += 1                                    # the same file again would be the same chat
        path.write_text("\n".join(lines) + "\n" * self.chats, "utf-8")
        return str(told("import", str(path))[0]["id"])

    def plays(self, cfg: Mapping[str, Any], always: Mapping[str, Any]) -> tuple[str, list[str]]:
        """The chat and the words that ask for the scenario's prompt."""
        changes = {**kit.tweaks(cfg.get("tweak")), **always}
        chat = self.chat(cfg)
        fields = [
            f"profile={self.profile(cfg['instruct'], changes)}", "persona=Alex", "persona_text=Alex is a courier.",
        ]
        if place := PERSONA_PLACES.get(str(changes.get("persona_description_position"))):
            role = kit.ROLES[int(changes.get("persona_description_role", 0))]
            depth = int(changes.get("persona_description_depth", 2))
            fields += [f"persona_position={place}", f"persona_role={role}", f"persona_depth={depth}"]
        if bias := changes.get("user_prompt_bias"):
            fields.append(f"prefill={bias}")
        if injections := [i for i in map(injected, cfg["pre"]) if i]:
            fields.append(f"injections={json.dumps(injections)}")
        command("chats", "set", chat, *fields)
        text = (cfg["opts"] or {}).get("quiet_prompt", "") or cfg["text"]
        return chat, ["--chat", chat, "--kind", cfg["type"], "--text", text]


def injected(text: str) -> dict[str, Any] | None:
    match = re.match(r"/inject id=(\w+) position=(\w+)(?: depth=(\d+))?(?: role=(\w+))? (.*)", text)
    if match is None:
        return None
    where = {"chat": "at_depth"}.get(match[2], match[2])
    return {"id": match[1], "text": match[5], "position": where, "depth": int(match[3] or 4),
            "role": match[4] or "system"}


#: The recordings of these formats in each kind; the others differ in their presets alone.
FORMATS = ("ChatML", "Mistral V7")


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize(("file", "always"), [
    ("gold1.json", {}), ("gold2.json", {"strip_examples": True}), ("gold2b.json", {}),
])
def test_recorded_prompts(file: str, always: dict[str, Any], tmp_path: Path) -> None:
    person = Person(tmp_path)
    different = []
    for name, case in kit.load(file).items():
        if file == "gold2.json" and case["cfg"]["instruct"] not in FORMATS:
            continue
        _, words = person.plays(case["cfg"], always)
        prompt = command("prompt", "show", "--raw", *words)
        stops = told("prompt", "show", *words)[-1]["stops"]
        if (prompt, stops) != (case["prompt"], case["stop"]):
            different.append((name, prompt, case["prompt"], stops, case["stop"]))
    assert not different


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that speaks while commands run in this thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = ScriptedServer()
    as_openai(made, "waves.")
    as_koboldcpp(made, "waves.")
    asyncio.run_coroutine_threadsafe(made.start(), loop).result(10)
    yield made
    asyncio.run_coroutine_threadsafe(made.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.usefixtures("core")
def test_what_is_said_reaches_the_server_so_and_the_start_of_the_reply_belongs_to_it(
    server: ScriptedServer, tmp_path: Path
) -> None:
    case = kit.load("gold1.json")["chatml_bias_names"]
    person = Person(tmp_path)
    chat, _ = person.plays(case["cfg"], {})
    (name,) = person.profiles.values()
    fields = yaml.safe_load(command("profiles", "show", name))
    fields["backend"] = {"kind": "koboldcpp", "url": server.url}
    command("profiles", "edit", name, "--text", yaml.safe_dump(fields))
    command("say", "--chat", chat, case["cfg"]["text"])
    (request,) = server.asked("/api/extra/generate/stream")
    assert request.json["prompt"] == case["prompt"]
    assert request.json["stop_sequence"] == case["stop"]
    assert told("chats", "show", chat)[-1]["text"] == "*She waves."


@pytest.mark.usefixtures("core")
def test_a_server_that_takes_messages_gets_them_so_with_lore_in_all_places(
    server: ScriptedServer, tmp_path: Path
) -> None:
    case = kit.load("gold4_cc.json")["cc_postproc_semi"]
    person = Person(tmp_path)
    command("import", str(FIXTURES / "worlds" / "AllPos.json"))
    chat, _ = person.plays({**case["cfg"], "tweak": None, "instruct": "ChatML", "pre": []}, {})
    (name,) = person.profiles.values()
    profile = yaml.safe_load(command("profiles", "show", name))
    profile["backend"] = {"kind": "openai", "url": server.url, "mode": "chat"}
    command("profiles", "edit", name, "--text", yaml.safe_dump(profile))
    prompt = yaml.safe_load(command("presets", "show", "prompts", profile["prompt"]))
    prompt["sillytavern"] |= kit.tweaks(case["cfg"]["tweak"])
    command("presets", "edit", "prompts", profile["prompt"], "--text", yaml.safe_dump(prompt))
    command("chats", "set", chat, "lorebooks=allpos")
    command("say", "--chat", chat, case["cfg"]["text"])
    assert server.asked("/v1/chat/completions")[-1].json["messages"] == case["messages"]


META: Mapping[str, Any] = {
    "integrity": "0-1", "note_prompt": "Rain.", "note_interval": 2, "note_position": 2, "note_depth": 3,
    "note_role": 1, "scenario": "A calm day.", "system_prompt": "Be brief. {{original}}",
    "mes_example": "{{char}}: Aye.",
    "world_info": "Rec", "variables": {"mood": "wary"},
    "script_injects": {"hint": {"value": "Mood: {{getvar::mood}}", "position": 1, "depth": 1, "scan": False, "role": 2,
                                "filter": None}},
    "timedWorldInfo": {"sticky": {"Rec.0": {"start": 2, "end": 9, "protected": False}}, "cooldown": {}},
    "objective": {"kept": [1]},
}


@pytest.mark.usefixtures("core")
def test_what_a_chats_header_says_holds_here_and_goes_back(tmp_path: Path) -> None:
    person = Person(tmp_path)
    command("import", str(FIXTURES / "worlds" / "Rec.json"))
    said = [
        {"name": "Mira", "is_user": False, "is_system": False, "mes": "Hello.", "extra": {"reasoning": "A guest."},
         "swipes": ["Hello.", "Hi."], "swipe_id": 0,
         "swipe_info": [{"extra": {"reasoning": "A guest."}}, {"extra": {"reasoning": "A friend."}}]},
        {"name": "Alex", "is_user": True, "is_system": False, "mes": "Good day.", "extra": {}},
    ]
    header = {"chat_metadata": META, "user_name": "unused", "character_name": "unused"}
    path = tmp_path / "told.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *said)), "utf-8")
    chat = told("import", str(path))[0]["id"]
    fields = {line["field"]: line["value"] for line in told("chats", "set", chat)}
    assert fields["note"] == "Rain."
    assert (fields["note_position"], fields["note_interval"], fields["note_role"]) == ("before_story", 2, "user")
    assert fields["lorebooks"] == ["rec"]
    command("chats", "set", chat, f"profile={person.profile('ChatML', {})}")
    prompt = command("prompt", "show", "--raw", "--chat", chat, "--text", "Well?")
    assert "system\nRain.\nBe brief. Write Mira's" in prompt               # due: the second message of the person's
    assert "A calm day." in prompt
    assert "A storm night." not in prompt
    assert "assistant\nAye.<|im_end|>" in prompt
    assert "assistant\nMood: wary<|im_end|>\n<|im_start|>user\nWell?" in prompt
    assert "Rain." not in command("prompt", "show", "--raw", "--chat", chat)

    first, *messages = (json.loads(line) for line in command("chats", "export", chat).splitlines())
    assert first["chat_metadata"] == META
    assert [info["extra"]["reasoning"] for info in messages[0]["swipe_info"]] == ["A guest.", "A friend."]
    command("chats", "set", chat, "note=", "scenario=", "lorebooks=")
    left = json.loads(command("chats", "export", chat).splitlines()[0])["chat_metadata"]
    assert not left["note_prompt"]
    assert not {"scenario", "world_info"} & set(left)


def failing(*words: str) -> str:
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        assert main(words) == 1
    return err.getvalue()


@pytest.mark.usefixtures("core")
def test_imports_say_how_to_follow_them_exactly_and_fields_say_what_they_take(tmp_path: Path) -> None:
    person = Person(tmp_path)
    instruct = person.put("Ink Well.json", {"name": "Ink", **kit.INSTRUCT["ChatML"]})
    context = person.put("con.json", {"name": "Ink", **CONTEXT})
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        assert main(["import", instruct, context]) == 0
    (hint,) = (line for line in err.getvalue().splitlines() if "--as-profile NAME" in line)
    words = shlex.split(hint[hint.index("import --as-profile"):].replace("NAME", "Ink"))
    command(*words)
    assert "already" in failing(*words)
    assert "context preset" in failing("import", "--as-profile", "Other", instruct)
    chat = person.chat(kit.load("gold1.json")["chatml_base"]["cfg"])
    assert "FIELD=VALUE" in failing("chats", "set", chat, "note")
    assert "JSON" in failing("chats", "set", chat, "note_depth=deep")
    assert "no field called nonsense" in failing("chats", "set", chat, "nonsense=1")
