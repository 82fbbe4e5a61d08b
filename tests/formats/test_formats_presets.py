"""Presets: what ships is sound; what is wrong is named by file, line and field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.errors import BadInput
from tui.domain.lore_scan import scan_lore
from tui.domain.profile import Profile
from tui.domain.samplers import Samplers
from tui.domain.template import Template, Trim
from tui.formats import yaml_read
from tui.formats.card_read import read_card
from tui.formats.detect import detect_kind
from tui.formats.presets import (
    SamplerPreset,
    read_profile,
    read_prompt,
    read_samplers,
    read_template,
    template_yaml,
    write_profile,
    write_samplers,
)
from tui.formats.yaml_read import read_yaml

ROOT = Path(__file__).parents[2]
PRESETS, CHARACTERS = ROOT / "presets", ROOT / "characters"
KINDS = {"templates": "template", "samplers": "samplers", "prompts": "prompt", "profiles": "profile"}


@pytest.fixture(params=["compiled", "plain"], scope="module", autouse=True)
def parser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both of PyYAML's parsers: the compiled one is missing on some systems."""
    before = yaml_read._LOADER
    if request.param == "plain":
        yaml_read._LOADER = yaml.SafeLoader
    yield
    yaml_read._LOADER = before


def shipped(kind: str) -> list[Path]:
    return sorted((PRESETS / kind).glob("*.yaml"))


def test_every_shipped_preset_reads_and_is_told_from_the_others() -> None:
    for kind, name in KINDS.items():
        assert shipped(kind)
        for path in shipped(kind):
            assert detect_kind(path.read_bytes(), path.name) == name
            assert path.read_text("utf-8").startswith("# ")
    for path in shipped("samplers"):
        Samplers().with_values(read_samplers(path.read_bytes(), path.stem).values)
    for path in shipped("prompts"):
        preset = read_prompt(path.read_bytes(), path.stem)
        assert "{{system}}" in preset.story
        assert "{{description}}" in preset.story
        assert preset.story.count("{{#if") == preset.story.count("{{/if}}")


def test_the_shipped_profiles_name_what_exists() -> None:
    for path in shipped("profiles"):
        profile = read_profile(path.read_bytes(), path.stem)
        assert (PRESETS / "samplers" / f"{profile.samplers}.yaml").is_file()
        assert (PRESETS / "prompts" / f"{profile.prompt}.yaml").is_file()
        assert profile.template == "auto" or (PRESETS / "templates" / f"{profile.template}.yaml").is_file()


def test_the_shipped_templates_leave_and_come_back() -> None:
    names: set[str] = set()
    for path in shipped("templates"):
        template = read_template(path.read_bytes(), path.stem)
        assert read_template(template_yaml(template), path.stem) == template
        assert template.stop or template.id == "base"
        assert not names & {template.id, *template.aliases}
        names |= {template.id, *template.aliases}
    assert {"alpaca", "chatml", "llama-3"} <= names


def test_the_starter_models_own_template_is_recognised() -> None:
    import hashlib

    gguf = (ROOT / "tui" / "engine" / "starter" / "starter.gguf").read_bytes()[:4_000_000]
    at = gguf.index(b"tokenizer.chat_template") + len(b"tokenizer.chat_template") + 4
    text = gguf[at + 8 : at + 8 + int.from_bytes(gguf[at : at + 8], "little")]
    chatml = read_template((PRESETS / "templates" / "chatml.yaml").read_bytes(), "chatml")
    assert hashlib.sha256(text.strip()).hexdigest() in chatml.detect.sha256
    assert all(word.encode() in text for word in chatml.detect.all)
    assert not any(word.encode() in text for word in chatml.detect.none)


