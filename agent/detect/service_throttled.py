"""ServiceThrottled: the quota of a service that pods depend on runs out."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.quota import exhausted
from agent.detect.scene import Scene
from agent.detect.services import entity, services
from agent.model.catalogue.services import SERVICE_THROTTLED
from agent.model.condition import Finding

RATIO = 0.25
"""Of the periods. A tenth is normal where a quota is set at all: work comes in bursts."""


def _detect(scene: Scene) -> Iterator[Finding]:
    for sample, rates in services(scene):
        found = exhausted(sample, rates, RATIO)
        if found is None:
            continue
        words, evidence = found
        yield Finding(
            type=SERVICE_THROTTLED.name,
            entity=entity(sample),
            reason="QuotaExhausted",
            message=words,
            evidence=evidence,
        )


DETECTOR = Detector(condition=SERVICE_THROTTLED, detect=_detect)
