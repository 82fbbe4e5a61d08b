"""Log-probabilities as servers tell them, each in its own shape, made into one.

Shapes: `logprobs.content` of chats (llama-server's text completions, KoboldCpp and Ollama write the same list), the
lists side by side of older completions (vLLM, TabbyAPI, llama-cpp-python, text-generation-webui), and llama-server's
own `completion_probabilities`, with probabilities after the samplers where `post_sampling_probs` asked for them.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tui.domain.backend import Candidate, Token

MOST_RIVALS = 20
_LONGEST = 256
"""Characters of one token that are taken from a stranger."""
_LEAST = -1000.0
_TOKENS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class RawToken:
    """A token as told: `data` are its bytes where the server tells them, since a token may end inside a character."""

    text: str
    logprob: float
    data: bytes | None = None
    rivals: tuple[Candidate, ...] = ()


def openai_tokens(choice: Mapping[str, Any]) -> tuple[RawToken, ...]:
    """The tokens of a choice, in either of OpenAI's shapes."""
    told = choice.get("logprobs")
    if not isinstance(told, dict):
        return ()
    content = told.get("content")
    return listed_tokens(content) if isinstance(content, list) else _side_by_side(told)


def llamacpp_tokens(body: Mapping[str, Any]) -> tuple[RawToken, ...]:
    """The tokens of a frame of llama-server's own wire."""
    return listed_tokens(body.get("completion_probabilities"))


def listed_tokens(entries: Any) -> tuple[RawToken, ...]:
    """The tokens of a list of objects with `token` and `logprob` (or `prob`), each with its rivals."""
    if not isinstance(entries, list):
        return ()
    return tuple(t for entry in entries[:_TOKENS_AT_ONCE] if (t := _listed(entry)) is not None)


def _listed(entry: Any) -> RawToken | None:
    if not isinstance(entry, dict):
        return None
    logprob, text = _logprob(entry), _text(entry.get("token"))
    if logprob is None or text is None:
        return None
    rivals = entry.get("top_logprobs") or entry.get("top_probs")
    found = (_candidate(r) for r in (rivals if isinstance(rivals, list) else [])[: MOST_RIVALS + 1])
    return RawToken(text, logprob, _bytes(entry.get("bytes")), _others(text, (c for c in found if c is not None)))


def _candidate(entry: Any) -> Candidate | None:
    if not isinstance(entry, dict):
        return None
    logprob, text = _logprob(entry), _text(entry.get("token"))
    if logprob is None or text is None:
        return None
    data = _bytes(entry.get("bytes"))
    return Candidate(data.decode("utf-8", "ignore")[:_LONGEST] if data else text, logprob)


def _side_by_side(told: Mapping[str, Any]) -> tuple[RawToken, ...]:
    tokens, logprobs = told.get("tokens"), told.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(logprobs, list):
        return ()
    tops = told.get("top_logprobs")
    tops = tops if isinstance(tops, list) else []
    out = []
    for at, (token, value) in enumerate(zip(tokens[:_TOKENS_AT_ONCE], logprobs, strict=False)):
        text, logprob = _text(token), _finite(value)
        if text is None or logprob is None:
            continue
        top = tops[at] if at < len(tops) and isinstance(tops[at], dict) else {}
        rivals = (
            Candidate(other[:_LONGEST], number) for other, one in list(top.items())[: MOST_RIVALS + 1]
            if (number := _finite(one)) is not None
        )
        out.append(RawToken(text, logprob, None, _others(text, rivals)))
    return tuple(out)


def _others(text: str, found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The likeliest first, without the token itself, which servers list among its rivals."""
    return tuple(sorted((c for c in found if c.text != text), key=lambda c: -c.logprob)[:MOST_RIVALS])


def _logprob(entry: Mapping[str, Any]) -> float | None:
    if "logprob" in entry:
        return _finite(entry["logprob"])
    chance = entry.get("prob")
    if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 < chance <= 1:
        return None
    return max(_LEAST, math.log(chance))


def _finite(value: Any) -> float | None:
    """A logarithm of a probability, None where it is no number; minus infinity becomes a large number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return max(_LEAST, min(0.0, float(value)))


def _text(value: Any) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) else None


def _bytes(value: Any) -> bytes | None:
    if not isinstance(value, list) or len(value) > _LONGEST:
        return None
    if not all(isinstance(b, int) and not isinstance(b, bool) and 0 <= b < 256 for b in value):
        return None
    return bytes(value)


class TokenText:
    """The texts of tokens whose ends lie inside characters: each has what is whole by then."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, raw: RawToken) -> Token:
        text = raw.text if raw.data is None else self._decoder.decode(raw.data)
        return Token(well_formed(text), raw.logprob,
                     tuple(Candidate(well_formed(c.text), c.logprob) for c in raw.rivals))


def well_formed(text: str) -> str:
    """Pairs of surrogates joined, lone ones replaced, NUL dropped: fit for UTF-8 and for the store."""
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "")
