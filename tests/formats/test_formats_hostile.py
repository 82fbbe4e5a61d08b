"""Hostile files: each is read or explained, quickly, in bounded memory, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MAKER = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "make_hostile.py"

#: Runs in a process of its own: limits on memory and time, no sockets, an empty working directory.
READER = r"""
import json, os, re, resource, sys, time
from pathlib import Path
from tui.domain.errors import BadInput
from tui.formats.card_read import read_card
from tui.formats.card_write import card_json, card_png
from tui.formats.chat_read import read_chat
from tui.formats.detect import detect_kind
from tui.formats.files import read_bounded
from tui.formats.lore_read import read_lorebook
from tui.formats.lore_write import lorebook_json
from tui.formats.presets import read_profile, read_prompt, read_samplers, read_template

def no_network(event, args):
    if event.startswith("socket.") or event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        raise RuntimeError("hostile file reached " + event)
sys.addaudithook(no_network)
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
bad = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
problems, kinds = [], {}

def preset(read):
    return lambda data, name: read(data, "mine", name)

def card(data, name):
    file = read_card(data, name)
    for note in file.notes:
        said(str(note), name)
    for text in (file.card.name, file.card.description, *file.card.greetings, *file.card.tags):
        if re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text):
            problems.append("control characters in a text of " + ascii(name))
    read_card(card_json(file, {"creator": "x"}), "again.json")
    read_card(card_png(file), "again.png")

def lore(data, name):
    book = read_lorebook(data, name)
    if any(not key.strip() for entry in book.entries for key in entry.keys):
        problems.append("an empty key in " + ascii(name))
    read_lorebook(lorebook_json(book), "again.json")

def said(text, name):
    if bad.search(text) or len(text) > 1000:
        problems.append("a message of " + ascii(name) + " is not clean: " + ascii(text[:200]))

readers = [detect_kind, card, lore, read_chat, *map(preset, (read_template, read_samplers, read_prompt, read_profile))]
for folder, _, names in os.walk(os.fsencode(sys.argv[1])):
    for raw in sorted(names):
        path = Path(os.fsdecode(os.path.join(folder, raw)))
        taken = []
        try:
            data = read_bounded(path, 64 << 20)
        except BadInput as error:
            said(str(error), path.name)
            kinds[ascii(path.name)] = "refused"
            continue
        for number, read in enumerate(readers):
            start = time.process_time()
            try:
                read(data, path.name)
                taken.append(number)
            except BadInput as error:
                said(str(error), path.name)
            except Exception as error:
                problems.append(f"{ascii(path.name)}: {type(error).__name__} {ascii(str(error))[:200]}")
            if time.process_time() - start > 3.0:
                problems.append(f"{ascii(path.name)} took {time.process_time() - start:.1f} s")
        kinds[ascii(path.name)] = taken
# The peak of this program alone, in kB: getrusage would count what the test runner held before it started us.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"problems": problems, "kinds": kinds, "memory": peak}))
"""


@pytest.mark.skipif(not MAKER.is_file(), reason="the shared data are not here")
def test_no_hostile_file_does_any_harm(tmp_path: Path) -> None:
    made, work = tmp_path / "made", tmp_path / "work"
    work.mkdir()
    subprocess.run([sys.executable, str(MAKER), str(made)], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(made)], cwd=work, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert not result["problems"], "\n".join(result["problems"])
    assert len(result["kinds"]) > 200
    assert result["memory"] < 300_000
    assert list(work.iterdir()) == []
    assert not list(tmp_path.rglob("PWNED_BY_IMPORT*"))
    for name in ("'fifo.png'", "'zero.json'", "'sparse_1G.json'", "'link_loop.png'"):
        assert result["kinds"].get(name, "refused") == "refused"
    for name in (
        "'chunk_len_ffffffff.png'",
        "'pixel_flood_169Mpx.png'",
        "'many_chara_chunks.png'",
        "'traversal_names.charx'",
    ):
        assert 1 in result["kinds"][name], f"{name} holds a sound card"
    for name in (
        "'billion_laughs.yaml'",
        "'merge_bomb.yaml'",
        "'python_apply.yaml'",
        "'deep.yaml'",
        "'bomb_card_256M.charx'",
    ):
        assert result["kinds"][name] in ([], [0]), f"{name} must not be taken"
