"""What the host's files say of one container, read by workers that can be abandoned.

A directory that hangs is left alone for a while: each further try would cost another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.bundle import Bundle, read_bundle, read_init_pid
from agent.host.pod_logs import PodLogNames, find_pod
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.inventory.names import BUNDLE, POD_LOGS
from agent.model.absence import Absence, Absent, ParseError

READ_SECONDS = 1.0
"""What one reading may take, the wait for a thread included."""
AT_A_TIME = 2
"""Readings of one source at a time: should they hang, half of four workers are left to the other.
"""
PAUSE_SECONDS = 30.0
"""How long a source whose reading did not return is left alone: so long at least, and until it
returns.
"""

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class Disk:
    """Reads bundles and log directories. `on_health(source, why)` hears how each of them is.

    All methods return None for what is not there or cannot be read now, and raise ValueError for an
    id that is not a container's.
    """

    def __init__(
        self,
        *,
        workers: Workers,
        bundles: Path,
        pod_logs: Path,
        on_health: Callable[[str, Absent | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers = workers
        self._bundles = bundles
        self._pod_logs = pod_logs
        self._on_health = on_health
        self._clock = clock
        self._turns = {source: asyncio.Semaphore(AT_A_TIME) for source in (BUNDLE, POD_LOGS)}
        self._silent_until = {BUNDLE: 0.0, POD_LOGS: 0.0}  # by the clock

    async def look(self) -> None:
        """Tell how both sources are before anybody needs them."""
        await self._read(BUNDLE, self._bundles, _missing, self._bundles)
        await self._read(POD_LOGS, self._pod_logs, _missing, self._pod_logs)

    async def bundle(self, container_id: str) -> Bundle | None:
        """The bundle of a running container."""
        return await self._read(BUNDLE, self._bundles, read_bundle, self._bundles, container_id)

    async def init_pid(self, container_id: str) -> int | None:
        """The first process of a running container."""
        return await self._read(BUNDLE, self._bundles, read_init_pid, self._bundles, container_id)

    async def pod_logs(self, pod_uid: str, container_id: str) -> PodLogNames | None:
        """The log directory of a pod, and perhaps of this container."""
        directory = self._pod_logs
        return await self._read(POD_LOGS, directory, find_pod, directory, pod_uid, container_id)

    async def _read(
        self, source: str, where: Path, function: Callable[[*Ts], T | None], *args: *Ts
    ) -> T | None:
        async with self._turns[source]:
            if self._clock() < self._silent_until[source]:
                return None
            try:
                found = await self._workers.run(
                    function, *args, deadline_seconds=READ_SECONDS, key=source
                )
            except (Abandoned, TooManyAbandoned) as error:
                self._silent_until[source] = self._clock() + PAUSE_SECONDS
                self._failed(source, f"{where}: {error}")
            except SourceAbsent as error:
                # A bundle that is gone is the ordinary end of a container.
                if source != BUNDLE or error.absent.absence is not Absence.VANISHED:
                    self._on_health(source, error.absent)
            except ParseError as error:
                self._failed(source, f"{where}: {error}")
            else:
                self._on_health(source, found if isinstance(found, Absent) else None)
                return found
        return None

    def _failed(self, source: str, detail: str) -> None:
        self._on_health(source, Absent(absence=Absence.FAILED, detail=detail))


def _missing(directory: Path) -> Absent | None:
    """Why a directory is not there, as a value: a missing bundle is no news, this one is."""
    try:
        with absent_on_error(directory):
            directory.stat()
    except SourceAbsent as error:
        return error.absent
    return None
