"""ServiceThrottled: the quota of a service that pods depend on runs out."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.services import entity, services
from agent.model.catalogue.services import SERVICE_THROTTLED
from agent.model.condition import Evidence, Finding

RATIO = 0.25
"""Of the periods. A tenth is normal where a quota is set at all: work comes in bursts."""


def _detect(scene: Scene) -> Iterator[Finding]:
    for sample, rates in services(scene):
        ratio, cores = rates.throttled_ratio, sample.limits.cpu_cores
        if ratio is None or cores is None or ratio < RATIO:
            continue
        path = sample.place.path
        used = "" if rates.cpu_cores is None else f"; it used {rates.cpu_cores:.2f}"
        yield Finding(
            type=SERVICE_THROTTLED.name,
            entity=entity(sample),
            reason="QuotaExhausted",
            message=f"throttled in {100 * ratio:.0f} % of its periods of {rates.seconds:.0f} s: "
            f"cpu.max gives it {cores:.2f} CPUs{used}",
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


DETECTOR = Detector(condition=SERVICE_THROTTLED, detect=_detect)
