"""Presets of other programs: what they become, what is told of it, and that none of them can do harm."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.domain.backend import ChatMessage
from tui.domain.errors import BadInput
from tui.domain.profile import Profile, PromptPreset
from tui.domain.prompt.render import render_messages, text_of
from tui.domain.prompt.story import render_story
from tui.domain.samplers import DEFAULT_ORDER, Samplers
from tui.domain.template import ReasoningTags, Template
from tui.formats.detect import detect_kind
from tui.formats.preset_export import sillytavern_json
from tui.formats.preset_import import convert_preset
from tui.formats.preset_report import Converted
from tui.formats.presets import (
    SamplerPreset,
    read_profile,
    read_prompt,
    read_samplers,
    read_template,
    template_yaml,
    write_prompt,
    write_samplers,
)
from tui.resources import presets_dir

READ: dict[str, Callable[[bytes, str], Any]] = {
    "template": read_template, "prompt": read_prompt, "samplers": read_samplers, "profile": read_profile,
}
TALK = (
    ChatMessage("system", "Be Mira."), ChatMessage("user", "Cold?"), ChatMessage("assistant", "Always."),
    ChatMessage("user", "Tea?"),
)


def convert(value: object, name: str = "mine.json", **more: Any) -> list[tuple[Converted, Any]]:
    """Each part with what our own readers make of it."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert detect_kind(data, name) == "preset"
    return [(part, READ[part.kind](part.data, "mine")) for part in convert_preset(data, name, **more)]


def one(value: object, name: str = "mine.json", **more: Any) -> Any:
    ((_, read),) = convert(value, name, **more)
    return read


def notes(value: object, name: str = "mine.json") -> str:
    return "\n".join(str(note) for part, _ in convert(value, name) for note in part.notes)


def written(template: Template, *messages: ChatMessage) -> str:
    bos, pieces = render_messages(template, messages or TALK, char="Mira", user="Alex")
    return text_of(pieces, bos)


def shipped(name: str) -> Template:
    path = presets_dir() / "templates" / f"{name}.yaml"
    return read_template(path.read_bytes(), name)


def refusal(value: object, name: str = "mine.json", **more: Any) -> str:
    with pytest.raises(BadInput) as told:
        convert(value, name, **more)
    return str(told.value)


def test_every_shared_preset_is_taken_or_says_why_not(shared: Path) -> None:
    files = sorted(p for p in (shared / "presets").iterdir() if p.is_file())
    refused = {}
    for path in files:
        data = path.read_bytes()
        if path.name.startswith("st_quick-replies"):
            assert detect_kind(data, path.name) == "quick replies"
            continue
        assert detect_kind(data, path.name) == "preset", path.name
        try:
            parts = convert_preset(data, path.name)
        except BadInput as error:
            refused[path.name.split("_")[1]] = str(error)
            continue
        for part in parts:
            value = READ[part.kind](part.data, "mine")
            assert value.label == part.name
            if isinstance(value, SamplerPreset):
                Samplers().with_values(value.values)
    assert set(refused) == {"moving-ui"}
    assert all("no use" in told for told in refused.values())


@pytest.mark.parametrize(("file", "ours"), [
    ("st_instruct_Alpaca.json", "alpaca"), ("st_instruct_ChatML.json", "chatml"), ("stage_ChatML_1.json", "chatml"),
    ("stage_ChatML_4.json", "chatml"), ("stage_ChatML_6.json", "chatml"), ("kcpp_Phi-3.json", "phi-3"),
])
def test_the_turns_are_those_of_our_own_format(shared: Path, file: str, ours: str) -> None:
    own = presets_dir() / "templates" / f"{ours}.yaml"
    if not own.is_file():
        pytest.skip("no format of that name ships")
    _, template = convert((shared / "presets" / file).read_bytes(), file)[0]
    silent = [template, read_template(own.read_bytes(), ours)]
    texts = [written(Template(**{**_fields(t), "names": "never", "bos": ""})) for t in silent]
    assert texts[0].rstrip("\n") == texts[1].rstrip("\n")


def _fields(template: Template) -> dict[str, Any]:
    return {name: getattr(template, name) for name in Template.__slots__}


