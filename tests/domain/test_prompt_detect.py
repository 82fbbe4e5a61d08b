"""Which format a model wants: by hash, by marks, by vocabulary, by name, or not known and said so."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tui.domain.prompt.detect import ModelFacts, choose_for, choose_template
from tui.domain.prompt.resolve import resolve_template
from tui.domain.template import Detection, Template
from tui.engine.gguf import read_metadata
from tui.formats.presets import read_template
from tui.resources import presets_dir
from tui.sandbox import Sandbox

JINJA = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
MARKS = Detection(all=("<|im_start|>",), none=("<|im_sep|>",), name=("chatml", "qwen2"))
CHATML = Template("chatml", "ChatML", detect=MARKS)
PINNED = Template("pinned", "Pinned", detect=Detection(sha256=(hashlib.sha256(JINJA.encode()).hexdigest(),)))
LLAMA = Template("llama-3", detect=Detection(all=("<|start_header_id|>",), name=("llama-3",)))
LLAMA31 = Template("llama-3.1", detect=Detection(all=("<|start_header_id|>", "Cutting Knowledge"), name=("llama-3.1",)))
ALL = (CHATML, PINNED, LLAMA, LLAMA31)
SHIPPED = tuple(
    read_template(file.read_bytes(), file.stem, file.name)
    for file in sorted((presets_dir() / "templates").glob("*.yaml"))
)
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def found(jinja: str = "", name: str = "") -> tuple[str | None, str]:
    choice = choose_template(ALL, jinja=jinja, name=name)
    assert str(choice.why)
    return choice.template.id if choice.template else None, choice.found_by


def shipped(**facts: object) -> tuple[str | None, str]:
    choice = choose_for(SHIPPED, ModelFacts(**facts))  # type: ignore[arg-type]
    return choice.template.id if choice.template else None, choice.found_by


def test_by_hash_whatever_stands_around_it() -> None:
    assert found(JINJA) == ("pinned", "sha256")
    assert found(JINJA + "\0") == ("pinned", "sha256")
    assert found("\n " + JINJA + "\n\0") == ("pinned", "sha256")


def test_by_marks_and_the_richer_rule_wins() -> None:
    assert found(JINJA + "{# x #}") == ("chatml", "rules")
    assert found("<|start_header_id|> Cutting Knowledge Date") == ("llama-3.1", "rules")
    assert found("<|start_header_id|>") == ("llama-3", "rules")


def test_a_template_that_nobody_knows_is_not_guessed_at() -> None:
    assert found("<|im_start|> <|im_sep|>", name="chatml") == (None, "")
    assert found("<|im_start|><|start_header_id|>") == (None, "")


def test_by_name_without_a_template() -> None:
    assert found(name="Qwen2.5-7B-Instruct-Q4_K_M.gguf") == ("chatml", "name")
    assert found(name="Meta-Llama-3.1-8B") == ("llama-3.1", "name")
    assert found(name="Meta-Llama-3-8B") == ("llama-3", "name")
    assert found(name="myllama-30b") == (None, "")
    assert found(name="model") == (None, "")
    assert found() == (None, "")


@pytest.mark.parametrize(("name", "wanted"), [
    ("Pygmalion-2-13b", "metharme"), ("mythalion-13b.Q4_K_M", "metharme"), ("pygmalion-6b-v3", "pygmalion"),
    ("airoboros-33b-gpt4-1.4", "airoboros-1"), ("airoboros-l2-70b-2.1", "airoboros-2"),
    ("airoboros-l2-13b-3.1.2", "airoboros-3"), ("airoboros-13b-gpt4-m2.0", "alpaca"),
    ("WizardLM-70B-V1.0", "vicuna"), ("WizardLM-7B-uncensored", "alpaca"), ("vicuna-13b-v1.5", "vicuna"),
    ("chronos-hermes-13b", "alpaca"), ("MythoMax-L2-13b", "alpaca"), ("StableBeluga-13B", "stable-beluga"),
    ("Synthia-70B-v1.2b", "synthia"), ("miqu-1-70b", "mistral-v1"), ("Mixtral-8x7B-Instruct-v0.1", "mistral-v1"),
    ("Mixtral-8x22B-Instruct-v0.1", "mistral-v3"), ("Mistral-Large-Instruct-2407", "mistral-v3"),
    ("Mistral-Nemo-Instruct-2407", "mistral-v3-tekken"), ("saiga_llama3_8b", "llama-3"),
    ("saiga_nemo_12b", "mistral-v3-tekken"), ("saiga_gemma2_10b", "gemma"), ("saiga2_13b", "saiga"),
    ("mpt-30b-chat", "mpt-30b-chat"), ("mpt-7b-storywriter", "base"), ("grok-1", "base"), ("Grok-2", "grok-2"),
    ("SOLAR-10.7B-Instruct-v1.0", "solar"), ("Llama-3.3-70B-Instruct", "llama-3.1"), ("gemma-2-9b-it", "gemma"),
    ("c4ai-command-r-v01", "command-r"), ("openchat-3.5-0106", "openchat"), ("Falcon3-7B-Instruct", "falcon-3"),
])
def test_names_of_known_models(name: str, wanted: str) -> None:
    assert shipped(name=name) == (wanted, "name")


def test_the_vocabulary_speaks_before_the_name() -> None:
    assert shipped(tokens=frozenset({"<|im_start|>", "<|im_end|>", "<s>"}), name="Mistral-7B") == ("chatml", "tokens")
    both = frozenset({"<|start_header_id|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"})
    assert shipped(tokens=both, eos="<|im_end|>") == ("chatml", "tokens")
    assert shipped(tokens=both, eos="<|eot_id|>") == ("llama-3", "tokens")
    assert shipped(tokens=frozenset({"[INST]", "[/INST]", "[AVAILABLE_TOOLS]"}))[0] == "mistral-v3"
    assert shipped(tokens=frozenset({"<start_of_turn>", "<end_of_turn>"}))[0] == "gemma"


def test_the_family_alone_decides_nothing_but_is_told() -> None:
    choice = choose_for(SHIPPED, ModelFacts(name="my-tune", architecture="gemma2"))
    assert choice.template is None
    assert "Gemma" in str(choice.why)


@pytest.mark.parametrize(("marks", "wanted"), [
    ("<|start|><|channel|>", "gpt-oss"), ("<|turn>model", "gemma-4"), ("<start_of_turn>", "gemma"),
    ("<|im_user|>user<|im_middle|><|im_end|>", "kimi-k2"), ("<|im_start|>user<|im_sep|><|im_end|>", "phi-4"),
    ("[SYSTEM_PROMPT] [INST] ", "mistral-v7"), ("[SYSTEM_PROMPT][INST]", "mistral-v7-tekken"),
    ("[INST] <<SYS>>", "llama-2"), ("' [INST] '", "mistral-v1"), ('" [INST] "', "mistral-v1"),
    ("[AVAILABLE_TOOLS][ [INST]", "mistral-v3-tekken"), ("[AVAILABLE_TOOLS] [ [INST]", "mistral-v3"),
    ("'[INST] '", "mistral-v0"), ("<|header_start|>", "llama-4"), ("<|START_OF_TURN_TOKEN|>", "command-r"),
    ("[gMASK]<sop>", "glm-4"), ("[gMASK]<sop>/nothink<think></think>", "glm-4.5"),
    ("[gMASK]<sop><think></think>", "glm-4.7"), ("<|user|><|model|>", "metharme"), ("[|endofturn|]", "exaone-3"),
    ("<|im_start|>assistant\\n<think>\\n' }}<|im_end|></think>", "qwq"),
])
def test_marks_of_known_families(marks: str, wanted: str) -> None:
    assert shipped(jinja=f"{{# {marks} #}}") == (wanted, "rules")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded renderings are not here")
def test_every_recorded_template_is_known_by_its_hash() -> None:
    hashes = {digest: t for t in SHIPPED for digest in t.detect.sha256}
    for file in sorted((SHARED / "template_vectors").glob("*.json")):
        data = json.loads(file.read_text("utf-8"))
        for digest in filter(None, (data.get("template_sha256"), data.get("template_sha256_trimmed"))):
            assert data["id"] in (hashes[digest].id, *hashes[digest].aliases)


@pytest.mark.parametrize(("file", "wanted", "by"), [
    ("phi-3", "phi-3-first", "sha256"), ("qwen2", "qwen-1.5", "rules"), ("llama-bpe", "llama-3", "tokens"),
    ("falcon", "falcon", "name"), ("gpt-2", None, ""), ("llama-spm", None, ""),
])
def test_real_files(file: str, wanted: str | None, by: str) -> None:
    path = SHARED / "vocab" / f"ggml-vocab-{file}.gguf"
    if not path.is_file():
        pytest.skip("the vocabularies are not here")
    info = read_metadata(path)
    facts = ModelFacts(
        info.chat_template, info.name, info.architecture, info.control_tokens, info.bos_token, info.eos_token,
    )
    choice = choose_for(SHIPPED, facts)
    assert (choice.template.id if choice.template else None, choice.found_by) == (wanted, by)


def test_marks_are_believed_only_where_the_format_writes_what_the_template_writes() -> None:
    plain = JINJA + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    loud = plain.replace("{{ m.content }}", "!{{ m.content }}")
    wild = plain.replace("{{ m.content }}", "{{ loop.index }}: {{ m.content }}")
    sandbox = Sandbox()
    try:
        found = {text: resolve_template(SHIPPED, ModelFacts(text), render=sandbox.renderer(text))
                 for text in (plain, loud, wild)}
    finally:
        sandbox.close()
    assert (found[plain].template or CHATML).id == "chatml"
    assert found[plain].found_by == "rules"
    assert not any(d.required for d in found[plain].differences)
    made = found[loud].template
    assert made is not None
    assert (found[loud].found_by, made.user_prefix, made.jinja) == ("derived", "<|im_start|>user\n!", "")
    kept = found[wild].template
    assert kept is not None
    assert (found[wild].found_by, kept.jinja) == ("jinja", wild)


@pytest.mark.parametrize(("text", "wanted"), [
    ("<|im_start|>Nothing of what is said.<|im_end|>", None),
    ("{{ messages[0].content[0].text }}" + JINJA.replace("m.content", "m.content[0].text"), "jinja"),
    (JINJA.replace("{{ m.content }}", "{% for part in m.content %}{{ part.text }}{% endfor %}"), "rules"),
])
def test_templates_that_write_nothing_of_a_text_and_those_that_want_it_in_parts(text: str, wanted: str | None) -> None:
    text += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    sandbox = Sandbox()
    try:
        found = resolve_template(SHIPPED, ModelFacts(text), render=sandbox.renderer(text))
    finally:
        sandbox.close()
    if wanted == "rules":
        assert (found.template.id if found.template else None, found.found_by) == ("chatml", "rules")
    elif wanted is None:
        assert found.template is None
        assert "makes no prompt" in str(found.why)
    else:
        assert found.found_by == wanted


def test_a_pin_comes_first_and_is_compared() -> None:
    sandbox = Sandbox()
    try:
        gemma = next(t for t in SHIPPED if t.id == "gemma")
        found = resolve_template(SHIPPED, ModelFacts(JINJA), pinned=gemma, render=sandbox.renderer(JINJA))
    finally:
        sandbox.close()
    assert (found.template, found.found_by) == (gemma, "pin")
    assert any(d.required for d in found.differences)
