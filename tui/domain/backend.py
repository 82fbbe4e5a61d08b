"""What a backend is: the Protocol that remote servers and the embedded engine fulfil, and what passes through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from tui.domain.errors import TraktirError
from tui.domain.estimate import estimate
from tui.domain.notice import Notice
from tui.domain.samplers import Samplers

FinishReason = Literal["stop", "length", "cut", "error"]

#: What a model's memory of the prompt allows. prefix: it can be cut at any place, and all before that is kept. swa
#: (a sliding window) and recurrent (a running state, hybrids too): only its very end, so that a change further up
#: costs the whole prompt again. none: nothing is kept between requests.
CacheClass = Literal["prefix", "swa", "recurrent", "none", "unknown"]

#: The end of the name of a conversation that passes: a side job, whose prompt nobody comes back to.
SIDE = "/side"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of prompt text. `markup` is True for the template's own literals, the only place where a
    backend may read special tokens; text of users, cards, lore and models is never markup. `image` names one of the
    request's images, which then stands in the place of the text (shown where a backend takes none)."""

    text: str
    markup: bool = False
    image: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model that sees. `id` is the digest of `data`, whose kind `mime` tells (image/png, …)."""

    id: str
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message for a chat-completion server. `role` is system, user or assistant; `images` are ids."""

    role: str
    content: str
    name: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend told of itself. `context_length` is in tokens, None when it does not tell."""

    dialect: str                                  # embedded, llamacpp, llama_cpp_python, koboldcpp, openai, …
    model: str = ""
    version: str = ""
    context_length: int | None = None
    trained_context: int | None = None
    text_completion: bool = True
    chat_completion: bool = False
    prefill: bool = True                          # a started reply can be handed over and is continued
    exact_tokens: bool = False                    # count_tokens is the model's own tokenizer
    adds_bos: bool = True                         # puts BOS before a text prompt by itself
    bos_token: str = ""
    eos_token: str = ""
    chat_template: str = ""                       # the model's own Jinja, untrusted
    special_tokens: tuple[str, ...] = ()          # strings that this tokenizer reads as control tokens
    samplers: frozenset[str] = frozenset()        # canonical names that have an effect there
    warm: bool = False                            # can read a prompt ahead of its request
    logprobs: int = 0                             # rivals of a token that it can tell, 0 when it tells none
    images: bool = False                          # the model sees pictures
    embeddings: bool = False                      # turns texts into vectors
    switch: bool = False                          # the server lists models and loads another when asked
    shift: bool = False                           # can take a block out of the memory and move the rest up
    cache: CacheClass = "unknown"
    tokenizer: str = ""                           # names the vocabulary: equal names count equally; "" when unknown
    notices: tuple[Notice, ...] = ()              # what a person should know (GPU not used, guessed context, …)
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "dialect": self.dialect, "model": self.model, "version": self.version,
            "context_length": self.context_length, "trained_context": self.trained_context,
            "text_completion": self.text_completion, "chat_completion": self.chat_completion,
            "prefill": self.prefill, "exact_tokens": self.exact_tokens, "adds_bos": self.adds_bos,
            "bos_token": self.bos_token, "eos_token": self.eos_token,
            "has_template": bool(self.chat_template), "samplers": sorted(self.samplers),
            "logprobs": self.logprobs, "images": self.images, "embeddings": self.embeddings, "switch": self.switch,
            "warm": self.warm, "shift": self.shift, "cache": self.cache,
            "notices": [n.to_json() for n in self.notices], "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One reply to be made. `pieces` is the whole prompt for text completion, prefill included, literal BOS
    excluded. `messages` is the same prompt for chat completion; then `prefill` is the started reply (also the
    content of the last message when it is an assistant's). `max_tokens` limits the reply."""

    id: str
    pieces: tuple[Piece, ...]
    samplers: Samplers
    max_tokens: int
    stop: tuple[str, ...] = ()
    messages: tuple[ChatMessage, ...] = ()
    prefill: str = ""
    bos: str = ""                                 # the format's literal BOS, for backends that do not add one
    shift: bool = False                           # a block gone from the prompt may be cut out of the memory, and what
                                                  # follows moved up instead of read again: close to it, not the same
    conversation: str = ""                        # whose prompt this is (a chat, a side job of it, a member of a
                                                  # cast): those with different names do not evict each other's memory
                                                  # where there is room; those that end with SIDE are not kept
    images: tuple[Image, ...] = ()                # those that pieces and messages name
    negative: tuple[Piece, ...] = ()              # the other prompt of `guidance_scale`, empty where that is 1


