"""NodeMisreported: the API server believes of this node what the kernel denies."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from agent.detect import cni_not_configured, cni_stalled
from agent.detect.detector import Detector
from agent.detect.eviction import against
from agent.detect.node_truths import truths
from agent.detect.scene import Scene
from agent.detect.tasks import seconds
from agent.model.catalogue.kubelet import NODE_MISREPORTED
from agent.model.condition import NODE, Evidence, Finding
from agent.model.kubelet import (
    DISK_PRESSURE,
    MEMORY_PRESSURE,
    NETWORK_UNAVAILABLE,
    PID_PRESSURE,
    READY,
    NodeBelief,
    NodeCondition,
    NodeStatus,
)
from agent.model.memory import Headroom, Signal
from agent.model.runtime import RungState

SIGNALS = {
    MEMORY_PRESSURE: (Signal.MEMORY, Signal.ALLOCATABLE_MEMORY),
    DISK_PRESSURE: (
        Signal.NODEFS,
        Signal.NODEFS_INODES,
        Signal.IMAGEFS,
        Signal.IMAGEFS_INODES,
    ),
    PID_PRESSURE: (Signal.PID,),
}
"""nodeConditions, pkg/kubelet/eviction/helpers.go: soft thresholds count, whatever their grace."""
TRANSITION_NS = 360 * 10**9
"""A pressure is told so long after it is over: evictionPressureTransitionPeriod, five minutes by
default, and a look.
"""
LAG_NS = 30 * 10**9
"""The kubelet looks every ten seconds, and tells the API server as often."""
LEASE_SECONDS = 40.0
"""nodeLeaseDurationSeconds by default; after it the node's controller calls it Unknown."""
STATUS_NS = 600 * 10**9
"""Without a lease: nodeStatusReportFrequency is five minutes, and may be half as much more."""
SEEN_WELL = (
    "container runtime is down",
    "container runtime network not ready",
    "runtime network not ready",
    "network plugin is not ready",
)
"""How errors begin that are about what is looked at here: pkg/kubelet/runtime.go, and older ones'.
Of the others (PLEG, CSINode, a shutdown, ...) only the kubelet knows.
"""
UNHEARD = ("NodeStatusUnknown", "NodeStatusNeverUpdated")
"""The reasons that the node's controller gives: pkg/controller/nodelifecycle."""


class _Disagreement(Struct, frozen=True, kw_only=True):
    reason: str
    believed: NodeCondition
    words: str  # what the kernel says
    source: str


def _detect(scene: Scene) -> Iterator[Finding]:
    belief = scene.belief
    if belief is None:
        return
    found = list(_disagreements(scene, belief))
    if not found:
        return
    yield Finding(
        type=NODE_MISREPORTED.name,
        entity=NODE,
        reason=found[0].reason,
        message="the API server believes "
        + "; and ".join(f"{_quoted(each.believed)}, but {each.words}" for each in found),
        evidence=tuple(_evidence(scene, belief, found)),
        also=tuple(each.reason for each in found[1:]),
    )


def _disagreements(scene: Scene, belief: NodeBelief) -> Iterator[_Disagreement]:
    ready = belief.condition(READY)
    if ready is not None:
        unready = ready.status is not NodeStatus.TRUE
        yield from _unfounded(scene, ready) if unready else _ready(scene, belief, ready)
    for kind, signals in SIGNALS.items():
        believed = belief.condition(kind)
        if believed is not None:
            yield from _pressure(scene, believed, signals)
    network = belief.condition(NETWORK_UNAVAILABLE)
    if network is not None:
        yield from _network(scene, network)


def _ready(scene: Scene, belief: NodeBelief, ready: NodeCondition) -> Iterator[_Disagreement]:
    """Ready=True, and all that keeps it from being so."""
    kubelet = scene.kubelet
    if kubelet is not None and kubelet.failing:
        words = "its kubelet is gone, stopped or does not answer here"
        yield _Disagreement(
            reason="KubeletDown", believed=ready, words=words, source="nodectl kubelet"
        )
    for truth in truths(scene):
        yield _Disagreement(
            reason=truth.reason, believed=ready, words=truth.words, source=truth.source
        )
    old = _unheard(belief, ready)
    if old:
        yield _Disagreement(reason="HeartbeatOld", believed=ready, words=old, source="its lease")


def _unheard(belief: NodeBelief, ready: NodeCondition) -> str:
    """How long the API server has not heard of a node that it believes alive; empty: it has."""
    lease = belief.lease
    if lease is not None and lease.renewed_wall_ns is not None:
        age = belief.wall_ns - lease.renewed_wall_ns
        if age > (lease.seconds or LEASE_SECONDS) * 1e9:
            return f"the node's lease was last renewed {age / 1e9:.0f} s ago"
    elif ready.heartbeat_wall_ns is not None:
        age = belief.wall_ns - ready.heartbeat_wall_ns
        if age > STATUS_NS:
            return f"it last heard of that {age / 1e9:.0f} s ago"
    return ""


