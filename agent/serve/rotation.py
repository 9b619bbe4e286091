"""Certificates that change while the agent runs.

Whoever shakes hands must not wait for a disk; so the files are looked at here, in a worker, and the
handshake gets what was read last. Files that do not fit, or do not answer, leave the old
certificates in use, and are told of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.serve.certificates import (
    CertificateError,
    Certificates,
    Fingerprint,
    TlsFiles,
    ended,
    fingerprint,
    read_certificates,
)
from agent.serve.statistics import TlsStatistics

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
_DEADLINE_SECONDS = 5.0

T = TypeVar("T")


class Rotation:
    """The watch over the files of one endpoint. `take` gets what they hold, when it fits; `hear`
    what is wrong with them, or "" when nothing is any more; `statistics` is kept up to date.
    """

    def __init__(
        self,
        files: TlsFiles,
        workers: Workers,
        statistics: TlsStatistics,
        take: Callable[[Certificates], None],
        hear: Callable[[str], None] = lambda complaint: None,
    ) -> None:
        self._files = files
        self._workers = workers
        self._statistics = statistics
        self._take = take
        self._hear = hear
        self._seen: Fingerprint = ()
        self._complaint = ""

    async def begin(self) -> Certificates:
        """What the files hold, taken up; CertificateError if they do not fit."""
        try:
            return await self._read()
        except (Abandoned, TooManyAbandoned) as error:
            raise CertificateError([f"{self._files.certificate}, its key or CA: {error}"]) from None

    async def watch(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Take up what the files hold, if they have changed and fit; else tell why, and keep on."""
        endpoint = self._statistics.endpoint
        try:
            if await self._in_worker(fingerprint) == self._seen:
                return
            found = await self._read()
        except (Abandoned, TooManyAbandoned, CertificateError) as error:
            self._statistics.reload_failures += 1
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._hear(self._complaint)
                log.error("%s: %s: %s", endpoint, self._consequence(), error)
        else:
            self._complaint = ""
            self._hear("")
            until = datetime.fromtimestamp(found.certificate_until, UTC)
            log.warning("%s: a new certificate is in use, valid until %s", endpoint, until)

    def _consequence(self) -> str:
        if self._in_use():
            return "the old certificate stays in use"
        return "nobody is served until the files of TLS can be used"

    def _in_use(self) -> bool:
        return self._statistics.certificate_until is not None

    async def _read(self) -> Certificates:
        # The fingerprint first: what is written while we read is read again.
        seen = await self._in_worker(fingerprint)
        found = await self._in_worker(read_certificates)
        past = ended(self._files, found, time.time())
        if past and self._in_use():
            raise CertificateError(past)
        for each in past:  # better than none: it is our clock that may be wrong
            log.error("%s: clients will refuse this: %s", self._statistics.endpoint, each)
        self._take(found)
        self._seen = seen
        self._statistics.certificate_until = found.certificate_until
        self._statistics.client_ca_until = found.client_ca_until
        return found

    async def _in_worker(self, ask: Callable[[TlsFiles], T]) -> T:
        return await self._workers.run(ask, self._files, deadline_seconds=_DEADLINE_SECONDS)
