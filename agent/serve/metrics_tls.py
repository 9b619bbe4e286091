"""/metrics with TLS: what its connections are served with, from the first fit files on.

Files that do not fit do not keep the agent from its start: it is there to witness, and nodectl and
the API do without them. /metrics is closed until they fit, and never falls back to plain text.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable

from agent.config import Settings
from agent.host.worker import Pools, Workers
from agent.serve.certificates import (
    CertificateError,
    Certificates,
    TlsFiles,
    metrics_tls_files,
    server_context,
)
from agent.serve.rotation import Rotation
from agent.serve.statistics import TlsStatistics

log = logging.getLogger(__name__)

SOURCE = "metrics-tls"
TELLS = "/metrics; nodectl and gRPC do without"

Tell = Callable[[str], None]


class MetricsTls:
    """The context for the next handshake; `rotation.watch` is to run meanwhile. `opened` and
    `closed` are told which of the two /metrics is, and what is wrong with the files.
    """

    def __init__(self, files: TlsFiles, workers: Workers, *, opened: Tell, closed: Tell) -> None:
        self._opened = opened
        self._closed = closed
        self.statistics = TlsStatistics(endpoint="metrics")
        self.rotation = Rotation(files, workers, self.statistics, self._take, self._hear)
        self._context: ssl.SSLContext | None = None

    async def prepare(self) -> None:
        """Read the files; what is wrong with them is in the log, and nobody is served."""
        try:
            await self.rotation.begin()
        except CertificateError as error:
            self.statistics.reload_failures += 1
            log.error("/metrics is closed until the files of TLS can be used: %s", error)
            self._hear(str(error))
        else:
            self._hear("")

    def context(self) -> ssl.SSLContext | None:
        """For one handshake; None if there is no certificate yet."""
        return self._context

    def _hear(self, complaint: str) -> None:
        if self._context is None:
            self._closed(complaint)
        else:
            self._opened(complaint and f"the old certificate stays in use: {complaint}")

    def _take(self, found: Certificates) -> None:
        # A context of its own: one that is changed would keep the CAs that it had.
        self._context = server_context(found)


def metrics_tls(
    settings: Settings, pools: Pools, *, opened: Tell, closed: Tell
) -> MetricsTls | None:
    """What the settings ask for; None for plain text, or no /metrics."""
    files = metrics_tls_files(settings)
    if files is None:
        return None
    return MetricsTls(files, pools.new(1, name=SOURCE), opened=opened, closed=closed)
