"""ConntrackFull, NeighbourTableFull, SoftnetDropping, OverlayDown, RoutesLost, LinkFlapping and
RulesStalled.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import (
    conntrack_full,
    link_flapping,
    neighbour_table_full,
    overlay_down,
    ports_exhausted,
    routes_lost,
    rules_stalled,
    softnet_dropping,
)
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.condition import Finding, Severity
from agent.model.plumbing import Conntrack, OverlayState, PlumbingReport
from tests.serve.plumbing_sample import (
    CALM,
    FLANNEL,
    NOW_NS,
    PLUMBING,
    PORTS,
    RATES,
    RESTORE,
    SAMPLE,
    VPN,
    WAITER,
    S,
)

ALL = (
    conntrack_full.DETECTOR,
    link_flapping.DETECTOR,
    neighbour_table_full.DETECTOR,
    overlay_down.DETECTOR,
    ports_exhausted.DETECTOR,
    routes_lost.DETECTOR,
    rules_stalled.DETECTOR,
    softnet_dropping.DETECTOR,
)


def found(detector: Detector, report: PlumbingReport | None = PLUMBING) -> list[Finding]:
    scene = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, plumbing=report)
    return list(detector.detect(scene))


def test_silent() -> None:
    """Nothing known, nothing wrong."""
    for detector in ALL:
        assert not found(detector, None)
        assert not found(detector, CALM)


@pytest.mark.parametrize(
    ("entries", "drops", "reason", "severity"),
    [
        (89, 0.0, None, None),
        (89, 5.0, None, None),  # for another reason than a full table
        (90, 0.0, "AlmostFull", Severity.WARNING),
        (95, 5.0, "Dropping", None),
        (100, 0.0, "Full", None),
        (100, None, "Full", None),
    ],
)
def test_conntrack(
    entries: int, drops: float | None, reason: str | None, severity: Severity | None
) -> None:
    """Full is full; almost is a warning, unless packets are dropped."""
    report = replace(
        PLUMBING,
        sample=replace(SAMPLE, conntrack=Conntrack(entries=entries, limit=100)),
        rates=replace(RATES, conntrack_drops=drops),
    )
    told = found(conntrack_full.DETECTOR, report)
    assert [(each.reason, each.severity) for each in told] == (
        [] if reason is None else [(reason, severity)]
    )


def test_conntrack_clashes() -> None:
    """A packet that was dropped since another one was faster did not want for room."""
    report = replace(
        PLUMBING,
        sample=replace(SAMPLE, conntrack=Conntrack(entries=95, limit=100)),
        rates=replace(RATES, conntrack_drops=5.0, conntrack_insert_failed=5.0),
    )
    assert [each.reason for each in found(conntrack_full.DETECTOR, report)] == ["AlmostFull"]


def test_conntrack_words() -> None:
    (finding,) = found(conntrack_full.DETECTOR)
    assert finding.message == (
        "262,144 of 262,144 connections are tracked (100%), 93.0 packets a second are dropped for "
        "want of an entry"
    )
    assert [each.what for each in finding.evidence] == [
        "entries",
        "limit",
        "drop",
        "early_drop",
        "insert_failed",
    ]


def test_no_limit() -> None:
    """nf_conntrack_max 0 means none."""
    sample = replace(SAMPLE, conntrack=Conntrack(entries=10, limit=0))
    assert not found(conntrack_full.DETECTOR, replace(PLUMBING, sample=sample))


def test_neighbours() -> None:
    """The table that was full, with its limit where that is known."""
    (finding,) = found(neighbour_table_full.DETECTOR)
    assert "IPv4: 1,024 entries, gc_thresh3 is 1,024, 3.1 times a second" in finding.message
    assert [each.source for each in finding.evidence] == ["/proc/net/stat/arp_cache"]


def test_softnet() -> None:
    (finding,) = found(softnet_dropping.DETECTOR)
    assert finding.message.startswith("12.4 packets a second are dropped")
    few = replace(PLUMBING, rates=replace(RATES, softnet_drops=0.9))
    assert not found(softnet_dropping.DETECTOR, few)


def test_overlay() -> None:
    """A wireguard that no CNI has made may be anybody's."""
    (finding,) = found(overlay_down.DETECTOR)
    assert (finding.reason, finding.severity) == ("Vanished", None)
    assert finding.message == "flannel.1 (vxlan) has vanished for 42 s"
    down = replace(VPN, state=OverlayState.DOWN)
    (finding,) = found(overlay_down.DETECTOR, replace(PLUMBING, overlays=(down,)))
    assert (finding.reason, finding.severity) == ("Down", Severity.WARNING)
    (finding,) = found(overlay_down.DETECTOR, replace(PLUMBING, overlays=(down, FLANNEL)))
    assert (finding.reason, finding.severity) == ("Vanished", None)
    cilium = replace(down, name="cilium_wg0")
    (finding,) = found(overlay_down.DETECTOR, replace(PLUMBING, overlays=(cilium,)))
    assert finding.severity is None


def test_ports() -> None:
    """To one peer; IPv6 in brackets."""
    (finding,) = found(ports_exhausted.DETECTOR)
    assert (finding.reason, finding.severity) == ("Exhausted", None)
    assert finding.message == (
        "28,100 of 28,232 local ports are taken (100%) by connections from 10.0.64.12 to "
        "10.0.64.1:6443"
    )
    some = replace(PORTS, used=26000, destination="fd00::1")
    (finding,) = found(ports_exhausted.DETECTOR, replace(PLUMBING, ports=some))
    assert (finding.reason, finding.severity) == ("AlmostExhausted", Severity.WARNING)
    assert "[fd00::1]:6443" in finding.message
    few = replace(PORTS, used=25000)
    assert not found(ports_exhausted.DETECTOR, replace(PLUMBING, ports=few))


def test_routes() -> None:
    (finding,) = found(routes_lost.DETECTOR)
    assert finding.message == "bird has had no IPv4 route for 30 s, where it had up to 412"
    assert len(finding.evidence) == 2


def test_flapping() -> None:
    (finding,) = found(link_flapping.DETECTOR)
    assert finding.message == "eth0: its carrier changed 8 times in 600 s"


def test_rules() -> None:
    """Who has the lock comes first; one that waits for its input counts for nothing."""
    (finding,) = found(rules_stalled.DETECTOR)
    assert finding.reason == "LockHeld"
    assert finding.message == (
        "iptables-restor[4711] holds the xtables lock, 31 s after it was started; 1 more wait for "
        "that; the packet filter has some 50,235 rules"
    )
    (finding,) = found(rules_stalled.DETECTOR, replace(PLUMBING, tools=(WAITER,), rules=None))
    assert "iptables[4790] waits for the xtables lock that iptables-restor[4711] holds" in (
        finding.message
    )
    stuck = replace(RESTORE, holds=False, waits=True, state="D", wchan="nf_tables_valid_genid")
    (finding,) = found(rules_stalled.DETECTOR, replace(PLUMBING, tools=(stuck,)))
    assert finding.reason == "WaitsForKernel"
    assert "waits in nf_tables_valid_genid, 31 s after it was started" in finding.message
    works = replace(RESTORE, holds=False)
    (finding,) = found(rules_stalled.DETECTOR, replace(PLUMBING, tools=(works, works)))
    assert finding.reason == "TakesLong"
    assert "works, 31 s after it was started; so do 1 more" in finding.message
    young = replace(RESTORE, start_boottime_ns=NOW_NS - 9 * S)
    assert not found(rules_stalled.DETECTOR, replace(PLUMBING, tools=(young,)))
