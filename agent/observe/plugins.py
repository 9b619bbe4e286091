"""Watches executions of CNI plugins, by sched:sched_process_exec in a trace instance of our own.

The kernel lets through what lies in the directories of the plugins (cni.bin_dirs). Containers can
execute files of such names too, as fast as they like: so many are read between two ticks, and who
runs in a container is sorted out by its cgroup (agent.engine.cni).
"""

from __future__ import annotations

from agent.host.trace_instance import TraceInstance
from agent.observe.rationed import RationedWatcher
from agent.parse.sched_process_exec import parse_exec

NAME = "cni"
EVENT = "sched/sched_process_exec"


def watcher(instance: TraceInstance) -> RationedWatcher:
    """Of executions; it owns the instance. Raises SourceAbsent."""
    overrun = "plugins were executed faster than that is read"
    return RationedWatcher(instance, name=NAME, parse=parse_exec, overrun=overrun)
