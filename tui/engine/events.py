"""The worker's messages as the domain's events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.domain.backend import (
    Candidate,
    Capabilities,
    CompletionRequest,
    Event,
    Finish,
    Progress,
    Status,
    Text,
    Token,
    Tokens,
    Usage,
)
from tui.domain.errors import EngineError, TraktirError
from tui.domain.notice import Notice, notice
from tui.domain.samplers import RANGES
from tui.engine.process import clean
from tui.engine.sampling import SUPPORTED
from tui.engine.starting import Started


class Job:
    """One reply in the making: what arrives for it waits in `events`, the Finish once and last.

    `spoken` says that some of its text was given out.
    """

    def __init__(self, request: CompletionRequest) -> None:
        self.request = request
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.spoken = False
        self.finished = False

    def put(self, event: Event) -> None:
        if not self.finished:
            self.events.put_nowait(event)

    def finish(self, event: Finish) -> None:
        self.put(event)
        self.finished = True

    def take(self, message: Mapping[str, Any]) -> None:
        """Pass on one message of the worker."""
        match message["is"]:
            case "text":
                self.spoken = True
                self.put(Text(message["text"]))
            case "tokens":
                self.put(Tokens(tuple(
                    Token(text, logprob, tuple(Candidate(*rival) for rival in rivals))
                    for text, logprob, rivals in message["tokens"]
                )))
            case "progress":
                self.put(Progress(*message["at"]))
            case "error":
                self.finish(Finish("cut" if self.spoken else "error", error=engine_error(message["error"])))
            case "finish":
                outcome = message["outcome"]
                if outcome["window_full"]:
                    self.put(Status(notice("The model's window is full: the reply had to end here.")))
                self.finish(_finish(outcome, tuple(Notice.from_json(n) for n in message.get("notices", ()))))


def _finish(outcome: dict[str, Any], notices: tuple[Notice, ...]) -> Finish:
    return Finish(
        outcome["reason"],
        usage=Usage(
            outcome["prompt_tokens"], outcome["cached_tokens"], outcome["completion_tokens"], outcome["shifted"],
        ),
        ttft_ms=outcome["ttft_ms"], tokens_per_second=outcome["tokens_per_second"],
        stop_string=outcome["stop_string"], seed=outcome["seed"], clamped=outcome["clamped"],
        dropped=tuple(outcome["dropped"]), notices=notices,
        reasons={name: Notice.from_json(reason) for name, reason in outcome["dropped"].items()},
    )


def engine_error(data: Mapping[str, Any]) -> EngineError:
    """The worker's error as one of the engine, whatever kind it was there."""
    error = TraktirError.from_json(data)
    return error if isinstance(error, EngineError) else EngineError(error.what, error.remedy, **error.details)


def capabilities_of(started: Started, path: Path) -> Capabilities:
    """What `started` offers, for the core."""
    facts = started.facts
    said = tuple(Notice.from_json(n) for n in facts["notices"])
    return Capabilities(
        dialect="embedded", model=clean(started.info.name) or path.stem, version=started.version,
        context_length=facts["context"], trained_context=facts["trained_context"] or None,
        text_completion=True, chat_completion=False, prefill=True, exact_tokens=True, adds_bos=facts["adds_bos"],
        bos_token=facts["bos"], eos_token=facts["eos"],
        chat_template=facts["chat_template"], special_tokens=tuple(facts["special_tokens"]),
        samplers=SUPPORTED, logprobs=int(RANGES["logprobs"].high), warm=True,
        images=facts["images"], shift=facts["can_shift"], cache=facts["cache"],
        tokenizer=f"{started.info.vocabulary_digest} {started.version}", notices=(*started.notices, *said),
        details={
            **facts["details"], "path": str(path), "description": facts["description"],
            "architecture": started.info.architecture, "quantisation": started.info.quantisation,
            "plain_kernels": started.plain_kernels, "tuned": dict(started.tuned), "pid": started.worker.pid,
        },
    )
