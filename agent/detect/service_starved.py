"""ServiceStarved: a service that pods depend on waits for what others have."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.services import entity, services
from agent.model.catalogue.services import SERVICE_STARVED
from agent.model.condition import Evidence, Finding
from agent.model.rates import Rates, Shares

CPU_WAITING = 0.5
THROTTLED = 0.05
"""The kernel counts a throttled task as one that waits for a CPU: beyond so much we cannot tell."""
MEMORY_STALLED = 0.1
IO_STALLED = 0.4


def _detect(scene: Scene) -> Iterator[Finding]:
    for sample, rates in services(scene):
        worst = next(_starving(rates), None)
        if worst is None:
            continue
        resource, reason, share, how = worst
        path = sample.place.path
        yield Finding(
            type=SERVICE_STARVED.name,
            entity=entity(sample),
            reason=reason,
            message=f"waited for {resource} {100 * share:.0f} % of {rates.seconds:.0f} s ({how})",
            evidence=tuple(_evidence(path, rates)),
        )


def _starving(rates: Rates) -> Iterator[tuple[str, str, float, str]]:
    """(resource, reason, share of the time, whose), what kills first comes first"""
    memory, disk, cpu = rates.memory_pressure, rates.io_pressure, rates.cpu_pressure
    if memory is not None and (memory.stalled or 0.0) >= MEMORY_STALLED:
        yield "memory", "Memory", memory.stalled or 0.0, "all its tasks with work"
    throttled = rates.throttled_ratio or 0.0
    if cpu is not None and cpu.waiting >= CPU_WAITING and throttled < THROTTLED:
        yield "a CPU", "CPU", cpu.waiting, "some task"
    if disk is not None and (disk.stalled or 0.0) >= IO_STALLED:
        yield "a disk", "IO", disk.stalled or 0.0, "all its tasks with work"


def _evidence(path: str, rates: Rates) -> Iterator[Evidence]:
    for name, shares in (
        ("memory.pressure", rates.memory_pressure),
        ("cpu.pressure", rates.cpu_pressure),
        ("io.pressure", rates.io_pressure),
    ):
        if shares is not None:
            yield Evidence(what=name, value=_words(shares, rates), source=f"{path}/{name}")
    if rates.throttled_ratio is not None:
        yield Evidence(
            what="nr_throttled / nr_periods",
            value=f"{rates.throttled_ratio:.2f} in {rates.seconds:.0f} s",
            source=f"{path}/cpu.stat",
        )


def _words(shares: Shares, rates: Rates) -> str:
    stalled = "" if shares.stalled is None else f", full {shares.stalled:.2f}"
    return f"some {shares.waiting:.2f}{stalled} of {rates.seconds:.0f} s"


DETECTOR = Detector(condition=SERVICE_STARVED, detect=_detect)