def test_gemma_takes_the_system_text_into_the_first_turn(shared: Path) -> None:
    template = one((shared / "presets" / "st_instruct_Gemma 2.json").read_bytes(), "g.json")
    assert written(template) == (
        "<start_of_turn>user\nBe Mira.\n\nCold?<end_of_turn>\n<start_of_turn>model\nAlways.<end_of_turn>\n"
        "<start_of_turn>user\nTea?<end_of_turn>\n<start_of_turn>model\n"
    )
    assert template.note_role == "user"


def test_a_suffix_without_line_end_gets_one_before_the_open_reply() -> None:
    template = one({
        "name": "Odd", "input_sequence": "[U]", "output_sequence": "[A] ", "input_suffix": "[/U]",
        "output_suffix": "[/A]\n", "wrap": True, "names_behavior": "none",
    })
    assert written(template, ChatMessage("user", "Hi"), ChatMessage("assistant", "Ho"), ChatMessage("user", "So?")) == (
        "[U]\nHi[/U][A] \nHo[/A]\n[U]\nSo?[/U]\n[A]\n"
    )


def test_newer_fields_of_an_instruct_preset_find_their_places() -> None:
    template = one({
        "name": "New", "input_sequence": "<|u|>", "output_sequence": "<|a|>", "wrap": False,
        "story_string_prefix": "<|s|>", "story_string_suffix": "<|e|>", "user_alignment_message": "Begin.",
        "last_output_sequence": "<|a|><think>", "stop_sequence": "<|e|>", "sequences_as_stop_strings": False,
        "names_behavior": "always", "system_same_as_user": True,
    })
    assert (template.system_prefix, template.system_suffix, template.note_role) == ("<|s|>", "<|e|>", "user")
    assert (template.first_turn, template.filler) == ("user", "Begin.")
    assert (template.generation_prefix, template.prefill_prefix) == ("<|a|><think>", "<|a|><think>")
    assert (template.stop, template.names) == (("<|e|>",), "always")


def test_what_a_format_cannot_say_is_told_with_name_and_value() -> None:
    preset = {
        "name": "X", "input_sequence": "U:", "output_sequence": "A:", "first_output_sequence": "FIRST",
        "last_input_sequence": "LAST", "skip_examples": True, "activation_regex": "(a+)+$", "novelty": 1,
    }
    told = notes(preset)
    for words in ("first_output_sequence (FIRST)", "last_input_sequence (LAST)", "skip_examples (true)",
                  "activation_regex ((a+)+$) is never run", "left out: novelty."):
        assert words in told
    assert "first_input_sequence" not in told


def test_old_names_of_instruct_fields_are_understood() -> None:
    made = convert({
        "name": "Old", "input_sequence": "U:", "output_sequence": "A:", "separator_sequence": "</s>", "names": False,
        "names_force_groups": True, "system_prompt": "Stay calm.",
    })
    assert [(part.kind, part.name) for part, _ in made] == [
        ("template", "Old"), ("prompt", "Old (system prompt)"),
    ]
    assert (made[0][1].assistant_suffix, made[0][1].names) == ("</s>", "group")
    assert made[1][1].system == "Stay calm."


def test_a_context_preset_becomes_a_story_without_turn_markup(shared: Path) -> None:
    file = "st_context_Llama-3-Instruct-Names.json"
    prompt = one((shared / "presets" / file).read_bytes(), file)
    values = {"system": [("system", "Be Mira.")], "lore_before": [("lore:1", "Fog.")], "persona": [("p", "Alex.")]}
    stretches = render_story(prompt.story, values, {}, lambda text: text)
    assert "".join(text for _, text in stretches) == "Be Mira.\nFog.\nAlex."
    assert prompt.mode == "stable"
    assert prompt.sillytavern["story_string"].startswith("<|start_header_id|>system")
    assert "<|eot_id|> around the story string" in notes((shared / "presets" / file).read_bytes(), file)


def test_parts_with_a_place_of_their_own_leave_the_story() -> None:
    story = (
        "{{#if anchorBefore}}{{anchorBefore}}\n{{/if}}{{#if system}}{{system}}\n{{/if}}{{#if mesExamples}}Examples:\n"
        "{{mesExamples}}{{else}}None.{{/if}}{{{description}}}{{anchorAfter}}"
    )
    preset = {"name": "S", "story_string": story, "example_separator": "***", "chat_start": "---"}
    assert one(preset).story == "{{#if system}}{{system}}\n{{/if}}None.{{description}}"
    told = notes(preset)
    assert all(f"{name} in the story string" in told for name in ("anchorBefore", "anchorAfter", "mesExamples"))
    assert "chat_start (---)" in told


