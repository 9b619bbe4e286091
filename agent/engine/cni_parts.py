"""How the watch over CNI calls is put together."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from agent.config import Settings
from agent.engine.board import SourceBoard
from agent.engine.cni import CNIWatch
from agent.engine.cni_config import CNIConfigWatch
from agent.engine.guard import Guard
from agent.engine.watch import Watch
from agent.host.clock import Clock
from agent.host.cni_directory import CNIDirectory
from agent.host.cri import CriClient
from agent.host.file_locks import FileLocks
from agent.host.plugin_process import PluginProcesses
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.tasks import TaskReader
from agent.host.worker import Pools
from agent.inventory.containers import Inventory
from agent.ledger.cni import CNILedger
from agent.ledger.deaths import DeathBook
from agent.model.cni import CNICall
from agent.model.death import ProcessExit
from agent.model.evidence import Observation
from agent.model.oom import Container
from agent.observe.exits import ExitWatcher

CNI_WORKERS = 4
"""Threads for environments, tasks and the configuration: three may hang."""


def watch_cni(
    settings: Settings,
    root: HostRoot,
    proc: ProcReader,
    clock: Clock,
    inventory: Inventory,
    deaths: DeathBook,
    board: SourceBoard,
    guard: Guard,
    pools: Pools,
    *,
    cri: CriClient | None,
    silent: Callable[[], bool],
    watches: Iterable[Watch],
    lost: Callable[[list[Observation]], None],
    spawn: Callable[[Coroutine[Any, Any, None]], object],
) -> CNIWatch:
    """With threads of its own."""
    workers = pools.new(CNI_WORKERS, name="cni")
    directory = CNIDirectory(root, settings.cni.conf_dir, settings.cni.bin_dirs)

    def exit_of(call: CNICall) -> ProcessExit | None:
        death = deaths.death(call.pid, call.started_boottime_ns)
        return None if death is None else death.exit

    def names(container_id: str) -> Container | None:
        record = inventory.by_container_id(container_id)
        return None if record is None else record.names

    def follow(pids: AbstractSet[int]) -> None:
        for watch in watches:
            if isinstance(watch.watcher, ExitWatcher):
                watch.watcher.follow_others(pids)

    async def network() -> tuple[bool, str] | None:
        return None if cri is None or silent() else await cri.network()

    return CNIWatch(
        clock=clock,
        board=board,
        guard=guard,
        processes=PluginProcesses(root, proc),
        tasks=TaskReader(root),
        locks=FileLocks(root),
        directory=directory,
        workers=workers,
        ledger=CNILedger(exit_of),
        config=CNIConfigWatch(
            directory=directory, clock=clock, workers=workers, board=board, network=network
        ),
        names=names,
        follow=follow,
        lost=lost,
        spawn=spawn,
        slow_after=settings.cni.slow_after,
        stalled_after=settings.cni.stalled_after,
    )
