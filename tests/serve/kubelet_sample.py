"""A made-up report of a kubelet whose healthz hangs, for its own CPU quota."""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.kubelet import (
    Healthz,
    KubeletReport,
    NodeBelief,
    NodeCondition,
    NodeLease,
    NodeObject,
    NodeStatus,
)
from agent.model.memory import KubeletFacts
from agent.model.runtime import FormerDaemon, ProcessKey, RungState
from tests.serve import runtime_sample
from tests.serve.runtime_sample import FAST, NOW_NS, WALL_NS, ago

PROCESS = replace(
    runtime_sample.PROCESS,
    key=ProcessKey(pid=1044, start_boottime_ns=ago(3600)),
    comm="kubelet",
    state="S",
    threads=19,
    resident_bytes=96 << 20,
    unit="kubelet.service",
)
FORMER = FormerDaemon(
    key=ProcessKey(pid=702, start_boottime_ns=ago(9000)),
    comm="kubelet",
    seen_boottime_ns=ago(3602),
    exit_code=1,
)
HEALTHZ = Healthz(
    address="127.0.0.1:10248",
    state=RungState.SILENT,
    deadline_seconds=5.0,
    seconds=74.0,
    latency=FAST,
    silences=1,
    failures=2,
)
BELIEF = NodeBelief(
    boottime_ns=ago(3),
    wall_ns=WALL_NS - 3 * 10**9,
    address="10.96.0.1:443",
    node=NodeObject(
        name="ip-10-0-64-12",
        conditions=(
            NodeCondition(
                type="Ready",
                status=NodeStatus.TRUE,
                reason="KubeletReady",
                message="kubelet is posting ready status",
                heartbeat_wall_ns=WALL_NS - 75 * 10**9,
                transition_wall_ns=WALL_NS - 9000 * 10**9,
            ),
            NodeCondition(
                type="MemoryPressure",
                status=NodeStatus.FALSE,
                reason="KubeletHasSufficientMemory",
                message="kubelet has sufficient memory available",
            ),
        ),
    ),
    lease=NodeLease(renewed_wall_ns=WALL_NS - 78 * 10**9, seconds=40.0),
)
KUBELET = KubeletReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    process=PROCESS,
    former=FORMER,
    restarts=1,
    healthz=HEALTHZ,
    facts=KubeletFacts(
        pid=1044,
        found="process 1044",
        config="/var/lib/kubelet/config.yaml",
        version="v1.30.14",
    ),
    throttled_ratio=0.97,
    cpu_waiting=0.93,
    belief=BELIEF,
)
WELL = replace(
    KUBELET,
    healthz=replace(HEALTHZ, state=RungState.OK, seconds=0.004, status=200, detail="ok"),
    throttled_ratio=0.0,
)
