"""A made-up report of a runtime that somebody has stopped: Version is the rung."""

from __future__ import annotations

from agent.model.afterlife import Task
from agent.model.latency import Latency
from agent.model.oom import Container
from agent.model.runtime import (
    Creation,
    DaemonProcess,
    FormerDaemon,
    Made,
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
        key=ProcessKey(pid=1402, start_boottime_ns=ago(200)),
        state="S",
        unread="reading its command line hangs",
        blocked=(
            Task(
                pid=1402,
                tid=1407,
                comm="containerd-shim",
                state="D",
                start_boottime_ns=ago(200),
                wchan="folio_wait_bit_common",
            ),
        ),
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
    creations=(
        Creation(
            pod=Container(namespace="shop", pod="web-7c9d5b6f4-x2k1p", pod_uid="8f1c2a34"),
            made=Made.SANDBOX,
            since_boottime_ns=ago(128),
            plugin="bridge",
            plugin_pid=4711,
        ),
        Creation(
            pod=Container(pod_uid="d1cb3f57-a7a5-4c11-9d1e-5a0f0c7e2b11"),
            made=Made.CONTAINER,
            since_boottime_ns=ago(44),
        ),
    ),
)
