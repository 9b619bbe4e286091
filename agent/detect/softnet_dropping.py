"""SoftnetDropping: packets are dropped before anybody has looked at them."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.plumbing import SOFTNET_DROPPING
from agent.model.condition import NODE, Evidence, Finding
from agent.model.plumbing import DROPS_PER_SECOND

STAT = "/proc/net/softnet_stat"


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.plumbing
    softnet = None if report is None else report.sample.softnet
    if report is None or softnet is None:
        return
    rates = report.rates
    drops = rates.softnet_drops or 0.0
    if drops < DROPS_PER_SECOND:
        return
    squeezes = rates.softnet_squeezes or 0.0
    yield Finding(
        type=SOFTNET_DROPPING.name,
        entity=NODE,
        reason="BacklogFull",
        message=f"{drops:,.1f} packets a second are dropped because a CPU's backlog is full; "
        f"{squeezes:,.1f} times a second a CPU had more than it may take at once",
        evidence=(
            Evidence(what="dropped", value=f"{softnet.dropped} since boot", source=STAT),
            Evidence(what="time_squeeze", value=f"{softnet.squeezed} since boot", source=STAT),
        ),
    )


DETECTOR = Detector(condition=SOFTNET_DROPPING, detect=_detect)
