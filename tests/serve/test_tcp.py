"""The API over TCP with mutual TLS, as clients with good, bad and no certificates see it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]
    reflection_pb2,
    reflection_pb2_grpc,
)

from agent.api.v1 import node_agent_pb2
from agent.api.v1.node_agent_pb2_grpc import NodeAgentStub
from agent.config import Address
from agent.config.settings import Serve
from agent.host.worker import Workers
from agent.parse.certificate import parse_pem_certificates
from agent.serve.admission import Allowed, names_of
from agent.serve.certificates import TlsFiles
from agent.serve.server import SERVICE
from agent.serve.socket import ServeError
from agent.serve.tcp import TcpApi
from tests.certificates import DAY, Authority, Pair
from tests.serve.sample import SampleView, incident

if TYPE_CHECKING:
    from agent.api.v1.node_agent_pb2_grpc import NodeAgentAsyncStub

CALL_SECONDS = 30.0
STATUS = node_agent_pb2.GetStatusRequest()


@dataclass
class Door:
    """A serving agent, and what its clients need."""

    authority: Authority
    files: TlsFiles
    api: TcpApi
    view: SampleView
    port: int

    @asynccontextmanager
    async def client(
        self, pair: Pair | None, ca: Path | None = None
    ) -> AsyncIterator[NodeAgentAsyncStub]:
        async with self.channel(pair, ca) as channel:
            yield NodeAgentStub(channel)

    def channel(self, pair: Pair | None, ca: Path | None = None) -> aio.Channel:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=(ca or self.authority.file).read_bytes(),
            private_key=pair.key.read_bytes() if pair else None,
            certificate_chain=pair.certificate.read_bytes() if pair else None,
        )
        return aio.secure_channel(f"127.0.0.1:{self.port}", credentials)

    def served(self) -> bytes:
        """The certificate that a new connection is shown, DER."""
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.port)))

    async def served_now(self) -> bytes:
        return await asyncio.to_thread(self.served)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@asynccontextmanager
async def opened(
    authority: Authority, clients: tuple[str, ...] = (), pair: Pair | None = None
) -> AsyncIterator[Door]:
    pair = pair or authority.issue("127.0.0.1", to="server")
    files = TlsFiles(certificate=pair.certificate, key=pair.key, client_ca=authority.file)
    view = SampleView()
    api = TcpApi(Address("127.0.0.1", 0), files, Serve(tls_clients=clients), view, Workers(1))
    await api.prepare()
    port = await api.start()
    try:
        yield Door(authority, files, api, view, port)
    finally:
        await api.stop(0)


@pytest.fixture
async def door(authority: Authority) -> AsyncIterator[Door]:
    async with opened(authority) as door:
        yield door


async def refused(stub: NodeAgentAsyncStub) -> tuple[StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as error:
        await stub.GetStatus(STATUS, timeout=CALL_SECONDS)
    return error.value.code(), error.value.details() or ""


async def test_everything_of_the_socket(door: Door) -> None:
    """Lists, streams, health and reflection: every kind of method passes the guard."""
    pair = door.authority.issue("fleet", to="fleet")
    [event] = door.view.happen(incident(1))
    async with door.channel(pair) as channel:
        stub: NodeAgentAsyncStub = NodeAgentStub(channel)
        answer = await stub.GetStatus(STATUS)
        assert answer.status.identity.node == "node-1"
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        assert (await health.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
        changes = health.Watch(request)
        assert (await changes.read()).status == health_pb2.HealthCheckResponse.SERVING
        changes.cancel()
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        [listed] = [response async for response in reflection.ServerReflectionInfo(iter(asked))]
        assert SERVICE in {each.name for each in listed.list_services_response.service}
        watch = stub.WatchEvents(node_agent_pb2.WatchEventsRequest())
        first = await watch.read()
        assert isinstance(first, node_agent_pb2.WatchEventsResponse)
        assert first.position.sequence == event.sequence
        [event] = door.view.happen(incident(2))
        second = await watch.read()
        assert isinstance(second, node_agent_pb2.WatchEventsResponse)
        assert [each.sequence for each in second.events] == [event.sequence]
        watch.cancel()


async def test_unwanted(door: Door, tmp_path: Path) -> None:
    """No certificate, one of another CA, one that has ended: none gets as far as a method."""
    stranger = Authority(tmp_path / "other", "another CA").issue("fleet")
    past = door.authority.issue("fleet", until=door.authority.until - 31 * DAY, to="past")
    for pair in (None, stranger, past):
        async with door.client(pair) as stub:
            assert (await refused(stub))[0] is StatusCode.UNAVAILABLE
    async with aio.insecure_channel(f"127.0.0.1:{door.port}") as channel:
        assert (await refused(NodeAgentStub(channel)))[0] is StatusCode.UNAVAILABLE
    assert door.api.statistics.refused == 0


async def test_silent_clients_block_nobody(door: Door) -> None:
    """Clients that connect and say nothing, or nonsense, are waited for beside the others."""
    silent = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(20)]
    for _, writer in silent[:10]:
        writer.write(b"\x16\x03\x01")  # the beginning of a handshake, and no more
    pair = door.authority.issue("fleet", to="fleet")
    async with door.client(pair) as stub:
        await stub.GetStatus(STATUS, timeout=CALL_SECONDS)
    for _, writer in silent:
        writer.close()
        await writer.wait_closed()


async def test_names(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """Only those who are named get in; who is refused is told which names were seen."""
    allowed = ("fleet-*.example", "spiffe://lab/ns/*/sa/fleet", "Fleet Collector")
    async with opened(authority, allowed) as door:
        for pair in (
            authority.issue("other", "Fleet-7.EXAMPLE", to="a"),
            authority.issue("spiffe://lab/ns/ops/sa/fleet", to="b"),
            authority.issue(cn="Fleet Collector", to="c"),
        ):
            async with door.client(pair) as stub:
                await stub.GetStatus(STATUS)
        assert door.api.statistics.refused == 0
        stranger = authority.issue("fleet.example", "spiffe://lab/x", cn="bob\x1b[1m", to="d")
        async with door.channel(stranger) as channel:
            await refused(NodeAgentStub(channel))
            code, said = await refused(NodeAgentStub(channel))
            assert code is StatusCode.PERMISSION_DENIED
            for word in ("DNS fleet.example", "URI spiffe://lab/x", "CN bob\\x1b[1m"):
                assert word in said
            assert "serve.tls_clients" in said
            health = health_pb2_grpc.HealthStub(channel)
            with pytest.raises(aio.AioRpcError) as error:
                await health.Check(health_pb2.HealthCheckRequest())
            assert error.value.code() is StatusCode.PERMISSION_DENIED
            watch = NodeAgentStub(channel).WatchEvents(node_agent_pb2.WatchEventsRequest())
            with pytest.raises(aio.AioRpcError) as error:
                await watch.read()
            assert error.value.code() is StatusCode.PERMISSION_DENIED
        assert door.api.statistics.refused == 4
        assert door.view.stream.statistics().subscribers == 0
    assert caplog.text.count("DNS fleet.example") == 1


@pytest.mark.parametrize(
    ("pattern", "kind", "name", "admitted"),
    [
        ("a.b", "DNS", "a.b", True),
        ("a.b", "DNS", "A.b", True),
        ("a.b", "DNS", "a-b", False),
        ("a.b", "DNS", "a.b.c", False),
        ("*.b", "DNS", "a.b", True),
        ("*.b", "DNS", "x.a.b", False),
        ("*", "DNS", "a.b", False),
        ("*", "CN", "any one", True),
        ("s://a/*", "URI", "s://a/b", True),
        ("s://a/*", "URI", "s://a/b/c", False),
        ("s://a/*", "URI", "S://a/b", False),
        ("a.b", "CN", "a.b\n", False),
        ("", "CN", "a", False),
    ],
)
def test_patterns(pattern: str, kind: str, name: str, admitted: bool) -> None:
    """A name is admitted as a whole; `*` is a part of it."""
    assert Allowed((pattern,)).admits(((kind, name),)) is admitted
    assert Allowed(()).admits(())
    assert not Allowed((pattern,)).admits(())


def test_names_are_read_as_they_are() -> None:
    """Bytes that are no UTF-8 are shown, not trusted; what is absent is no name."""
    context = {"peer_dns": [b"a", b"b\xff"], "x509_common_name": [b"c"], "x509_pem_cert": [b"x"]}
    assert names_of(context) == (("DNS", "a"), ("DNS", "b\\xff"), ("CN", "c"))
    assert names_of({}) == ()


async def test_rotation(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """New files are served to new connections, a broken pair is not, and old streams go on."""
    fleet = door.authority.issue("fleet", to="fleet")
    certificate, key = door.files.certificate, door.files.key
    old = certificate.read_bytes()
    async with door.client(fleet) as stub:
        watch = stub.WatchEvents(node_agent_pb2.WatchEventsRequest())
        await watch.read()
        assert [await door.served_now()] == parse_pem_certificates(old)

        new = door.authority.issue("127.0.0.1", until=door.authority.until - DAY, to="new")
        os.replace(new.certificate, certificate)  # and the key is still the old one
        for failures in (1, 2):
            await door.api.rotation.look()
            assert door.api.statistics.reload_failures == failures
        assert [await door.served_now()] == parse_pem_certificates(old)
        assert caplog.text.count("the old certificate stays in use") == 1
        assert str(key) in caplog.text

        os.replace(new.key, key)
        await door.api.rotation.look()
        assert [await door.served_now()] == parse_pem_certificates(certificate.read_bytes())
        assert door.api.statistics.certificate_until == new.until.timestamp()
        await door.api.rotation.look()
        assert door.api.statistics.reload_failures == 2

        door.view.happen(incident(1))
        response = await watch.read()
        assert isinstance(response, node_agent_pb2.WatchEventsResponse)
        assert len(response.events) == 1
        watch.cancel()


async def test_rotation_of_the_clients_ca(door: Door, tmp_path: Path) -> None:
    """Who is trusted changes with the file."""
    other = Authority(tmp_path / "other", "another CA")
    fleet, stranger = door.authority.issue("fleet", to="fleet"), other.issue("fleet")
    trusted = door.authority.file
    server_ca = tmp_path / "server-ca.pem"
    server_ca.write_bytes(trusted.read_bytes())
    trusted.write_bytes(other.file.read_bytes())
    await door.api.rotation.look()
    async with door.client(stranger, server_ca) as stub:
        await stub.GetStatus(STATUS)
    async with door.client(fleet, server_ca) as stub:
        assert (await refused(stub))[0] is StatusCode.UNAVAILABLE


async def test_taken_address(door: Door, authority: Authority) -> None:
    """The message names the address, the reason and the key to change."""
    api = TcpApi(Address("127.0.0.1", door.port), door.files, Serve(), SampleView(), Workers(1))
    await api.prepare()
    with pytest.raises(ServeError, match=r"another process listens there; change serve\.grpc_addr"):
        await api.start()
    await api.stop(0)


async def test_unfit_files(authority: Authority) -> None:
    """Nothing is served, and every file is named."""
    pair = authority.issue("127.0.0.1")
    pair.key.unlink()
    authority.file.write_text("")
    with pytest.raises(ServeError) as error:
        async with opened(authority, pair=pair):
            pass
    for word in (f"serve.tls_key: {pair.key}", f"serve.tls_client_ca: {authority.file}"):
        assert word in str(error.value)