def test_system_prompt_presets_and_their_way_back() -> None:
    preset = {"name": "Actor", "content": "Act as {{char}}.", "post_history": "Stay."}
    prompt = one(preset)
    assert (prompt.system, prompt.post_history) == ("Act as {{char}}.", "Stay.")
    assert json.loads(sillytavern_json(prompt)) == preset


def test_a_reasoning_preset_needs_the_format_it_is_for() -> None:
    preset = {"name": "ChatML", "prefix": "<think>\n", "suffix": "\n</think>", "separator": "\n\n"}
    told = refusal(preset)
    assert "reasoning.start <think>" in told
    assert "reasoning.end </think>" in told
    template = one(preset, find_template=lambda name: shipped("chatml") if name == "ChatML" else None)
    assert template.reasoning == ReasoningTags("<think>", "</think>", lstrip="\n")
    assert written(template) == written(shipped("chatml"))


def test_a_master_export_becomes_one_file_of_each_kind() -> None:
    made = convert({
        "instruct": {"name": "I", "input_sequence": "<|u|>", "output_sequence": "<|a|>"},
        "context": {"name": "C", "story_string": "{{system}}"}, "sysprompt": {"name": "S", "content": "Be kind."},
        "preset": {"name": "P", "temp": 1.2, "top_k": 5}, "srw": {"value": "Sure", "show": False},
        "reasoning": {"name": "R", "prefix": "<think>", "suffix": "</think>", "separator": ""},
    })
    assert [(part.kind, part.name) for part, _ in made] == [("template", "I"), ("prompt", "C"), ("samplers", "P")]
    template, prompt, samplers = (value for _, value in made)
    assert template.reasoning.end == "</think>"
    assert (prompt.system, prompt.story) == ("Be kind.", "{{system}}")
    assert samplers.values["temperature"] == 1.2
    assert any("srw" in str(note) for note in made[0][0].notes)
    back = json.loads(sillytavern_json(prompt))
    assert back == {
        "context": {"name": "C", "story_string": "{{system}}"},
        "reasoning": {"name": "R", "prefix": "<think>", "suffix": "</think>", "separator": ""},
        "sysprompt": {"name": "C", "content": "Be kind.", "post_history": ""},
    }


def test_text_completion_samplers(shared: Path) -> None:
    file = "st_textgen_Asterism.json"
    data = (shared / "presets" / file).read_bytes()
    values = one(data, file).values
    wanted = {"temperature": 1.68, "top_k": 77, "top_p": 0.17, "repetition_penalty": 1.02}
    assert {name: values[name] for name in wanted} == wanted
    assert values["dry_sequence_breakers"] == ("\n", ":", '"', "*")
    assert values["penalty_range"] == -1
    assert (values["top_a"], values["tfs"]) == (0.42, 0.97)
    assert "typical_p" not in values
    # The list is older than DRY and XTC, which it does not switch off; tail-free goes before typical there.
    named = ("top_k", "tfs", "typical_p", "top_p", "min_p", "temperature")
    assert set(values["order"]) == set(DEFAULT_ORDER)
    assert tuple(step for step in values["order"] if step in named) == named


def test_biases_bans_and_stops() -> None:
    preset = {
        "temp": 1, "top_p": 1, "genamt": 300, "stopping_strings": ["###", ""],
        "banned_tokens": '[3, 4]\n"two words"\nword',
        "logit_bias": [{"text": "moon", "value": 2}, {"text": "{sun}", "value": -500}, {"text": "[7]", "value": 1}, 5],
    }
    values = one(preset).values
    assert values["logit_bias"] == {" moon": 2.0, "sun": -100.0, "#7": 1.0}
    assert values["banned_tokens"] == ("#3", "#4", "word")
    assert values["banned_strings"] == ("two words",)
    assert values["stop"] == ("###",)
    assert values["max_tokens"] == 300
    assert "banned_tokens" not in one({**preset, "send_banned_tokens": False}).values


