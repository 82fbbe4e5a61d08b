"""Real files of other people, damaged as disks and downloads damage them: read, or refused in a sentence."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz_targets import OBEYED, said

from tui.domain.errors import BadInput
from tui.formats.card_read import read_card
from tui.formats.chat_read import read_chat
from tui.formats.detect import detect_kind
from tui.formats.lore_read import read_lore_file
from tui.formats.preset_import import convert_preset
from tui.formats.presets import read_template

Reader = Callable[[bytes, str], Any]
_TEMPLATE: Reader = lambda data, name: read_template(data, "x", name)  # noqa: E731
READERS: dict[str, tuple[Reader, ...]] = {
    "cards": (read_card,), "lorebooks": (read_lore_file,), "chats": (read_chat,),
    "presets": (convert_preset, _TEMPLATE),
}
#: A file is cut at every 64th byte, or, if it is long, at this many places.
CUTS = 16
LARGEST = 100_000


def damaged(data: bytes, dice: random.Random) -> Iterator[bytes]:
    """Cut off, with bits flipped, with pieces of it exchanged, doubled, lost, or made zero."""
    step = max(64, len(data) // CUTS // 64 * 64)
    yield from (data[:end] for end in range(0, len(data), step))
    for _ in range(8):
        flipped = bytearray(data)
        for _ in range(dice.randint(1, 8)):
            flipped[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        yield bytes(flipped)
    for _ in range(5):
        a, b, c = sorted(dice.randrange(len(data) + 1) for _ in range(3))
        yield data[:a] + data[b:c] + data[a:b] + data[c:]
        yield data[:b] + data[a:b] + data[b:]
        yield data[:a] + data[b:]
        yield data[:a] + bytes(min(b - a, 512)) + data[a + min(b - a, 512):]


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_read_or_refused_in_a_sentence(shared: Path, kind: str) -> None:
    tried = read = 0
    for path in sorted((shared / kind).rglob("*")):
        if not path.is_file() or not 0 < path.stat().st_size < LARGEST or path.suffix == ".md":
            continue
        dice = random.Random(path.name)
        for data in damaged(path.read_bytes(), dice):
            tried += 1
            detect_kind(data, path.name)
            for reader in READERS[kind]:
                try:
                    found = reader(data, path.name)
                except BadInput as error:
                    said(error)
                    continue
                read += 1
                notes = [str(note) for note in getattr(found, "notes", ())]
                assert not [note for note in notes if OBEYED.search(note)]
    assert tried > 500
    assert read > tried // 20, "some damage is slight"
