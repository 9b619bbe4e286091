"""OOMLoop: a container is OOM-killed again and again.

Where nobody can say whose limit fired (the kernel's words were rate-limited, there is no probe), or
where it is none of a pod's (containers outside of kubepods), the verdict is "unknown": that the OOM
killer took the init is proven all the same, by the incident.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from agent.detect.detector import Detector
from agent.detect.oom import PodsOfOne
from agent.detect.restarts import evidence, loops, often, pod, worst_of_each_pod
from agent.detect.scene import Scene
from agent.ledger.end_writing import kills_init
from agent.model.catalogue.restarts import OOM_LOOP
from agent.model.condition import Finding
from agent.model.exits import ContainerDeath, Verdict
from agent.model.oom import OOMIncident

_LIMITS = {
    Verdict.OOM_CONTAINER_LIMIT: "its own limit",
    Verdict.OOM_POD_LIMIT: "the pod's limit",
    Verdict.OOM_KUBEPODS_LIMIT: "the limit of kubepods or a QoS class",
    Verdict.OOM_NESTED_LIMIT: "a limit inside of it",
    Verdict.OOM_NODE: "the node's memory",
    Verdict.OOM_GROUP_SIBLING: "a limit that another hit",
    Verdict.KILLED_BY_OOMD: "the pressure limit of systemd-oomd",
    Verdict.UNKNOWN: "a limit that is not known or not of a pod",
}
_OWN = (Verdict.OOM_CONTAINER_LIMIT, Verdict.OOM_NESTED_LIMIT)
SIGKILL = 9


def _detect(scene: Scene) -> Iterator[Finding]:
    incidents = {incident.id: incident for incident in scene.incidents}
    for deaths in worst_of_each_pod(loops(scene, lambda death: _is_oom(death, incidents))):
        verdict = Counter(death.verdict for death in deaths).most_common(1)[0][0]
        alone = verdict is Verdict.OOM_POD_LIMIT and PodsOfOne(scene).has(deaths[-1].container)
        nobody = ", which it shares with nobody" if alone else ""
        name = deaths[-1].container.name or deaths[-1].container.id[:12]
        yield Finding(
            type=OOM_LOOP.name,
            entity=pod(deaths),
            reason="OwnLimit" if alone else _reason(verdict),
            message=f"{name} was OOM-killed {often(deaths)}, mostly at {_LIMITS[verdict]}{nobody}",
            evidence=tuple(evidence(deaths, scene.now_boottime_ns)),
        )


def _is_oom(death: ContainerDeath, incidents: Mapping[str, OOMIncident]) -> bool:
    if death.verdict is not Verdict.UNKNOWN:
        return death.verdict in _LIMITS
    if death.signal not in (None, SIGKILL):
        return False
    own = filter(None, map(incidents.get, death.incident_ids))
    return any(map(kills_init, own))


def _reason(verdict: Verdict) -> str:
    if verdict is Verdict.UNKNOWN:
        return "UnknownLimit"
    return "OwnLimit" if verdict in _OWN else "SharedLimit"


DETECTOR = Detector(condition=OOM_LOOP, detect=_detect)
