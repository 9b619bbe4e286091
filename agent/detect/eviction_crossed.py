"""EvictionThresholdCrossed: less is left than the kubelet tolerates; it evicts at its next look."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.eviction import REASONS, against, eaten_by, evidence
from agent.detect.scene import Scene
from agent.model.catalogue.eviction import EVICTION_THRESHOLD_CROSSED
from agent.model.condition import NODE, Finding
from agent.model.memory import Headroom


def _detect(scene: Scene) -> Iterator[Finding]:
    """Hard ones before soft ones: one finding, for the entity is the node; the rest is evidence."""
    if scene.memory is None:
        return
    crossed = [h for h in scene.memory.headrooms if h.crossed]
    if not crossed:
        return
    worst = min(crossed, key=lambda h: h.threshold is None or not h.threshold.hard)
    since = worst.crossed_since_boottime_ns
    assert since is not None
    age = max(0.0, (scene.now_boottime_ns - since) / 1e9)
    rest = ", ".join(sorted({h.signal.value for h in crossed} - {worst.signal.value}))
    yield Finding(
        type=DETECTOR.condition.name,
        entity=NODE,
        reason=REASONS[worst.signal],
        message=against(worst)
        + f": crossed {age:.0f} s ago"
        + _grace(worst)
        + (f"; also {rest}" if rest else "")
        + eaten_by(scene.memory, worst),
        evidence=tuple(item for h in crossed for item in evidence(scene.memory, h)),
    )


def _grace(headroom: Headroom) -> str:
    threshold = headroom.threshold
    if threshold is None or threshold.hard or threshold.grace_seconds is None:
        return ""
    return f" (the kubelet evicts after {threshold.grace_seconds:.0f} s of it)"


DETECTOR = Detector(condition=EVICTION_THRESHOLD_CROSSED, detect=_detect)
