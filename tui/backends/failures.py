"""What went wrong between here and a server, in sentences with a next step."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from tui.domain.cleantext import clean_line
from tui.domain.errors import BackendError
from tui.domain.notice import Notice, notice

#: Markup, in time that grows with the text alone, however many tags stay open.
_TAG = re.compile(r"<(style|script)\b[^<>]*>[^<]*</\1>|<[^<>]*>", re.IGNORECASE)

SAID_LIMIT = 200
"""How much of a server's own message is shown, in characters."""


def not_reached(error: Exception, address: str) -> BackendError:
    """A failure below HTTP, before or while a server answered."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return _failure("unreachable", notice("{address} does not answer.", address=address), _IS_IT_THERE)
    if isinstance(error, httpx.ConnectError):
        return _no_connection(error, address)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        what = notice("{address} took too long to answer.", address=address)
        return _failure("timeout", what, notice("It may be busy; try again in a moment."), retryable=True)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | ImportError | ValueError | OSError):
        what = notice("{address} cannot be called: {said}.", address=address, said=clean_line(str(error), SAID_LIMIT))
        return _failure("address", what, notice("Check the address and the proxy settings of the environment."))
    if isinstance(error, httpx.LocalProtocolError):
        said = clean_line(str(error), 120)
        what = notice("The request to {address} cannot be written: {said}.", address=address, said=said)
        return _failure("address", what, notice("Check the key and the extra headers for stray characters."))
    if isinstance(error, httpx.RemoteProtocolError) and not _hung_up(str(error)):
        return not_http(address, "head without end" in str(error))
    return broken_off(address)


def _hung_up(said: str) -> bool:
    return any(sign in said for sign in ("disconnected", "peer closed", "closed connection", "incomplete"))


def not_http(address: str, endless: bool) -> BackendError:
    """What came is against the rules of HTTP; `endless`: it began well and had no end."""
    if endless:
        what = notice("{address} begins its answer with headers without end; it was cut off.", address=address)
        return _failure("protocol", what, notice("Check that this is the address of a language model's server."))
    what = notice("{address} answers, but what it sends is not HTTP.", address=address)
    return _failure("protocol", what, notice("Check the port, and whether the address begins with http:// or https://."))


def packed(address: str, encoding: str) -> BackendError:
    what = notice("{address} sends its answer packed ({encoding}), which it was asked not to do.", address=address,
                  encoding=clean_line(encoding, 40))
    return _failure("protocol", what, notice("Switch compression off in the server, or in the proxy before it."))


def broken_off(address: str) -> BackendError:
    return _failure(
        "broken", notice("The connection to {address} broke before the answer was complete.", address=address),
        notice("Look at the server's log: it may have crashed, restarted or begun another request."), retryable=True,
    )


def went_silent(address: str, seconds: float) -> BackendError:
    return _failure(
        "idle", notice("{address} has sent nothing for {seconds} seconds.", address=address, seconds=round(seconds)),
        notice("What has arrived is kept. Look whether the server is still at work, then continue."), retryable=True,
    )


def redirected(address: str, location: str) -> BackendError:
    to = clean_line(location, 200)
    return _failure(
        "redirect",
        notice("{address} sends us on to {location}. Nothing was sent there.", address=address, location=to),
        notice("If you trust that address, enter it instead."),
    )


def too_big(address: str) -> BackendError:
    return _failure(
        "protocol", notice("{address} sends an answer without end; it was cut off.", address=address),
        notice("Check that this is the address of a language model's server."),
    )


def not_understood(address: str, said: str = "") -> BackendError:
    return _failure(
        "protocol",
        notice("{address} answers, but not as a language model's server does: “{said}”.", address=address,
               said=clean_line(said, 120) or "-"),
        notice("Check the address, the port and the kind of server."),
    )


def needs_key(address: str, given: bool, said: str = "") -> BackendError:
    """401 or 403. `given` is whether a key was sent."""
    quoted = clean_line(said, SAID_LIMIT)
    if given:
        what = notice("{address} refuses this key. It says: “{said}”.", address=address, said=quoted or "-")
        return _failure("key_refused", what, notice("Check the key, and that it belongs to this server."), status=401)
    what = notice("{address} needs a key.", address=address)
    remedy = notice("Give it by the name of an environment variable or a file that holds it.")
    return _failure("key_needed", what, remedy, status=401)


def needs_model(address: str, models: Sequence[str]) -> BackendError:
    what = notice("{address} serves many models, and none is chosen.", address=address)
    some = ", ".join(models[:5])
    remedy = notice("Choose one for this connection, for example: {models}.", models=some) if some else (
        notice("Choose one for this connection."))
    return _failure("model_needed", what, remedy, models=models)


def unknown_model(address: str, name: str, models: Sequence[str]) -> BackendError:
    what = notice("{address} has no model {model}.", address=address, model=clean_line(name, 120))
    some = ", ".join(models[:5])
    remedy = notice("It has: {models}.", models=some) if some else notice("Check the model's name.")
    return _failure("model_unknown", what, remedy, models=models)


def not_loaded(address: str, name: str) -> BackendError:
    """A server has the model that was chosen, but not in its memory."""
    what = notice("{address} has not loaded {model} yet.", address=address, model=clean_line(name, 120))
    return _failure("model_unloaded", what, notice("It is loaded when it is first needed."))


def load_failed(address: str, name: str, said: str) -> BackendError:
    what = notice("{address} could not load {model}. It says: “{said}”.", address=address,
                  model=clean_line(name, 120), said=clean_line(said, SAID_LIMIT) or "-")
    return _failure("load_failed", what, notice("Look at the server's log: the model may be too large for its memory."))


def needs_admin(address: str, said: str) -> BackendError:
    what = notice("{address} lets only its administrator load and unload models: “{said}”.", address=address,
                  said=clean_line(said, SAID_LIMIT) or "-")
    return _failure("key_refused", what, notice("Use the administrator's key of that server."), status=401)


def cannot_load(server: str) -> BackendError:
    what = notice("{server} loads and unloads no models when asked.", server=server)
    return _failure("no_loading", what, notice("Choose the model where the server is started."))


def still_loading(address: str) -> BackendError:
    return _failure(
        "loading", notice("The server at {address} is still loading its model.", address=address),
        notice("Wait a moment and try again."), retryable=True, status=503,
    )


def context_exceeded(prompt: int | None, window: int | None, said: str) -> BackendError:
    if prompt and window:
        what = notice("The prompt has {prompt} tokens, the server's context only {window}.",
                      prompt=prompt, window=window)
    else:
        words = clean_line(said, SAID_LIMIT)
        what = notice("The prompt does not fit into the server's context. It says: “{said}”.", said=words)
    remedy = notice("Set the context length of this connection to what the server has, or start it with a larger one.")
    return _failure("context", what, remedy, status=400)


def from_status(status: int, body: Any, text: str, address: str, key_given: bool) -> BackendError:
    """The error that an HTTP status other than 2xx stands for, with the server's own words."""
    said = server_words(body) or clean_line(_TAG.sub(" ", text), SAID_LIMIT)
    if status in {401, 403} and not _about_moderation(said):
        return needs_key(address, key_given, said)
    if status == 503 and "loading" in said.lower():
        return still_loading(address)
    if (overflow := _overflow(body, said)) is not None:
        return overflow
    if status == 400 and "host header" in said.lower():
        remedy = notice("Start text-generation-webui with --listen, or use localhost in the address.")
        return _failure("host", notice("{address} answers only under the name localhost.", address=address), remedy)
    what, remedy = _by_status(status, said, address)
    hopeless = "insufficient_quota" in text
    return _failure("status", what, remedy, status=status, retryable=status in {429, 503} and not hopeless)