@pytest.mark.parametrize(("fields", "order"), [
    ({"samplers": ["top_k", "temperature"]}, None),
    ({"samplers": ["temperature", "top_k"]}, (
        "penalties", "dry", "no_repeat_ngram", "top_n_sigma", "temperature", "top_k", "typical_p", "tfs", "top_a",
        "epsilon_cutoff", "eta_cutoff", "top_p", "min_p", "xtc", "smoothing", "skew", "adaptive_p",
    )),
    ({"samplers": ["penalties", "min_p", "temperature"]}, ("penalties", "min_p", "temperature")),
    ({"temperature_last": True}, None),
    ({"sampler_priority": ["temperature", "top_k"], "temperature_last": True}, None),
])
def test_the_order_of_samplers(fields: dict[str, Any], order: tuple[str, ...] | None) -> None:
    found = one({"temp": 1, "rep_pen": 1, **fields}).values.get("order", DEFAULT_ORDER)
    assert found == (order or DEFAULT_ORDER)


def test_koboldai_orders_by_number(shared: Path) -> None:
    file = "st_kobold_Luna Moth.json"
    preset = one((shared / "presets" / file).read_bytes(), file)
    assert preset.values["order"] == (
        "dry", "no_repeat_ngram", "top_n_sigma",           # KoboldCpp does these before its order, and XTC after it
        "penalties", "temperature", "smoothing", "top_k", "top_p", "min_p", "tfs", "top_a", "typical_p",
        "epsilon_cutoff", "eta_cutoff", "xtc", "skew", "adaptive_p",
    )
    assert preset.values["temperature"] == 1.5


def test_numbers_out_of_range_are_brought_into_it_and_told() -> None:
    preset = {"temp": "7.5", "top_p": -1, "top_k": 10**20, "min_p": True, "rep_pen": [1], "rep_pen_range": 12.7}
    values = one(preset).values
    assert (values["temperature"], values["top_p"], values["top_k"], values["penalty_range"]) == (5.0, 0.0, 1000, 13)
    assert values["min_p"] == 0.0
    told = notes(preset)
    for words in ("temp (7.5) became 5.0", "top_p (-1) became 0.0", "min_p (true) was left out: it is no number",
                  "rep_pen ([1]) was left out"):
        assert words in told


def test_moving_temperatures_and_greedy_choice() -> None:
    moving = {"temp": 1, "top_k": 0, "dynatemp": True, "min_temp": 0.5, "max_temp": 1.5}
    assert (one(moving).values["temperature"], one(moving).values["dynatemp_range"]) == (1.0, 0.5)
    assert "between 0.5 and 1.5" in notes(moving)
    assert one(b"do_sample=False\ntop_k=5\n", "greedy.txt").values["temperature"] == 0.0


def test_a_chat_completion_preset_becomes_prompt_and_samplers(shared: Path) -> None:
    file = "st_openai_Default.json"
    (prompt_part, prompt), (_, samplers) = convert((shared / "presets" / file).read_bytes(), file)
    values = {"system": [("system", "S")], "personality": [("p", "calm")], "scenario": [("s", "Storm.")]}
    story = "".join(text for _, text in render_story(prompt.story, values, {}, lambda text: text))
    assert story == "S\n\n[{{char}}'s personality: calm]\n\n[Circumstances and context of the dialogue: Storm.]"
    assert prompt.system.startswith("Write {{char}}'s next reply")
    assert prompt.example_separator == "[Example Chat]"
    assert prompt.impersonate_prompt.startswith("[Write your next reply")
    assert samplers.values["max_tokens"] == 300
    kept = json.loads(sillytavern_json(prompt))
    original = json.loads((shared / "presets" / file).read_bytes())
    assert kept["prompts"] == original["prompts"]
    assert set(original) - set(kept) >= {"reverse_proxy", "proxy_password", "openai_model"}
    assert any("continue_nudge_prompt" in str(note) for note in prompt_part.notes)


def test_prompts_after_the_chat_and_inside_it() -> None:
    prompts = [
        {"identifier": "main", "content": "M"}, {"identifier": "a", "name": "Before", "content": "A"},
        {"identifier": "b", "content": "B", "role": "user"}, {"identifier": "off", "content": "no"},
        {"identifier": "deep", "name": "Deep", "content": "D", "injection_position": 1, "injection_depth": 3},
    ]
    order = [{"identifier": i, "enabled": i != "off"} for i in ("a", "main", "off", "chatHistory", "b", "deep")]
    preset = {"prompts": prompts, "prompt_order": [{"character_id": 100001, "order": order}], "temperature": 1}
    prompt = convert(preset)[0][1]
    assert prompt.story == "A\n\n{{#if system}}{{system}}\n\n{{/if}}"
    assert (prompt.system, prompt.post_history) == ("M", "B")
    assert "The prompt Deep stands at depth 3" in notes(preset)


