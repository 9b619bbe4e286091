"""How the watch over the kubelet is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.engine.ground import Ground
from agent.engine.headroom import HeadroomWatch
from agent.engine.kubelet import KubeletWatch
from agent.engine.kubelet_healthz import HealthzProbe
from agent.engine.node_object import NodeObjectWatch
from agent.engine.runtime_former import Former
from agent.engine.runtime_parts import SCENE_SECONDS
from agent.host.healthz import ask_healthz
from agent.host.kubelet import KubeletFinder
from agent.host.runtime_process import RuntimeProcesses
from agent.host.tasks import TaskReader
from agent.ledger.deaths import DeathBook
from agent.model.oom import OOMIncident
from agent.model.rates import UsageReport
from agent.observe.kubelet import KubeletSight
from agent.state.incidents import IncidentIndex

KUBELET_WORKERS = 2
"""Threads for its process: one may hang."""


def watch_kubelet(
    ground: Ground,
    deaths: DeathBook,
    incidents: IncidentIndex,
    *,
    headroom: HeadroomWatch,
    usage: Callable[[], UsageReport | None],
    believed: NodeObjectWatch | None,
) -> KubeletWatch:
    """With threads of its own. `headroom` reads its configuration."""
    settings = ground.settings.kubelet

    def killed() -> Iterable[OOMIncident]:
        since = ground.clock.wall_ns() - int(SCENE_SECONDS * 1e9)
        return incidents.select(since_wall_ns=since, limit=1000)[0]

    return KubeletWatch(
        clock=ground.clock,
        board=ground.board,
        guard=ground.guard,
        workers=ground.pools.new(KUBELET_WORKERS, name="kubelet"),
        sight=KubeletSight(
            KubeletFinder(ground.root, ground.proc),
            RuntimeProcesses(ground.root, ground.proc),
            TaskReader(ground.root),
        ),
        probe=HealthzProbe(
            clock=ground.clock, ask=ask_healthz, deadline_seconds=settings.healthz_deadline
        ),
        former=Former(deaths=deaths, incidents=killed),
        facts=lambda: headroom.facts,
        changed=headroom.read_again,
        usage=usage,
        expected=lambda: any(True for _ in ground.inventory.alive_pods()),
        believed=believed,
        port=settings.healthz_port,
        spawn=ground.spawn,
        interval_seconds=settings.healthz_interval,
    )
