"""A made-up report of a kubelet whose healthz hangs, for its own CPU quota."""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.kubelet import Healthz, KubeletReport
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
)
WELL = replace(
    KUBELET,
    healthz=replace(HEALTHZ, state=RungState.OK, seconds=0.004, status=200, detail="ok"),
    throttled_ratio=0.0,
)
