"""NodeMisreported: what the API server believes beside what is so."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agent.detect import node_misreported
from agent.detect.node_misreported import LAG_NS, STATUS_NS, TRANSITION_NS
from agent.detect.scene import Scene
from agent.model.cni import NetworkHealth, NetworkState, NetworkWord
from agent.model.condition import Finding
from agent.model.kubelet import NodeBelief, NodeCondition, NodeLease, NodeObject, NodeStatus
from agent.model.memory import Headroom, MemoryReport, Room, Signal, Threshold
from agent.model.network import NetworkReport
from agent.model.runtime import RungState
from agent.model.source import SourceHealth, SourceState
from tests.serve.cni_sample import CNI, CONFIG
from tests.serve.kubelet_sample import BELIEF, KUBELET, WELL
from tests.serve.network_sample import NETWORK
from tests.serve.runtime_sample import NOW_NS, RUNTIME, STEPS

TRUE, FALSE, UNKNOWN = NodeStatus
CRI = SourceHealth(name="cri", tells="", required=False, state=SourceState.UP, since_wall_ns=1)
ANSWERS = replace(
    RUNTIME, steps=tuple(replace(step, state=RungState.OK, seconds=0.01) for step in STEPS)
)
USABLE = replace(
    CONFIG.files[0], plugins=tuple(p for p in CONFIG.files[0].plugins if not p.problem)
)
WORKING = replace(
    CNI,
    calls=(),
    health=NetworkHealth(state=NetworkState.WORKING),
    config=replace(CONFIG, files=(USABLE,)),
    word=NetworkWord(boottime_ns=NOW_NS, ready=True),
)
UNCONFIGURED = replace(WORKING, config=replace(CONFIG, files=()))
WEDGED = replace(
    WORKING, health=NetworkHealth(state=NetworkState.WEDGED, since_boottime_ns=1, failed=9)
)
HARD = Threshold(signal=Signal.MEMORY, hard=True, text="100Mi", source="x", quantity=100 << 20)


def believes(lease: NodeLease | None = None, **conditions: NodeStatus) -> NodeBelief:
    told = tuple(
        NodeCondition(type=kind, status=status, reason="Because", message="it says so")
        for kind, status in conditions.items()
    )
    return replace(BELIEF, node=NodeObject(name="node-1", conditions=told), lease=lease)


def unready(message: str, reason: str = "KubeletNotReady") -> NodeBelief:
    """Ready=False, or Unknown where the node's controller says so."""
    status = UNKNOWN if reason.startswith("NodeStatus") else FALSE
    told = NodeCondition(type="Ready", status=status, reason=reason, message=message)
    return replace(BELIEF, node=NodeObject(name="node-1", conditions=(told,)), lease=None)


DOWN = "container runtime is down"
NO_NETWORK = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized"
)
STOPPED = unready("Kubelet stopped posting node status.", "NodeStatusUnknown")


def scene(belief: NodeBelief | None, **parts: Any) -> Scene:
    """A node on which all is well, but for these."""
    well: dict[str, Any] = {"kubelet": WELL, "runtime": ANSWERS, "cni": WORKING, "sources": (CRI,)}
    made = well | parts
    return Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, belief=belief, **made)


def detect(belief: NodeBelief | None, **parts: Any) -> list[Finding]:
    return list(node_misreported.DETECTOR.detect(scene(belief, **parts)))


def memory(*, available: int, crossed: float | None = None, clear: float | None = None) -> Any:
    """memory.available, crossed or clear for so many seconds."""

    def ago(seconds: float | None) -> int | None:
        return None if seconds is None else NOW_NS - int(seconds * 1e9)

    headroom = Headroom(
        signal=Signal.MEMORY,
        room=Room(available=available << 20, capacity=4 << 30),
        threshold=HARD,
        amount=100 << 20,
        crossed_since_boottime_ns=ago(crossed),
        clear_since_boottime_ns=ago(clear),
    )
    return MemoryReport(boottime_ns=NOW_NS, wall_ns=1, headrooms=(headroom,))


@pytest.mark.parametrize(
    ("belief", "parts", "reason", "words"),
    [
        (believes(Ready=TRUE), {"runtime": RUNTIME}, "RuntimeUnresponsive", "answers nothing"),
        (believes(Ready=TRUE), {"cni": UNCONFIGURED}, "CNINotConfigured", "no pod can get a"),
        (believes(Ready=TRUE), {"cni": WEDGED}, "CNIStalled", "no pod has got a network"),
        (believes(Ready=TRUE), {"kubelet": KUBELET}, "KubeletDown", "does not answer here"),
        (
            believes(Ready=TRUE, MemoryPressure=FALSE),
            {"memory": memory(available=90, crossed=LAG_NS / 1e9)},
            "MemoryPressure",
            "MemoryPressure=False (Because), but memory.available 90Mi, hard threshold 100Mi: ",
        ),
        (
            believes(MemoryPressure=TRUE),
            {"memory": memory(available=900, clear=TRANSITION_NS / 1e9)},
            "NoMemoryPressure",
            "MemoryPressure=True, but memory.available 900Mi, hard threshold 100Mi: nothing of it",
        ),
        (
            unready(DOWN),
            {},
            "NotReady",
            "Ready=False (KubeletNotReady: container runtime is down), but here the kubelet's",
        ),
        (unready(NO_NETWORK), {}, "NotReady", "cni plugin not initialized), but here the"),
        (unready(f"[{DOWN}, {NO_NETWORK}]"), {}, "NotReady", "(KubeletNotReady: [container "),
        (
            unready("runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady"),
            {},
            "NotReady",
            "its network is ready",
        ),
        (
            STOPPED,
            {},
            "NotHeard",
            "Ready=Unknown (NodeStatusUnknown: Kubelet stopped posting node status.), but here",
        ),
        (unready("", "NodeStatusNeverUpdated"), {}, "NotHeard", "healthz says ok"),
    ],
)
def test_disagreement(belief: NodeBelief, parts: dict[str, Any], reason: str, words: str) -> None:
    """Both sides are in the message, and in the evidence."""
    (finding,) = detect(belief, **parts)
    assert (finding.reason, finding.also) == (reason, ())
    assert finding.message.startswith("the API server believes ")
    assert words in finding.message
    says, kernel = finding.evidence
    assert says.what.startswith("the API server believes ")
    assert says.source == "GET /api/v1/nodes/node-1 of 10.96.0.1:443"
    assert (kernel.what, kernel.value in finding.message) == (f"the kernel: {reason}", True)


