"""Frames of strangers: whatever JSON they hold, nothing breaks and nothing is invented."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.backends import failures
from tui.backends.frames import read_event
from tui.backends.readers import READERS
from tui.backends.refusals import named_key
from tui.backends.reply import Reply, Setting
from tui.backends.sampling import Translation
from tui.backends.sse import ServerEvent
from tui.domain.backend import CompletionRequest, Finish, Text, Usage
from tui.domain.samplers import Samplers

SETTING = Setting("http://here", 2048, 100, empty_is_failure=False)
KEYS = [
    "choices",
    "delta",
    "message",
    "content",
    "text",
    "reasoning",
    "usage",
    "timings",
    "finish_reason",
    "error",
    "detail",
    "stop",
    "token",
    "results",
    "prompt_progress",
    "total",
    "processed",
    "prompt_tokens",
    "cache_n",
    "object",
    "loc",
    "param",
    "msg",
]
_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["stop", "length", "null", "error"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=12,
)


def reply(**changes: Any) -> Reply:
    request = CompletionRequest("r", (), Samplers(), 100, **changes)
    ticks = count(1.0, 0.5)
    return Reply(request, Translation({}, (), {}), SETTING, lambda: next(ticks))


def as_event(frame: Any) -> ServerEvent:
    return ServerEvent("message", frame if isinstance(frame, str) else json.dumps(frame))


def take(wire: str, *frames: Any, **changes: Any) -> tuple[str, Finish]:
    made = reply(**changes)
    events = [e for frame in frames for d in read_event(as_event(frame), READERS[wire]) for e in made.take(d)]
    events += made.flush()
    return "".join(e.text for e in events if isinstance(e, Text)), made.finish()


@given(st.sampled_from(sorted(READERS)), st.lists(_JSON, max_size=4))
def test_any_json_is_survived(wire: str, frames: list[Any]) -> None:
    text, finish = take(wire, *frames)
    text.encode()
    assert (finish.error is None) == (finish.reason in {"stop", "length"})
    str(finish.error)


@given(_JSON, st.integers(300, 599), st.text(max_size=20))
def test_any_refusal_is_put_into_words(body: Any, status: int, text: str) -> None:
    error = failures.from_status(status, body, text, "http://here", key_given=False)
    assert "http://here" in str(error) or "context" in str(error)
    named_key(status, body)


def test_llama_servers_figures() -> None:
    text, finish = take(
        "llamacpp",
        {"content": "", "prompt_progress": {"total": 11, "cache": 4, "processed": 11}},
        {"content": "Hi"},
        {
            "content": "",
            "stop": True,
            "stop_type": "word",
            "stopping_word": "\nYou:",
            "tokens_evaluated": 11,
            "tokens_predicted": 6,
            "generation_settings": {"seed": 4},
            "timings": {"cache_n": 4, "predicted_per_second": 33.5},
        },
    )
    assert (text, finish.reason, finish.stop_string, finish.seed) == ("Hi", "stop", "\nYou:", 4)
    assert (finish.usage, finish.tokens_per_second) == (Usage(11, 4, 6), 33.5)
    assert finish.ttft_ms == 500


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 5}}, Usage(9, 5, None)),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 3, "completion_tokens": 2}, Usage(9, 3, 2)),
        ({"prompt_tokens": -1, "completion_tokens": 1e300}, Usage()),
    ],
)
def test_usage_wherever_it_stands(usage: dict[str, Any], expected: Usage) -> None:
    _, finish = take("openai", {"choices": [{"delta": {"content": "Hi"}}]}, {"choices": [], "usage": usage}, "[DONE]")
    assert finish.usage == expected


def test_parts_of_a_message_and_a_reply_that_was_not_streamed() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Yes."}]
    text, finish = take("openai", {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]})
    assert (text, finish.reason) == ("Yes.", "stop")


def test_done_without_a_reason_is_an_end_and_silence_is_not() -> None:
    frame = {"choices": [{"text": "Hi", "finish_reason": "null"}]}
    assert take("openai", frame, "[DONE]")[1].reason == "stop"
    assert take("openai", frame)[1].reason == "cut"


def test_a_started_reply_may_have_nothing_more_to_say() -> None:
    end = {"content": "", "stop": True, "stop_type": "eos"}
    assert take("llamacpp", end)[1].reason == "error"
    assert take("llamacpp", end, prefill="Once.")[1].reason == "stop"
