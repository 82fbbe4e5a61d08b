"""Tables of samplers as files: the whole matrix, conversions, a person's own file, and rivals of tokens."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import SSE, ScriptedServer, answer, as_koboldcpp, as_openai, chat_chunk, event, play

from tui.backends.dialects import DIALECTS
from tui.backends.frames import read_koboldcpp, read_llamacpp, read_openai
from tui.backends.knobs import CODES, FORMS
from tui.backends.refusals import named_key
from tui.backends.remote import RemoteBackend
from tui.backends.rivals import RawToken, TokenText, listed_tokens, openai_tokens
from tui.backends.sampling import translate
from tui.backends.tablefile import read_values
from tui.backends.tables import TABLES
from tui.domain.backend import ChatMessage, CompletionRequest, Finish, Piece, Text, Tokens
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BadInput
from tui.domain.samplers import RANGES, SAMPLER_NAMES, Samplers

NAMES = sorted(TABLES)


def put(name: str, samplers: Samplers, **more: Any) -> Any:
    return translate(TABLES[name], samplers, 100, (), 4096, **more)


@pytest.mark.parametrize("table", NAMES)
def test_every_sampler_of_every_server_is_mapped_or_has_a_reason(table: str) -> None:
    found = TABLES[table]
    for sampler in SAMPLER_NAMES:
        assert (sampler in found.knobs) != (sampler in found.unsupported), sampler
        if sampler in found.knobs:
            assert found.knobs[sampler].wire
            assert found.knobs[sampler].form in FORMS
        else:
            assert found.unsupported[sampler] in CODES
            assert found.label in str(found.why(sampler))


#: A value of each sampler that changes something, with what leads it.
CHANGED: dict[str, dict[str, Any]] = {
    **{name: {name: (b.low + b.high) / 2} for name, b in RANGES.items() if isinstance(b.low, float)},
    "top_k": {"top_k": 40}, "mirostat": {"mirostat": 2},
    "penalty_range": {"penalty_range": 300, "frequency_penalty": 1},
    "no_repeat_ngram": {"no_repeat_ngram": 3}, "min_tokens": {"min_tokens": 5}, "beams": {"beams": 2},
    "logprobs": {"logprobs": 3}, "seed": {"seed": 7}, "ignore_eos": {"ignore_eos": True},
    "dry_allowed_length": {"dry_allowed_length": 4, "dry_multiplier": 1.0}, "skew": {"skew": 0.5},
    "dry_range": {"dry_range": 300, "dry_multiplier": 1.0}, "dry_base": {"dry_base": 2.0, "dry_multiplier": 1.0},
    "dry_sequence_breakers": {"dry_sequence_breakers": ("x",), "dry_multiplier": 1.0},
    "xtc_threshold": {"xtc_threshold": 0.2, "xtc_probability": 0.5}, "frequency_penalty": {"frequency_penalty": 0.5},
    "presence_penalty": {"presence_penalty": 0.5}, "adaptive_target": {"adaptive_target": 0.4},
    "adaptive_decay": {"adaptive_decay": 0.5, "adaptive_target": 0.4}, "smoothing_curve": {
        "smoothing_curve": 2.0, "smoothing_factor": 0.2}, "mirostat_tau": {"mirostat_tau": 3.0, "mirostat": 2},
    "mirostat_eta": {"mirostat_eta": 0.2, "mirostat": 2}, "penalty_slope": {
        "penalty_slope": 0.5, "repetition_penalty": 1.2}, "dynatemp_exponent": {
        "dynatemp_exponent": 2.0, "dynatemp_range": 0.5}, "grammar": {"grammar": "root ::= [a-z]+"},
    "json_schema": {"json_schema": '{"type": "object"}'}, "banned_strings": {"banned_strings": ("bad words",)},
    "banned_tokens": {"banned_tokens": ("#5",)}, "logit_bias": {"logit_bias": {"#9": 2.0}},
    "negative_prompt": {"negative_prompt": "dull", "guidance_scale": 2.0},
    "order": {"order": ("temperature", "top_k", "penalties", "min_p")},
}


#: What goes with another sampler: where that is missing, nothing is said of these.
COMPANIONS = {
    "penalty_range", "penalty_slope", "dry_base", "dry_allowed_length", "dry_range", "dry_sequence_breakers",
    "xtc_threshold", "dynatemp_exponent", "smoothing_curve", "mirostat_tau", "mirostat_eta", "adaptive_decay",
    "negative_prompt",
}


@pytest.mark.parametrize("table", NAMES)
def test_a_changed_sampler_is_sent_or_reported_with_a_reason(table: str) -> None:
    for sampler, values in CHANGED.items():
        got = put(table, Samplers().with_values(values))
        assert json.dumps(got.fields)
        knob = TABLES[table].narrowed().knobs.get(sampler)
        if knob is not None:
            assert {knob.wire, *knob.names} & set(got.fields), sampler
        elif sampler not in COMPANIONS:
            assert sampler in got.dropped, sampler
        assert set(got.reasons) == {*got.dropped, *got.clamped}
        assert all(map(str, got.reasons.values()))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_no_number_leaves_the_ranges_of_a_table(table: str, data: st.DataObject) -> None:
    values = {
        name: data.draw(st.floats(bounds.low, bounds.high) if isinstance(bounds.low, float)
                        else st.integers(int(bounds.low), int(bounds.high)), name)
        for name, bounds in RANGES.items() if name != "max_tokens"
    }
    got = put(table, Samplers().with_values(values))
    for name, knob in TABLES[table].knobs.items():
        sent = got.fields.get(knob.wire)
        if name not in RANGES or knob.form or not isinstance(sent, int | float) or isinstance(sent, bool):
            continue
        if sent in (knob.off, knob.whole, 4096) or name in ("min_tokens", "logprobs"):
            continue
        assert knob.low is None or sent >= knob.low * knob.scale
        assert knob.high is None or sent <= knob.high * knob.scale
        assert not knob.values or sent in knob.values


def test_temperatures_that_move_are_written_as_each_server_reads_them() -> None:
    samplers = Samplers(temperature=1.0, dynatemp_range=0.4, dynatemp_exponent=1.5)
    assert put("llamacpp", samplers).fields["dynatemp_range"] == 0.4
    fields = put("textgen", samplers).fields
    assert (fields["dynamic_temperature"], fields["dynatemp_low"], fields["dynatemp_high"]) == (True, 0.6, 1.4)
    fields = put("aphrodite", samplers).fields
    assert (fields["dynatemp_min"], fields["dynatemp_max"], fields["dynatemp_exponent"]) == (0.6, 1.4, 1.5)
    assert put("tabby", samplers).dropped == ("dynatemp_range",)
    assert put("tabby", samplers, loader="exllamav2").fields["max_temp"] == 1.4


def test_ten_thousandths_loaders_and_versions() -> None:
    samplers = Samplers(epsilon_cutoff=0.0003, eta_cutoff=0.002, typical_p=0.9)
    assert put("textgen", samplers, loader="Transformers").fields["epsilon_cutoff"] == 3
    assert put("aphrodite", samplers).fields["eta_cutoff"] == 20
    got = put("textgen", samplers, loader="llama.cpp")
    assert {"epsilon_cutoff", "eta_cutoff"} == set(got.dropped)
    assert "llama.cpp" in str(got.reasons["epsilon_cutoff"])
    assert "typical_p" in put("textgen", samplers, loader="ExLlamav3").dropped
    new = Samplers(adaptive_target=0.5, dry_multiplier=0.8, xtc_probability=0.5)
    assert put("koboldcpp", new, version="1.110").dropped == ()
    old = put("koboldcpp", new, version="1.73")
    assert set(old.dropped) == {"adaptive_target", "xtc_probability"}
    assert "1.104" in str(old.reasons["adaptive_target"])


def test_ranges_over_everything_and_over_nothing() -> None:
    whole = Samplers(repetition_penalty=1.2, penalty_range=-1, dry_multiplier=0.8, dry_range=-1)
    assert put("llamacpp", whole).fields["repeat_last_n"] == 4096
    assert put("ollama", whole).fields["repeat_last_n"] == 4096
    assert put("tabby", whole).fields["penalty_range"] == -1
    none = Samplers(repetition_penalty=1.2, penalty_range=0, dry_multiplier=0.8, dry_range=0)
    for name in ("llamacpp", "koboldcpp", "textgen", "vllm"):
        fields = put(name, none).fields
        assert fields[TABLES[name].knobs["repetition_penalty"].wire] == 1.0
        assert not {"dry_multiplier", "repeat_last_n", "rep_pen_range", "repetition_penalty_range"} & set(fields)


def test_orders_bans_schemas_and_switches() -> None:
    order = ("penalties", "temperature", "top_k", "top_a", "tfs", "typical_p", "top_p", "min_p", "adaptive_p")
    samplers = Samplers(
        order=order, banned_tokens=("#4", "word"), banned_strings=("a phrase",), ignore_eos=True,
        json_schema='{"type": "object"}', logit_bias={"#4": 1.0, "#7": -200.0})
    llama = put("llamacpp", samplers)
    assert llama.fields["samplers"] == ["penalties", "temperature", "top_k", "typ_p", "top_p", "min_p", "adaptive_p"]
    assert llama.fields["logit_bias"] == [[4, False], [7, False], ["word", False]]
    assert llama.fields["ignore_eos"] is True
    assert llama.fields["json_schema"] == {"type": "object"}
    assert "grammar" not in llama.fields
    kobold = put("koboldcpp", samplers)
    assert kobold.fields["sampler_order"] == [6, 5, 0, 1, 3, 4, 2]
    assert kobold.fields["custom_token_bans"] == "4"
    assert kobold.fields["banned_tokens"] == ["a phrase"]
    assert "numbers only" in str(kobold.reasons["banned_tokens"])
    textgen = put("textgen", samplers)
    assert textgen.fields["sampler_priority"][:4] == [
        "repetition_penalty", "presence_penalty", "frequency_penalty", "temperature"]
    assert put("vllm", samplers).fields["structured_outputs"] == {"json": {"type": "object"}}
    assert put("openai", samplers).fields["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert "cannot be changed" in str(put("openai", samplers).reasons["order"])
    assert put("tabby", samplers).fields["temperature_last"] is False
    assert put("tabby", Samplers()).fields["temperature_last"] is True
    both = put("llamacpp", Samplers(grammar="root ::= x", json_schema="{}"))
    assert "json_schema" not in both.fields
    assert "not both" in str(both.reasons["json_schema"])
    assert "no JSON" in str(put("llamacpp", Samplers(json_schema="{oops")).reasons["json_schema"])
    assert put("aphrodite", Samplers(mirostat=1)).fields["mirostat_mode"] == 2


def test_public_services_have_tables_of_their_own() -> None:
    assert TABLES.choose("openai", "api.openai.com").name == "openai_com"
    assert TABLES.choose("openai", "generativelanguage.googleapis.com").name == "gemini"
    assert TABLES.choose("openai", "api.x.ai").name == "xai"
    assert TABLES.choose("openai", "127.0.0.1").name == "openai"
    assert TABLES.choose("vllm", "api.openai.com").name == "vllm"
    wild = Samplers().with_values({name: value for changed in CHANGED.values() for name, value in changed.items()})
    allowed = {
        "openai_com": {"max_completion_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed",
                       "stop", "response_format", "logprobs", "top_logprobs", "logit_bias"},
        "deepseek": {"max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "stop", "logprobs",
                     "top_logprobs"},
        "mistral": {"max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "stop",
                    "random_seed", "response_format"},
        "gemini": {"max_tokens", "temperature", "top_p", "frequency_penalty", "stop", "response_format"},
        "xai": {"max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "stop", "seed",
                "response_format", "logprobs", "top_logprobs"},
    }
    for name, keys in allowed.items():
        assert set(put(name, wild, chat=True).fields) <= keys


def test_a_persons_file_is_laid_over_field_by_field(home: Path) -> None:
    own = TABLES.own_folder() / "vllm.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("samplers:\n  temperature: {high: 1.5}\n  top_a: {}\nunsupported:\n  seed: Our proxy takes none.\n"
                   "constant: {best_of: 1}\n")
    got = put("vllm", Samplers(temperature=1.9, top_a=0.2, seed=4))
    assert (got.fields["temperature"], got.fields["top_a"], got.fields["best_of"]) == (1.5, 0.2, 1)
    assert str(got.reasons["seed"]) == "Our proxy takes none."
    assert TABLES["vllm"].knobs["temperature"].always           # what it does not name stays
    own.write_text("samplers:\n  temperature: {high: hot}\n")
    os.utime(own, ns=(1, 1))
    assert put("vllm", Samplers(temperature=1.9)).fields["temperature"] == 1.5
    (problem,) = TABLES.problems()
    assert problem.args["file"] == "vllm.yaml"
    assert (problem.args["line"], problem.args["field"]) == (2, "samplers.temperature.high")
    own.unlink()
    assert put("vllm", Samplers(temperature=1.9)).fields["temperature"] == 1.9
    assert TABLES.problems() == []


@pytest.mark.parametrize(("text", "line", "field"), [
    ("samplers:\n  temprature: {}", 2, "samplers.temprature"),
    ("samplers:\n  top_k: {lo: 1}", 2, "samplers.top_k.lo"),
    ("samplers:\n  top_k:\n    form: spiral", 3, "samplers.top_k.form"),
    ("samplers:\n  top_k: {name: two words}", 2, "samplers.top_k.name"),
    ("samplers:\n  top_k: {always: perhaps}", 2, "samplers.top_k.always"),
    ("sampler: {}", 1, "sampler"),
    ("samplers: 4", 1, "samplers"),
    ("samplers:\n  order: {steps: {dance: 1}}", 2, "samplers.order.steps.dance"),
    ("a: b: c", 1, ""),
])
def test_a_bad_file_is_named_by_line_and_field(text: str, line: int, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_values(text.encode(), "mine.yaml")
    assert (caught.value.what.args["file"], caught.value.what.args["line"]) == ("mine.yaml", line)
    assert caught.value.what.args.get("field", "") == field


LISTED = [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": [
    {"token": "Hi", "logprob": -0.25}, {"token": "Yo", "logprob": -2.0}, {"token": "Oh", "logprob": -1.5}]}]
SIDE_BY_SIDE = {"tokens": ["Hi"], "token_logprobs": [-0.25], "top_logprobs": [{"Hi": -0.25, "Yo": -2.0, "Oh": -1.5}],
                "text_offset": [0]}


@pytest.mark.parametrize("tokens", [
    read_openai({"choices": [{"delta": {"content": "Hi"}, "logprobs": {"content": LISTED}}]}).tokens,
    read_openai({"choices": [{"text": "Hi", "logprobs": SIDE_BY_SIDE}]}).tokens,
    read_llamacpp({"content": "Hi", "completion_probabilities": LISTED}).tokens,
    read_llamacpp({"content": "Hi", "completion_probabilities": [
        {"token": "Hi", "prob": math.exp(-0.25), "top_probs": [
            {"token": "Yo", "prob": math.exp(-2.0)}, {"token": "Oh", "prob": math.exp(-1.5)}]}]}).tokens,
    openai_tokens({"logprobs": {"content": LISTED, "tokens": ["Hi"]}}),
    listed_tokens(LISTED),
])
def test_every_shape_of_logprobs_says_the_same(tokens: tuple[RawToken, ...]) -> None:
    (token,) = tokens
    assert token.text == "Hi"
    assert token.logprob == pytest.approx(-0.25)
    assert [c.text for c in token.rivals] == ["Oh", "Yo"]
    assert [c.logprob for c in token.rivals] == pytest.approx([-1.5, -2.0])


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
                        st.sampled_from(["content", "token", "logprob", "bytes", "top_logprobs", "tokens", "prob",
                                         "token_logprobs", "top_probs"]), inner, max_size=5), max_leaves=20))
def test_no_answer_of_a_stranger_breaks_the_reading_of_rivals(told_by_server: Any) -> None:
    for tokens in (openai_tokens({"logprobs": told_by_server}), listed_tokens(told_by_server),
                   read_koboldcpp({"token": "x", "logprobs": told_by_server}).tokens):
        reader = TokenText()
        for raw in tokens:
            token = reader.feed(raw)
            assert -1000 <= token.logprob <= 0
            token.text.encode()


def test_a_character_over_several_tokens_comes_whole() -> None:
    moon = "🌒".encode()
    raws = [RawToken("?", -1.0, moon[:2]), RawToken("?", -1.0, moon[2:]), RawToken("!", -1.0)]
    reader = TokenText()
    assert [reader.feed(raw).text for raw in raws] == ["", "🌒", "!"]


async def run(server: ScriptedServer, samplers: Samplers, **endpoint: Any) -> list[Any]:
    backend = RemoteBackend(Endpoint(server.url, **endpoint))
    request = CompletionRequest(
        "r", (Piece("Once"),), samplers, 50, messages=(ChatMessage("user", "Once"),))
    try:
        return [e async for e in backend.complete(request)]
    finally:
        await backend.close()


async def test_rivals_come_beside_the_text_and_not_for_thoughts() -> None:
    server = ScriptedServer()
    await server.start()
    try:
        as_openai(server)
        chunk = {"choices": [{"delta": {"content": "Hi"}, "logprobs": {"content": LISTED}}]}
        thought = {"choices": [{"delta": {"reasoning_content": "Hm"}, "logprobs": {"content": LISTED}}]}
        server.on("POST /v1/chat/completions",
                  play(SSE, event(thought), event(chunk), chat_chunk("", "stop"), b"data: [DONE]\n\n"))
        events = await run(server, Samplers(logprobs=3))
        (tokens,) = [e for e in events if isinstance(e, Tokens)]
        assert "".join(t.text for t in tokens.tokens) == "".join(e.text for e in events if isinstance(e, Text)) == "Hi"
        assert len(tokens.tokens[0].rivals) == 2
        sent = server.asked("/v1/chat/completions")[-1].json
        assert (sent["logprobs"], sent["top_logprobs"]) == (True, 3)
        await run(server, Samplers())
        assert "logprobs" not in server.asked("/v1/chat/completions")[-1].json
    finally:
        await server.stop()


async def test_koboldcpp_is_asked_for_rivals_when_the_reply_is_over() -> None:
    server = ScriptedServer()
    await server.start()
    try:
        as_koboldcpp(server, "Hi")
        server.on("POST /api/extra/last_logprobs", answer({"logprobs": {"content": LISTED}}))
        events = await run(server, Samplers(logprobs=20))
        (tokens,) = [e for e in events if isinstance(e, Tokens)]
        assert tokens.tokens[0].text == "Hi"
        finish = events[-1]
        assert isinstance(finish, Finish)
        assert finish.clamped["logprobs"] == 5
        assert "above 5" in str(finish.reasons["logprobs"])
        key = server.asked("/api/extra/generate/stream")[-1].json["genkey"]
        assert server.asked("/api/extra/last_logprobs")[-1].json == {"genkey": key}
    finally:
        await server.stop()


REFUSALS = [
    ({"error": {"message": "bad", "param": "top_k", "type": "x", "code": 400}}, "top_k"),          # vLLM
    ({"object": "error", "message": "bad", "param": "top_k", "code": 400}, "top_k"),               # older vLLM
    ({"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs"}]}, "top_k"),  # Mistral
    ({"detail": [{"loc": ["body", "logit_bias", "5"], "msg": "bad"}]}, "logit_bias"),
    ({"error": {"message": "Unsupported value", "param": "logit_bias.5"}}, "logit_bias"),          # OpenAI
    ({"object": "error", "message": "top_k must be -1 (disable), or at least 1, got 0.", "param": None}, "top_k"),
    ({"error": {"code": 400, "message": "Error: repeat_last_n must be >= 0", "type": "x"}}, "repeat_last_n"),
    ({"error": {"message": "top_k and min_p are wrong"}}, ""),                                     # which of them?
    ({"error": {"message": "the prompt is too long"}}, ""),
    ({"error": {"message": "Use 'max_completion_tokens' instead.", "param": "max_tokens"}}, "max_tokens"),
    ({"error": {"message": "max_tokens is too large", "param": "max_tokens"}}, ""),
    ({"error": {"message": "bad", "param": "messages"}}, ""),
]


@pytest.mark.parametrize(("body", "key"), REFUSALS)
def test_the_setting_that_a_server_refuses_is_recognised(body: Any, key: str) -> None:
    sent = {"top_k", "min_p", "repeat_last_n", "logit_bias", "max_tokens"}
    assert named_key(400, body, sent) == named_key(422, body, sent) == key
    assert named_key(500, body, sent) == ""


async def test_a_model_that_thinks_refuses_one_setting_after_another() -> None:
    """OpenAI's newer models, behind any address: each refusal costs one setting, and the limit gets its newer name."""
    server = ScriptedServer()
    await server.start()
    try:
        as_openai(server, "Well.")
        speak = server.routes["POST /v1/chat/completions"][0]

        def refuse(key: str, said: str = "Unsupported parameter.") -> Any:
            return answer({"error": {"message": said, "param": key}}, "400 Bad Request")

        server.on("POST /v1/chat/completions", refuse("max_tokens", "Use 'max_completion_tokens' instead."),
                  *(refuse(key) for key in ("temperature", "top_p", "presence_penalty", "frequency_penalty")), speak)
        events = await run(server, Samplers(temperature=0.7, presence_penalty=0.5, frequency_penalty=0.5), model="o")
        finish = events[-1]
        assert finish.error is None
        assert {"temperature", "presence_penalty", "frequency_penalty"} <= set(finish.dropped)
        last = server.asked("/v1/chat/completions")[-1].json
        assert last["max_completion_tokens"] == 50
        assert not {"max_tokens", "temperature", "top_p"} & set(last)
    finally:
        await server.stop()


def test_capabilities_tell_how_many_rivals_there_are() -> None:
    assert {name: TABLES[name].logprobs for name in ("llamacpp", "koboldcpp", "mistral", "horde", "ollama")} == {
        "llamacpp": 20, "koboldcpp": 5, "mistral": 0, "horde": 0, "ollama": 20}
    assert set(DIALECTS) <= set(TABLES) | {"horde"}
