"""Quirks of servers beside their streams, for every kind that has them. Each test's name begins with the row of the
table of quirks (backends specification, section 3) that it is for; rows 1 to 9, 25, 28 and 29 are in
test_faults_streams.py.

Elsewhere, because one kind of server or none is concerned:
  the AI Horde, which is asked after its text: tests/backends/test_backends_horde.py, and here
              test_faults_malicious.py::test_a_horde_of_attackers
  row 5, 34   tests/backends/test_backends_switching.py (text-generation-webui without a model, under another name)
  row 12      tests/backends/test_backends_ollama.py (what is asked for, what is cut all the same)
  row 14, 35  tests/backends/test_backends_switching.py (LM Studio's lists, a model that loads)
  row 20      tests/backends/test_backends_polled.py (KoboldCpp behind a tunnel that holds its stream back)
  row 15, 16  tests/backends/test_backends_real.py::test_the_prompt_is_reused_and_said_so,
              tests/backends/test_backends_tokens.py (what a model's memory allows, by its name)
  row 21, 30  tests/backends/test_backends_sampling.py (bounds and spellings of every sampler for every kind)
  row 28      tests/backends/test_backends_koboldcpp.py::test_chat_by_its_imitation_of_openai
  row 31      tests/backends/test_backends_koboldcpp.py::test_each_request_has_a_key_of_its_own
  row 35      tests/backends/test_backends_manners.py::test_a_server_that_loads_is_waited_for
  row 36      test_faults_malicious.py::test_a_redirect_takes_neither_key_nor_prompt_along
  row 37      tests/backends/test_backends_manners.py::test_the_environments_proxy_is_for_others_not_for_this_machine
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from dialects import MODEL, VOICES, WINDOW, Voice
from scripted import Line, Request, ScriptedServer, answer, play
from told import request, tell

from tui.backends import retry
from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.backend import ChatMessage, Piece, Status, Text
from tui.domain.samplers import Samplers


def voice_of(name: str) -> Voice:
    return next(voice for voice in VOICES if voice.name == name)


async def test_it_is_recognised_and_tells_its_window(voice: Voice, backend: RemoteBackend) -> None:
    told = await backend.capabilities()
    assert (told.dialect, told.model, told.context_length) == (voice.name, MODEL, WINDOW if voice.window else None)
    assert told.exact_tokens == bool(voice.counts)
    assert any("does not tell its context" in str(n) for n in told.notices) == (not voice.window)


async def test_row_10_one_bos(voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    """The server adds one, or the prompt brings it; never both. Chats leave it to the server."""
    await tell(backend, bos="<s>")
    sent = scripted_server.asked(voice.path)[0].json
    adds = (await backend.capabilities()).adds_bos
    assert str(sent.get("prompt", "")).count("<s>") == (0 if adds or voice.frame == "chat" else 1)
    assert adds == (voice.name != "llamacpp")                      # whose tokenizer said here that it adds none


async def test_row_11_koboldcpp_is_told_its_true_window(scripted_server: ScriptedServer) -> None:
    voice = voice_of("koboldcpp")
    voice.install(scripted_server)
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    await tell(backend)
    await backend.close()
    assert scripted_server.asked(voice.path)[0].json["max_context_length"] == WINDOW


LONG = "A lamp by the door. " * 600


@pytest.mark.parametrize("name", [v.name for v in VOICES if v.name not in ("koboldcpp", "llama_cpp_python")])
async def test_row_12_a_prompt_that_is_cut_in_silence(scripted_server: ScriptedServer, name: str) -> None:
    """The server says it read far less than was sent; it is said, and teaches the estimate nothing."""
    voice = voice_of(name)
    voice.install(scripted_server)
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    long = {"pieces": (Piece(LONG),), "messages": (ChatMessage("user", LONG),)}
    before = (await backend.count_tokens([[Piece("lamp " * 50)]]))[0]
    scripted_server.on(voice.route, play(voice.head, voice.words("Yes."), voice.end(prompt=1200)))
    told = await tell(backend, **long)
    assert [str(n) for n in told.finish.notices if "it read 1200 tokens, but about" in str(n)]
    assert told.finish.reason == "stop"
    assert (await backend.count_tokens([[Piece("lamp " * 50)]]))[0] == before
    scripted_server.on(voice.route, play(voice.head, voice.words("Yes."), voice.end(prompt=3100)))
    assert (await tell(backend, id="r2", **long)).finish.notices == ()
    await backend.close()


async def test_row_12_13_ollama_takes_the_prompt_as_it_is_and_may_not_cut_it(scripted_server: ScriptedServer) -> None:
    voice = voice_of("ollama")
    voice.install(scripted_server)
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    for number in range(2):
        await tell(backend, id=str(number))
    told = await backend.capabilities()
    await backend.close()
    assert (told.text_completion, told.context_length) == (True, WINDOW)
    assert scripted_server.asked("/v1/completions") == []
    for sent in (asked.json for asked in scripted_server.asked(voice.path)):
        assert (sent["raw"], sent["truncate"], sent["shift"]) == (True, False, False)
        assert sent["options"]["num_ctx"] == WINDOW
        assert "system" not in sent


async def test_row_14_lm_studio_says_200_to_everything(scripted_server: ScriptedServer) -> None:
    voice = voice_of("lmstudio")
    scripted_server.otherwise = answer({"error": "Unexpected endpoint or method. (GET /x)"})
    voice.install(scripted_server, scripted_server.otherwise)
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    assert (await backend.capabilities()).context_length == WINDOW
    told = await tell(backend)
    await backend.close()
    assert (told.finish.reason, "Unexpected endpoint or method" in told.error) == ("error", True)


async def test_row_17_one_request_at_a_time(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    """Also from a second connection to the same server; the one that waits says so."""
    under_way, most = 0, 0
    free = asyncio.Event()

    async def write(asked: Request, line: Line) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await free.wait()
        under_way -= 1
        await voice.reply("One.")(asked, line)

    scripted_server.on(voice.route, write)
    other = RemoteBackend(voice.endpoint(scripted_server.url))
    first = asyncio.create_task(tell(backend))
    while not scripted_server.asked(voice.path):
        await asyncio.sleep(0.001)
    waits = other.complete(request(id="r2"))
    status = await anext(waits)
    assert isinstance(status, Status)
    assert "Waiting for another request" in str(status.notice)
    assert len(scripted_server.asked(voice.path)) == 1
    free.set()
    rest = [said async for said in waits]
    await other.close()
    assert ((await first).text, "".join(s.text for s in rest if isinstance(s, Text)), most) == ("One.", "One.", 1)


async def test_row_17_an_end_without_a_reason_is_an_interruption_where_requests_end_each_other(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    """llama-cpp-python's server closes a reply that another request ends as if it were complete."""
    scripted_server.on(voice.route, play(voice.head, voice.words("Once"), b"data: [DONE]\n\n"))
    told = await tell(backend)
    interrupted = voice.name == "llama_cpp_python"
    if voice.frame == "ollama":                                    # to which that line is none
        assert (told.text, told.finish.reason) == ("Once", "cut")
        return
    assert (told.text, told.finish.reason) == ("Once", "cut" if interrupted else "stop")
    assert ("begun another request" in told.error) == interrupted