def _unfounded(scene: Scene, ready: NodeCondition) -> Iterator[_Disagreement]:
    """Not Ready, or not heard of, and all that is said to make it so is seen to be well."""
    unknown = ready.status is NodeStatus.UNKNOWN
    if not (ready.reason in UNHEARD if unknown else _is_about_what_is_seen(ready.message)):
        return
    kubelet, runtime, cni = scene.kubelet, scene.runtime, scene.cni
    healthz = None if kubelet is None else kubelet.healthz
    if kubelet is None or kubelet.failing or healthz is None or healthz.state is not RungState.OK:
        return
    if runtime is None or runtime.absent or runtime.failing is not None or not runtime.steps:
        return
    if any(step.state is not RungState.OK for step in runtime.steps):
        return
    if cni is None or cni.config is None or cni.word is None or not cni.word.ready:
        return
    if any(True for each in (cni_not_configured, cni_stalled) for _ in each.DETECTOR.detect(scene)):
        return
    yield _Disagreement(
        reason="NotHeard" if unknown else "NotReady",
        believed=ready,
        words="here the kubelet's healthz says ok, the container runtime answers, and its network "
        "is ready",
        source="nodectl kubelet, nodectl runtime, nodectl cni",
    )


def _is_about_what_is_seen(message: str) -> bool:
    """Whether each error in it is: they stand there as an Aggregate of k8s.io/apimachinery does,
    "one" or "[one, another]". A comma within one makes it two, of which one is not known.
    """
    errors = message[1:-1].split(", ") if message[:1] + message[-1:] == "[]" else [message]
    return all(error.startswith(SEEN_WELL) for error in errors)


def _pressure(
    scene: Scene, believed: NodeCondition, signals: tuple[Signal, ...]
) -> Iterator[_Disagreement]:
    memory = scene.memory
    if memory is None:
        return
    held = [h for h in memory.headrooms if h.signal in signals and h.threshold is not None]
    crossed = [h for h in held if _is_crossed(scene, h)]
    if believed.status is NodeStatus.FALSE and crossed:
        first = crossed[0]
        ago = seconds(first.crossed_since_boottime_ns, scene.now_boottime_ns)
        words = f"{against(first)}: crossed {ago} ago"
        yield _Disagreement(
            reason=believed.type, believed=believed, words=words, source="nodectl memory"
        )
    if believed.status is NodeStatus.TRUE and held and all(_is_clear(scene, h) for h in held):
        words = f"{against(held[0])}: nothing of it was crossed for {TRANSITION_NS // 10**9} s"
        yield _Disagreement(
            reason=f"No{believed.type}", believed=believed, words=words, source="nodectl memory"
        )


def _is_crossed(scene: Scene, headroom: Headroom) -> bool:
    since = headroom.crossed_since_boottime_ns
    return since is not None and scene.now_boottime_ns - since >= LAG_NS


def _is_clear(scene: Scene, headroom: Headroom) -> bool:
    since = headroom.clear_since_boottime_ns
    return since is not None and scene.now_boottime_ns - since >= TRANSITION_NS


def _network(scene: Scene, believed: NodeCondition) -> Iterator[_Disagreement]:
    """Unavailable, while each pod's path is seen to be whole."""
    pods = [] if scene.network is None else [pod for pod in scene.network.pods if pod.steps]
    whole = pods and all(pod.broken is None and pod.unknown is None for pod in pods)
    if believed.status is NodeStatus.TRUE and whole:
        words = f"the network path of each of its {len(pods)} pods is whole"
        yield _Disagreement(
            reason=f"No{believed.type}", believed=believed, words=words, source="nodectl net"
        )


def _name(believed: NodeCondition) -> str:
    """ "Ready=True", or "MemoryPressure=False (KubeletHasSufficientMemory)"."""
    why = f" ({believed.reason})" if believed.reason and believed.status.value != "True" else ""
    return f"{believed.type}={believed.status.value}{why}"


def _quoted(believed: NodeCondition) -> str:
    """With the message too where that is what is contradicted."""
    if believed.type != READY or believed.status is NodeStatus.TRUE:
        return _name(believed)
    return f"{believed.type}={believed.status.value} ({_words(believed)})"


def _words(believed: NodeCondition) -> str:
    return ": ".join(w for w in (believed.reason, believed.message) if w) or "without a reason"


def _evidence(scene: Scene, belief: NodeBelief, found: list[_Disagreement]) -> Iterator[Evidence]:
    told: dict[str, NodeCondition] = {each.believed.type: each.believed for each in found}
    asked = seconds(belief.boottime_ns, scene.now_boottime_ns)
    for believed in told.values():
        yield Evidence(
            what=f"the API server believes {_name(believed)}",
            value=f"{_words(believed)} (asked {asked} ago)",
            source=f"GET /api/v1/nodes/{belief.node.name} of {belief.address}",
        )
    for each in found:
        yield Evidence(what=f"the kernel: {each.reason}", value=each.words, source=each.source)


DETECTOR = Detector(condition=NODE_MISREPORTED, detect=_detect)
