"""A made-up pressure report: every field is set somewhere."""

from __future__ import annotations

from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.oom import Container
from agent.model.pressure import (
    Episode,
    Level,
    PressureReport,
    Resource,
    Scope,
    Thrash,
    TriggerState,
)
from agent.model.usage import Pressure

NOW_WALL_NS = 1_790_000_000 * 10**9
NOW_BOOT_NS = 7_200 * 10**9


def pressure(avg10: float, full: float | None = 0.0, total: int = 8_537_362) -> Pressure:
    return Pressure(
        some_us=total,
        some_avg10=avg10,
        some_avg60=avg10 / 2,
        some_avg300=avg10 / 5,
        full_us=None if full is None else total // 2,
        full_avg10=full,
        full_avg60=None if full is None else full / 2,
        full_avg300=None if full is None else full / 5,
    )


def episode(resource: Resource, ago: float, lasted: float, *, over: bool) -> Episode:
    return Episode(
        scope=Scope.KUBEPODS,
        resource=resource,
        started_boottime_ns=NOW_BOOT_NS - int(ago * 1e9),
        started_wall_ns=NOW_WALL_NS - int(ago * 1e9),
        last_boottime_ns=NOW_BOOT_NS - int((ago - lasted) * 1e9),
        last_wall_ns=NOW_WALL_NS - int((ago - lasted) * 1e9),
        avg10=12.4,
        peak_avg10=41.86,
        window_stall_us=184_211,
        window_us=1_312_000,
        stall_us=9_412_007,
        fired=11,
        over=over,
    )


CONTAINER = Container(
    namespace="shop",
    pod="cache-5c9f7d6b8-2xk4p",
    pod_uid="d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5",
    name="redis",
    id="a" * 64,
)
PRESSURE = PressureReport(
    boottime_ns=NOW_BOOT_NS,
    wall_ns=NOW_WALL_NS,
    levels=(
        Level(scope=Scope.NODE, resource=Resource.MEMORY, pressure=pressure(18.2, 11.5)),
        Level(scope=Scope.NODE, resource=Resource.IO, pressure=pressure(3.4, 2.9)),
        Level(scope=Scope.NODE, resource=Resource.CPU, pressure=pressure(44.0, None)),
        Level(scope=Scope.KUBEPODS, resource=Resource.MEMORY, pressure=pressure(41.86, 30.2)),
        Level(scope=Scope.BURSTABLE, resource=Resource.MEMORY, pressure=pressure(41.86, 30.2)),
    ),
    triggers=(
        TriggerState(
            scope=Scope.NODE,
            resource=Resource.MEMORY,
            stall_us=300_000,
            window_us=2_000_000,
            armed=True,
            detail="a window of 2 s instead of 1 s, for CAP_SYS_RESOURCE is missing",
            fired=7,
        ),
        TriggerState(
            scope=Scope.NODE,
            resource=Resource.IO,
            stall_us=0,
            window_us=1_000_000,
            armed=False,
            detail="switched off by pressure.io",
        ),
        TriggerState(
            scope=Scope.NODE,
            resource=Resource.CPU,
            stall_us=800_000,
            window_us=1_000_000,
            armed=False,
            detail="/proc/pressure/cpu: Operation not permitted",
        ),
        TriggerState(
            scope=Scope.KUBEPODS,
            resource=Resource.MEMORY,
            stall_us=150_000,
            window_us=1_000_000,
            armed=True,
            fired=11,
        ),
    ),
    current=(episode(Resource.MEMORY, 31.0, 30.5, over=False),),
    last=(episode(Resource.IO, 2460.0, 131.0, over=True),),
    thrashing=(
        Thrash(
            place=CgroupPlace(
                path="/kubepods/burstable/pod1/c1",
                level=CgroupLevel.CONTAINER,
                pod_uid=CONTAINER.pod_uid,
                container_id=CONTAINER.id,
            ),
            container=CONTAINER,
            max_rises=4_120,
            high_rises=0,
            window_seconds=10.0,
            since_boottime_ns=NOW_BOOT_NS - 29 * 10**9,
            pressure=pressure(63.1, 51.0),
        ),
    ),
)
