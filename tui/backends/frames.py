"""What the frames of a stream say, for each wire: pure functions from one event to one `Delta`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tui.backends.bounded import parse_json
from tui.backends.rivals import RawToken, llamacpp_tokens, openai_tokens
from tui.backends.sse import ServerEvent
from tui.domain.backend import Progress, Usage


@dataclass(frozen=True, slots=True)
class Delta:
    """The meaning of one frame. `finish` is "" until the server names an end ("stop", "length", "error");
    `done` is the end of the stream itself; `failure` is the body of an error frame, None where there is none.
    `unmarked` says that frames of this server carry no end mark at all, so that silence is a regular end."""

    text: str = ""
    reasoning: str = ""
    progress: Progress | None = None
    usage: Usage | None = None
    finish: str = ""
    done: bool = False
    failure: Any = None
    stop_string: str = ""
    seed: int | None = None
    tokens: tuple[RawToken, ...] = ()
    speed: float | None = None
    unmarked: bool = False
    understood: bool = True


Reader = Callable[[Mapping[str, Any]], Delta]
MAX_LINES = 64
"""Lines of one event that are taken as documents of their own."""
MAX_WINDOW = 1 << 27
"""Tokens of context that a server can be believed to have."""


def read_event(event: ServerEvent, reader: Reader) -> list[Delta]:
    """The deltas of one event. Several JSON documents on lines of one event are taken one by one."""
    data = event.data.strip()
    if not data:
        return []
    if data == "[DONE]":
        return [Delta(done=True)]
    whole = parse_json(data)
    if whole is not None or "\n" not in data:
        return [_read_body(event.name, whole, data, reader)]
    if data.count("\n") > MAX_LINES:
        return [Delta(understood=False)]
    return [delta for line in data.split("\n") for delta in read_event(ServerEvent(event.name, line), reader)]


def _read_body(name: str, body: Any, data: str, reader: Reader) -> Delta:
    if name == "error":
        return Delta(failure=body if body is not None else data)
    if not isinstance(body, dict):
        return Delta(understood=False)
    if body.get("error") or body.get("object") == "error" or ("detail" in body and "choices" not in body):
        return Delta(failure=body)
    return reader(body)


_REASONING = ("reasoning_content", "reasoning")


def read_openai(body: Mapping[str, Any]) -> Delta:
    """A chunk of /v1/completions or /v1/chat/completions, or the whole answer of a server that did not stream."""
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    part: Mapping[str, Any] = next((choice[k] for k in ("delta", "message") if isinstance(choice.get(k), dict)), {})
    timings = _mapping(body.get("timings"))
    usage = _openai_usage(_mapping(body.get("usage")), timings)
    return Delta(
        text=_content(part.get("content")) or string(choice.get("text")),
        reasoning=_reasoning(part),
        progress=_progress(body),
        usage=usage,
        finish=finish_word(choice.get("finish_reason")),
        speed=_number(timings.get("predicted_per_second")),
        stop_string=string(choice.get("stop_reason")),
        tokens=openai_tokens(choice),
        understood="choices" in body or usage is not None,
    )


def read_llamacpp(body: Mapping[str, Any]) -> Delta:
    """A frame of llama-server's own /completion."""
    timings = _mapping(body.get("timings"))
    stopped = body.get("stop") is True
    return Delta(
        text=string(body.get("content")),
        progress=_progress(body),
        usage=Usage(
            whole(body.get("tokens_evaluated")), whole(timings.get("cache_n")), whole(body.get("tokens_predicted")),
        ) if stopped else None,
        finish=("length" if body.get("stop_type") == "limit" else "stop") if stopped else "",
        done=stopped,
        stop_string=string(body.get("stopping_word")),
        seed=_seed(_mapping(body.get("generation_settings")).get("seed")),
        tokens=llamacpp_tokens(body),
        speed=_number(timings.get("predicted_per_second")),
        understood="content" in body,
    )


def read_koboldcpp(body: Mapping[str, Any]) -> Delta:
    """A frame of /api/extra/generate/stream, or the whole answer of /api/v1/generate."""
    results = body.get("results")
    first = results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else body
    return Delta(
        text=string(first.get("token")) or string(first.get("text")),
        finish=finish_word(first.get("finish_reason")),
        unmarked="finish_reason" not in first,
        understood="token" in first or "text" in first,
    )


def whole(value: Any) -> int | None:
    """A count from a stranger: None unless it is a whole number that is not absurd."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 53:
        return None
    return int(value)


def window(value: Any) -> int | None:
    """A context length from a stranger, None unless one can be meant."""
    tokens = whole(value)
    return tokens if tokens is not None and 0 < tokens <= MAX_WINDOW else None


def _seed(value: Any) -> int | None:
    """llama.cpp's word for "a random one" is no seed."""
    return seed if (seed := whole(value)) is not None and seed != 0xFFFFFFFF else None


def _progress(body: Mapping[str, Any]) -> Progress | None:
    """llama-server's word on how much of the prompt is read, on either of its wires."""
    told = _mapping(body.get("prompt_progress"))
    processed, total, cached = (whole(told.get(key)) or 0 for key in ("processed", "total", "cache"))
    return Progress(min(processed, total), total, min(cached, total)) if total else None


def _openai_usage(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> Usage | None:
    if not usage and not timings:
        return None
    prompt, cached = whole(usage.get("prompt_tokens")), whole(timings.get("cache_n"))
    if prompt is None and (new := whole(timings.get("prompt_n"))) is not None:
        prompt = new + (cached or 0)
    if cached is None:
        cached = whole(_mapping(usage.get("prompt_tokens_details")).get("cached_tokens"))
    if cached is None:
        cached = whole(usage.get("prompt_cache_hit_tokens"))
    completion = whole(usage.get("completion_tokens"))
    completion = completion if completion is not None else whole(timings.get("predicted_n"))
    return Usage(prompt, cached, completion, cost=_number(usage.get("cost")))


def finish_word(reason: Any) -> str:
    """Every server's word for an end, as "stop", "length" or "error"; "" where it is none."""
    if not isinstance(reason, str) or reason in {"", "null"}:
        return ""
    if reason in {"length", "max_tokens", "model_length"}:
        return "length"
    return "error" if reason == "error" else "stop"


def _content(content: Any) -> str:
    """Text of a message: a string, or a list of parts of which only text counts."""
    if isinstance(content, list):
        parts = (p for p in content if isinstance(p, dict) and p.get("type") in {"text", None})
        return "".join(string(p.get("text")) for p in parts)
    return string(content)


def _reasoning(part: Mapping[str, Any]) -> str:
    """Thoughts, under whatever name a server gives them; one that gives them twice is heard once."""
    named = next(filter(None, map(string, map(part.get, _REASONING))), "")
    return named or _thinking(part.get("content")) or _detailed(part.get("reasoning_details"))


def _detailed(details: Any) -> str:
    """OpenRouter's list of thoughts; what is encrypted tells nothing."""
    if not isinstance(details, list):
        return ""
    return "".join(string(d.get("text")) or string(d.get("summary")) for d in details if isinstance(d, dict))


def _thinking(content: Any) -> str:
    if not isinstance(content, list):
        return ""
    parts = [p.get("thinking") for p in content if isinstance(p, dict) and p.get("type") == "thinking"]
    return "".join(p if isinstance(p, str) else _content(p) for p in parts)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def string(value: Any) -> str:
    """A text from a stranger, "" for anything else."""
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        return None
    return float(value)


READERS: Mapping[str, Reader] = {"openai": read_openai, "llamacpp": read_llamacpp, "koboldcpp": read_koboldcpp}