def from_frame(body: Any, address: str) -> BackendError:
    """An error that came inside a successful answer."""
    said = server_words(body)
    if (overflow := _overflow(body, said)) is not None:
        return overflow
    what = notice("{address} failed while writing. It says: “{said}”.", address=address, said=said or "-")
    return _failure("in_stream", what, notice("Look at the server's log; what has arrived is kept."), retryable=True)


def said_nothing(address: str, prompt: int | None, window: int | None) -> BackendError:
    """A success without a word of text."""
    if prompt and window and prompt >= window:
        return context_exceeded(prompt, window, "")
    what = (
        notice("{address} reports success but sent no text. The prompt has about {prompt} tokens, the context "
               "{window}.", address=address, prompt=prompt, window=window)
        if prompt and window
        else notice("{address} reports success but sent no text. The prompt has about {prompt} tokens; the server "
                    "does not tell its context, which may be smaller.", address=address, prompt=prompt or 0)
    )
    return _failure("empty", what, notice("Look at the server's log, or set the context length of this connection."))


def ended_at_once(stop: str) -> BackendError:
    what = (
        notice("The model wrote nothing before the stop string {stop}.", stop=repr(clean_line(stop, 40)))
        if stop else notice("The model ended its turn without a word.")
    )
    remedy = notice("Try again, or change the prompt format or the last message.")
    return _failure("empty", what, remedy, retryable=True)


