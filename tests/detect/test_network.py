"""PodNetworkIncomplete, NetworkNamespaceLeaked, VethOrphaned and PodIPsExhausted."""

from __future__ import annotations

from msgspec.structs import replace

from agent.detect import (
    network_namespace_leaked,
    pod_ips_exhausted,
    pod_network_incomplete,
    veth_orphaned,
)
from agent.detect.detector import Detector
from agent.detect.leftovers import MAX_SHOWN
from agent.detect.pod_network_incomplete import REASONS, SOURCES
from agent.detect.scene import Scene
from agent.model.condition import EntityKind, Finding
from agent.model.network import NetworkReport, PathStep
from tests.serve.network_sample import NETWORK, NOW_NS, S

LEFTOVERS = (network_namespace_leaked.DETECTOR, veth_orphaned.DETECTOR)
ALL = (*LEFTOVERS, pod_ips_exhausted.DETECTOR, pod_network_incomplete.DETECTOR)
(POOL,) = NETWORK.pools
FULL = replace(NETWORK, pools=(replace(POOL, used=253),))


def found(detector: Detector, report: NetworkReport | None = NETWORK) -> list[Finding]:
    scene = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, network=report)
    return list(detector.detect(scene))


def test_incomplete() -> None:
    """The first broken step is named; every step that was reached is evidence."""
    (finding,) = found(pod_network_incomplete.DETECTOR)
    assert finding.entity.kind is EntityKind.POD
    assert finding.entity.id == "uid-of-web-1"
    assert finding.reason == "NotAttached"
    assert "broken at step 3 of 6, attachment: veth9dda1300 is a port of no" in finding.message
    assert [each.what for each in finding.evidence] == [step.value for step in PathStep]
    assert finding.evidence[2].value.startswith("broken: ")


def test_one_look_proves_nothing() -> None:
    """What a CNI just works on can look broken."""
    pods = tuple(replace(pod, broken_looks=1) for pod in NETWORK.pods)
    assert not found(pod_network_incomplete.DETECTOR, replace(NETWORK, pods=pods))


def test_every_step_has_its_words() -> None:
    assert set(REASONS) == set(SOURCES) == set(PathStep)
    assert len(set(REASONS.values())) == len(PathStep)


def test_leaked() -> None:
    """How many, the oldest with its age, and for whom it was made."""
    (finding,) = found(network_namespace_leaked.DETECTOR)
    assert finding.message == (
        "a network namespace belongs to no sandbox of the runtime: cni-dead0000, which nobody has "
        "used for 420 s"
    )
    assert "made for 4f4f4f4f4f4f" in finding.evidence[0].value
    first = NETWORK.leftovers[0]
    more = [replace(first, name=f"cni-{n}", since_boottime_ns=n * S) for n in range(20)]
    (finding,) = found(network_namespace_leaked.DETECTOR, replace(NETWORK, leftovers=tuple(more)))
    assert finding.message.startswith("20 network namespaces belong to no sandbox")
    assert "the oldest is: cni-0," in finding.message
    assert len(finding.evidence) == MAX_SHOWN + 1
    assert finding.evidence[-1].value == f"{20 - MAX_SHOWN} more"


def test_orphaned() -> None:
    (finding,) = found(veth_orphaned.DETECTOR)
    assert "a veth belongs to no sandbox of the runtime: veth7dfbbcea" in finding.message
    assert "it leads into cni-dead0000" in finding.evidence[0].value


def test_exhausted() -> None:
    """By the living, or by the dead; not while an address is free or nothing is known."""
    assert not found(pod_ips_exhausted.DETECTOR)
    (finding,) = found(pod_ips_exhausted.DETECTOR, FULL)
    assert finding.reason == "HeldByTheDead"
    assert "all 253 of network k8s are taken, 1 of them by containers that are gone" in (
        finding.message
    )
    assert len(found(pod_ips_exhausted.DETECTOR, replace(FULL, pools=FULL.pools * 2))) == 1
    living = replace(FULL, pools=(replace(FULL.pools[0], leaked=0),))
    assert found(pod_ips_exhausted.DETECTOR, living)[0].reason == "AllInUse"
    unread = replace(FULL, pools=(replace(FULL.pools[0], unread="a dead disk"),))
    assert not found(pod_ips_exhausted.DETECTOR, unread)


def test_exhausted_unknown() -> None:
    """Where nobody sees who gives the addresses, none of them is said to be free."""
    for report, why in ((None, ""), (NETWORK, ""), (replace(NETWORK, addresses_unknown="x"), "x")):
        scene = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, network=report)
        assert pod_ips_exhausted.DETECTOR.unknown(scene) == why


def test_silent() -> None:
    """Nothing known, nothing wrong."""
    calm = replace(NETWORK, pods=NETWORK.pods[:1], leftovers=())
    for detector in ALL:
        assert not found(detector, None)
        assert not found(detector, calm)
