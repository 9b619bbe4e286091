"""LinkFlapping: a device loses its carrier again and again."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.plumbing import LINK_FLAPPING
from agent.model.condition import NODE, Evidence, Finding


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.plumbing
    if report is None or not report.flapping:
        return
    told = (
        f"{each.name}: its carrier changed {each.changes} times in {each.window_seconds:.0f} s"
        for each in report.flapping
    )
    yield Finding(
        type=LINK_FLAPPING.name,
        entity=NODE,
        reason="CarrierChanges",
        message="; ".join(told),
        evidence=tuple(
            Evidence(
                what=f"carrier changes of {each.name}",
                value=f"{each.changes} in {each.window_seconds:.0f} s",
                source="RTM_GETLINK, IFLA_CARRIER_CHANGES",
            )
            for each in report.flapping
        ),
    )


DETECTOR = Detector(condition=LINK_FLAPPING, detect=_detect)
