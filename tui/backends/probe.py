"""What answers at an address: a few cheap questions, in an order in which impostors are told apart.

Servers imitate each other's routes, so only the shape of an answer counts, never its status alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tui.backends import failures, lmstudio
from tui.backends.address import KNOWN_HOSTS, Address, parse_address
from tui.backends.bounded import MAX_PARTS, weight
from tui.backends.describe import describe
from tui.backends.dialects import DIALECTS, Dialect
from tui.backends.gate import gate_of
from tui.backends.http import MAX_JSON, Answer, Http
from tui.backends.services import dialect_at
from tui.domain.backend import Capabilities
from tui.domain.cleantext import clean_line
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError, BadInput
from tui.domain.notice import Notice, notice

#: Problems that tell what a server is, and keep it from being used for now.
_OF_A_SERVER = frozenset({"key_needed", "key_refused", "model_needed", "model_unknown", "model_unloaded"})
PROBE_SECONDS = 30.0
"""All questions together may take this long."""

Auth = Literal["none", "accepted", "needed", "refused"]


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was found. `problem` says why it cannot be used yet: it wants a key, or is still loading."""

    address: str
    dialect: str
    label: str
    found_by: Notice
    capabilities: Capabilities
    models: tuple[str, ...] = ()
    auth: Auth = "none"
    problem: BackendError | None = None
    steps: tuple[str, ...] = field(default=())

    @property
    def version(self) -> str:
        return self.capabilities.version

    @property
    def model(self) -> str:
        return self.capabilities.model

    @property
    def context_length(self) -> int | None:
        return self.capabilities.context_length

    @property
    def chat_template(self) -> str:
        return self.capabilities.chat_template

    def to_json(self) -> dict[str, Any]:
        return {
            "address": self.address, "dialect": self.dialect, "label": self.label, "version": self.version,
            "model": self.model, "models": list(self.models), "context_length": self.context_length,
            "chat_template": self.chat_template, "auth": self.auth, "found_by": self.found_by.to_json(),
            "capabilities": self.capabilities.to_json(), "steps": list(self.steps),
            "problem": self.problem.to_json() if self.problem else None,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """Who answers, by which sign."""

    dialect: Dialect
    found_by: Notice
    problem: BackendError | None = None


async def probe(endpoint: Endpoint) -> ProbeResult:
    """Find out what answers at `endpoint`. A server that wants a key or is loading is a result with a `problem`.

    Raises BadInput for an address or a key that cannot be used, BackendError when nothing answers.
    """
    address = parse_address(endpoint.url)
    gate = gate_of(address.root)
    if gate.locked() and gate.found is not None and DIALECTS[gate.found.dialect].busy_with_one:
        return gate.found                                       # it writes, and a question would end that
    http = Http(endpoint, address)
    try:
        return await probe_over(http, endpoint)
    finally:
        await http.close()


async def probe_over(http: Http, endpoint: Endpoint) -> ProbeResult:
    """As `probe`, over a connection that is there already."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await _probe(Questions(http), endpoint)
    except TimeoutError as error:
        raise failures.not_reached(error, http.address.shown) from None


class Questions:
    """The questions asked so far: each GET is sent once and remembered."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self.asked: dict[str, Answer] = {}
        self._slow = 0
        self._bytes, self._parts = MAX_JSON, MAX_PARTS

    @property
    def address(self) -> Address:
        return self.http.address

    async def get(self, path: str) -> Answer:
        """A path under the root, or a whole URL. One question may go unanswered, a second one ends it."""
        url = path if "://" in path else self.address.root + path
        if url not in self.asked:
            try:
                self.asked[url] = await self._ask(url)
            except BackendError as error:
                self._slow += error.details.get("kind") == "timeout"
                if error.details.get("kind") != "timeout" or self._slow > 1:
                    raise
                self.asked[url] = Answer(0, {}, None, "")
        return self.asked[url]

    async def _ask(self, url: str) -> Answer:
        """All answers together may not be larger than one."""
        answer = await self.http.ask(url, limit=self._bytes, max_parts=self._parts)
        self._bytes -= len(answer.text)
        self._parts -= weight(answer.text) if answer.data is not None else 0
        return answer

    def steps(self) -> tuple[str, ...]:
        root = self.address.root
        return tuple(f"{url.removeprefix(root) or '/'}: {a.status or '-'}" for url, a in self.asked.items())


async def _probe(ask: Questions, endpoint: Endpoint) -> ProbeResult:
    finding = await _find(ask, endpoint)
    dialect, problem = finding.dialect, finding.problem
    capabilities, models = Capabilities(dialect.name), tuple[str, ...]()
    if problem is None:
        try:
            capabilities, models = await describe(ask.get, ask.http, dialect, endpoint)
        except BackendError as error:
            if error.details.get("kind") not in _OF_A_SERVER:
                raise
            problem, models = error, tuple(error.details.get("models", ()))
    if problem is None and not endpoint.model and not dialect.any_model and (
            dialect.public or ask.address.host in KNOWN_HOSTS):
        problem = failures.needs_model(ask.address.shown, models)
    return ProbeResult(
        ask.address.shown, dialect.name, dialect.label, finding.found_by, capabilities, models,
        _auth(ask, problem), problem, ask.steps(),
    )


async def _find(ask: Questions, endpoint: Endpoint) -> Finding:
    if endpoint.kind != "auto":
        if endpoint.kind not in DIALECTS:
            raise BadInput(notice("There is no kind of server called {kind}.", kind=clean_line(str(endpoint.kind), 40)),
                           notice("Known are: {kinds}.", kinds=", ".join(("auto", *DIALECTS))), field="kind")
        dialect = dialect_at(endpoint.kind, ask.address.host)
        return Finding(dialect, notice("chosen by hand"), await _not_ready(ask, endpoint.kind))
    if known := KNOWN_HOSTS.get(ask.address.host):
        return Finding(dialect_at(known, ask.address.host), notice("known by its address"))
    for detect in (_kobold, _service_info, _llamacpp, _by_owner, _textgen, _ollama, _sglang, _lmstudio):
        if (finding := await detect(ask)) is not None:
            return finding
    return await _generic(ask)


async def _not_ready(ask: Questions, kind: str) -> BackendError | None:
    """Whether a server whose kind is known is loading."""
    if kind != "llamacpp":
        return None
    found = await _llamacpp(ask)
    return found.problem if found else None


async def _kobold(ask: Questions) -> Finding | None:
    answer = await ask.get("/api/extra/version")
    if answer.field("result") != "KoboldCpp":
        return None
    told = (await ask.get("/api/v1/model")).field("result")
    model = told if isinstance(told, str) else ""
    for prefix, name in (("aphrodite/", "aphrodite"), ("tabbyAPI/", "tabby")):
        if model.startswith(prefix):
            return Finding(DIALECTS[name], notice("it imitates KoboldCpp but names itself in its model"))
    if (other := await _service_info(ask)) is not None and other.dialect.name != "koboldcpp":
        return other
    return Finding(DIALECTS["koboldcpp"], notice("its version route says so"))


async def _service_info(ask: Questions) -> Finding | None:
    software = (await ask.get("/.well-known/serviceinfo")).field("software")
    name = software.get("name") if isinstance(software, dict) else None
    known = {"KoboldCpp": "koboldcpp", "TabbyAPI": "tabby"}.get(name) if isinstance(name, str) else None
    return Finding(DIALECTS[known], notice("its service description says so")) if known else None


async def _llamacpp(ask: Questions) -> Finding | None:
    answer = await ask.get("/props")
    ours = answer.headers.get("server", "") == "llama.cpp"
    if answer.ok and isinstance(answer.data, dict) and (
        "default_generation_settings" in answer.data or answer.field("role") == "router"
    ):
        return Finding(DIALECTS["llamacpp"], notice("its properties say so"))
    if answer.status == 503 and "loading" in answer.text.lower():
        return Finding(DIALECTS["llamacpp"], notice("it answers that its model is loading"),
                       failures.still_loading(ask.address.shown))
    if ours and answer.status in {401, 403}:
        return Finding(DIALECTS["llamacpp"], notice("its headers say so"), _key_problem(ask, answer))
    return None


_OWNERS = {
    "vllm": "vllm", "aphrodite": "aphrodite", "sglang": "sglang", "tabbyAPI": "tabby", "llamacpp": "llamacpp",
    "me": "llama_cpp_python", "organization_owner": "lmstudio", "library": "ollama",
}


async def _by_owner(ask: Questions) -> Finding | None:
    data = (await ask.get("/v1/models")).field("data")
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    owner = first.get("owned_by")
    known = _OWNERS.get(owner) if isinstance(owner, str) else None
    if known == "lmstudio":
        return await _lmstudio(ask)
    return Finding(DIALECTS[known], notice("its list of models says so")) if known else None


async def _lmstudio(ask: Questions) -> Finding | None:
    """By the shape of its own lists: it says 200 to any route, and others own models by the same word."""
    newer = await ask.get(lmstudio.MODELS)
    older = newer if lmstudio.entries(newer) else await ask.get(lmstudio.MODELS_BEFORE)
    if lmstudio.entries(newer, older):
        return Finding(DIALECTS["lmstudio"], notice("its own list of models says so"))
    return None


async def _textgen(ask: Questions) -> Finding | None:
    answer = await ask.get("/v1/internal/model/info")
    if answer.status == 400 and "host header" in answer.text[:200].lower():
        return Finding(DIALECTS["textgen"], notice("it minds the name that it is called by"), failures.from_status(
            400, answer.data, answer.text, ask.address.shown, ask.http.key_given))
    if answer.ok and isinstance(answer.data, dict) and "loader" in answer.data and "model_name" in answer.data:
        return Finding(DIALECTS["textgen"], notice("its internal routes say so"))
    return None


async def _ollama(ask: Questions) -> Finding | None:
    if not isinstance((await ask.get("/api/version")).field("version"), str):
        return None
    if "Ollama is running" in (await ask.get("/")).text[:200]:
        return Finding(DIALECTS["ollama"], notice("its front page says so"))
    return None


async def _sglang(ask: Questions) -> Finding | None:
    for path in ("/model_info", "/get_model_info"):
        answer = await ask.get(path)
        if answer.ok and isinstance(answer.field("model_path"), str) and "is_generation" in answer.data:
            return Finding(DIALECTS["sglang"], notice("its description of the model says so"))
    return None


async def _generic(ask: Questions) -> Finding:
    """Anything with a list of models where an OpenAI-like server has it. Raises BackendError if there is none."""
    found = notice("it answers as an OpenAI-compatible server does")
    urls = [f"{ask.address.api}/models"] + ([] if ask.address.given_api else [f"{ask.address.root}/models"])
    for url in urls:
        answer = await ask.get(url)
        if answer.status in {401, 403}:
            return Finding(DIALECTS["openai"], found, _key_problem(ask, answer))
        if isinstance(answer.field("data"), list):
            return Finding(DIALECTS["openai"], found)
    last = ask.asked[urls[0]]
    if not last.ok and last.status not in {0, 404, 405}:
        raise failures.from_status(last.status, last.data, last.text, ask.address.shown, ask.http.key_given)
    raise failures.not_understood(ask.address.shown, failures.server_words(last.data) or last.text or str(last.status))


def _key_problem(ask: Questions, answer: Answer) -> BackendError:
    return failures.needs_key(ask.address.shown, ask.http.key_given, failures.server_words(answer.data))


def _auth(ask: Questions, problem: BackendError | None) -> Auth:
    kinds: Mapping[str, Auth] = {"key_needed": "needed", "key_refused": "refused"}
    if problem is not None and (state := kinds.get(str(problem.details.get("kind")))):
        return state
    return "accepted" if ask.http.key_given else "none"
