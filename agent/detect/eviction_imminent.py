"""EvictionImminent: the kubelet is about to evict."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.eviction import REASONS, against, eaten_by, evidence
from agent.detect.scene import Scene
from agent.model.catalogue.eviction import EVICTION_IMMINENT
from agent.model.condition import NODE, Finding
from agent.model.memory import Headroom, Signal

WITHIN_SECONDS = 300.0
SMALL_FRACTION = 0.02
"""Of the capacity: so little headroom to a hard threshold of memory is a warning without a trend,
for one burst takes it. Disks fill slower, so there only the trend counts."""


def _detect(scene: Scene) -> Iterator[Finding]:
    """The most urgent signal that is not crossed yet: one finding, for the entity is the node."""
    if scene.memory is None:
        return
    near = [h for h in scene.memory.headrooms if not h.crossed and _near(h)]
    if not near:
        return
    worst = min(near, key=lambda h: WITHIN_SECONDS if h.seconds_left is None else h.seconds_left)
    left = "" if worst.seconds_left is None else f", at this slope {worst.seconds_left:.0f} s left"
    yield Finding(
        type=DETECTOR.condition.name,
        entity=NODE,
        reason=REASONS[worst.signal],
        message=against(worst) + left + eaten_by(scene.memory, worst),
        evidence=evidence(scene.memory, worst),
    )


def _near(headroom: Headroom) -> bool:
    if headroom.left is None or headroom.room is None or headroom.threshold is None:
        return False
    if headroom.seconds_left is not None and headroom.seconds_left <= WITHIN_SECONDS:
        return True
    return (
        headroom.signal is Signal.MEMORY
        and headroom.threshold.hard
        and headroom.left < headroom.room.capacity * SMALL_FRACTION
    )


DETECTOR = Detector(condition=EVICTION_IMMINENT, detect=_detect)