def test_every_shipped_character_is_whole() -> None:
    paths = [p for p in sorted(CHARACTERS.iterdir()) if p.suffix in {".yaml", ".json", ".png"}]
    assert len(paths) >= 5
    cards = {p.stem: read_card(p.read_bytes(), p.name) for p in paths}
    for file in cards.values():
        card = file.card
        assert file.notes == ()
        assert len(card.greetings) >= 3
        assert card.mes_example.startswith("<START>")
        assert card.tags
        assert card.creator == "Traktir"
        assert card.description.count("{{") == card.description.count("}}")
    russian = cards["yermolay"].card
    assert russian.book is not None
    said = ["Что ты прячешь за печкой?", "Дом, говорят, под снос.", "А на чердаке кто живёт?", "Расскажи про Катю."]
    fired = {hit.comment for hit in scan_lore([russian.book], said, lambda text: 1).hits if hit.fired}
    assert fired >= {"Квартира (всегда)", "Печь", "Чердак", "Расселение", "Катя"}
    books = [c.card.book for c in cards.values() if c.card.book]
    assert any(len(b.entries) >= 5 and any(e.constant for e in b.entries) for b in books)
    assert any(e.position == "at_depth" for b in books for e in b.entries)
    assert any(c.card.depth_prompt for c in cards.values())


def test_mira_fits_the_starter_model() -> None:
    card = read_card((CHARACTERS / "mira.yaml").read_bytes(), "mira.yaml").card
    head = f"You are {card.name}. You talk with Alexander.\n{card.name}'s persona: {card.description}"
    assert len(head) / 2.5 < 200  # 100 tokens by the model's own tokenizer


def fails(read, text: str) -> tuple[str, dict]:  # type: ignore[type-arg, no-untyped-def]
    with pytest.raises(BadInput) as caught:
        read(text.encode(), "mine", "mine.yaml")
    assert caught.value.details["file"] == "mine.yaml"
    return str(caught.value), caught.value.details


def test_an_unknown_field_is_named_with_its_line_and_a_guess() -> None:
    said, details = fails(read_template, "label: x\n\nuser_prefx: y\n")
    assert "mine.yaml, line 3" in said
    assert "Did you mean user_prefix?" in said
    assert (details["line"], details["field"]) == (3, "user_prefx")
    said, details = fails(read_template, "trim:\n  system: both\n  usr: both\n")
    assert (details["line"], details["field"]) == (3, "trim.usr")
    said, details = fails(read_samplers, "label: x\ntemprature: 1\n")
    assert "temperature" in said
    said, details = fails(read_profile, "backend:\n  kind: openai\n  api_key: secret\n")
    assert (details["line"], details["field"]) == (3, "backend.api_key")
    assert "secret" not in said


@pytest.mark.parametrize(
    ("read", "text", "line", "field"),
    [
        (read_template, "label: x\nsystem_placement: somewhere\n", 2, "system_placement"),
        (read_template, "stop:\n  - a\n  - [b]\n", 3, "stop.1"),
        (read_template, "stop: ['']\n", 1, "stop"),
        (read_template, "detect: word\n", 1, "detect"),
        (read_template, "trim:\n  user: sideways\n", 2, "trim.user"),
        (read_template, "modes:\n  quiet:\n    stopp: [x]\n", 3, "modes.quiet.stopp"),
        (read_template, "reasoning: {strip_history: perhaps}\n", 1, "reasoning.strip_history"),
        (read_samplers, "temperature: hot\n", 1, "temperature"),
        (read_samplers, "\ntop_p: 7\n", 2, "top_p"),
        (read_samplers, "top_p: .nan\n", 1, "top_p"),
        (read_samplers, "top_k: 2.5\n", 1, "top_k"),
        (read_samplers, "order: [top_k, magic]\n", 1, "order"),
        (read_samplers, "logit_bias: 3\n", 1, "logit_bias"),
        (read_prompt, "history_share: 2\n", 1, "history_share"),
        (read_prompt, "lore:\n  scan_depth: -1\n", 2, "lore.scan_depth"),
        (read_prompt, "system: [a]\n", 1, "system"),
        (read_profile, "label: x\nbackend: {url: x}\n", 2, "backend"),
        (read_profile, "backend: {kind: openai, context_length: many}\n", 1, "backend.context_length"),
        (read_profile, "backend:\n  kind: magic\n", 2, "backend.kind"),
        (read_profile, "backend:\n  kind: auto\n  mode: loud\n", 3, "backend.mode"),
    ],
)
def test_a_wrong_value_is_named_with_line_and_field(read, text: str, line: int, field: str) -> None:  # type: ignore[no-untyped-def]
    said, details = fails(read, text)
    assert (details["line"], details["field"]) == (line, field)
    assert field in said
    assert "mine.yaml" in said
    assert "{" not in said