def test_old_turn_templates(shared: Path) -> None:
    template = one((shared / "presets" / "tgwold_if_StableLM.yaml").read_bytes(), "s.yaml")
    assert written(template).endswith("<|USER|>Cold?<|ASSISTANT|>Always.<|USER|>Tea?<|ASSISTANT|>")
    assert written(template).startswith("<|SYSTEM|>Be Mira.\n<|USER|>")
    assert written(template, *TALK[1:]).startswith("<|SYSTEM|># StableLM Tuned")
    bluemoon = one((shared / "presets" / "tgwold_if_Bluemoon.yaml").read_bytes(), "b.yaml")
    assert written(bluemoon).endswith("LEAD: Cold?\nASSOCIATE: Always.</s>\nLEAD: Tea?\nASSOCIATE:")
    assert "no place for the texts" in refusal(b"turn_template: '<|user|>'\nuser: U\nbot: B\n", "t.yaml")


def test_jinja_templates_are_derived_or_kept() -> None:
    data = b"instruction_template: |-\n  {% for m in messages %}{{ m.content }}{% endfor %}\n"
    kept = one(data, "mine.yaml")
    assert kept.jinja == "{% for m in messages %}{{ m.content }}{% endfor %}"
    asked: list[str] = []

    def derive(jinja: str) -> Template:
        asked.append(jinja)
        return Template(id="derived", user_prefix="U:")

    assert one(data, "mine.yaml", derive=derive).user_prefix == "U:"
    assert asked == [kept.jinja]


def test_adapters_and_launch_settings(shared: Path) -> None:
    gemma = one((shared / "presets" / "kcpp_Gemma-2.json").read_bytes(), "g.json")
    assert gemma.assistant_prefix == "<start_of_turn>model\n"
    assert gemma.stop == ("<end_of_turn>", "<start_of_turn>user")
    profile = one((shared / "presets" / "kcpps_minimal.kcpps").read_bytes(), "m.kcpps")
    assert isinstance(profile, Profile)
    assert profile.backend == {"kind": "embedded", "model": "C:\\models\\x.gguf", "context_length": 4096}


def test_launch_settings_hold_adapter_and_samplers_and_run_nothing() -> None:
    preset = {
        "model_param": "\\\\192.0.2.1\\share\\x.gguf", "contextsize": 8192, "onready": "touch PWNED",
        "password": "hush", "host": "0.0.0.0", "gendefaults": '{"temperature": 0.5, "rep_pen": 1.1, "api_key": "hush"}',
        "chatcompletionsadapter": '{"user_start": "<|u|>", "assistant_start": "<|a|>"}',
    }
    made = convert(preset, "all.kcpps")
    assert [part.kind for part, _ in made] == ["profile", "template", "samplers"]
    assert made[0][1].backend["model"] == "x.gguf"
    assert made[2][1].values["temperature"] == 0.5
    everything = b"".join(part.data for part, _ in made).decode() + notes(preset, "all.kcpps")
    assert "hush" not in everything
    assert "192.0.2.1" not in b"".join(part.data for part, _ in made).decode()
    assert "onready (touch PWNED) was ignored" in everything


def test_addresses_and_keys_stay_out() -> None:
    preset = {"temp": 1, "top_k": 0, "server_url": "http://192.0.2.1/", "proxy_password": "hush", "api_key": "hush"}
    ((part, _),) = convert(preset)
    assert b"192.0.2.1" not in part.data
    assert b"hush" not in part.data
    told = "\n".join(map(str, part.notes))
    assert "server_url, proxy_password, api_key" in told
    assert "hush" not in told


@pytest.mark.parametrize("file", [
    "st_instruct_ChatML.json", "st_context_Default.json", "st_sysprompt_Actor.json", "st_textgen_Asterism.json",
    "st_kobold_Ouroboros.json",
])
def test_what_came_from_sillytavern_goes_back_as_it_was(shared: Path, file: str) -> None:
    data = (shared / "presets" / file).read_bytes()
    value = one(data, file)
    back = json.loads(sillytavern_json(value))
    original = json.loads(data)
    assert {**({"post_history": ""} if "content" in original else {}), **original} == back


