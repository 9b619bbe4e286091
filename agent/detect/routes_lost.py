"""RoutesLost: a routing daemon has no route left in the host's tables."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.plumbing import ROUTES_LOST
from agent.model.condition import NODE, Evidence, Finding


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.plumbing
    if report is None:
        return
    gone = [
        (each, report.seconds(each.gone_since_boottime_ns))
        for each in report.routes
        if each.gone_since_boottime_ns is not None
    ]
    if not gone:
        return
    told = (
        f"{each.protocol} has had no IPv{each.version} route for {seconds:.0f} s, where it had up "
        f"to {each.most:,}"
        for each, seconds in gone
    )
    yield Finding(
        type=ROUTES_LOST.name,
        entity=NODE,
        reason="NoRoute",
        message="; ".join(told),
        evidence=tuple(
            Evidence(
                what=f"proto {each.protocol}, IPv{each.version}",
                value=f"{each.count} routes, {each.most} at most",
                source="RTM_GETROUTE",
            )
            for each in report.routes
        ),
    )


DETECTOR = Detector(condition=ROUTES_LOST, detect=_detect)
