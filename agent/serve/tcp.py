"""gRPC over TCP: the API for the fleet collector and for people elsewhere, with mutual TLS only.

The same methods as on the unix socket, all of them read-only, with a server, a servicer and limits
of their own: who crowds this door does not close the other.
"""

from __future__ import annotations

import grpc

from agent.config import Address, Settings
from agent.config.settings import Serve
from agent.host.worker import Pools, Workers
from agent.serve.admission import Admission, Allowed
from agent.serve.certificates import CertificateError, Certificates, TlsFiles, tls_files
from agent.serve.node_agent import NodeAgent
from agent.serve.rotation import Rotation
from agent.serve.server import ApiServer
from agent.serve.socket import ServeError
from agent.serve.statistics import TlsStatistics
from agent.serve.view import View

_OPTIONS = (
    # Who connects and says nothing, or nothing of TLS, is dropped; meanwhile others are served.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_allowed_incoming_connections", 256),
    # A connection is made anew each hour (gRPC spreads that by a tenth), so that certificates that
    # were replaced or have ended count: with 5,000 nodes, the collector makes 1.4 a second. Streams
    # end with UNAVAILABLE 30 s later, and are resumed.
    ("grpc.max_connection_age_ms", 3_600_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
)


class TcpApi:
    """The server from `start` to `stop`; `rotation.watch` is to run meanwhile."""

    def __init__(
        self, address: Address, files: TlsFiles, serve: Serve, view: View, workers: Workers
    ) -> None:
        self.address = address
        self.statistics = TlsStatistics(endpoint="grpc")
        self.rotation = Rotation(files, workers, self.statistics, self._take)
        self._fresh: grpc.ServerCertificateConfiguration | None = None
        self._credentials: grpc.ServerCredentials | None = None
        self._server = ApiServer(
            NodeAgent(
                view, max_subscribers=serve.max_subscribers, subscriber_queue=serve.subscriber_queue
            ),
            max_subscribers=serve.max_subscribers,
            options=_OPTIONS,
            interceptors=(Admission(Allowed(serve.tls_clients), self.statistics),),
        )

    async def prepare(self) -> None:
        """Read the files; raises ServeError with every mistake in them."""
        try:
            found = await self.rotation.begin()
        except CertificateError as error:
            raise ServeError(f"cannot serve gRPC on {self.address}: {error}") from None
        self._fresh = None
        self._credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(found),
            self._fetch,  # type: ignore[arg-type]  # None is "no change", says grpc's documentation
            require_client_authentication=True,
        )

    async def start(self) -> int:
        """Serve with what `prepare` has read, and return the port; raises ServeError."""
        if self._credentials is None:
            raise RuntimeError("prepare first")
        return await self._server.start_tls(self.address, self._credentials)

    def _take(self, found: Certificates) -> None:
        self._fresh = _configuration(found)

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """For gRPC at each handshake, on its thread: what is new, or None for no change."""
        fresh, self._fresh = self._fresh, None
        return fresh

    async def stop(self, grace_seconds: float) -> None:
        """As ApiServer.stop."""
        await self._server.stop(grace_seconds)


def _configuration(found: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(found.key, found.certificate)], root_certificates=found.client_ca
    )


def tcp_api(settings: Settings, view: View, pools: Pools) -> TcpApi | None:
    """The server that the settings ask for; None if they ask for none."""
    address, files = settings.serve.grpc_address, tls_files(settings)
    if address is None or files is None:
        return None
    # A thread of its own: a disk that hangs under these files keeps no others from theirs.
    return TcpApi(address, files, settings.serve, view, pools.new(1, name="tls"))