def test_the_way_back_keeps_types_and_numbers() -> None:
    preset = {
        "temp": 1, "top_k": 0, "rep_pen": 1, "x_text": "1e5", "x_true": "true", "x_null": None,
        "x_list": [1, "1", False], "x_map": {"": "", "~": "null"}, "x_line": "a\n\n b \n",
        "x_blank": " ", "x_dash": "- a: b", "x_hash": "# no",
    }
    text = json.dumps(preset)[:-1] + ', "x_number": 1.10, "x_large": 1e12, "x_exact": 123456789012345678901234567890}'
    value = one(text.encode())
    assert sillytavern_json(value).decode().count("1.10") == 1
    assert json.loads(sillytavern_json(value)) == json.loads(text)
    with pytest.raises(BadInput, match="did not come from SillyTavern"):
        sillytavern_json(Template(id="own"))


def test_our_own_presets_are_not_taken_for_others() -> None:
    assert detect_kind(b"label: Mine\ntemperature: 0.7\n", "a.yaml") == "samplers"
    assert detect_kind(b"temperature: 0.7\npenalty_range: 64\n", "a.yaml") == "samplers"
    assert detect_kind(template_yaml(Template(id="a", label="L", jinja="{{ x }}")), "a.yaml") == "template"
    assert detect_kind(write_prompt(PromptPreset(id="a", label="L", mode="compatible")), "a.yaml") == "prompt"
    foreign = SamplerPreset("a", "L", {"top_k": 5}, {"temp": 1})
    assert detect_kind(write_samplers(foreign), "a.yaml") == "samplers"


def test_empty_texts_and_missing_openers_survive_the_file() -> None:
    template = Template(id="t", user_prefix="U", generation_prefix="", prefill_prefix="")
    assert read_template(template_yaml(template), "t") == template
    prompt = PromptPreset(id="p", system="", story="", summary_prompt="a\nb\nc\n" * 20)
    assert read_prompt(write_prompt(prompt), "p") == prompt


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12),
    st.sampled_from(["true", "1e9", "{{#if system}}", "[INST]", "-1", "[1,2]", '["a"', "\x1b[2J", "<|im_start|>"]),
)
chaos = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = {
    "instruct": ["input_sequence", "output_sequence", "wrap", "macro", "names_behavior", "names", "stop_sequence",
                 "system_sequence", "last_output_sequence", "user_alignment_message", "activation_regex", "name",
                 "system_prompt", "story_string_prefix", "system_same_as_user", "skip_examples"],
    "context": ["story_string", "chat_start", "example_separator", "name", "use_stop_strings", "single_line",
                "story_string_position", "trim_sentences"],
    "samplers": ["temp", "top_k", "rep_pen", "rep_pen_range", "samplers", "sampler_order", "temperature_last",
                 "dry_sequence_breakers", "dry_multiplier", "banned_tokens", "logit_bias", "mirostat_mode",
                 "json_schema", "stopping_strings", "genamt", "seed", "dynatemp", "min_temp", "max_temp", "do_sample"],
    "chat": ["prompts", "prompt_order", "temperature", "openai_max_tokens", "scenario_format", "wi_format",
             "impersonation_prompt", "new_example_chat_prompt"],
    "launch": ["model_param", "contextsize", "gpulayers", "onready", "gendefaults", "chatcompletionsadapter"],
    "adapter": ["user_start", "assistant_start", "system_start", "assistant_end", "assistant_gen", "tools_start"],
    "master": ["instruct", "context", "sysprompt", "preset", "reasoning", "srw"],
    "novel": ["temperature", "tail_free_sampling", "order", "max_length", "repetition_penalty", "presetVersion",
              "parameters"],
}
presets = st.one_of(*(
    st.dictionaries(st.sampled_from(names), chaos, max_size=len(names)) for names in NAMES.values()
))


@given(presets, st.sampled_from(["a.json", "b.kcpps", "../../x.json"]))
@settings(max_examples=300, deadline=None)
def test_no_mixture_of_types_breaks_a_conversion(value: dict[str, Any], name: str) -> None:
    """Whatever stands there, it is refused in a sentence or becomes files that our own readers take."""
    data = json.dumps(value).encode()
    detect_kind(data, name)
    parts: tuple[Converted, ...] = ()
    with contextlib.suppress(BadInput):
        parts = convert_preset(data, name, find_template=lambda _: Template(id="t"))
    for part in parts:
        read = READ[part.kind](part.data, "mine")
        assert "\x1b" not in part.data.decode() + part.name + "".join(map(str, part.notes))
        if isinstance(read, SamplerPreset):
            Samplers().with_values(read.values)
        if isinstance(read, Template):
            assert all(stop.strip() for stop in read.stop)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.sampled_from(["a.yaml", "b.txt", "c.json"]))
