"""IOStall: all that has work waits, for want of a disk."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.stall import finding, full, worst
from agent.model.catalogue.pressure import IO_STALL
from agent.model.condition import Evidence, Finding
from agent.model.pressure import Resource, Scope
from agent.model.rates import Shares
from agent.model.usage import CgroupKind, CgroupSample

FULL_AVG10 = 40.0
WAITS = 0.1
"""Of the time: who waits for less is not named."""
MAX_NAMED = 3


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.pressure is None:
        return
    level = worst(scene.pressure, Resource.IO, (Scope.NODE, Scope.KUBEPODS))
    if level is None or full(level) < FULL_AVG10:
        return
    told = f"all its tasks with work waited for {full(level):.0f} % of ten seconds"
    found = finding(scene, IO_STALL, level, told)
    waiting = sorted(_waiting(scene), key=lambda each: -each[1].waiting)[:MAX_NAMED]
    if not waiting:
        yield found
        return
    names = ", ".join(f"{name} {100 * shares.waiting:.0f} %" for name, shares, _ in waiting)
    yield replace(
        found,
        message=f"{found.message}; who waits most: {names} of the time",
        evidence=(*found.evidence, *(_evidence(*each) for each in waiting)),
    )


def _waiting(scene: Scene) -> Iterator[tuple[str, Shares, CgroupSample]]:
    """Containers and services, by the last two full readings of their io.pressure."""
    if scene.usage is None:
        return
    names = {record.id: record.names for record in scene.containers}
    for key, sample in scene.usage.sweep.samples.items():
        derived = scene.usage.derived.get(key)
        rates = None if derived is None else derived.rates
        shares = None if rates is None else rates.io_pressure
        if shares is None or shares.waiting < WAITS:
            continue
        if sample.kind is CgroupKind.SERVICE:
            yield sample.place.unit, shares, sample
        elif sample.kind is CgroupKind.CONTAINER and key in names:
            of = names[key]
            pod = f"{of.namespace or '?'}/{of.pod or of.pod_uid}"
            yield f"{pod} {of.name}".rstrip(), shares, sample


def _evidence(name: str, shares: Shares, sample: CgroupSample) -> Evidence:
    full_ratio = "" if shares.stalled is None else f", full {shares.stalled:.2f}"
    return Evidence(
        what=name,
        value=f"some {shares.waiting:.2f}{full_ratio}",
        source=f"{sample.place.path}/io.pressure",
    )


DETECTOR = Detector(condition=IO_STALL, detect=_detect)
