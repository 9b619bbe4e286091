"""The runtime's list of containers, asked for once by all who need it at the same time.

A runtime that does not answer costs its timeout once, not once per container: after a failure
nobody asks for some seconds, and all who come meanwhile are told at once that there is no answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.cri import CriContainer, CriContainerStatus, CriSandbox
from agent.inventory.names import ContainerKind, Names, clean
from agent.model.absence import Absent

PAUSE_SECONDS = 5.0
"""How long a runtime that did not answer is left alone."""
INTERVAL_SECONDS = 1.0
"""Between the starts of two lists: a list grows with what exists, not with what changed."""


class Runtime(Protocol):
    """What we ask a container runtime; agent.host.cri.CriClient does."""

    async def list_containers(self) -> tuple[CriContainer, ...]: ...

    async def list_sandboxes(self) -> tuple[CriSandbox, ...]: ...

    async def container_status(self, container_id: str) -> CriContainerStatus | None: ...


class Listing(Struct, frozen=True, kw_only=True):
    """One answer: everything that the runtime knows, by id."""

    sandboxes: dict[str, CriSandbox]
    containers: dict[str, CriContainer]

    def names(self, container_id: str) -> Names | None:
        """What the runtime calls a container or a sandbox; None if it does not know the id."""
        sandbox = self.sandboxes.get(container_id)
        if sandbox is not None:
            return _names(sandbox, ContainerKind.SANDBOX)
        container = self.containers.get(container_id)
        if container is None:
            return None
        own = _names(container, ContainerKind.CONTAINER, container.name)
        if own.namespace and own.pod:
            return own
        sandbox = self.sandboxes.get(container.sandbox_id)
        if sandbox is None:
            return own
        return _names(sandbox, ContainerKind.CONTAINER, container.name)


class Lister:
    """Asks one runtime. `on_listing` hears every list before those who waited for it do.

    `on_health` hears after every question how the runtime is: None, or why it did not answer.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        on_listing: Callable[[Listing], None],
        on_health: Callable[[Absent | None], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._runtime = runtime
        self._on_listing = on_listing
        self._on_health = on_health
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._begun = 0  # lists begun, and the number of the last one that ended
        self._ended = 0
        self._answered = False  # the last one that ended
        self.latest: Listing | None = None
        self._next_list = 0.0  # by the clock: no list begins before
        self._silent_until = 0.0  # by the clock: no question is asked before

    def pausing(self) -> bool:
        """Whether the runtime is left alone because it did not answer."""
        return self._clock() < self._silent_until

    async def refresh(self) -> bool:
        """See that `on_listing` hears a list that was begun after this call; False: no answer.

        One list serves all who wait.
        """
        if self.pausing():
            return False
        wanted = self._begun + 1  # the one under way may miss what has just appeared
        async with self._turn:
            if self._ended >= wanted:
                return self._answered
            if self.pausing():
                return False
            await self._sleep_until(self._next_list)
            await asyncio.sleep(0)  # who is about to ask in this turn of the loop gets this list
            self._begun += 1
            number = self._begun
            self._next_list = self._clock() + INTERVAL_SECONDS
            self._answered = await self._list()
            self._ended = number
            return self._answered

    async def status(self, container_id: str) -> CriContainerStatus | None:
        """The runtime's record of a container; None if it has none, or does not answer."""
        if self.pausing():
            return None
        try:
            status = await self._runtime.container_status(container_id)
        except SourceAbsent as error:
            self._failed(error.absent)
            return None
        self._on_health(None)
        return status

    async def _list(self) -> bool:
        try:
            containers = await self._runtime.list_containers()
            sandboxes = await self._runtime.list_sandboxes()  # second: none of theirs is missing
        except SourceAbsent as error:
            self._failed(error.absent)
            return False
        self._on_health(None)
        self.latest = Listing(
            sandboxes={sandbox.id: sandbox for sandbox in sandboxes},
            containers={container.id: container for container in containers},
        )
        self._on_listing(self.latest)
        return True

    def _failed(self, absent: Absent) -> None:
        self._silent_until = self._clock() + PAUSE_SECONDS
        self._on_health(absent)

    async def _sleep_until(self, when: float) -> None:
        while (rest := when - self._clock()) > 0:
            await self._sleep(rest)


def word(status: CriContainerStatus) -> str:
    """One phrase: "Running", "OOMKilled, exit code 137", "Error, exit code 137", "Created".

    containerd sets its reason at the first OOM event, also when the container runs on:
    "Running, OOMKilled".
    """
    state = status.state.capitalize()
    reason = clean(status.reason)
    if status.exit_code is not None:
        return f"{reason or state}, exit code {status.exit_code}"
    return state if reason.lower() in ("", state.lower()) else f"{state}, {reason}"


def _names(who: CriSandbox | CriContainer, kind: ContainerKind, container: str = "") -> Names:
    return Names(
        namespace=who.namespace,
        pod=who.pod,
        pod_uid=who.pod_uid,
        container=container,
        kind=kind,
    )
