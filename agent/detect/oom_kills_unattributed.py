"""OOMKillsUnattributed: the kernel counted kills that nothing explains."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.oom import evidence
from agent.detect.scene import Scene
from agent.model.catalogue.oom import OOM_KILLS_UNATTRIBUTED
from agent.model.condition import NODE, Finding


def _detect(scene: Scene) -> Iterator[Finding]:
    since_ns = scene.first_run_ns or 0  # of what was before, only the kernel's log can tell
    for incident in scene.incidents:
        seen = incident.unattributed and incident.counted > 0 and not incident.drill
        if seen and incident.boottime_ns >= since_ns:
            count = incident.counted
            kills = "an OOM kill" if count <= 1 else f"{count} OOM kills"
            yield Finding(
                type=OOM_KILLS_UNATTRIBUTED.name,
                entity=NODE,
                reason="NoEvidence",
                message=f"the kernel counted {kills}, and no evidence says whose",
                evidence=evidence(incident),
                at_boottime_ns=incident.boottime_ns,
            )


DETECTOR = Detector(condition=OOM_KILLS_UNATTRIBUTED, detect=_detect)
