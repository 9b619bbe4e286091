"""A made-up report of a runtime that somebody has stopped: Version is the rung."""

from __future__ import annotations

from agent.model.afterlife import Task
from agent.model.creation import Creation, CreationStep
from agent.model.latency import Latency
from agent.model.oom import Container
from agent.model.runtime import (
    DaemonProcess,
    FormerDaemon,
    ProcessKey,
    Rung,
    RungState,
    RuntimeReport,
    Shim,
    SocketQueues,
    Step,
)

NOW_NS = 11_000 * 10**9
WALL_NS = 1_790_000_600 * 10**9
SOCKET = "/run/containerd/containerd.sock"

FAST = Latency().plus(0.002).plus(0.004).plus(0.018)

STEPS = (
    Step(rung=Rung.SOCKET, state=RungState.OK, deadline_seconds=5.0),
    Step(rung=Rung.CONNECT, state=RungState.OK, deadline_seconds=1.0, seconds=2e-4, latency=FAST),
    Step(
        rung=Rung.VERSION,
        state=RungState.SILENT,
        deadline_seconds=3.0,
        seconds=131.0,
        latency=FAST,
        silences=1,
    ),
    Step(rung=Rung.STATUS, deadline_seconds=5.0, latency=FAST),
    Step(rung=Rung.LIST, deadline_seconds=10.0, latency=FAST, failures=2),
)


def ago(seconds: float) -> int:
    return NOW_NS - int(seconds * 1e9)


PROCESS = DaemonProcess(
    key=ProcessKey(pid=998, start_boottime_ns=ago(3600)),
    comm="containerd",
    state="T",
    threads=31,
    resident_bytes=84 << 20,
    unit="containerd.service",
)
FORMER = FormerDaemon(
    key=ProcessKey(pid=640, start_boottime_ns=ago(9000)),
    comm="containerd",
    seen_boottime_ns=ago(3602),
    signal=9,
    oom_killed=True,
)
SHIMS = (
    Shim(
        key=ProcessKey(pid=1201, start_boottime_ns=ago(8000)),
        state="S",
        namespace="k8s.io",
        sandbox_id="4f" * 32,
    ),
    Shim(
        key=ProcessKey(pid=1377, start_boottime_ns=ago(7000)),
        state="S",
        namespace="k8s.io",
        sandbox_id="9b" * 32,
        orphan=True,
    ),
    Shim(
        key=ProcessKey(pid=1390, start_boottime_ns=ago(6000)),
        state="S",
        namespace="k8s.io",
        sandbox_id="7c" * 32,
        pod=Container(namespace="shop", pod="db-1", pod_uid="u-db", id="7c" * 32),
        blocked=(
            Task(
                pid=1390,
                tid=1394,
                comm="containerd-shim",
                state="D",
                start_boottime_ns=ago(6000),
                wchan="io_schedule",
                since_boottime_ns=ago(41),
            ),
        ),
    ),
    Shim(
        key=ProcessKey(pid=1402, start_boottime_ns=ago(200)),
        state="D",
        unread="reading its command line hangs",
    ),
)
CREATIONS = (
    Creation(
        step=CreationStep.NETWORK,
        sandbox=True,
        names=Container(namespace="shop", pod="web-2", pod_uid="u-web"),
        since_boottime_ns=ago(34),
        begun_boottime_ns=ago(247),
        pid=5130,
        comm="bridge",
        state="S",
        wchan="do_wait",
    ),
    Creation(
        step=CreationStep.INIT,
        sandbox=False,
        names=Container(namespace="shop", pod="db-1", pod_uid="u-db", name="db", id="d1" * 32),
        since_boottime_ns=ago(12),
        begun_boottime_ns=ago(12),
        pid=5201,
        comm="runc:[2:INIT]",
        state="D",
        wchan="io_schedule",
    ),
)
RUNTIME = RuntimeReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    socket=SOCKET,
    steps=STEPS,
    name="containerd",
    version="1.6.20~ds1",
    conditions={
        "RuntimeReady": (True, ""),
        "NetworkReady": (False, "cni plugin not initialized"),
    },
    sandboxes=2,
    queues=SocketQueues(
        pending=41, backlog=4096, connections=9, unread_connections=3, unread_bytes=2212
    ),
    process=PROCESS,
    former=FORMER,
    restarts=1,
    shims=SHIMS,
    blocked_known=True,
    creations=CREATIONS,
    creation_stalled_after_seconds=120.0,
)
