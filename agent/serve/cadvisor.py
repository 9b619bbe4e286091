"""The names of cAdvisor for what alerts ask it: off by default (serve.cadvisor_names).

    container_oom_events_total{namespace="shop",pod="web-0",container="app"} 1

The kubelet serves the first of them too, always 0 in some versions and gone with the container in
all (google/cadvisor issue 3015). Here it is the ledger's count of killed processes, and outlives
the container as nodewitness_oom_kills_total does. cAdvisor's labels id, image and name are left
out: with them, a container that is started again would be another series.

https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.inventory.running import Running
from agent.model.cgroup import MemoryEvents
from agent.model.rates import Derived
from agent.model.status import OOMSeries
from agent.model.usage import CgroupSample
from agent.serve.container_series import LABELS, ContainerSeries, Family
from agent.serve.exposition import Counter, escape_label
from agent.serve.negotiate import Format
from agent.serve.row import Kind

OOM_EVENTS = Counter(
    name="container_oom_events",
    help="Processes of a container that the kernel's OOM killer killed, under cAdvisor's name.",
)


def _events(name: str, count: Callable[[MemoryEvents], int | None]) -> Family:
    def value(sample: CgroupSample, derived: Derived) -> float | None:
        memory = sample.memory
        return None if memory is None or memory.events is None else count(memory.events)

    return Family(
        kind=Kind.COUNTER,
        name=f"container_memory_events_{name}_total",
        help=f"{name} of the container's memory.events, under cAdvisor's name.",
        value=value,
    )


MEMORY_EVENTS = (
    _events("low", lambda events: events.low),
    _events("high", lambda events: events.high),
    _events("max", lambda events: events.max),
    _events("oom", lambda events: events.oom),
    _events("oom_kill", lambda events: events.oom_kill),
    _events("oom_group_kill", lambda events: events.oom_group_kill),
)


class CadvisorNames:
    """Writes these families, beside our own."""

    def __init__(self) -> None:
        self._events = ContainerSeries(MEMORY_EVENTS)

    def pieces(self, series: OOMSeries, running: Running, form: Format) -> Iterator[bytes]:
        """A piece for each family that has a sample now."""
        sums: dict[str, int] = {}
        for each in series.containers:
            names = (each.namespace, each.pod, each.container)
            pairs = zip(LABELS, map(escape_label, names), strict=True)
            labels = ",".join(f'{label}="{value}"' for label, value in pairs)
            sums[labels] = sums.get(labels, 0) + sum(each.kills.values())
        if sums:
            lines = [f"{OOM_EVENTS.name}_total{{{labels}}} {n}\n" for labels, n in sums.items()]
            yield OOM_EVENTS.head(form) + "".join(lines).encode()
        yield from self._events.pieces(running, form)
