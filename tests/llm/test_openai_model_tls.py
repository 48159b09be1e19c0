"""The model client over TLS, as every real provider is reached."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from bot.llm import reading
from bot.llm.openai_model import ModelEndpoint, OpenAIModel, RoleSettings
from bot.llm.port import Finished, ModelCall, ModelConfigurationError, Role
from tests.support.model_replies import Reply
from tests.support.model_server import ModelServer, serve_model

CALL = ModelCall("t1", "section-1", Role.SECTION, "system", "context", "instruction", 10_000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, made for this run."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", path.with_suffix(".key"), "-out", path),
            ],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("needs the openssl command to make a certificate")
    return path


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


def model_at(server: ModelServer) -> OpenAIModel:
    roles = {role: RoleSettings("scripted") for role in Role}
    return OpenAIModel(ModelEndpoint(roles=roles, key=server.key, url=server.url))


async def test_a_stream_over_tls(
    certificate: Path, server_side: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text comes whole through paused reads, the connection is kept, and closing in the middle is
    seen at once.
    """
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    text = "word" * 60
    async with serve_model(lambda _: Reply(text), tokens_per_second=120, tls=server_side) as server:
        model = model_at(server)
        for _ in range(2):
            items = [item async for item in model.stream(CALL)]
            assert isinstance(items.pop(), Finished)
            assert "".join(str(item) for item in items) == text
        assert server.connections == 1
        async with aclosing(model.stream(CALL)) as stream:
            for _ in range(3):
                await anext(stream)
        closed = time.monotonic()
        async with asyncio.timeout(3.0):
            while not server.disconnects:  # noqa: ASYNC110 (the server keeps a list, not an event)
                await asyncio.sleep(0.002)
        assert server.disconnects[0].at - closed < 0.2
        await model.aclose()


async def test_the_socket_below_tls_is_found(
    certificate: Path, server_side: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pausing must reach the socket: pausing TLS alone saves no wake-up."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with serve_model(tls=server_side) as server:
        model = model_at(server)
        async with model._request(CALL) as response:
            transport = reading.transport_of(response)
            assert transport is not None
            assert transport.get_extra_info("sslcontext") is None
        await model.aclose()


async def test_a_certificate_nobody_vouches_for(server_side: ssl.SSLContext) -> None:
    """An unknown certificate is refused for good, and the operator is told why."""
    async with serve_model(tls=server_side) as server:
        model = model_at(server)
        with pytest.raises(ModelConfigurationError, match="SSLCertVerificationError"):
            await anext(model.stream(CALL))
        await model.aclose()
