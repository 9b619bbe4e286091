"""Finds the names of containers, from all sources at once, and the better ones later.

The bundle is read as soon as a container appears, for it is gone a moment after the container; the
runtime is asked at the same time; the log directories are read if neither knows. Whoever is still
without a name then is owed one: the runtime is asked again until it has answered.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.bundle import Bundle
from agent.host.clock import ticks_to_ns
from agent.host.cri import CriContainerStatus
from agent.host.worker import Workers
from agent.inventory.containers import Inventory
from agent.inventory.disk import Disk
from agent.inventory.listing import Lister, Listing, Runtime
from agent.inventory.names import CRI, ContainerKind, Identified, Names, clean, merge
from agent.inventory.records import ContainerRecord
from agent.model.absence import Absent, ParseError
from agent.model.cgroup import CgroupId, CgroupPlace
from agent.model.oom import Container
from agent.model.process import ProcessStat

T = TypeVar("T")

NAMING = "names"
"""The name under which a failure of finding names is published."""
AGAIN_SECONDS = 5.0
"""Between the questions for those who are owed a name."""
LISTS_WITHOUT = 3
"""Lists that do not hold a container, until we believe that none will."""
INIT_SECONDS = 1.0
"""Until init.pid is looked for a last time: runc writes it a moment after it made the cgroup."""


class Processes(Protocol):
    """What we ask of /proc; agent.host.proc.ProcReader does."""

    def stat(self, pid: int) -> ProcessStat: ...

    def memory_cgroup(self, pid: int) -> str: ...


class Isolation(Protocol):
    """Runs a part whose failure must not be that of the others; agent.engine.guard.Guard does."""

    def call(self, name: str, part: Callable[[], T]) -> T | None: ...

    async def run(self, name: str, part: Awaitable[object]) -> None: ...


class _Evidence(Struct, kw_only=True):
    """What the sources have said of one container so far."""

    id: CgroupId
    place: CgroupPlace
    cri: Names | None = None
    bundle: Names | None = None
    pod_logs: Names | None = None
    has_init: bool = False
    asked: bool = False  # every source once
    lists_without: int = 0

    def merged(self) -> Identified:
        return merge(self.place, cri=self.cri, bundle=self.bundle, pod_logs=self.pod_logs)


class NameResolver:
    """Names the containers of one inventory. `run` does the work; `resolve` only says who is new.

    `on_names` hears of every record whose names, kind or init became known or better known.
    `on_health` hears how "cri", "bundle" and "pod-logs" are: None, or why they do not tell.
    `workers` are best its own: a dead disk may cost all of them. `runtime` is None where none is
    to be asked.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        runtime: Runtime | None,
        processes: Processes,
        workers: Workers,
        bundles: Path,
        pod_logs: Path,
        on_names: Callable[[ContainerRecord], None],
        on_health: Callable[[str, Absent | None], None],
        guard: Isolation,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inventory = inventory
        self._processes = processes
        self._on_names = on_names
        self._guard = guard
        self._sleep = sleep
        self.on_listing: Callable[[Listing], None] = lambda listing: None
        """Hears each of the runtime's lists."""
        self._disk = Disk(
            workers=workers, bundles=bundles, pod_logs=pod_logs, on_health=on_health, clock=clock
        )
        self._lister: Lister | None = None
        if runtime is not None:
            self._lister = Lister(
                runtime,
                on_listing=self._take,
                on_health=partial(on_health, CRI),
                clock=clock,
                sleep=sleep,
            )
        self._new: deque[ContainerRecord] = deque()
        self._some_new = asyncio.Event()
        self._open: dict[CgroupId, _Evidence] = {}
        self._some_owed = asyncio.Event()

    def resolve(self, record: ContainerRecord) -> None:
        """Find the names of this container; returns at once. No effect if that is under way."""
        self._new.append(record)
        self._some_new.set()

    async def runtime_status(self, container_id: str) -> CriContainerStatus | None:
        """The runtime's record of a container, for `listing.word` and more.

        None if it does not know it, does not answer, or is left alone because it did not.
        """
        return None if self._lister is None else await self._lister.status(container_id)

    async def listing(self) -> Listing | None:
        """All that the runtime knows, asked for after this call; None: it does not answer."""
        if self._lister is None or not await self._lister.refresh():
            return None
        return self._lister.latest

    def last_listing(self) -> Listing | None:
        """What the runtime said when it was last asked for all, by whomever; nobody asks now."""
        return None if self._lister is None else self._lister.latest

    def runtime_silent(self) -> bool:
        """Whether the runtime did not answer a moment ago, and is left alone for that."""
        return self._lister is not None and self._lister.pausing()

    async def recall(self, place: CgroupPlace) -> Container:
        """The names of a container that was gone before the agent came, as far as they are kept.

        The runtime keeps its dead for a while, the kubelet their log directories.
        """
        cri = None
        if self._lister is not None and await self._lister.refresh():
            listing = self._lister.latest
            cri = None if listing is None else listing.names(place.container_id)
        if cri is not None:
            return merge(place, cri=cri).container
        found = await self._disk.pod_logs(place.pod_uid, place.container_id)
        if found is None:
            return merge(place).container
        container = found.container if found.certain else ""
        kept = Names(namespace=found.namespace, pod=found.pod, container=container)
        return merge(place, pod_logs=kept).container

    async def look(self) -> None:
        """Ask every source once, so that its health is known before anybody needs it."""
        await self._disk.look()
        if self._lister is not None:
            await self._lister.refresh()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_again())
            while True:
                await self._some_new.wait()
                self._some_new.clear()
                while self._new:
                    record = self._new.popleft()
                    if record.id not in self._open:
                        evidence = _Evidence(id=record.id, place=record.place)
                        self._open[record.id] = evidence
                        tasks.create_task(self._guard.run(NAMING, self._ask(evidence)))

    async def _ask(self, evidence: _Evidence) -> None:
        """Ask every source once about one container; a failure closes its case alone."""
        try:
            await self._ask_all(evidence)
        except Exception:
            self._open.pop(evidence.id, None)
            raise

    async def _ask_all(self, evidence: _Evidence) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(self._guard.run(NAMING, self._ask_bundle(evidence)))
            if self._lister is not None:
                both.create_task(self._guard.run(NAMING, self._lister.refresh()))
        names = evidence.merged().container
        if not names.pod_named and evidence.place.pod_uid:
            await self._ask_pod_logs(evidence)
        evidence.asked = True
        self._settle(evidence)
        if not evidence.has_init and evidence.bundle is not None:
            await self._sleep(INIT_SECONDS)
            pid = await self._disk.init_pid(evidence.place.container_id)
            self._found_init(evidence, pid)

    async def _ask_bundle(self, evidence: _Evidence) -> None:
        bundle = await self._disk.bundle(evidence.place.container_id)
        if bundle is None:
            return
        evidence.bundle = _of_bundle(bundle)
        self._publish(evidence)
        self._found_init(evidence, bundle.init_pid)

    async def _ask_pod_logs(self, evidence: _Evidence) -> None:
        place = evidence.place
        found = await self._disk.pod_logs(place.pod_uid, place.container_id)
        if found is None:
            return
        # Of a pod's cgroups the sandbox's is the first: "the only container" is not its name.
        guessed = found.container if found.certain or not self._first_of_its_pod(evidence) else ""
        evidence.pod_logs = Names(namespace=found.namespace, pod=found.pod, container=guessed)
        self._publish(evidence)

    async def _ask_again(self) -> None:
        """Ask the runtime again while somebody is owed a name."""
        while True:
            await self._some_owed.wait()
            self._some_owed.clear()
            await self._sleep(AGAIN_SECONDS)
            if self._lister is not None:
                await self._guard.run(NAMING, self._lister.refresh())
            for evidence in tuple(self._open.values()):
                self._guard.call(NAMING, partial(self._settle, evidence))

    def _take(self, listing: Listing) -> None:
        """The runtime has answered: take what all who are waiting, or are owed a name, need."""
        for evidence in tuple(self._open.values()):
            self._guard.call(NAMING, partial(self._take_names, listing, evidence))
        uids = {pod.names.pod_uid for pod in self._inventory.unnamed_pods()}
        for sandbox in listing.sandboxes.values() if uids else ():
            if sandbox.pod_uid in uids:
                self._inventory.pod_named(
                    sandbox.pod_uid,
                    namespace=clean(sandbox.namespace),
                    name=clean(sandbox.pod),
                    names_from=CRI,
                )
        self.on_listing(listing)

    def _take_names(self, listing: Listing, evidence: _Evidence) -> None:
        names = listing.names(evidence.place.container_id)
        if names is None:
            evidence.lists_without += 1
        else:
            evidence.cri = names
            self._publish(evidence)
        self._settle(evidence)

    def _settle(self, evidence: _Evidence) -> None:
        """Close the case if nothing more is to be had, else see that the runtime is asked again."""
        if not evidence.asked:
            return
        hopeless = (
            self._lister is None
            or evidence.lists_without >= LISTS_WITHOUT
            or self._inventory.get(evidence.id) is None
        )
        if hopeless or evidence.cri is not None or evidence.merged().complete:
            self._open.pop(evidence.id, None)
        else:
            self._some_owed.set()

    def _publish(self, evidence: _Evidence) -> None:
        found = evidence.merged()
        record = self._inventory.named(evidence.id, found.container, found.kind)
        if record is not None:
            self._on_names(record)

    def _found_init(self, evidence: _Evidence, pid: int | None) -> None:
        """Believe a pid only of a process that is in the container's cgroup."""
        if pid is None:
            return
        path = evidence.place.path
        try:
            start_ticks = self._processes.stat(pid).start_ticks
            actual = self._processes.memory_cgroup(pid)
        except (SourceAbsent, ParseError):
            return  # it is gone, or not ours to see: the container's init stays unknown
        if actual and actual != path and not actual.startswith(path + "/"):
            return
        evidence.has_init = True
        record = self._inventory.init_found(evidence.id, pid, ticks_to_ns(start_ticks))
        if record is not None:
            self._on_names(record)

    def _first_of_its_pod(self, evidence: _Evidence) -> bool:
        """Whether no living cgroup of the pod is older; inodes are given out in order."""
        pod = self._inventory.in_pod(evidence.place.pod_uid)
        return all(other.id.inode >= evidence.id.inode for other in pod if other.alive)


def _of_bundle(bundle: Bundle) -> Names:
    names = bundle.names
    kinds = {"sandbox": ContainerKind.SANDBOX, "container": ContainerKind.CONTAINER}
    return Names(
        namespace=names.namespace,
        pod=names.pod,
        pod_uid=names.pod_uid,
        container=names.container,
        kind=kinds.get(names.container_type, ContainerKind.UNKNOWN),
    )
