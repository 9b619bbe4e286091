"""Watches connections that the kubelet and the API server begin, and those that come to nothing, by
sock:inet_sock_set_state in a trace instance of our own.

The kernel lets through what threads of these names begin, and every connection of the node that
fails: whose that was it does not tell (agent.derive.dials). So many are read between two ticks.
"""

from __future__ import annotations

from agent.host.trace_instance import TraceInstance
from agent.observe.rationed import RationedWatcher
from agent.parse.inet_sock_set_state import parse_dial

NAME = "dials"


def watcher(instance: TraceInstance) -> RationedWatcher:
    """Of dials; it owns the instance. Raises SourceAbsent."""
    overrun = "connections failed faster than that is read"
    return RationedWatcher(instance, name=NAME, parse=parse_dial, overrun=overrun)
