"""What the detectors of the node's services have in common: who they are, and what each did."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.scene import Scene
from agent.model.condition import Entity, EntityKind
from agent.model.rates import Rates
from agent.model.services import upholds
from agent.model.usage import CgroupKind, CgroupSample


def services(scene: Scene) -> Iterator[tuple[CgroupSample, Rates]]:
    """Those that pods depend on and that were read in full twice."""
    if scene.usage is None:
        return
    for key, sample in scene.usage.sweep.samples.items():
        if sample.kind is CgroupKind.SERVICE and upholds(sample.place.unit):
            derived = scene.usage.derived.get(key)
            if derived is not None and derived.rates is not None:
                yield sample, derived.rates


def entity(sample: CgroupSample) -> Entity:
    """The unit."""
    return Entity(kind=EntityKind.SERVICE, id=sample.place.unit)