def test_all_of_them() -> None:
    """None hides another."""
    belief = believes(Ready=TRUE, MemoryPressure=FALSE, DiskPressure=FALSE)
    low = memory(available=1, crossed=300)
    (finding,) = detect(belief, runtime=RUNTIME, cni=UNCONFIGURED, memory=low)
    assert finding.reason == "RuntimeUnresponsive"
    assert finding.also == ("CNINotConfigured", "MemoryPressure")
    assert finding.message.count(", but ") == 3
    assert len(finding.evidence) == 5


@pytest.mark.parametrize(
    ("belief", "parts"),
    [
        (None, {"runtime": RUNTIME}),
        (believes(Ready=TRUE, MemoryPressure=FALSE), {}),
        (unready(DOWN), {"runtime": RUNTIME}),
        (unready(DOWN), {"runtime": None}),
        (unready(DOWN), {"kubelet": None}),
        (STOPPED, {"kubelet": KUBELET}),
        (unready(NO_NETWORK), {"cni": replace(WORKING, word=None)}),
        (unready(NO_NETWORK), {"cni": WEDGED}),
        (believes(MemoryPressure=FALSE), {"memory": memory(available=90, crossed=29)}),
        (believes(MemoryPressure=TRUE), {"memory": memory(available=900, clear=359)}),
        (believes(MemoryPressure=TRUE), {"memory": memory(available=90, crossed=300)}),
        (believes(PIDPressure=FALSE), {"memory": memory(available=90, crossed=300)}),
        (believes(MemoryPressure=UNKNOWN), {"memory": memory(available=90, crossed=300)}),
    ],
)
def test_agreement(belief: NodeBelief | None, parts: dict[str, Any]) -> None:
    """Nor is it one where one side is not known, or where the other has had no time to hear."""
    assert detect(belief, **parts) == []


@pytest.mark.parametrize(
    "belief",
    [
        *(
            unready(message)
            for message in (
                "",
                "[]",
                "node is shutting down",
                "PLEG is not healthy: pleg was last seen active 3m1s ago; threshold is 3m0s",
                f"[{DOWN}, PLEG is not healthy: pleg was last seen active 3m1s ago]",
                f"[{NO_NETWORK}, CSINode is not yet initialized]",
                f"[{DOWN}, {NO_NETWORK}",  # cut
                "container runtime not ready: RuntimeReady=false",
            )
        ),
        believes(Ready=UNKNOWN),
    ],
    ids=lambda belief: belief.node.conditions[0].message,
)
def test_of_what_only_the_kubelet_knows(belief: NodeBelief) -> None:
    """Nothing is said of it, however well the rest is."""
    assert detect(belief) == []


def test_networks() -> None:
    """Half of the pods or more are cut off, and not one of many."""
    broken = next(pod for pod in NETWORK.pods if pod.broken is not None)
    whole = next(pod for pod in NETWORK.pods if pod.steps and pod.broken is None)
    lost = replace(broken, broken_looks=2)

    def seen(*pods: Any) -> NetworkReport:
        return replace(NETWORK, pods=pods)

    (finding,) = detect(believes(Ready=TRUE), network=seen(lost, whole))
    assert finding.reason == "PodNetworksBroken"
    assert "the network of 1 of 2 pods is broken, shop/" in finding.message
    assert detect(believes(Ready=TRUE), network=seen(lost, whole, whole)) == []
    (finding,) = detect(believes(NetworkUnavailable=TRUE), network=seen(whole))
    assert finding.reason == "NoNetworkUnavailable"
    assert detect(believes(NetworkUnavailable=TRUE), network=seen(whole, lost)) == []
    assert detect(believes(NetworkUnavailable=TRUE), network=seen()) == []


def test_heartbeat() -> None:
    """By the lease if it is known, else by the condition, which is told every five minutes."""
    wall = BELIEF.wall_ns

    def old(seconds: float, good_for: float | None = 40.0) -> list[Finding]:
        renewed = wall - int(seconds * 1e9)
        return detect(believes(NodeLease(renewed_wall_ns=renewed, seconds=good_for), Ready=TRUE))

    (finding,) = old(41)
    assert finding.reason == "HeartbeatOld"
    assert "but the node's lease was last renewed 41 s ago" in finding.message
    assert old(40) == []
    assert len(old(41, None)) == 1
    told = replace(believes(Ready=TRUE).node.conditions[0], heartbeat_wall_ns=wall - STATUS_NS)
    belief = replace(BELIEF, node=NodeObject(name="n", conditions=(told,)), lease=None)
    assert detect(belief) == []
    older = replace(told, heartbeat_wall_ns=wall - STATUS_NS - 1)
    (finding,) = detect(replace(belief, node=NodeObject(name="n", conditions=(older,))))
    assert "it last heard of that 600 s ago" in finding.message
