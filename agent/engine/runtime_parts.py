"""How the watch over the container runtime is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agent.engine.ground import Ground
from agent.engine.runtime import RuntimeWatch
from agent.engine.runtime_creations import CreationSight
from agent.engine.runtime_former import Former
from agent.engine.runtime_ladder import ABANDON_SECONDS, Ladder
from agent.engine.runtime_shims import Shims
from agent.host.absence import SourceAbsent
from agent.host.cri import CriClient
from agent.host.runtime_process import RuntimeProcesses
from agent.host.runtime_socket import RuntimeSocket
from agent.host.tasks import TaskReader
from agent.host.unix_connect import listener_pid
from agent.host.worker import Abandoned, TooManyAbandoned
from agent.inventory.names import ContainerKind
from agent.inventory.resolver import NameResolver
from agent.ledger.deaths import DeathBook
from agent.model.absence import Absence
from agent.model.blocked import BlockedReport
from agent.model.cni import CNICall
from agent.model.oom import Container, OOMIncident
from agent.model.runtime import Rung
from agent.observe.runtime import RuntimeSight
from agent.state.incidents import IncidentIndex

RUNTIME_WORKERS = 4
"""Threads for the socket's file, for connecting, and for command lines of shims."""
CONNECT_SECONDS = 1.0
SCENE_SECONDS = 3600.0


def watch_runtime(
    ground: Ground,
    deaths: DeathBook,
    incidents: IncidentIndex,
    resolver: NameResolver,
    *,
    listens: RuntimeSocket,
    calls: Callable[[], tuple[CNICall, ...]],
    blocked: Callable[[], BlockedReport | None],
) -> RuntimeWatch:
    """With threads and a connection of its own."""
    workers = ground.pools.new(RUNTIME_WORKERS, name="runtime")
    runtime = ground.settings.runtime
    processes = RuntimeProcesses(ground.root, ground.proc)

    async def connect() -> int | None:
        try:
            return await workers.run(listener_pid, listens.path, deadline_seconds=ABANDON_SECONDS)
        except (Abandoned, TooManyAbandoned) as error:
            raise SourceAbsent(Absence.FAILED, str(error)) from error

    def is_container(identity: str) -> bool:
        record = ground.inventory.by_container_id(identity)
        return record is not None and record.kind is ContainerKind.CONTAINER

    def pod(identity: str) -> Container | None:
        record = ground.inventory.by_container_id(identity)
        return None if record is None else replace(record.names, name="")

    def killed() -> Iterable[OOMIncident]:
        since = ground.clock.wall_ns() - int(SCENE_SECONDS * 1e9)
        return incidents.select(since_wall_ns=since, limit=1000)[0]

    return RuntimeWatch(
        path=listens.configured,
        off="" if ground.settings.sources.cri else "switched off by sources.cri",
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=workers,
        sight=RuntimeSight(listens, processes, TaskReader(ground.root)),
        ladder=Ladder(
            clock=ground.clock,
            runtime=CriClient(listens, ABANDON_SECONDS),
            connect=connect,
            deadlines={
                Rung.CONNECT: CONNECT_SECONDS,
                Rung.VERSION: runtime.version_deadline,
                Rung.STATUS: runtime.status_deadline,
                Rung.LIST: runtime.list_deadline,
            },
        ),
        former=Former(deaths=deaths, incidents=killed),
        shims=Shims(
            processes=processes,
            workers=workers,
            is_container=is_container,
            pod=pod,
            had_cgroup=lambda key: ground.inventory.by_container_id(key) is not None,
        ),
        creations=CreationSight(
            inventory=ground.inventory,
            calls=calls,
            listing=resolver.last_listing,
            stalled_after=runtime.creation_stalled_after,
        ),
        blocked=blocked,
        expected=lambda: any(True for _ in ground.inventory.alive_pods()),
        spawn=ground.spawn,
        interval_seconds=runtime.interval,
    )
