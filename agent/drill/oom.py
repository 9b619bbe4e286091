"""The OOM drill: one real kill in a scratch cgroup of our own, followed through every hop.

Hurts nothing else: the eater is alone in a cgroup with its own limit and without swap, and
volunteers as the victim. Whatever ends the drill (a signal, an error, a missing agent), the eater
is killed and the cgroup removed; if the drill itself is killed, the eater dies with it and the next
drill removes the cgroup.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from agent.drill.agent_hops import (
    Agent,
    AgentError,
    BooksHop,
    LedgerHop,
    MetricsHop,
    Prey,
    StreamHop,
)
from agent.drill.child import Death, Eater
from agent.drill.eater import NOT_KILLED
from agent.drill.interrupts import Interrupts
from agent.drill.kernel_hops import CounterHop, KmsgHop, VmstatHop, now_ns
from agent.drill.names import PREFIX, Creator, creator_of, scratch_name
from agent.drill.report import DrillReport
from agent.drill.scrape import fetch
from agent.drill.watch import Hop, Watch
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs, open_cgroup_fs
from agent.host.cgroup_namespace import join_host_cgroup_namespace
from agent.host.kmsg import KmsgReader
from agent.host.root import HostRoot
from agent.host.scratch_cgroup import ScratchCgroup
from agent.host.vmstat import VmStat
from agent.model.absence import ParseError

DEFAULT_LIMIT_BYTES = 32 << 20
# What is eaten at most: more than the limit and all that may be charged late or elsewhere.
_MOST_TIMES = 4
# The agent's clock of an incident may have been stepped against ours meanwhile.
_SINCE_SLACK_NS = 60_000_000_000


class DrillError(Exception):
    """The drill could not be held; the text says why and what to do."""


class Narrator(Protocol):
    """Who tells people what is going on."""

    def begins(self, cgroup: str, limit_bytes: int, comm: str, pid: int) -> None:
        """All is made, and nothing is eaten yet."""
        ...

    def left_behind(self, why: str) -> None:
        """The cgroup could not be removed."""
        ...


class DrillSettings(Struct, frozen=True, kw_only=True):
    """How to hold it."""

    wait_seconds: float = 10.0  # for each hop after the kill, and for the kill itself
    limit_bytes: int = DEFAULT_LIMIT_BYTES
    metrics_url: str = ""  # empty: that hop is left out


def hold(
    settings: DrillSettings,
    agent: Agent | None,
    narrator: Narrator,
    root: HostRoot | None = None,
) -> DrillReport:
    """Hold one drill; without an agent only the kernel's half. Blocks; main thread only.

    The narrator is told what is going on. Raises DrillError if it could not be held at all,
    AgentError if the agent failed before anything was provoked, and Interrupted, with all cleaned
    up.
    """
    if os.geteuid() != 0:
        raise DrillError(
            "a drill makes a cgroup and reads /dev/kmsg: run it as root (sudo nodectl drill oom)"
        )
    drill = _Drill(settings, agent, narrator, root or HostRoot.at(Path("/")))
    with Interrupts() as interrupts, contextlib.ExitStack() as cleanup:
        try:
            try:
                return drill.run(interrupts, cleanup)
            finally:
                interrupts.hold()
        except (SourceAbsent, ParseError, OSError) as error:
            raise DrillError(str(error)) from error


class _Drill:
    def __init__(
        self,
        settings: DrillSettings,
        agent: Agent | None,
        narrator: Narrator,
        root: HostRoot,
    ) -> None:
        self.settings = settings
        self.agent = agent
        self.narrator = narrator
        self.root = root

    def run(self, interrupts: Interrupts, cleanup: contextlib.ExitStack) -> DrillReport:
        with contextlib.suppress(SourceAbsent):  # what is opened next says what is missing
            join_host_cgroup_namespace(self.root)
        fs = open_cgroup_fs(self.root)
        cleanup.callback(fs.close)
        removed = tuple(remove_leftovers(fs))
        creator = Creator.me()
        name = scratch_name(creator)
        with interrupts.held():
            scratch = ScratchCgroup.create(fs, name, self.settings.limit_bytes)
            cleanup.callback(self._remove, scratch)
        with interrupts.held():
            eater = Eater(_MOST_TIMES * self.settings.limit_bytes, comm=f"drill-{name[-8:]}")
            cleanup.callback(eater.close)
        # Its start is charged to us; in the scratch cgroup it only eats.
        if not eater.ready(self.settings.wait_seconds):
            raise DrillError("the eater did not start: is this Python interpreter whole? (--wait)")
        scratch.add(eater.pid)
        self.narrator.begins(scratch.path, self.settings.limit_bytes, eater.comm, eater.pid)
        prey = Prey(
            cgroup=scratch.path, pid=eater.pid, since_wall_ns=time.time_ns() - _SINCE_SLACK_NS
        )
        ledger = LedgerHop(self.agent, prey) if self.agent is not None else None
        hops = self._kernel_hops(fs, scratch, eater.comm, cleanup)
        if self.agent is not None and ledger is not None:
            hops += self._agent_hops(self.agent, ledger, prey)
        watch = Watch(hops)
        cleanup.callback(watch.close)
        watch.start()
        eater.go()
        death = eater.wait(self.settings.wait_seconds)
        died = self._judged(death, eater)
        results = watch.results(died.last_step_ns, self.settings.wait_seconds)
        return DrillReport(
            cgroup=scratch.path,
            cgroup_mode=fs.mode.value,
            limit_bytes=self.settings.limit_bytes,
            pid=eater.pid,
            comm=eater.comm,
            eaten_bytes=died.eaten_bytes,
            last_step_boottime_ns=died.last_step_ns,
            death_ns=died.boottime_ns - died.last_step_ns,
            hops=results,
            incident=ledger.last_word() if ledger is not None else None,
            leftovers_removed=removed,
        )

    def _kernel_hops(
        self, fs: CgroupFs, scratch: ScratchCgroup, comm: str, cleanup: contextlib.ExitStack
    ) -> list[Hop]:
        vmstat = VmStat(self.root)
        cleanup.callback(vmstat.close)
        kmsg = cleanup.enter_context(KmsgReader())
        return [CounterHop(scratch, fs.counter_file), VmstatHop(vmstat), KmsgHop(kmsg, comm)]

    def _agent_hops(self, agent: Agent, ledger: LedgerHop, prey: Prey) -> list[Hop]:
        hops: list[Hop] = [StreamHop(agent, prey, self.settings.wait_seconds), ledger]
        if self.settings.metrics_url:
            hops.append(MetricsHop(self.settings.metrics_url, fetch))
        hops.append(BooksHop(agent, prey.since_wall_ns))
        return hops

    def _judged(self, death: Death | None, eater: Eater) -> Death:
        """The death that we wanted, or DrillError."""
        if death is None:
            raise DrillError(
                f"the eater {eater.comm}[{eater.pid}] was not killed within "
                f"{self.settings.wait_seconds:g} s: the machine is slow (--wait), or the limit "
                "does not hold (memory.oom_control: oom_kill_disable?)"
            )
        if death.by_sigkill and death.last_step_ns:
            return death
        if death.status == NOT_KILLED:
            raise DrillError(
                f"the eater ate {death.eaten_bytes >> 20} MiB and was not killed: the limit of "
                f"{self.settings.limit_bytes >> 20} MiB does not hold (is it swapped out?)"
            )
        raise DrillError(
            f"the eater ended before it could be OOM-killed (status {death.status}): "
            "who else kills processes here?"
        )

    def _remove(self, scratch: ScratchCgroup) -> None:
        try:
            scratch.remove()
        except SourceAbsent as error:
            self.narrator.left_behind(str(error))


def remove_leftovers(fs: CgroupFs) -> list[str]:
    """Remove the scratch cgroups whose drill is dead and that hold no process; their paths."""
    removed = []
    for path, _ in fs.children("/"):
        if not path.startswith(f"/{PREFIX}"):
            continue
        creator = creator_of(path[1:])
        if creator is None or not creator.gone(now_ns()):
            continue
        with contextlib.suppress(SourceAbsent, OSError):  # busy, or removed by another
            if not fs.procs(path):
                os.rmdir(fs.directory(path))
                removed.append(path)
    return removed


__all__ = ["AgentError", "DrillError", "DrillSettings", "Narrator", "hold", "remove_leftovers"]