def test_values_are_decoded_by_the_fields_type() -> None:
    preset = read_samplers(
        b"label: no\ntemperature: 1e-2\ntop_k: '40'\nstop: [yes, 010]\nlogit_bias: {on: -100, '#5': 2}\n", "x"
    )
    assert preset == SamplerPreset(
        "x", "no", {"temperature": 0.01, "top_k": 40, "stop": ("yes", "010"), "logit_bias": {"on": -100.0, "#5": 2.0}}
    )
    template = read_template(
        b"trim: {user: both}\nreasoning: {strip_history: yes}\ngeneration_prefix:\nprefill_prefix: ''\n"
        b"modes: {think: {generation_prefix: '<think>', stop: [a, b], trim: {system: right}}}\n",
        "x",
    )
    assert template.trim == Trim(user="both")
    assert template.reasoning.strip_history is True
    assert (template.generation_prefix, template.prefill_prefix) == (None, "")
    assert template.modes == {
        "think": {"generation_prefix": "<think>", "stop": ("a", "b"), "trim": Trim(system="right")}
    }
    profile = read_profile(b"backend: {kind: openai, url: 'http://x:1', context_length: '8192'}\n", "p")
    assert profile.backend == {"kind": "openai", "url": "http://x:1", "context_length": 8192}


def test_empty_files_are_the_defaults() -> None:
    assert read_template(b"", "x") == Template("x")
    assert read_template(b"label:\nstop:\n", "x") == Template("x")
    assert read_samplers(b"# nothing\n", "x").values == {}


def test_what_is_written_is_read_back() -> None:
    profile = Profile(
        "p", "Мой", {"kind": "koboldcpp", "url": "http://localhost:5001", "context_length": 4096}, "alpaca"
    )
    assert read_profile(write_profile(profile), "p") == profile
    samplers = SamplerPreset("s", "yes", {"temperature": 1e-7, "stop": ("\n", "no"), "logit_bias": {"on": -1.0}})
    assert read_samplers(write_samplers(samplers), "s") == samplers


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &x 1\nb: *x\n", 1),
        ("b: *x\n", 1),
        ("a: 1\n<<: {b: 2}\n", 2),
        ("a: 1\nb: !!python/name:os.system x\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("? [a]\n: b\n", 1),
        ("a: 1\na: 2\n", 2),
        ("a: 1\n\tb: 2\n", 2),
        ("a: [1, 2\nb: 3\n", 2),
        ("a: " + "[" * 60, 1),
        ("a: \x00b\n", 1),
        ("a: '\n", 2),
    ],
)
def test_yaml_that_is_not_taken_is_named_by_line(text: str, line: int) -> None:
    with pytest.raises(BadInput) as caught:
        read_yaml(text.encode(), "m.yaml")
    assert caught.value.details["file"] == "m.yaml"
    assert abs(caught.value.details["line"] - line) <= 1
    assert "m.yaml" in str(caught.value)


def test_yaml_scalars_stay_what_was_written() -> None:
    value = read_yaml(
        b"a: no\nb: 1:20\nc: 010\nd: 2024-01-01\ne: ~\nf: ''\ng: |\n  two\n  lines\nh: null\n", "m.yaml"
    ).value
    assert value == {
        "a": "no",
        "b": "1:20",
        "c": "010",
        "d": "2024-01-01",
        "e": None,
        "f": "",
        "g": "two\nlines\n",
        "h": "null",
    }


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120) | st.text(alphabet="ab:-[]{}&*!|>'\"#%?, \n\t\x85\ufeff", max_size=80).map(str.encode))
def test_any_yaml_is_values_or_an_explanation(data: bytes) -> None:
    for read in (read_template, read_samplers, read_prompt, read_profile):
        try:
            value = read(data, "x")
        except BadInput:
            continue
        assert not isinstance(value, SamplerPreset) or Samplers().with_values(value.values)