def only_thoughts() -> BackendError:
    return _failure(
        "reasoning_only", notice("The model spent the whole reply on its thoughts and never came to speak."),
        notice("Raise the length of the reply, or ask for less reasoning."),
    )


def unforeseen(address: str, error: Exception) -> BackendError:
    what = notice("Something unforeseen happened while talking to {address}: “{said}”.", address=address,
                  said=clean_line(f"{type(error).__name__}: {error}", SAID_LIMIT))
    return _failure("unforeseen", what, notice("The log has the details. Please report it."))


def server_words(body: Any, depth: int = 6) -> str:
    """The server's own message, wherever its kind of server puts it, not more than `depth` levels down; cleaned and
    short."""
    if depth == 0:
        return ""
    if isinstance(body, Mapping):
        for key in ("error", "detail", "message", "msg", "errors"):
            if body.get(key):
                return server_words(body[key], depth - 1)
        return ""
    if isinstance(body, list):
        return clean_line("; ".join(filter(None, (server_words(item, depth - 1) for item in body[:4]))), SAID_LIMIT)
    return clean_line(body, SAID_LIMIT) if isinstance(body, str) else ""


#: Mistral's API and the templates of many models.
_ROLE_ORDER = re.compile(
    r"roles must alternate|expected last role|(must|should) be (first|at the beginning)|must end with a user",
    re.IGNORECASE,
)
_IS_IT_THERE = notice("Is the server running, and is the address right?")


def _failure(
    kind: str, what: Notice, remedy: Notice, *, retryable: bool = False, status: int | None = None,
    models: Sequence[str] = (),
) -> BackendError:
    details: dict[str, Any] = {"kind": kind, "retryable": retryable}
    if models:
        details["models"] = list(models[:500])
    if status is not None:
        details["status"] = status
    return BackendError(what, remedy, **details)


def _no_connection(error: httpx.ConnectError, address: str) -> BackendError:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    text = str(error)
    if cause is not None or "SSL" in text or "CERTIFICATE" in text:
        said = clean_line(text, 160)
        what = notice("The encrypted connection to {address} failed: “{said}”.", address=address, said=said)
        remedy = notice("Check the address. For a certificate of your own making, switch its check off.")
        return _failure("tls", what, remedy)
    if any(sign in text for sign in ("Name or service", "getaddrinfo", "nodename", "Temporary failure in name")):
        what = notice("There is no machine by the name in {address}.", address=address)
        return _failure("unreachable", what, notice("Check the spelling, and that you are online."))
    return _failure("unreachable", notice("Nothing listens at {address}.", address=address), _IS_IT_THERE)


def _about_moderation(said: str) -> bool:
    return "moderation" in said.lower() or "flagged" in said.lower()


def _overflow(body: Any, said: str) -> BackendError | None:
    error = body.get("error") if isinstance(body, Mapping) else None
    error = error if isinstance(error, Mapping) else {}
    known = "".join(word for key in ("type", "code") if isinstance(word := error.get(key), str))
    lowered = said.lower()
    if "exceed_context" in known or "context_length_exceeded" in known or (
        "context" in lowered and ("exceed" in lowered or "maximum context length" in lowered)
    ):
        prompt, window = error.get("n_prompt_tokens"), error.get("n_ctx")
        return context_exceeded(_tokens(prompt), _tokens(window), said)
    return None


def _tokens(told: Any) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 < told < 1 << 53 else None


def _by_status(status: int, said: str, address: str) -> tuple[Notice, Notice]:
    words = said or "-"
    if status == 402:
        return notice("{address} wants to be paid: “{said}”.", address=address, said=words), notice("Add credit there.")
    if status == 404:
        return (notice("{address} does not know this request or this model: “{said}”.", address=address, said=words),
                notice("Check the model's name and the kind of server."))
    if status in {504, 522, 524}:
        return (notice("A proxy before {address} gave up waiting for the server ({status}).", address=address,
                       status=status),
                notice("Shorten the prompt, raise the time that the proxy allows, or connect directly."))
    if status in {400, 422, 500} and _ROLE_ORDER.search(words):
        return (notice("{address} takes messages only in a certain order of roles: “{said}”.", address=address,
                       said=words),
                notice("Choose a prompt format that joins neighbouring messages of one role and puts the system's "
                       "text first."))
    if status == 429:
        return (notice("{address} allows no more requests for now: “{said}”.", address=address, said=words),
                notice("Wait a while, or check your quota there."))
    if status >= 500:
        return (notice("{address} failed ({status}): “{said}”.", address=address, status=status, said=words),
                notice("Look at the server's log."))
    return (notice("{address} rejects the request ({status}): “{said}”.", address=address, status=status, said=words),
            notice("Change the setting that it names, or the kind of server."))
