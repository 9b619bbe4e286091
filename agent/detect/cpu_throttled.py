"""CPUThrottled: a container's own CPU limit keeps it from running."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.quota import exhausted
from agent.detect.scene import Scene
from agent.detect.tasks import entity
from agent.model.catalogue.services import CPU_THROTTLED
from agent.model.condition import Finding
from agent.model.usage import CgroupKind

RATIO = 0.5
"""Of the periods. Bursts of a web server are throttled in a quarter of them, and nobody minds."""


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.usage is None:
        return
    names = {record.id: record.names for record in scene.containers}
    for key, sample in scene.usage.sweep.samples.items():
        derived = scene.usage.derived.get(key)
        rates = None if derived is None else derived.rates
        if sample.kind is not CgroupKind.CONTAINER or rates is None or key not in names:
            continue
        found = exhausted(sample, rates, RATIO)
        if found is None:
            continue
        words, evidence = found
        pressure = rates.cpu_pressure
        waits = (
            "" if pressure is None else f" and waited {100 * pressure.waiting:.0f} % of the time"
        )
        yield Finding(
            type=CPU_THROTTLED.name,
            entity=entity(names[key]),
            reason="QuotaExhausted",
            message=words + waits,
            evidence=evidence,
        )


DETECTOR = Detector(condition=CPU_THROTTLED, detect=_detect)
