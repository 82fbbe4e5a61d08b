"""Sampler settings in each server's words."""

from __future__ import annotations

import json

import pytest

from tui.backends.dialects import DIALECTS
from tui.backends.retry import retry_after, wait_before
from tui.backends.sampling import TABLES, Translation, translate
from tui.domain.samplers import Samplers

NEUTRAL = Samplers(temperature=1.0, min_p=0.0)


def put(dialect: str, samplers: Samplers, stops: tuple[str, ...] = (), window: int | None = 4096) -> Translation:
    return translate(TABLES[dialect], samplers, 100, stops, window)


def test_every_dialect_has_a_table_of_known_names() -> None:
    assert set(DIALECTS) <= set(TABLES)
    for name, table in TABLES.items():
        assert name in DIALECTS or table.dialect in DIALECTS or name == "horde"


@pytest.mark.parametrize("dialect", ["llamacpp", "llama_cpp_python", "koboldcpp", "textgen", "tabby", "vllm"])
def test_neutral_values_are_sent_where_the_server_has_defaults_of_its_own(dialect: str) -> None:
    table = TABLES[dialect]
    fields = put(dialect, NEUTRAL).fields
    for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty"):
        assert fields[table.knobs[name].wire] == getattr(NEUTRAL, name)


def test_what_changes_nothing_is_left_out() -> None:
    fields = put("llamacpp", NEUTRAL).fields
    absent = {"dry_multiplier", "dry_base", "xtc_probability", "xtc_threshold", "repeat_last_n", "seed", "top_n_sigma"}
    assert not absent & set(fields)


def test_llama_server_gets_numbers_it_accepts() -> None:
    samplers = Samplers(
        repetition_penalty=1.1,
        penalty_range=-1,
        dry_multiplier=0.8,
        dry_range=-1,
        dry_sequence_breakers=(),
        logit_bias={"#5": -100.0, " dog": 2.0},
        seed=7,
        order=("top_k", "temperature", "penalties", "dry"),
    )
    fields = put("llamacpp", samplers).fields
    assert fields["repeat_last_n"] == fields["dry_penalty_last_n"] == 4096
    assert fields["dry_sequence_breakers"] == ["\n"]
    assert fields["logit_bias"] == [[5, False], [" dog", 2.0]]
    assert fields["samplers"] == ["top_k", "temperature", "penalties", "dry"]
    assert fields["min_p"] == 0.0  # not in the chain, so off


def test_what_a_server_lacks_is_reported_and_what_it_refuses_moved() -> None:
    samplers = Samplers(temperature=3.0, min_p=0.1, dry_multiplier=0.8, xtc_probability=0.5, top_k=40)
    got = put("openai", samplers)
    assert set(got.dropped) == {"min_p", "dry_multiplier", "xtc_probability", "top_k"}
    assert got.clamped == {"temperature": 2.0}
    assert not {"min_p", "top_k", "dry_multiplier", "dry_base"} & set(got.fields)


def test_negative_penalties_are_raised_for_tabby() -> None:
    got = put("tabby", Samplers(frequency_penalty=-0.5, penalty_range=-1))
    assert got.fields["frequency_penalty"] == 0
    assert got.clamped == {"frequency_penalty": 0}
    assert got.fields["penalty_range"] == -1


def test_breakers_are_text_for_textgen_and_a_list_for_koboldcpp() -> None:
    samplers = Samplers(dry_multiplier=0.8, dry_sequence_breakers=("\n", '"'))
    assert json.loads(put("textgen", samplers).fields["dry_sequence_breakers"]) == ["\n", '"']
    assert put("koboldcpp", samplers).fields["dry_sequence_breakers"] == ["\n", '"']


def test_koboldcpp_gets_its_order_as_numbers_each_once() -> None:
    order = put("koboldcpp", Samplers()).fields["sampler_order"]
    assert sorted(order) == [0, 1, 2, 3, 4, 5, 6]
    assert order[0] == 6
    assert put("koboldcpp", Samplers(temperature=0.0)).clamped == {"temperature": 0.01}


def test_only_as_many_stops_as_the_server_takes_the_first_first() -> None:
    stops = (*(f"s{i}" for i in range(40)), "s0", "")
    assert put("vllm", NEUTRAL, stops).fields["stop"] == ["s0", "s1", "s2", "s3"]
    assert len(put("koboldcpp", NEUTRAL, stops).fields["stop_sequence"]) == 32
    assert len(put("llamacpp", NEUTRAL, stops).fields["stop"]) == 40


def test_a_reply_need_not_be_longer_than_it_may_be() -> None:
    """vLLM answers 400 to that, also where a side job or a detour asks for few tokens."""
    for dialect in ("vllm", "sglang", "aphrodite"):
        done = put(dialect, Samplers(min_tokens=150))
        assert (done.fields["min_tokens"], done.fields["max_tokens"]) == (100, 100)
        assert ("min_tokens" in done.reasons, done.clamped["min_tokens"]) == (True, 100)
    assert put("vllm", Samplers(min_tokens=50)).clamped == {}


def test_off_has_another_number_at_sglang() -> None:
    assert put("sglang", NEUTRAL).fields["top_k"] == -1
    assert put("sglang", Samplers(top_k=50)).fields["top_k"] == 50


def test_biases_by_text_are_dropped_where_only_ids_are_known() -> None:
    got = put("openai", Samplers(min_p=0.0, logit_bias={"#5": -400.0, "dog": 1.0}))
    assert got.fields["logit_bias"] == {"5": -100.0}
    assert got.dropped == ("logit_bias",)


def test_retry_after_as_seconds_and_as_date() -> None:
    assert retry_after("7", 0) == 7
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1445412480 - 30) == 30
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1445412480 + 30) == 0
    assert retry_after("soon", 0) is retry_after("", 0) is retry_after("nan", 0) is None


def test_waiting_has_an_end() -> None:
    assert wait_before(0, {}, 0) == 2
    assert wait_before(3, {}, 0) is None
    assert wait_before(0, {"retry-after": "3600"}, 0) is None
