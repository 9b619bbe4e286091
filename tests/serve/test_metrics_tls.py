"""/metrics with TLS, over real sockets: rotation, silent clients, clients that must be known."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

from agent.config import Address
from agent.host.worker import Workers
from agent.parse.certificate import parse_pem_certificates
from agent.serve.certificates import TlsFiles
from agent.serve.http import HttpServer
from agent.serve.metrics_tls import MetricsTls
from agent.serve.request import Request, Response
from agent.serve.socket import listen
from agent.serve.statistics import HttpStatistics
from tests.certificates import DAY, Authority, Pair

GET = b"GET / HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n"
HELLO = b"\x16\x03\x01"  # the beginning of a handshake
NEVER = 3600.0
AT_ONCE = 0.001
LARGE = 8 << 20


async def page(request: Request) -> Response:
    if request.path == "/large":
        return Response(body=(b"x" * (LARGE // 8),) * 8)
    return Response.words(HTTPStatus.OK, "hello\n")


@dataclass
class Door:
    """A serving endpoint, and what its clients need."""

    authority: Authority
    files: TlsFiles
    tls: MetricsTls
    statistics: HttpStatistics
    port: int
    clients: contextlib.ExitStack
    states: list[tuple[bool, str]]
    """Whether it is open, and what is wrong with the files, each time that is told."""

    def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Stream:
        self.clients.callback(writer.transport.abort)
        self.clients.callback(writer.close)
        return Stream(reader, writer)

    async def connect(self, pair: Pair | None = None) -> tuple[bytes, Stream]:
        """The certificate that is shown, and a connection."""
        context = ssl.create_default_context(cafile=str(self.authority.file))
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert isinstance(shown, bytes)
        return shown, self.stream(reader, writer)

    async def scrape(self, pair: Pair | None = None) -> bytes:
        """One request over a connection of its own; the certificate that was shown."""
        shown, stream = await self.connect(pair)
        assert (await stream.ask(GET)).endswith(b"hello\n")
        return shown

    async def plain(self) -> Stream:
        return self.stream(*await asyncio.open_connection("127.0.0.1", self.port))

    def leaf(self) -> bytes:
        return parse_pem_certificates(self.files.certificate.read_bytes())[0]


class Stream:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes) -> bytes:
        """Everything up to the server's close."""
        self.writer.write(request)
        answer = await self.reader.read()
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()
        return answer

    async def closed(self) -> bool:
        """Waits until the server hangs up; whether it said nothing."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True
        finally:
            self.writer.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@asynccontextmanager
async def served(
    authority: Authority,
    files: TlsFiles,
    *,
    connections: int = 4,
    header_timeout: float = NEVER,
) -> AsyncIterator[Door]:
    states: list[tuple[bool, str]] = []
    tls = MetricsTls(
        files,
        Workers(1),
        opened=lambda why: states.append((True, why)),
        closed=lambda why: states.append((False, why)),
    )
    statistics = HttpStatistics()
    await tls.prepare()
    server = HttpServer(
        page,
        statistics=statistics,
        max_connections=connections,
        header_timeout=header_timeout,
        contexts=tls.context,
    )
    listener = listen(Address("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    await server.start(listener)
    try:
        with contextlib.ExitStack() as clients:
            yield Door(authority, files, tls, statistics, port, clients, states)
    finally:
        await server.stop()


@asynccontextmanager
async def opened(
    authority: Authority,
    *,
    client_ca: Path | None = None,
    connections: int = 4,
    header_timeout: float = NEVER,
) -> AsyncIterator[Door]:
    pair = authority.issue("127.0.0.1", to="server")
    files = TlsFiles(
        certificate=pair.certificate,
        key=pair.key,
        client_ca=client_ca,
        client_ca_setting="serve.metrics_client_ca",
    )
    async with served(
        authority, files, connections=connections, header_timeout=header_timeout
    ) as door:
        yield door


async def test_pages(authority: Authority) -> None:
    """A connection is kept as in plain text, and a large page arrives whole."""
    async with opened(authority) as door:
        shown, stream = await door.connect()
        assert shown == door.leaf()
        stream.writer.write(GET.replace(b"Connection: close\r\n", b""))
        head = await stream.reader.readuntil(b"\r\n\r\n")
        assert b"keep-alive" in head
        assert await stream.reader.readexactly(6) == b"hello\n"
        answer = await stream.ask(GET.replace(b"/ ", b"/large "))
        assert len(answer.partition(b"\r\n\r\n")[2]) == LARGE
        assert door.statistics.dropped == {"limit": 0, "silent": 0, "slow": 0, "handshake": 0}


async def test_silent_clients_block_no_scrape(authority: Authority) -> None:
    """More of them than there may be connections, and the scrape gets through: they make way."""
    async with opened(authority, connections=3) as door:
        silent = [await door.plain() for _ in range(10)]
        for stream in silent[::2]:
            stream.writer.write(HELLO)
        for _ in range(3):
            await door.scrape()
        assert door.statistics.dropped["limit"] >= 8
        assert all([await stream.closed() for stream in silent[:7]])
        assert door.statistics.connections == 0


async def test_a_silent_handshake_has_a_deadline(authority: Authority) -> None:
    """Who begins and does not go on is hung up on."""
    async with opened(authority, header_timeout=AT_ONCE) as door:
        silent = await door.plain()
        silent.writer.write(HELLO)
        assert await silent.closed()
        assert door.statistics.dropped["silent"] == 1


async def test_what_is_no_tls(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """A request in plain text is not answered; the log tells once why."""
    async with opened(authority) as door:
        for _ in range(2):
            stream = await door.plain()
            stream.writer.write(GET)
            await stream.closed()
        await door.scrape()
        assert door.statistics.dropped["handshake"] == 2
    assert caplog.text.count("failed to shake hands: http request") == 1


async def test_clients_must_be_known(authority: Authority, tmp_path: Path) -> None:
    """With a CA of clients, its clients alone get the page; who it is changes with the file."""
    clients = Authority(tmp_path / "clients", "CA of clients")
    pair = clients.issue("prometheus", to="prometheus")
    past = clients.issue("prometheus", until=clients.until - 31 * DAY, to="past")
    async with opened(authority, client_ca=clients.file) as door:
        await door.scrape(pair)
        for unwanted in (None, authority.issue("prometheus", to="other"), past):
            with pytest.raises(OSError):  # noqa: PT011 - TLS 1.3 hears of it at the first read
                await refused(door, unwanted)
        assert door.statistics.dropped["handshake"] == 3
        others = Authority(tmp_path / "others", "another CA of clients")
        os.replace(others.file, clients.file)
        await door.tls.rotation.look()
        await door.scrape(others.issue("prometheus"))
        with pytest.raises(OSError):  # noqa: PT011
            await refused(door, pair)


async def refused(door: Door, pair: Pair | None) -> None:
    _, stream = await door.connect(pair)
    stream.writer.write(GET)
    answer = await stream.reader.read()
    raise ConnectionError if not answer else AssertionError(answer)


async def test_rotation(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """New files are served to new connections; half of a pair, or one that has ended, is not."""
    async with opened(authority) as door:
        certificate, key = door.files.certificate, door.files.key
        first = await door.scrape()
        _, kept = await door.connect()

        new = authority.issue("127.0.0.1", until=authority.until - DAY, to="new")
        os.replace(new.certificate, certificate)
        for failures in (1, 2):
            await door.tls.rotation.look()
            assert door.tls.statistics.reload_failures == failures
        assert await door.scrape() == first
        assert caplog.text.count("metrics: the old certificate stays in use: serve.tls_key") == 1
        os.replace(new.key, key)
        await door.tls.rotation.look()
        second = await door.scrape()
        assert second == door.leaf() != first
        assert door.tls.statistics.certificate_until == new.until.timestamp()
        assert b"hello" in await kept.ask(GET)
        words = [why for _, why in door.states]
        assert words == ["", words[1], ""]
        assert words[1].startswith("the old certificate stays in use: serve.tls_key")
        assert all(is_open for is_open, _ in door.states)

        past = authority.issue("127.0.0.1", until=authority.until - 31 * DAY, to="past")
        os.replace(past.key, key)
        os.replace(past.certificate, certificate)
        await door.tls.rotation.look()
        assert await door.scrape() == second
        assert "ended on" in caplog.text


async def test_a_secret_that_comes_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Until there is a certificate nobody is served, in plain text neither; then all are. It is
    rotated by swapping a link, as Kubernetes does.
    """
    authority = Authority(tmp_path / "ca")
    volume = tmp_path / "tls"
    volume.mkdir()
    for name in ("server.pem", "server.key"):
        (authority.directory / name).symlink_to(volume / "..data" / name)
    pairs = []
    for place in ("one", "two"):
        pair = authority.issue("127.0.0.1", to=place)
        (volume / place).mkdir()
        os.replace(pair.certificate, volume / place / "server.pem")
        os.replace(pair.key, volume / place / "server.key")
        pairs.append(parse_pem_certificates((volume / place / "server.pem").read_bytes())[0])
    files = TlsFiles(
        certificate=authority.directory / "server.pem", key=authority.directory / "server.key"
    )
    async with served(authority, files) as door:
        stream = await door.plain()
        stream.writer.write(GET)
        assert await stream.closed()
        assert "/metrics is closed until the files of TLS can be used" in caplog.text
        assert door.tls.statistics.certificate_until is None
        for place, shown in zip(("one", "two"), pairs, strict=True):
            (volume / "..tmp").symlink_to(place)
            os.replace(volume / "..tmp", volume / "..data")
            await door.tls.rotation.look()
            assert await door.scrape() == shown
        assert [is_open for is_open, _ in door.states] == [False, True, True]
