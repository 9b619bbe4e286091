"""What containers and pods use, as `nodectl ps` and `nodectl pods` are shown it."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agent.api.v1 import containers_pb2 as pb
from agent.api.v1 import node_agent_pb2 as wire
from tests.nodectl.examples import NOW_NS

MI, GI = 1 << 20, 1 << 30


def _ago(seconds: int) -> Timestamp:
    return Timestamp(seconds=NOW_NS // 10**9 - seconds)


def _stall(ratio: float) -> pb.Usage.Stall:
    return pb.Usage.Stall(
        waiting=Duration(seconds=40),
        stalled=Duration(seconds=4),
        waiting_ratio=ratio,
        stalled_ratio=ratio / 4,
    )


def usage(
    working_set: int,
    *,
    limit: int | None = None,
    left: float | None = None,
    cores: float | None = 0.1,
    limit_cores: float | None = None,
    throttled: float | None = None,
) -> pb.Usage:
    seconds = None if left is None else Duration(seconds=int(left))
    return pb.Usage(
        at=_ago(1),
        memory=pb.Usage.Memory(
            current=working_set + 16 * MI,
            working_set=working_set,
            anon=working_set * 3 // 4,
            file=working_set // 4,
            kernel=2 * MI,
            peak=working_set + 32 * MI,
            limit=limit,
            limit_hits=0 if limit is None else 1042,
            growth=None if left is None else 1.5e6,
            time_to_limit=seconds,
        ),
        cpu=pb.Usage.CPU(
            used=Duration(seconds=94),
            user=Duration(seconds=60),
            system=Duration(seconds=34),
            cores=cores,
            limit_cores=limit_cores,
            weight=39,
            periods=10_000,
            throttled_periods=400,
            throttled=Duration(seconds=31),
            throttled_ratio=throttled,
        ),
        io=pb.Usage.IO(
            read_bytes=GI,
            written_bytes=3 * GI,
            reads=4_000,
            writes=9_000,
            read_bytes_per_second=0,
            written_bytes_per_second=1.5 * MI,
        ),
        pids=17,
        cpu_pressure=_stall(0.21),
        memory_pressure=_stall(0.02),
        io_pressure=_stall(0),
        rates_over=Duration(seconds=5),
    )


def containers() -> wire.ListContainersResponse:
    """Three of them; one leaks, one is throttled, one has no name yet. And the kubelet."""
    return wire.ListContainersResponse(
        containers=[
            pb.ContainerUsage(
                namespace="shop",
                pod="gateway-v2-7f5d9c8d4b-9w2k1",
                pod_uid="6b1f0c7e-1111-4222-8333-444455556666",
                container="gateway",
                container_id="c1" * 32,
                names_from="cri",
                cgroup="/kubepods/burstable/pod1/c1",
                qos="burstable",
                state=pb.CGROUP_STATE_RUNNING,
                init_pid=4711,
                started=_ago(3 * 3600),
                usage=usage(1843 * MI, limit=2 * GI, left=137, cores=0.31, limit_cores=1),
            ),
            pb.ContainerUsage(
                namespace="shop",
                pod="orders-5566778899-abc12",
                container="app",
                container_id="c2" * 32,
                state=pb.CGROUP_STATE_FROZEN,
                init_pid=3301,
                started=_ago(90),
                usage=usage(512 * MI, limit=3 * GI, cores=0.5, limit_cores=0.5, throttled=0.875),
            ),
            pb.ContainerUsage(
                pod_uid="77770c7e-1111-4222-8333-444455556666",
                container_id="0123456789abcdef" * 4,
                state=pb.CGROUP_STATE_UNKNOWN,
            ),
            pb.ContainerUsage(
                kind=pb.CONTAINER_KIND_SERVICE,
                unit="kubelet.service",
                cgroup="/system.slice/kubelet.service",
                state=pb.CGROUP_STATE_RUNNING,
                usage=usage(88 * MI, cores=None),
            ),
        ]
    )


def pods() -> wire.ListPodsResponse:
    """Two of them."""
    return wire.ListPodsResponse(
        pods=[
            pb.PodUsage(
                namespace="shop",
                pod="gateway-v2-7f5d9c8d4b-9w2k1",
                pod_uid="6b1f0c7e-1111-4222-8333-444455556666",
                cgroup="/kubepods/burstable/pod1",
                qos="burstable",
                state=pb.CGROUP_STATE_RUNNING,
                containers=2,
                running=2,
                started=_ago(3 * 3600),
                usage=usage(1901 * MI, limit=2300 * MI, left=212, cores=0.34, limit_cores=1.5),
            ),
            pb.PodUsage(
                namespace="shop",
                pod="orders-5566778899-abc12",
                pod_uid="77770c7e-1111-4222-8333-444455556666",
                qos="besteffort",
                containers=1,
                started=_ago(95),
                usage=usage(513 * MI, cores=12.5),
            ),
        ]
    )
