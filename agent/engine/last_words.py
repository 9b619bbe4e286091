"""The last word on a container that is gone: what the runtime wrote down, how the init ended.

containerd writes its record some time after the exit, and may hear of an OOM kill later still; it
may also not answer at all for a while. So it is asked until it has said something final, by few at
a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agent.host.clock import Clock
from agent.host.cri import CriContainerStatus
from agent.inventory.containers import Inventory
from agent.inventory.listing import word
from agent.inventory.names import ContainerKind
from agent.ledger.deaths import DeathBook
from agent.model.evidence import EndSeen, EndWanted, RuntimeRecord, SourceLost
from agent.model.oom import ContainerExit, ExitTeller

IN_FLIGHT = 8
"""Questions that the runtime has at a time."""
MAX_WAITING = 1024
"""Containers that wait for their last word; further ones go without, and are counted."""
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Before each question, while the runtime has not written down the exit."""
CONFIRM_SECONDS = 2.0
"""After 137 without "OOMKilled", until it is asked once more: containerd hears of the kill on
another path than of the exit, and perhaps later (containerd #8180).
"""
SILENCE_SECONDS = (5.0, 10.0, 20.0, 30.0)
"""Between questions to a runtime that does not answer; the last for as long as it takes."""
GIVE_UP_SECONDS = 3600.0
KILLED_EXIT_CODE = 128 + 9


class LastWords:
    """Answers EndWanted. `status` gives None where the runtime knows no such container or does not
    answer, and then `silent` tells which; `deaths` has the kernel's word on processes.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        inventory: Inventory,
        status: Callable[[str], Awaitable[CriContainerStatus | None]],
        silent: Callable[[], bool],
        deaths: DeathBook,
        tell: Callable[[EndSeen | SourceLost], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._inventory = inventory
        self._status = status
        self._silent = silent
        self._deaths = deaths
        self._tell = tell
        self._sleep = sleep
        self._turn = asyncio.Semaphore(IN_FLIGHT)
        self._waiting = 0
        self._skipped = 0

    async def answer(self, wanted: EndWanted) -> None:
        """Ask until there is something final, and tell it once, also if it is nothing."""
        record = self._inventory.by_container_id(wanted.place.container_id)
        sandbox = record is not None and record.kind is ContainerKind.SANDBOX
        if sandbox or self._waiting >= MAX_WAITING:
            self._skipped += not sandbox  # of a sandbox the runtime keeps no such record
            self._tell(self._end(wanted, None))
            return
        self._waiting += 1
        try:
            status = await self._final(wanted.place.container_id)
        except Exception:
            self._tell(self._end(wanted, None))  # an answer too: else it is never asked again
            raise
        finally:
            self._waiting -= 1
        self._tell(self._end(wanted, status))
        if self._skipped and self._waiting <= MAX_WAITING // 2:
            skipped, self._skipped = self._skipped, 0
            detail = "too many containers ended at once: of these the runtime was not asked again"
            self._tell(SourceLost(source="cri", lost=skipped, detail=detail))

    async def _final(self, container_id: str) -> CriContainerStatus | None:
        """The runtime's record of the exit; None if it has none."""
        for pause in PAUSES_SECONDS:
            await self._sleep(pause)
            status = await self._ask(container_id)
            if status is None:
                return None
            if status.exit_code == KILLED_EXIT_CODE and status.reason != "OOMKilled":
                await self._sleep(CONFIRM_SECONDS)
                return await self._ask(container_id) or status
            if status.exit_code is not None:
                return status
        return None

    async def _ask(self, container_id: str) -> CriContainerStatus | None:
        waited = 0.0
        silences = iter(SILENCE_SECONDS)
        while True:
            async with self._turn:
                status = await self._status(container_id)
            if status is not None or not self._silent() or waited >= GIVE_UP_SECONDS:
                return status
            pause = next(silences, SILENCE_SECONDS[-1])
            waited += pause
            await self._sleep(pause)

    def _end(self, wanted: EndWanted, status: CriContainerStatus | None) -> EndSeen:
        ended = self._by_kernel(wanted)
        if ended is None and status is not None:
            ended = ContainerExit(
                exit_code=status.exit_code,
                signal=None,
                wall_ns=status.finished_at_ns,
                told_by=ExitTeller.RUNTIME,
            )
        says = "" if status is None else word(status)
        record = None if status is None else _record(status)
        return EndSeen(place=wanted.place, runtime_says=says, exit=ended, record=record)

    def _by_kernel(self, wanted: EndWanted) -> ContainerExit | None:
        record = self._inventory.by_path(wanted.place.container_path)
        if record is None or record.init_pid is None or record.init_start_boottime_ns is None:
            return None
        death = self._deaths.death(record.init_pid, record.init_start_boottime_ns)
        if death is None or death.exit is None:
            return None
        ended = death.exit
        return ContainerExit(
            exit_code=ended.exit_code,
            signal=ended.signal,
            wall_ns=ended.boottime_ns + self._clock.wall_ns() - self._clock.boottime_ns(),
            told_by=ExitTeller.KERNEL,
        )


def _record(status: CriContainerStatus) -> RuntimeRecord:
    return RuntimeRecord(
        exit_code=status.exit_code,
        attempt=status.attempt,
        started_wall_ns=status.started_at_ns,
        finished_wall_ns=status.finished_at_ns,
    )