async def test_row_18_a_full_queue_is_waited_for_in_sight(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    busy = voice.refusal("503 Service Unavailable", "Server is busy", Retry_After="0.02")
    scripted_server.on(voice.route, busy, busy, voice.reply("Here."))
    told = await tell(backend)
    assert (told.text, told.finish.reason) == ("Here.", "stop")
    assert len(scripted_server.asked(voice.path)) == 3
    assert [s[-9:] for s in told.statuses] == ["(1 of 3).", "(2 of 3)."]


FINAL = ("400 Bad Request", "402 Payment Required", "403 Forbidden", "404 Not Found", "413 Too Large",
         "422 Unprocessable", "500 Oops", "502 Bad Gateway")


async def test_row_18_other_refusals_are_not_repeated(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    for number, status in enumerate(FINAL, 1):
        scripted_server.on(voice.route, voice.refusal(status, "Not like this."))
        scripted_server.on("POST /api/v1/generate", voice.refusal(status, "Not like this."))   # KoboldCpp's, unstreamed
        told = await tell(backend, id=status)
        assert (told.text, told.finish.reason, len(scripted_server.asked(voice.path))) == ("", "error", number)
        assert "Not like this." in told.error or "needs a key" in told.error
        assert scripted_server.url.removeprefix("http://") in told.error


async def test_row_18_the_wait_can_be_left(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    scripted_server.on(voice.route, voice.refusal("503 Service Unavailable", "busy", Retry_After="100"))
    said = []
    async for event in backend.complete(request()):
        said.append(event)
        await backend.abort("r1")
    assert getattr(said[-1], "reason", "") == "cut"
    assert len(scripted_server.asked(voice.path)) == 1


LIFTED = (("Retry_After", "0"), ("Retry_After", formatdate(0, usegmt=True)), ("x_ratelimit_reset_requests", "10ms"))


async def test_row_19_rate_limits_say_when_to_come_back(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    for name, value in LIFTED:
        limited = voice.refusal("429 Too Many Requests", "slow down", **{name: value})
        scripted_server.on(voice.route, limited, voice.reply("Here."))
        assert (await tell(backend, id=value)).text == "Here."


async def test_row_19_hopeless_limits_and_those_after_text_are_told_at_once(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    scripted_server.on(voice.route, voice.refusal("429 Too Many Requests", "insufficient_quota", Retry_After="0"))
    assert (await tell(backend)).finish.reason == "error"
    assert len(scripted_server.asked(voice.path)) == 1
    scripted_server.on(voice.route, voice.refusal("429 Too Many Requests", "tomorrow", Retry_After="9999"))
    assert "tomorrow" in (await tell(backend, id="r2")).error
    limited = play(voice.head, voice.words("Once"), voice.failure("429 slow down"))
    scripted_server.on(voice.route, limited, voice.reply("x"))
    told = await tell(backend, id="r3")
    assert (told.text, told.finish.reason, len(scripted_server.asked(voice.path))) == ("Once", "error", 3)


def test_row_19_waits_of_our_own_are_spread() -> None:
    waits = [retry.wait_before(attempt, {}, 0.0, luck) for attempt in (0, 1, 2, 3) for luck in (0.0, 1.0)]
    assert waits == [2.0, 2.5, 4.0, 5.0, 8.0, 10.0, None, None]
    reset = {"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "1m2.5s"}
    assert retry.wait_before(0, reset, 0.0) == 62.5
    assert retry.wait_before(0, {"x-ratelimit-reset-tokens": "soon"}, 0.0) == 2.0


async def test_row_20_a_reply_that_arrives_at_once(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.backends.tips.BURST_WAIT", 0.05)
    monkeypatch.setattr("tui.backends.tips.BURST_RATE", 100.0)      # so slow that a busy machine reads that fast too
    whole = b"".join([voice.head, *[voice.words("so ")] * 200, voice.end()])
    scripted_server.on(voice.route, play(0.1, whole))
    told = await tell(backend)
    assert [n for n in told.finish.notices if "arrived at once" in str(n)]
    assert told.finish.tokens_per_second is None
    paced: list[Any] = [voice.head, *[part for _ in range(34) for part in (voice.words("so "), 0.02)], voice.end()]
    monkeypatch.setattr("tui.backends.tips.BURST_RATE", 4000.0)
    scripted_server.on(voice.route, play(*paced) if voice.name == "openai" else voice.reply("No."))
    assert (await tell(backend, id="r2")).finish.notices == ()


async def test_row_20_a_proxy_that_gives_up(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    page = "<html><head><style>p{}</style><title>524</title></head><body>cloudflare</body></html>"
    for status in ("504 Gateway Timeout", "522 Connection Timed Out", "524 A Timeout Occurred"):
        scripted_server.on(voice.route, answer(page, status, content_type="Content-Type: text/html"))
        told = await tell(backend, id=status)
        assert f"A proxy before {backend.address.shown} gave up waiting for the server ({status[:3]})." in told.error


EXTREME = Samplers(temperature=5.0, top_k=300, repetition_penalty=2.0, penalty_range=-1, dry_multiplier=0.8,
                   dry_range=-1, presence_penalty=2.0, frequency_penalty=2.0, seed=7)


async def test_row_21_22_30_32_what_goes_out(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    """No −1 where it is refused, no empty grammar, breakers as each takes them, no call for a resumable stream."""
    told = await tell(backend, samplers=EXTREME)
    sent = scripted_server.asked(voice.path)[0]
    assert told.text == "Hello."
    if voice.name == "llamacpp":
        assert min(sent.json["repeat_last_n"], sent.json["dry_penalty_last_n"]) >= 0
    if voice.name in ("vllm", "openai"):
        assert sent.json["temperature"] == 2.0
        assert told.finish.clamped["temperature"] == 2.0
    breakers = sent.json.get("dry_sequence_breakers")
    kinds = {"textgen": str, "llamacpp": list, "koboldcpp": list}
    assert voice.name not in kinds or isinstance(breakers, kinds[voice.name])
    assert not {"grammar", "json_schema", "grammar_string"} & set(sent.json)
    for asked in scripted_server.requests:
        assert "x-conversation-id" not in asked.headers


CONTINUES: dict[str, dict[str, Any]] = {
    "llamacpp": {}, "openrouter": {}, "mistral": {"prefix": True}, "deepseek": {"prefix": True},
    "textgen": {"continue_": True},
    **{name: {"continue_final_message": True, "add_generation_prompt": False}
       for name in ("tabby", "vllm", "aphrodite", "sglang")},
}


async def test_row_24_a_started_reply_in_chat_mode(voice: Voice, scripted_server: ScriptedServer) -> None:
    voice.install(scripted_server)
    route = "/api/chat" if voice.frame == "ollama" else f"{voice.api}/chat/completions"
    route = "/beta/chat/completions" if voice.name == "deepseek" else route
    scripted_server.on(f"POST {route}", (voice if voice.frame == "ollama" else voice_of("openai")).reply("on."))
    backend = RemoteBackend(voice.endpoint(scripted_server.url, mode="chat"))
    can = (await backend.capabilities()).prefill
    messages = (ChatMessage("user", "Hi."), ChatMessage("assistant", "And so"))
    told = await tell(backend, messages=messages, prefill="And so")
    await backend.close()
    sent = scripted_server.asked(route)[0].json
    keys = {"continue_", "continue_final_message", "add_generation_prompt", "prefix"}
    assert (told.text, can) == ("on.", voice.name in CONTINUES)
    last = sent["messages"][-1 if can or voice.frame == "ollama" else -2]
    assert {k: v for k, v in {**sent, **last}.items() if k in keys} == CONTINUES.get(voice.name, {})
    assert (last["role"], last["content"]) == ("assistant", "And so")


async def test_row_24_a_template_that_would_think_first(scripted_server: ScriptedServer) -> None:
    voice = voice_of("llamacpp")
    voice.install(scripted_server)
    refusal = {"error": {"code": 400, "type": "invalid_request_error",
                         "message": "Assistant response prefill is incompatible with enable_thinking."}}
    scripted_server.on("POST /v1/chat/completions", answer(refusal, "400 Bad Request"),
                       voice_of("openai").reply("on."))
    backend = RemoteBackend(voice.endpoint(scripted_server.url, mode="chat"))
    messages = (ChatMessage("user", "Hi."), ChatMessage("assistant", "And so"))
    told = await tell(backend, messages=messages, prefill="And so")
    await backend.close()
    first, second = scripted_server.asked("/v1/chat/completions")
    assert (told.text, "chat_template_kwargs" in first.json) == ("on.", False)
    assert second.json["chat_template_kwargs"] == {"enable_thinking": False}


ORDERS = (
    "Conversation roles must alternate user/assistant/user/assistant/...", "System message must be at the beginning.",
    "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
)


async def test_row_27_roles_out_of_order(voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    for said in ORDERS:
        scripted_server.on(voice.route, voice.refusal("400 Bad Request", said))
        told = await tell(backend, id=said)
        assert f"{backend.address.shown} takes messages only in a certain order of roles" in told.error
        assert "joins neighbouring messages" in told.error


async def test_row_33_counts_are_the_tokenizers_own_without_bos(voice: Voice, backend: RemoteBackend) -> None:
    counts = await backend.exact_counts([[Piece("x" * 40)], [Piece("")], [Piece("y" * 9)]])
    assert counts == ([10, 0, 3] if voice.counts else [None, 0, None])


async def test_row_34_a_name_that_the_server_does_not_answer_to(scripted_server: ScriptedServer) -> None:
    voice = voice_of("textgen")
    voice.install(scripted_server)
    backend = RemoteBackend(voice.endpoint(scripted_server.url))
    scripted_server.on(voice.route, answer("Invalid host header", "400 Bad Request"))
    told = await tell(backend)
    await backend.close()
    assert "--listen" in told.error
    assert "answers only under the name localhost" in told.error


async def test_row_05_07_a_prompt_beyond_the_window(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    """However it is reported: 400 with figures or without, or an empty success."""
    scripted_server.on(voice.route, voice.overflow(9000))
    told = await tell(backend, pieces=(Piece("word " * 3000),), messages=(ChatMessage("user", "word " * 3000),))
    assert (told.text, told.finish.reason) == ("", "error")
    assert "context" in told.error
    assert told.kind == ("empty" if voice.name in ("llama_cpp_python", "textgen") else "context")
    assert len(scripted_server.asked(voice.path)) == 1


async def test_a_key_that_is_wrong(voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend) -> None:
    scripted_server.on(voice.route, voice.refusal("401 Unauthorized", "Invalid key sk-0123456789"))
    told = await tell(backend)
    assert told.kind == "key_needed"
    keyed = RemoteBackend(voice.endpoint(scripted_server.url, api_key="sk-0123456789"))
    told = await tell(keyed)
    await keyed.close()
    assert told.kind == "key_refused"
    assert "sk-0123456789" not in told.error + repr(told.finish)
    assert scripted_server.asked(voice.path)[-1].headers["authorization"] == "Bearer sk-0123456789"


async def test_row_35_the_first_word_may_take_longer_than_silence_may(
    voice: Voice, scripted_server: ScriptedServer, impatient: RemoteBackend
) -> None:
    """The server opens the stream only when its model is loaded and the prompt read."""
    scripted_server.on(voice.route, play(0.22, voice.head, 0.22, voice.words("Once") + voice.end()))
    assert (await tell(impatient)).text == "Once"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own making, for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
               "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


async def test_row_37_a_certificate_of_ones_own_making(certificate: Path) -> None:
    voice = voice_of("openai")
    server = ScriptedServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    await server.start(tls=context)
    voice.install(server)
    secure = server.url.replace("http:", "https:")
    told = await tell(refused := RemoteBackend(voice.endpoint(secure)))
    await refused.close()
    assert (told.kind, "certificate" in told.error) == ("tls", True)
    trusting = RemoteBackend(voice.endpoint(secure, verify_tls=False))
    assert (await tell(trusting)).text == "Hello."
    await trusting.close()
    plain = RemoteBackend(voice.endpoint(server.url))               # http:// to a server that speaks TLS
    assert (await tell(plain)).kind in ("protocol", "broken")
    await plain.close()
    await server.stop()


async def test_row_38_a_worker_that_dies_takes_the_server_along(
    voice: Voice, scripted_server: ScriptedServer, backend: RemoteBackend
) -> None:
    died = voice.failure("EngineCore encountered an issue")
    scripted_server.on(voice.route, play(voice.head, voice.words("Once"), died))
    told = await tell(backend)
    assert (told.text, told.finish.reason) == ("Once", "error")
    port = scripted_server.port
    await scripted_server.stop()
    gone = await tell(backend, id="r2")
    assert (gone.kind, f"Nothing listens at http://127.0.0.1:{port}" in gone.error) == ("unreachable", True)
    voice.install(scripted_server)
    await scripted_server.start(port)
    assert (await tell(backend, id="r3")).text == "Hello."


async def test_looking_at_a_server_shows_who_it_is(voice: Voice, scripted_server: ScriptedServer) -> None:
    voice.install(scripted_server)
    found = await probe(voice.endpoint(scripted_server.url))
    assert (found.dialect, found.problem) == (voice.name, None)
