"""ReclaimThrash: an OOM kill that nearly happened, and goes on nearly happening."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import entity
from agent.model.catalogue.pressure import RECLAIM_THRASH
from agent.model.cgroup import CgroupLevel
from agent.model.condition import Entity, EntityKind, Evidence, Finding
from agent.model.oom import Container
from agent.model.pressure import Thrash
from agent.model.usage import Pressure

SOME_AVG10 = 10.0
"""Percent of ten seconds: who fills a limit with page cache that nobody needs stalls for less."""


def _detect(scene: Scene) -> Iterator[Finding]:
    for thrash in () if scene.pressure is None else scene.pressure.thrashing:
        pressure = thrash.pressure
        if pressure is None or pressure.some_avg10 < SOME_AVG10:
            continue
        at, file, times = "its limit", "max", thrash.max_rises
        if not times:
            at, file, times = "memory.high", "high", thrash.high_rises
        age = max(0.0, (scene.now_boottime_ns - thrash.since_boottime_ns) / 1e9)
        yield Finding(
            type=RECLAIM_THRASH.name,
            entity=_entity(thrash),
            reason="AtLimit" if thrash.max_rises else "AboveHigh",
            message=f"{times} times at {at} in {thrash.window_seconds:.0f} s and nothing killed, "
            f"for {age:.0f} s; tasks stalled for {pressure.some_avg10:.0f} % of ten seconds",
            evidence=tuple(_evidence(thrash, file, times, pressure)),
        )


def _entity(thrash: Thrash) -> Entity:
    place = thrash.place
    names = thrash.container or Container(pod_uid=place.pod_uid, id=place.container_id)
    if place.level is CgroupLevel.POD:
        return Entity(kind=EntityKind.POD, id=place.pod_uid, names=names)
    return entity(names)


def _evidence(thrash: Thrash, file: str, times: int, pressure: Pressure) -> Iterator[Evidence]:
    path = thrash.place.path
    yield Evidence(
        what=f"memory.events {file}",
        value=f"+{times} in {thrash.window_seconds:.0f} s",
        source=f"{path}/memory.events",
    )
    full = "" if pressure.full_avg10 is None else f", full {pressure.full_avg10:.2f}"
    yield Evidence(
        what="memory.pressure",
        value=f"some avg10 {pressure.some_avg10:.2f}{full}",
        source=f"{path}/memory.pressure",
    )


DETECTOR = Detector(condition=RECLAIM_THRASH, detect=_detect)