@dataclass(frozen=True, slots=True)
class Text:
    """The next stretch of the reply, never ending inside a character."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A token that might have come. `logprob` is the natural logarithm of its probability."""

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the reply, its logarithm of probability before any sampler, and the likeliest others."""

    text: str
    logprob: float
    rivals: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Tokens:
    """The next tokens of the reply, beside their `Text`, where `logprobs` was asked for. The texts of all tokens, put
    together, begin with the reply's; a token inside a character has what of it is text, which may be nothing."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Prompt processing: `processed` of `total` tokens done, of which `cached` were reused."""

    processed: int
    total: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """Something to show while waiting: loading a model (with `fraction` 0..1), queued, trying again."""

    notice: Notice
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the backend counted them; None where it does not say."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    shifted: int = 0                              # of the cached ones, those that were moved up (`shift`)
    cost: float | None = None                     # of the reply, in the service's own money (OpenRouter: dollars)


@dataclass(frozen=True, slots=True)
class Finish:
    """The end, exactly once and last. `cut`: the stream broke off or was aborted; the text so far stands.
    `error` goes with reason "error" (nothing usable, or a failure after some text)."""

    reason: FinishReason
    usage: Usage = Usage()
    ttft_ms: float | None = None                  # time to first token
    tokens_per_second: float | None = None
    stop_string: str = ""
    seed: int | None = None
    dropped: tuple[str, ...] = ()                 # sampler names that this backend does not know
    clamped: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, Notice] = field(default_factory=dict)   # why, for names in `dropped` and `clamped`
    error: TraktirError | None = None
    notices: tuple[Notice, ...] = ()              # what this reply tells of the way it came (a buffering proxy, …)


Event = Text | Reasoning | Tokens | Progress | Status | Usage | Finish


class Backend(Protocol):
    """A place where text is completed. Never raises out of `complete`: failures are a Finish with an error."""

    async def capabilities(self) -> Capabilities:
        """What is there, loading or connecting if need be. Raises BackendError."""
        ...

    def complete(self, request: CompletionRequest) -> AsyncIterator[Event]:
        """Stream one reply. Closing the iterator or `abort` stops the work at the source."""
        ...

    async def count_tokens(self, prompts: Sequence[Sequence[Piece]]) -> list[int]:
        """Tokens of each prompt without BOS; an estimate where `exact_tokens` is False. Raises BackendError."""
        ...

    async def exact_counts(self, prompts: Sequence[Sequence[Piece]]) -> list[int | None]:
        """As `count_tokens`, with None for each that the model's own tokenizer cannot be asked about now. At most a
        few hundred questions go out, whatever is asked. Raises BackendError."""
        ...

    async def warm(self, request: CompletionRequest) -> int | None:
        """Read the prompt into the backend's memory and write nothing, so that the reply to it begins at once.

        Returns how many of its tokens are there now, fewer where a reply came between: that goes first, and what
        was read by then stays. None where the backend cannot, or is at work. Never raises BackendError.
        """
        ...

    async def abort(self, request_id: str) -> None:
        """Stop that request at the source; the stream ends with Finish("cut"). Unknown ids are ignored."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class PictureCounter(Protocol):
    """A backend that knows what a picture takes."""

    async def picture_tokens(self, sizes: Sequence[tuple[int, int]]) -> list[int]:
        """Tokens of the model's window that pictures of these widths and heights (pixels) take, what marks their
        beginning and end included. Raises BackendError."""
        ...


def estimate_tokens(text: str) -> int:
    """A guess where no tokenizer is at hand and nothing is known of the model: see `tui.domain.estimate`."""
    return estimate(text)
