"""How the watch over CNI calls is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from agent.engine.cni import CNIWatch
from agent.engine.cni_config import CNIConfigWatch
from agent.engine.ground import Ground
from agent.engine.watch import Watch
from agent.host.cni_directory import CNIDirectory
from agent.host.cri import CriClient, CriNetwork
from agent.host.file_locks import FileLocks
from agent.host.plugin_process import PluginProcesses
from agent.host.tasks import TaskReader
from agent.ledger.cni import CNILedger
from agent.ledger.deaths import DeathBook
from agent.model.cni import CNICall
from agent.model.death import ProcessExit
from agent.model.evidence import Observation
from agent.model.oom import Container
from agent.observe.exits import ExitWatcher
from agent.observe.plugins import PluginWatcher

CNI_WORKERS = 4
"""Threads for environments, tasks, the configuration and the filter: three may hang."""


def watch_cni(
    ground: Ground,
    deaths: DeathBook,
    directory: CNIDirectory,
    *,
    cri: CriClient | None,
    silent: Callable[[], bool],
    watches: Iterable[Watch],
    lost: Callable[[list[Observation]], None],
) -> CNIWatch:
    """With threads of its own."""
    workers = ground.pools.new(CNI_WORKERS, name="cni")

    def exit_of(call: CNICall) -> ProcessExit | None:
        death = deaths.death(call.pid, call.started_boottime_ns)
        return None if death is None else death.exit

    def names(container_id: str) -> Container | None:
        record = ground.inventory.by_container_id(container_id)
        return None if record is None else record.names

    def follow(pids: AbstractSet[int]) -> None:
        for watch in watches:
            if isinstance(watch.watcher, ExitWatcher):
                watch.watcher.follow_others(pids)

    def plugins() -> PluginWatcher | None:
        watchers = (watch.watcher for watch in watches)
        return next((each for each in watchers if isinstance(each, PluginWatcher)), None)

    async def network() -> CriNetwork | None:
        return None if cri is None or silent() else await cri.network()

    return CNIWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        processes=PluginProcesses(ground.root, ground.proc),
        tasks=TaskReader(ground.root),
        locks=FileLocks(ground.root),
        directory=directory,
        workers=workers,
        ledger=CNILedger(exit_of),
        config=CNIConfigWatch(
            directory=directory,
            clock=ground.clock,
            workers=workers,
            board=ground.board,
            network=network,
        ),
        names=names,
        plugins=plugins,
        follow=follow,
        lost=lost,
        spawn=ground.spawn,
        slow_after=ground.settings.cni.slow_after,
        stalled_after=ground.settings.cni.stalled_after,
    )