@settings(max_examples=150, deadline=None)
def test_no_bytes_break_a_conversion(data: bytes, name: str) -> None:
    with contextlib.suppress(BadInput):
        convert_preset(data, name)


def test_hostile_stories_take_no_time() -> None:
    preset = {"name": "../../x", "story_string": "{{#if anchorBefore}}" * 5000 + "{{#if (a" * 5000 + "{{trim}}" * 5000}
    prompt = one(preset)
    assert render_story(prompt.story, {}, {}, lambda text: text)


def test_every_sampler_of_other_programs_has_its_name_here() -> None:
    values = one({
        "temp": 1, "top_p": 1, "top_k": 0, "rep_pen": 1.1, "typical_p": 0.9, "top_a": 0.1, "tfs": 0.95,
        "epsilon_cutoff": 3, "eta_cutoff": 12, "nsigma": 1.5, "rep_pen_slope": 0.7, "encoder_rep_pen": 1.1,
        "no_repeat_ngram_size": 4, "skew": -0.5, "min_length": 20, "smoothing_factor": 0.2, "smoothing_curve": 1.5,
        "mirostat_mode": 2, "mirostat_tau": 4, "mirostat_eta": 0.2, "adaptive_target": 0.4, "adaptive_decay": 0.8,
        "penalty_alpha": 0.6, "num_beams": 3, "guidance_scale": 1.5, "negative_prompt": "dull", "ban_eos_token": True,
        "json_schema": {"type": "object"},
    }).values
    assert {name: values[name] for name in (
        "typical_p", "top_a", "tfs", "epsilon_cutoff", "eta_cutoff", "top_n_sigma", "penalty_slope",
        "encoder_repetition_penalty", "no_repeat_ngram", "skew", "min_tokens", "smoothing_factor", "smoothing_curve",
        "mirostat", "mirostat_tau", "mirostat_eta", "adaptive_target", "adaptive_decay", "contrastive_alpha", "beams",
        "guidance_scale", "negative_prompt", "ignore_eos",
    )} == {
        "typical_p": 0.9, "top_a": 0.1, "tfs": 0.95, "epsilon_cutoff": 0.0003, "eta_cutoff": 0.0012,
        "top_n_sigma": 1.5, "penalty_slope": 0.7, "encoder_repetition_penalty": 1.1, "no_repeat_ngram": 4,
        "skew": -0.5, "min_tokens": 20, "smoothing_factor": 0.2, "smoothing_curve": 1.5, "mirostat": 2,
        "mirostat_tau": 4.0, "mirostat_eta": 0.2, "adaptive_target": 0.4, "adaptive_decay": 0.8,
        "contrastive_alpha": 0.6, "beams": 3, "guidance_scale": 1.5, "negative_prompt": "dull", "ignore_eos": True,
    }
    assert json.loads(values["json_schema"]) == {"type": "object"}


def test_what_is_off_there_is_not_written_here() -> None:
    values = one({
        "temp": 1, "top_p": 1, "top_k": 0, "rep_pen": 1, "adaptive_target": -0.01, "num_beams": 0, "rep_pen_slope": 1,
        "mirostat_mode": 0, "mirostat_tau": 3, "smoothing_curve": 2, "negative_prompt": "x", "guidance_scale": 1,
        "json_schema": {}, "grammar_string": "", "ban_eos_token": False, "min_length": 1,
    }).values
    assert not set(values) & {
        "adaptive_target", "beams", "penalty_slope", "mirostat", "mirostat_tau", "smoothing_curve", "negative_prompt",
        "guidance_scale", "json_schema", "grammar", "ignore_eos", "min_tokens",
    }


def test_of_a_grammar_and_a_schema_one_holds() -> None:
    preset = {"temp": 1, "top_p": 1, "rep_pen": 1, "top_k": 0, "grammar_string": "root ::= \"a\"",
              "json_schema": {"type": "object"}}
    assert "json_schema" not in one(preset).values
    assert one(preset).values["grammar"] == 'root ::= "a"'
    assert "only one of them can hold" in notes(preset)
