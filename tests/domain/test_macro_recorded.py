"""Macros as SillyTavern 1.19 resolved them, where the recordings are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui.domain.macros import Collected, MacroContext, Variables, expand

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "sillytavern" / "macros.json"
DESCRIPTION = "Mira is a lighthouse keeper. Mira knows Alex well."
GREETING = '*The lamp turns.* "Come in, Alex."'
EXAMPLES = (
    '<START>\nAlex: Cold out?\nMira: "Always." *She shrugs.*\n'
    '<START>\nAlex: Tea?\nMira: "Please."\n*She smiles.*'
)
FACTS = {
    "lastmessageid": "4", "lastswipeid": "1", "currentswipeid": "1", "allchatrange": "0-4", "maxprompt": "7936",
    "maxresponse": "256", "mesexamplesraw": EXAMPLES, "instructinput": "### Instruction:\n#### {{name}}:",
    "exampleseparator": "### New Roleplay:",
}
#: The recording has pairs between these that are not in the file; they had added this much.
LEFT_OUT = {"{{incvar::a}}": "{{addvar::a::2}}", "{{.b++}}": "{{.b += 4}}"}


@pytest.mark.skipif(not DATA.exists(), reason="the recorded pairs are not here")
def test_recorded_pairs_in_their_order() -> None:
    variables = Variables()
    collected = Collected()
    context = MacroContext(
        user="Alex", char="Mira", description=DESCRIPTION, personality="calm, wry", scenario="A storm night.",
        persona="Alex is a courier.", last_message='"Sit."', last_user_message="Very.", last_char_message='"Sit."',
        greetings=(GREETING,), facts=FACTS, outlets={}, variables=variables, collected=collected,
        clock="2026-01-01T12:00:00", pick_seed="base",
    )
    wrong = {}
    for text, expected in json.loads(DATA.read_text(encoding="utf-8")):
        expand(LEFT_OUT.get(text, ""), context)
        found = expand(text, context)
        if found != expected and not (text.startswith("{{pick") and found in "ab"):  # which one is the chat's chance
            wrong[text] = (found, expected)
    assert not wrong
    assert collected.banned == ["word"]
    assert variables.changed() == {
        "a": "8", "b": "8", "s": "hithere", "arr": '["foo"]', "long": "text here",
    }
