"""Watches executions of CNI plugins, by sched:sched_process_exec in a trace instance of our own.

The kernel lets through what lies in the directories of the plugins (cni.bin_dirs, or where the
runtime says that they are). Containers can execute files of such names too, as fast as they like:
so many are read between two ticks, and who runs in a container is sorted out by its cgroup
(agent.engine.cni).
"""

from __future__ import annotations

from collections.abc import Callable

from agent.host.trace_instance import TraceInstance
from agent.model.evidence import Observation
from agent.observe.rationed import RationedWatcher
from agent.parse.sched_process_exec import exec_filter, parse_exec

NAME = "cni"
EVENT = "sched/sched_process_exec"


class PluginWatcher(RationedWatcher):
    """Owns the instance. `directories` are asked for at each tick: the filter follows them."""

    def __init__(self, instance: TraceInstance, directories: Callable[[], tuple[str, ...]]) -> None:
        """Records from now on. Raises SourceAbsent."""
        self._instance = instance
        self._directories = directories
        self._filtered: tuple[str, ...] = ()
        self._follow()
        instance.start()
        instance.open_pipe()
        overrun = "plugins were executed faster than that is read"
        super().__init__(instance, name=NAME, parse=parse_exec, overrun=overrun)

    def tick(self) -> list[Observation]:
        """As of all of its kind. Raises SourceAbsent."""
        self._follow()
        return super().tick()

    def _follow(self) -> None:
        directories = self._directories()
        if directories != self._filtered:
            self._instance.enable(EVENT, exec_filter(directories))
            self._filtered = directories
