"""RuntimeOOMKilled: the OOM killer took the container runtime, or a shim of it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.oom import evidence, limit
from agent.detect.scene import Scene
from agent.model.catalogue.runtime import RUNTIME_OOM_KILLED
from agent.model.condition import NODE, Finding
from agent.model.oom import OOMIncident, Victim

NAMES = ("containerd", "crio", "conmon")
"""What its processes' names begin with: containerd-shim too."""


def _detect(scene: Scene) -> Iterator[Finding]:
    """The newest: one of many is enough."""
    for incident in reversed(scene.incidents):
        victim = _of_runtime(incident)
        if victim is not None:
            yield Finding(
                type=RUNTIME_OOM_KILLED.name,
                entity=NODE,
                reason="ShimKilled" if "-shim" in victim.comm else "DaemonKilled",
                message=f"{victim.comm}[{'?' if victim.pid is None else victim.pid}] of "
                f"{incident.unit} was killed {limit(incident)}",
                evidence=evidence(incident),
                at_boottime_ns=incident.boottime_ns,
            )
            return


def _of_runtime(incident: OOMIncident) -> Victim | None:
    """A process in a container may call itself what it likes, so that its unit must be known."""
    if incident.drill or incident.container is not None or not incident.unit:
        return None
    return next((v for v in incident.victims if v.comm.startswith(NAMES)), None)


DETECTOR = Detector(condition=RUNTIME_OOM_KILLED, detect=_detect)
