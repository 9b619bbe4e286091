"""A made-up report of a control-plane node: the kubelet is not heard, and a webhook is dead."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from agent.model.heartbeat import (
    Caller,
    Calls,
    Connection,
    Destination,
    HeartbeatReport,
    Role,
    Trouble,
    Watched,
)
from agent.model.oom import Container

S = 10**9
NOW_NS = 11_000 * S
WALL_NS = 1_790_000_600 * S


def connection(cookie: int, **fields: Any) -> Connection:
    """A connection that is well, but for these."""
    well = Connection(
        cookie=cookie,
        local=f"10.0.0.4:{41900 + cookie}",
        remote="10.0.0.1:6443",
        dialling=False,
        retransmits=0,
        probes=0,
        backoff=0,
        rto_seconds=0.2,
        unacked=0,
        queued_bytes=0,
        since_sent_seconds=2.0,
        since_received_seconds=1.9,
        since_acked_seconds=1.9,
        rtt_seconds=0.001,
        total_retransmits=0,
    )
    return replace(well, **fields)


STUCK = Watched(
    connection=connection(
        24,
        retransmits=8,
        backoff=8,
        rto_seconds=51.2,
        unacked=3,
        queued_bytes=2212,
        since_sent_seconds=17.0,
        since_received_seconds=48.0,
        since_acked_seconds=47.9,
        total_retransmits=9,
    ),
    connected_boottime_ns=NOW_NS - 900 * S,
    trouble=Trouble.UNACKNOWLEDGED,
    since_boottime_ns=NOW_NS - 42 * S,
)
WELL = Watched(connection=connection(7), connected_boottime_ns=NOW_NS - 60 * S)
DIALLING = Watched(
    connection=connection(
        31,
        remote="10.96.14.2:443",
        dialling=True,
        retransmits=3,
        backoff=3,
        rto_seconds=8.0,
        since_received_seconds=0.0,
        rtt_seconds=0.0,
        total_retransmits=3,
    ),
    connected_boottime_ns=0,
    trouble=Trouble.DIALLING,
    since_boottime_ns=NOW_NS - 9 * S,
)
SILENT = Destination(
    remote="10.96.14.2:443",
    first_boottime_ns=NOW_NS - 371 * S,
    last_boottime_ns=NOW_NS,
    unanswered=29,
    dialling=1,
)
REFUSES = Destination(
    remote="10.96.77.5:8443",
    first_boottime_ns=NOW_NS - 90 * S,
    last_boottime_ns=NOW_NS - 4 * S,
    refused=12,
    refuses=True,
)
KUBELET = Caller(
    role=Role.KUBELET,
    pid=812,
    start_boottime_ns=10 * S,
    comm="kubelet",
    cgroup="/system.slice/kubelet.service",
    unit="kubelet.service",
)
API_SERVER = Caller(
    role=Role.API_SERVER,
    pid=1990,
    start_boottime_ns=20 * S,
    comm="kube-apiserver",
    cgroup="/kubepods/burstable/podf0/4f",
    names=Container(
        id="4f" * 32,
        name="kube-apiserver",
        pod="kube-apiserver-cp-1",
        namespace="kube-system",
        pod_uid="f0",
    ),
)
HEARTBEAT = HeartbeatReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    stalled_after_seconds=10.0,
    calls=(
        Calls(caller=KUBELET, connections=(STUCK,)),
        Calls(
            caller=API_SERVER,
            connections=(
                DIALLING,
                replace(WELL, connection=connection(8, remote="10.0.0.4:2379")),
            ),
            failing=(SILENT, REFUSES),
        ),
    ),
)
