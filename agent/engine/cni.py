"""CNI calls in flight: executions are looked at as they are told, and those that run once a second.

The pidfd of each call wakes us at its end; the process connector is asked to tell how it ended.
Environments are read in workers that can be left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from agent.derive.cni_call import with_environment
from agent.derive.cni_health import network_health
from agent.engine.board import SourceBoard
from agent.engine.cni_config import CNIConfigWatch
from agent.engine.guard import Guard
from agent.host.absence import SourceAbsent
from agent.host.clock import Clock
from agent.host.cni_directory import CNIDirectory
from agent.host.file_locks import FileLocks
from agent.host.plugin_process import PluginProcesses
from agent.host.tasks import TaskReader
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.ledger.cni import CNILedger
from agent.ledger.deaths import SAME_PROCESS_NS
from agent.model.absence import ParseError
from agent.model.cni import CallWait, CNICall, CNIReport, PluginProcess
from agent.model.evidence import Observation, PluginExecuted
from agent.model.oom import Container
from agent.observe.call_waits import read_waits
from agent.observe.exits import NAME as CONNECTOR
from agent.observe.plugins import NAME as CNI
from agent.observe.plugins import PluginWatcher
from agent.parse.cgroup_path import place

LOOK_SECONDS = 1.0
ENVIRON_SECONDS = 2.0
WAITS_SECONDS = 5.0
YOUNG_NS = 1_000_000_000
"""Calls that are younger need no explanation."""
MAX_WAITS = 64
"""Calls whose tasks are read in one look, the oldest first."""
MAX_RUNNING = 8192
"""Calls that are followed at a time, a descriptor each; one more is missed."""
MAX_CALLERS = 8


class CNIWatch(Struct, kw_only=True):
    """Owns the pidfds of the calls that run, and what was last read of them."""

    clock: Clock
    board: SourceBoard
    guard: Guard
    processes: PluginProcesses
    tasks: TaskReader
    locks: FileLocks
    workers: Workers
    ledger: CNILedger
    config: CNIConfigWatch
    names: Callable[[str], Container | None]
    plugins: Callable[[], PluginWatcher | None]  # who tells of executions, while it is open
    follow: Callable[[AbstractSet[int]], None]  # hear of the exits of these, and of their children
    lost: Callable[[list[Observation]], None]  # what is no execution
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    directory: CNIDirectory
    slow_after: float
    stalled_after: float
    _pidfds: dict[int, int] = field(default_factory=dict)
    _waits: dict[int, CallWait] = field(default_factory=dict)
    _callers: list[int] = field(default_factory=list)  # of plugins: the runtime
    _following: bool = False
    _searched: tuple[str, ...] = ()  # directories of which the processes were looked for

    # Executions

    def take(self, seen: list[Observation]) -> None:
        """What the watcher tells."""
        for item in seen:
            if isinstance(item, PluginExecuted):
                self.guard.call(CNI, partial(self._executed, item))
        others: list[Observation] = [item for item in seen if not isinstance(item, PluginExecuted)]
        if others:
            self.lost(others)

    def _executed(self, seen: PluginExecuted) -> None:
        if seen.pid in self._pidfds:
            self.guard.call(CNI, partial(self._replaced, seen))
            return
        if len(self._pidfds) >= MAX_RUNNING:
            self.ledger.missed()
            return
        try:
            fd, process = self.processes.open(seen.pid)
        except (SourceAbsent, ParseError):
            self.ledger.missed()
            return
        where = place(process.cgroup)
        if where.pod_uid or where.container_id:
            self.processes.close(fd)  # a container executes what it likes
            return
        if process.start_boottime_ns > seen.boottime_ns + SAME_PROCESS_NS:
            self.processes.close(fd)
            self.ledger.missed()  # the pid is another's by now
            return
        self._pidfds[seen.pid] = fd
        asyncio.get_running_loop().add_reader(fd, self._ended, seen.pid)
        call = self.ledger.begins(
            CNICall(
                pid=seen.pid,
                start_boottime_ns=process.start_boottime_ns,
                plugin=seen.plugin,
                started_boottime_ns=seen.boottime_ns,
                parent_pid=process.parent_pid,
            )
        )
        if call.delegated_by is None and process.parent_pid not in self._callers:
            self._callers = [process.parent_pid, *self._callers][:MAX_CALLERS]
        self._follow_soon()
        self.spawn(self.guard.run(CNI, self._learn(call)))

    def _replaced(self, seen: PluginExecuted) -> None:
        """A plugin that executes another in its place."""
        call = self.ledger.get(seen.pid)
        if call is not None:
            self.ledger.begins(replace(call, plugin=seen.plugin))

    async def _learn(self, call: CNICall) -> None:
        try:
            found = await self.workers.run(
                self.processes.environ, call.pid, deadline_seconds=ENVIRON_SECONDS
            )
        except (Abandoned, TooManyAbandoned) as error:
            self.ledger.learned(replace(call, unread=f"reading its environment: {error}"))
            return
        except SourceAbsent as error:
            self.ledger.learned(replace(call, unread=error.absent.detail))
            return
        if found is None:
            self.ledger.learned(replace(call, unread="it had ended before it was read"))
        elif found.command:
            self.ledger.learned(with_environment(call, found))
        else:
            self.ledger.withdrawn(call)
            self._forget(call.pid)

    # Ends

    def _ended(self, pid: int) -> None:
        self._forget(pid)
        self.guard.call(CNI, partial(self.ledger.ends, pid, self.clock.boottime_ns()))

    def _forget(self, pid: int) -> None:
        fd = self._pidfds.pop(pid, None)
        if fd is not None:
            asyncio.get_running_loop().remove_reader(fd)
            self.processes.close(fd)
        self._waits.pop(pid, None)

    def _follow_soon(self) -> None:
        """Once for all that was executed in one round of the loop."""
        if not self._following:
            self._following = True
            asyncio.get_running_loop().call_soon(self.guard.call, CONNECTOR, self._follow)

    def _follow(self) -> None:
        """The calls that run and their delegates, and what the runtime executes next."""
        self._following = False
        self.follow({*self._pidfds, *self._callers})

    # Looks

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.guard.round(CNI, self.look())
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One round. What may raise comes last, for all of it is done again."""
        now = self.clock.boottime_ns()
        self.ledger.tick(now)
        await self.config.look()
        watcher = self.plugins()
        if watcher is not None:
            await watcher.follow(self.workers)
        await self._look_at_waits(now)
        await self._find_running()

    async def _look_at_waits(self, now: int) -> None:
        old = [c for c in self.ledger.running() if now - c.started_boottime_ns >= YOUNG_NS]
        old.sort(key=lambda call: call.started_boottime_ns)
        pids = [call.pid for call in old[:MAX_WAITS]]
        if not pids:
            return
        try:
            found = await self.workers.run(
                read_waits,
                self.tasks,
                self.locks,
                pids,
                now,
                deadline_seconds=WAITS_SECONDS,
                key=read_waits,
            )
        except (Abandoned, TooManyAbandoned) as error:
            found = dict.fromkeys(pids, CallWait(boottime_ns=now, unread=str(error)))
        self._waits = {pid: wait for pid, wait in found.items() if pid in self._pidfds}

    async def _find_running(self) -> None:
        """Those that were executed before we came, by the names of their processes; again when the
        plugins turn out to be elsewhere.
        """
        directories = self.directory.plugin_directories()
        if directories == self._searched:
            return
        found = await self.workers.run(
            self._running_before, deadline_seconds=WAITS_SECONDS, key=self._running_before
        )
        self._searched = directories
        for process, path in found:
            if process.pid not in self._pidfds:
                self._executed(
                    PluginExecuted(
                        pid=process.pid, plugin=path, boottime_ns=process.start_boottime_ns
                    )
                )

    def _running_before(self) -> list[tuple[PluginProcess, str]]:
        plugins = self.directory.plugins()
        found = self.processes.named(frozenset(plugins))
        return [(process, plugins[process.comm]) for process in found]

    def running(self) -> tuple[CNICall, ...]:
        """The calls that run, and where each was at the last look."""
        named = map(self._named, self.ledger.running())
        return tuple(replace(call, wait=self._waits.get(call.pid)) for call in named)

    def report(self) -> CNIReport:
        """All of it now."""
        now = self.clock.boottime_ns()
        calls = (*reversed(self.running()), *map(self._named, self.ledger.ended()))
        return CNIReport(
            boottime_ns=now,
            wall_ns=self.clock.wall_ns(),
            slow_after_seconds=self.slow_after,
            stalled_after_seconds=self.stalled_after,
            calls=calls,
            books=self.ledger.books(),
            totals=self.ledger.totals(),
            health=network_health(
                calls,
                now,
                slow_ns=int(self.slow_after * 1e9),
                stalled_ns=int(self.stalled_after * 1e9),
            ),
            config=self.config.config,
            word=self.config.word,
            elsewhere=self.config.elsewhere,
        )

    def _named(self, call: CNICall) -> CNICall:
        if call.pod is not None or not call.container_id:
            return call
        names = self.names(call.container_id)
        return call if names is None else replace(call, pod=names)

    def close(self) -> None:
        """Follow no more."""
        for pid in tuple(self._pidfds):
            self._forget(pid)
        self.config.close()
