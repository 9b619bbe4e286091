"""Certificates that change while the agent runs.

gRPC asks for the certificates at each handshake, on a thread of its own that must not wait for a
disk; so the files are looked at here, in a worker, and the handshake gets what was read last.
Files that do not fit, or do not answer, leave the old certificates in use, and are told of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import grpc

from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.serve.certificates import (
    CertificateError,
    Certificates,
    Fingerprint,
    TlsFiles,
    fingerprint,
    read_certificates,
)
from agent.serve.metrics import TlsStatistics

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
_DEADLINE_SECONDS = 5.0

T = TypeVar("T")


class Rotation:
    """The certificates in use, and the watch over their files. `statistics` is kept up to date."""

    def __init__(self, files: TlsFiles, workers: Workers, statistics: TlsStatistics) -> None:
        self._files = files
        self._workers = workers
        self._statistics = statistics
        self._seen: Fingerprint = ()
        self._fresh: grpc.ServerCertificateConfiguration | None = None
        self._complaint = ""

    async def credentials(self) -> grpc.ServerCredentials:
        """What gRPC serves with, from now on; CertificateError if the files do not fit."""
        try:
            found = await self._read()
        except (Abandoned, TooManyAbandoned) as error:
            raise CertificateError([f"{self._files.certificate}, its key or CA: {error}"]) from None
        initial = _configuration(found)
        self._fresh = None
        return grpc.dynamic_ssl_server_credentials(
            initial,
            self._fetch,  # type: ignore[arg-type]  # None is "no change", says grpc's documentation
            require_client_authentication=True,
        )

    async def watch(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Take up what the files hold, if they have changed and fit; else tell why, and keep on."""
        try:
            if await self._in_worker(fingerprint) == self._seen:
                return
            found = await self._read()
        except (Abandoned, TooManyAbandoned, CertificateError) as error:
            self._statistics.reload_failures += 1
            if str(error) != self._complaint:
                self._complaint = str(error)
                log.error("the old certificate of gRPC over TCP stays in use: %s", error)
        else:
            self._complaint = ""
            until = datetime.fromtimestamp(found.certificate_until, UTC)
            log.warning("gRPC over TCP has a new certificate, valid until %s", until)

    async def _read(self) -> Certificates:
        # The fingerprint first: what is written while we read is read again.
        seen = await self._in_worker(fingerprint)
        found = await self._in_worker(read_certificates)
        self._seen = seen
        self._fresh = _configuration(found)
        self._statistics.certificate_until = found.certificate_until
        self._statistics.client_ca_until = found.client_ca_until
        return found

    async def _in_worker(self, ask: Callable[[TlsFiles], T]) -> T:
        return await self._workers.run(ask, self._files, deadline_seconds=_DEADLINE_SECONDS)

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """For gRPC at each handshake, on its thread: what is new, or None for no change."""
        fresh, self._fresh = self._fresh, None
        return fresh


def _configuration(found: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(found.key, found.certificate)], root_certificates=found.client_ca
    )
