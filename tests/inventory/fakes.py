"""A clock that stands until it is told to move, and a runtime that answers what it is told to."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from agent.host.absence import SourceAbsent
from agent.host.cri import CriContainer, CriContainerStatus, CriSandbox
from agent.model.absence import Absence


class Timeline:
    """Seconds that pass only in `advance`; `sleep` ends when its time has come."""

    def __init__(self) -> None:
        self.now = 100.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass, and let all who wake up act."""
        end = self.now + seconds
        await turns()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.now, _, woken = heapq.heappop(self._sleepers)
            woken.set()
            await turns()
        self.now = end


async def turns(number: int = 30) -> None:
    """Give all other tasks that many turns of the loop."""
    for _ in range(number):
        await asyncio.sleep(0)


class FakeRuntime:
    """A container runtime. While `error` is set it fails; while `hold` is not set it is silent."""

    def __init__(self) -> None:
        self.sandboxes: list[CriSandbox] = []
        self.containers: list[CriContainer] = []
        self.statuses: dict[str, CriContainerStatus] = {}
        self.error: SourceAbsent | None = None
        self.hold = asyncio.Event()
        self.hold.set()
        self.lists = 0
        self.words = 0

    def add(self, sandbox_id: str, container_id: str, *, pod_uid: str, labels: bool = True) -> None:
        """A pod with one container; without the kubelet's labels only its sandbox is named."""
        self.sandboxes.append(
            CriSandbox(
                id=sandbox_id, namespace="production", pod="api-1", pod_uid=pod_uid, ready=True
            )
        )
        self.containers.append(
            CriContainer(
                id=container_id,
                sandbox_id=sandbox_id,
                name="gateway",
                namespace="production" if labels else "",
                pod="api-1" if labels else "",
                pod_uid=pod_uid if labels else "",
                state="RUNNING",
            )
        )

    async def list_containers(self) -> tuple[CriContainer, ...]:
        self.lists += 1
        known = tuple(self.containers)
        await self._answer()
        return known

    async def list_sandboxes(self) -> tuple[CriSandbox, ...]:
        known = tuple(self.sandboxes)
        await self._answer()
        return known

    async def container_status(self, container_id: str) -> CriContainerStatus | None:
        self.words += 1
        await self._answer()
        return self.statuses.get(container_id)

    async def _answer(self) -> None:
        await self.hold.wait()
        if self.error is not None:
            raise self.error


def silent() -> SourceAbsent:
    """What the client says of a runtime that is stopped."""
    return SourceAbsent(Absence.FAILED, "accepts connections and does not answer within 1 s")
