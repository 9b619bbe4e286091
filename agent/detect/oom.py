"""What the detectors of OOM kills have in common: whose container it was, and a kill in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.detect.scene import Scene
from agent.inventory.names import ContainerKind
from agent.model.condition import Entity, EntityKind, Evidence
from agent.model.oom import Container, LimitLevel, OOMIncident

_UNITS = ((1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))


def in_containers(scene: Scene) -> Iterator[tuple[OOMIncident, Container]]:
    """The incidents of the last hour that hit a container, drills aside; oldest first."""
    for incident in scene.incidents:
        if incident.container is not None and incident.container.id and not incident.drill:
            yield incident, incident.container


def latest(
    scene: Scene, wanted: Callable[[OOMIncident], bool]
) -> Iterator[tuple[OOMIncident, Container]]:
    """The newest of each container that is wanted: in a storm one of many is enough."""
    found: dict[str, tuple[OOMIncident, Container]] = {}
    for incident, container in in_containers(scene):
        if wanted(incident):
            found[container.id] = incident, container
    yield from found.values()


class PodsOfOne:
    """Which pods are known to have one container alone.

    The kubelet limits a pod to the sum of its containers' limits, and its sandbox takes some of
    that: where there is one container, the pod's limit stands for its own, and fires first.
    """

    def __init__(self, scene: Scene) -> None:
        self._names: dict[str, set[str]] = {}
        for each in scene.containers:
            names = self._names.setdefault(each.names.pod_uid, set())
            if each.kind is not ContainerKind.SANDBOX:
                names.add(each.names.name)

    def has(self, container: Container) -> bool:
        """Whether this is the only one of its pod; while it is not there, its sandbox tells."""
        names = self._names.get(container.pod_uid)
        return names is not None and names <= {container.name}


def entity(container: Container) -> Entity:
    """The container as what a condition is about."""
    return Entity(kind=EntityKind.CONTAINER, id=container.id, names=container)


def size(count: int) -> str:
    """Bytes as Kubernetes writes them: 2Gi, 1.9Gi, 512Mi."""
    for unit, suffix in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f}".removesuffix(".0") + suffix
    return str(count)


def victims(incident: OOMIncident) -> str:
    """ "worker[4711] and 2 more"; never empty."""
    if not incident.victims:
        return "a process"
    first = incident.victims[0]
    named = f"{first.comm or 'a process'}[{'?' if first.pid is None else first.pid}]"
    more = len(incident.victims) - 1
    return f"{named} and {more} more" if more else named


def limit(incident: OOMIncident) -> str:
    """ "at its own limit of 2Gi", "for the node was out of memory"."""
    of = "" if incident.limit_bytes is None else f" of {size(incident.limit_bytes)}"
    match incident.limit_level:
        case LimitLevel.CONTAINER:
            return f"at its own limit{of}"
        case LimitLevel.NESTED:
            return f"at a limit{of} inside of it"
        case LimitLevel.NODE:
            return "for the node was out of memory"
        case LimitLevel.UNKNOWN:
            return "at a limit that no evidence names"
        case level:
            return f"at the {level.value} limit{of}"


def evidence(incident: OOMIncident) -> tuple[Evidence, ...]:
    """What the incident rests on."""
    seen = sorted({witness.value for victim in incident.victims for witness in victim.witnesses})
    found = [Evidence(what="incident", value=incident.id, source=", ".join(seen) or "vmstat")]
    if incident.limit_cgroup:
        where = f"{incident.limit_cgroup}/memory.events.local"
        found.append(Evidence(what="limit", value=limit(incident), source=where))
    if incident.runtime_says:
        found.append(Evidence(what="the runtime says", value=incident.runtime_says, source="cri"))
    return tuple(found)
