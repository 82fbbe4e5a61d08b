"""The way to a server: certificates of one's own, proxies, and redirects that must carry nothing."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scripted import ScriptedServer, answer, as_openai

from tui.backends.probe import probe
from tui.backends.remote import RemoteBackend
from tui.domain.backend import ChatMessage, CompletionRequest, Finish, Piece
from tui.domain.endpoint import Endpoint
from tui.domain.errors import BackendError, BadInput
from tui.domain.samplers import Samplers

KEY, HEADER = "sk-lines-0123456789", "hdr-lines-9876543210"


async def reply(endpoint: Endpoint) -> Finish:
    backend = RemoteBackend(endpoint)
    request = CompletionRequest("r", (Piece("Once"),), Samplers(), 20, messages=(ChatMessage("user", "Once"),))
    try:
        *_, finish = [event async for event in backend.complete(request)]
    finally:
        await backend.close()
    assert isinstance(finish, Finish)
    return finish


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A certificate authority of our own, and what it certifies: CA, certificate of 127.0.0.1, key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("ca")

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)

    made = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    (folder / "ca.cnf").write_text(
        "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext\n[dn]\nCN=Our own\n"
        "[ext]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
    (folder / "leaf.cnf").write_text(
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\n"
        "extendedKeyUsage=serverAuth\n")
    run("req", "-x509", *made, "-config", "ca.cnf", "-keyout", "ca.key", "-out", "ca.pem")
    run("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "leaf.key",
        "-out", "leaf.csr")
    run("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "leaf.cnf", "-out", "leaf.pem")
    return folder / "ca.pem", folder / "leaf.pem", folder / "leaf.key"


@pytest.fixture
async def secure(authority: tuple[Path, Path, Path]) -> AsyncIterator[ScriptedServer]:
    _, certificate, key = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ScriptedServer()
    await server.start(tls=context)
    as_openai(server, "Hello.")
    yield server
    await server.stop()


async def test_a_certificate_authority_of_ones_own_is_trusted_and_only_where_it_is_named(
    secure: ScriptedServer, authority: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    url = secure.url.replace("http:", "https:")
    finish = await reply(Endpoint(url, api_key=KEY, ca_file=str(authority[0])))
    assert (finish.reason, finish.error) == ("stop", None)
    assert secure.asked("/v1/chat/completions")[-1].headers["authorization"] == f"Bearer {KEY}"
    asked = len(secure.requests)
    assert (await reply(Endpoint(url, api_key=KEY))).reason == "error"
    assert len(secure.requests) == asked                        # nothing was said to a stranger, no key above all
    assert (await reply(Endpoint(url, verify_tls=False))).error is None
    broken = tmp_path / "not.pem"
    broken.write_text("no certificate")
    for file in (broken, tmp_path / "absent.pem"):
        with pytest.raises(BadInput, match="certificates"):
            RemoteBackend(Endpoint(url, ca_file=str(file)))


async def test_a_proxy_of_the_profile_goes_before_that_of_the_environment(
    scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_openai(scripted_server, "Hello.")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    scripted_server.on("GET http://far.example/v1/models", answer({"data": [{"id": "m", "owned_by": "acme"}]}))
    assert (await probe(Endpoint("http://far.example", proxy=scripted_server.url))).model == "m"
    with pytest.raises(BackendError):
        await probe(Endpoint("http://far.example"))
    assert (await reply(Endpoint(scripted_server.url, proxy="http://127.0.0.1:9"))).error is None


async def test_a_redirect_carries_neither_key_nor_header_anywhere(scripted_server: ScriptedServer) -> None:
    as_openai(scripted_server, "Hello.")
    other = ScriptedServer()
    await other.start()
    try:
        for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"):
            for target in (f"{other.url}/v1/chat/completions", f"{scripted_server.url}/elsewhere"):
                scripted_server.on("POST /v1/chat/completions", answer("", status, Location=target))
                finish = await reply(Endpoint(
                    scripted_server.url, api_key=KEY, headers={"X-Title": "T"}, secret_headers={"X-Api-Key": HEADER}))
                assert finish.reason == "error"
                assert KEY not in str(finish.error) + repr(finish)
                assert HEADER not in str(finish.error) + repr(finish)
        sent = scripted_server.asked("/v1/chat/completions")[-1].headers
        assert (sent["x-title"], sent["x-api-key"]) == ("T", HEADER)
        assert other.requests == []
        assert scripted_server.asked("/elsewhere") == []
    finally:
        await other.stop()
