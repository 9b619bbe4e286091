"""Watches executions of CNI plugins, by sched:sched_process_exec in a trace instance of our own.

The kernel lets through what lies in the directories of the plugins (cni.bin_dirs, or where the
runtime says that they are). Containers can execute files of such names too, as fast as they like:
so many are read between two ticks, and who runs in a container is sorted out by its cgroup
(agent.engine.cni).
"""

from __future__ import annotations

from collections.abc import Callable

from agent.host.absence import SourceAbsent
from agent.host.trace_instance import TraceInstance
from agent.host.worker import Abandoned, TooManyAbandoned, Workers
from agent.model.absence import Absence
from agent.model.evidence import Observation
from agent.observe.rationed import RationedWatcher
from agent.parse.sched_process_exec import exec_filter, parse_exec

NAME = "cni"
EVENT = "sched/sched_process_exec"
WRITE_SECONDS = 5.0


class PluginWatcher(RationedWatcher):
    """Owns the instance. `directories` are asked for again by `follow`."""

    def __init__(self, instance: TraceInstance, directories: Callable[[], tuple[str, ...]]) -> None:
        """Records from now on. Raises SourceAbsent."""
        self._instance = instance
        self._directories = directories
        self._filtered = directories()
        self._failed: SourceAbsent | None = None
        instance.enable(EVENT, exec_filter(self._filtered))
        instance.start()
        instance.open_pipe()
        overrun = "plugins were executed faster than that is read"
        super().__init__(instance, name=NAME, parse=parse_exec, overrun=overrun)

    def tick(self) -> list[Observation]:
        """As of all of its kind. Raises SourceAbsent, also when the filter could not follow."""
        if self._failed is not None:
            raise self._failed
        return super().tick()

    async def follow(self, workers: Workers) -> None:
        """Have the filter follow the directories. In a worker: the kernel waits for whoever else
        changes events, and for all CPUs to be out of the old filter. What fails, the next tick
        raises.
        """
        directories = self._directories()
        if directories == self._filtered or self._failed is not None:
            return
        try:
            await workers.run(
                self._instance.enable,
                EVENT,
                exec_filter(directories),
                deadline_seconds=WRITE_SECONDS,
                key=EVENT,
            )
        except SourceAbsent as error:
            self._failed = error
        except (Abandoned, TooManyAbandoned) as error:
            detail = f"changing the filter of executions: {error}"
            self._failed = SourceAbsent(Absence.FAILED, detail)
        else:
            self._filtered = directories
