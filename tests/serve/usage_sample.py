"""What runs on the made-up node of tests.serve.sample, and what it uses."""

from __future__ import annotations

from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord, PodRecord
from agent.inventory.running import Running
from agent.model.cgroup import CgroupId, CgroupPlace, Limit, MemoryEvents
from agent.model.memory import Trend
from agent.model.oom import Container
from agent.model.rates import Derived, Rates, Shares, UsageReport
from agent.model.usage import (
    CgroupKind,
    CgroupSample,
    CPUUse,
    DeviceIO,
    Limits,
    MemoryUse,
    Pressure,
    Sweep,
)
from agent.parse.cgroup_path import place

NS = 1_000_000_000
MI = 1 << 20
POD_UID = "6b1f0c7e-1111-4222-8333-444455556666"
NOW_NS = 7_200 * NS


def key(inode: int) -> CgroupId:
    return CgroupId(hierarchy="v2", inode=inode)


def where(container: str = "") -> CgroupPlace:
    below = f"/{container * 64}" if container else ""
    return place(f"/kubepods/burstable/pod{POD_UID}{below}")


def record(
    inode: int,
    name: str,
    *,
    pod: str = "web-0",
    kind: ContainerKind = ContainerKind.CONTAINER,
    first_seen_ns: int = NS,
) -> ContainerRecord:
    at = where(f"{inode:x}"[-1])
    names = Container(
        namespace="shop", pod=pod, pod_uid=POD_UID, name=name, id=at.container_id, names_from="cri"
    )
    return ContainerRecord(
        id=key(inode),
        place=at,
        names=names,
        kind=kind,
        init_pid=4711,
        init_start_boottime_ns=6_000 * NS,
        first_seen_ns=first_seen_ns,
    )


def sample(
    inode: int,
    working_set: int,
    *,
    kind: CgroupKind = CgroupKind.CONTAINER,
    at: CgroupPlace | None = None,
    limits: Limits | None = None,
) -> CgroupSample:
    pressure = Pressure(some_us=2_000_000, full_us=500_000)
    return CgroupSample(
        id=key(inode),
        place=at or where("a"),
        kind=kind,
        boottime_ns=NOW_NS,
        full_boottime_ns=NOW_NS,
        memory=MemoryUse(
            current=working_set + MI,
            anon=working_set - MI,
            file=2 * MI,
            inactive_file=MI,
            kernel=4096,
            swap=0,
            peak=working_set + 9 * MI,
            events=MemoryEvents(oom=0, oom_kill=1, low=0, high=5, max=7),
        ),
        cpu=CPUUse(
            usage_us=2_500_000,
            user_us=2_000_000,
            system_us=500_000,
            periods=100,
            throttled_periods=25,
            throttled_us=1_250_000,
        ),
        io={
            "8:0": DeviceIO(read_bytes=100, written_bytes=20, reads=1, writes=2),
            "8:16": DeviceIO(read_bytes=11, written_bytes=2, reads=3, writes=4),
        },
        cpu_pressure=pressure,
        memory_pressure=pressure,
        io_pressure=pressure,
        pids=17,
        populated=True,
        frozen=False,
        limits=limits or Limits(),
    )


LIMITS = Limits(
    memory_max=128 * MI,
    memory_high=Limit.UNLIMITED,
    memory_min=0,
    cpu_quota_us=50_000,
    cpu_period_us=100_000,
    cpu_weight=39,
    pids_max=4915,
)
SAMPLES = (
    sample(10, 64 * MI, limits=LIMITS),
    sample(11, 32 * MI),
    sample(12, MI, kind=CgroupKind.SANDBOX),
    sample(1, 99 * MI, kind=CgroupKind.POD, at=where()),
    sample(2, 80 * MI, kind=CgroupKind.SERVICE, at=place("/system.slice/kubelet.service")),
)
DERIVED = Derived(
    rates=Rates(
        seconds=5.0,
        cpu_cores=0.31,
        throttled_ratio=0.25,
        read_bytes_per_second=1.5,
        written_bytes_per_second=0.0,
        cpu_pressure=Shares(waiting=0.5, stalled=0.25),
    ),
    growth=Trend(per_second=1e6, fit=0.99, window_seconds=60.0, samples=31),
    seconds_to_limit=67.1,
)
RUNNING = Running(
    containers=(
        record(10, "app"),
        record(11, "proxy"),
        record(12, "POD", kind=ContainerKind.SANDBOX),
    ),
    pods=(
        PodRecord(
            names=Container(namespace="shop", pod="web-0", pod_uid=POD_UID, names_from="cri"),
            path=where().path,
            id=key(1),
            first_seen_ns=NS,
        ),
    ),
    wall_offset_ns=1_789_992_800 * NS,
    report=UsageReport(
        wall_ns=1_790_000_000 * NS,
        sweep=Sweep(
            started_boottime_ns=NOW_NS,
            ended_boottime_ns=NOW_NS,
            samples={each.id: each for each in SAMPLES},
        ),
        derived={key(10): DERIVED},
    ),
)
