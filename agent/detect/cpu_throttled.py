"""CPUThrottled: a container's own CPU limit keeps it from running."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import entity
from agent.model.catalogue.services import CPU_THROTTLED
from agent.model.condition import Evidence, Finding
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
        ratio, cores = rates.throttled_ratio, sample.limits.cpu_cores
        if ratio is None or cores is None or ratio < RATIO:
            continue
        used = "" if rates.cpu_cores is None else f"; it used {rates.cpu_cores:.2f}"
        pressure = rates.cpu_pressure
        waits = (
            "" if pressure is None else f" and waited {100 * pressure.waiting:.0f} % of the time"
        )
        path = sample.place.path
        yield Finding(
            type=CPU_THROTTLED.name,
            entity=entity(names[key]),
            reason="QuotaExhausted",
            message=f"throttled in {100 * ratio:.0f} % of its periods of {rates.seconds:.0f} s: "
            f"cpu.max gives it {cores:.2f} CPUs{used}{waits}",
            evidence=(
                Evidence(
                    what="nr_throttled / nr_periods",
                    value=f"{ratio:.2f} in {rates.seconds:.0f} s",
                    source=f"{path}/cpu.stat",
                ),
                Evidence(
                    what="cpu.max",
                    value=f"{sample.limits.cpu_quota_us} {sample.limits.cpu_period_us}",
                    source=f"{path}/cpu.max",
                ),
            ),
        )


DETECTOR = Detector(condition=CPU_THROTTLED, detect=_detect)
