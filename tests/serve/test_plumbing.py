"""agent.serve.plumbing and agent.api.plumbing."""

from __future__ import annotations

from msgspec.structs import replace

from agent.api.plumbing import OVERLAY_STATE
from agent.api.v1 import plumbing_pb2
from agent.model.plumbing import Conntrack, OverlayState
from agent.serve import plumbing
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.plumbing_sample import CALM, PLUMBING, SAMPLE, WALL_NS
from tests.serve.sample import SampleView


def test_answer() -> None:
    """Every field."""
    told = plumbing.answer(PLUMBING).plumbing
    assert told.at.ToNanoseconds() == WALL_NS
    assert (told.window.ToSeconds(), told.saturated) == (10, True)
    assert (told.conntrack.entries, told.conntrack.limit) == (262144, 262144)
    assert (told.conntrack.drops, told.conntrack.drops_per_second) == (4810, 93.0)
    assert (told.softnet.dropped, told.softnet.drops_per_second) == (5120, 12.4)
    arp, ndp = told.neighbours
    assert (arp.version, arp.limit, arp.table_fulls, arp.table_fulls_per_second) == (
        4,
        1024,
        77,
        3.1,
    )
    assert not ndp.HasField("table_fulls")
    flannel, vpn = told.overlays
    assert (flannel.state, flannel.since.ToSeconds()) == (plumbing_pb2.OVERLAY_STATE_VANISHED, 42)
    assert vpn.state == plumbing_pb2.OVERLAY_STATE_UP
    ports = told.ports
    assert (ports.used, ports.total, ports.destination, ports.port) == (
        28100,
        28232,
        "10.0.64.1",
        6443,
    )
    (flapping,) = told.flapping
    assert (flapping.name, flapping.changes, flapping.window.ToSeconds()) == ("eth0", 8, 600)
    bird, kernel = told.routes
    assert (bird.protocol, bird.daemon, bird.most, bird.gone.ToSeconds()) == ("bird", True, 412, 30)
    assert not kernel.HasField("gone")
    monitor, restore, waiter = told.tools
    assert (monitor.idle, restore.holds, restore.age.ToSeconds()) == (True, True, 31)
    assert (waiter.waits, waiter.holder) == (True, "iptables-restor[4711]")
    assert (told.rules.changes, told.rules.last.comm, told.rules.last.ago.ToSeconds()) == (
        17,
        "nft",
        8,
    )
    nat, legacy = told.rules.tables
    assert (nat.entries, nat.chains, nat.hooked) == (50231, 25012, 9)
    assert not legacy.HasField("chains")


def test_absent() -> None:
    """What is not known is absent, and why."""
    told = plumbing.answer(CALM).plumbing
    assert not told.conntrack.HasField("drops")
    assert not told.HasField("rules")
    assert told.saturated is False
    assert dict(told.absent_reasons) == {"neighbours4": "arp_cache: No such file or directory"}


def test_states() -> None:
    assert set(OVERLAY_STATE.pairs) == set(OverlayState)
    assert set(OVERLAY_STATE.pairs.values()) == set(plumbing_pb2.OverlayState.values()) - {0}


def test_metrics() -> None:
    """Absent while nothing is known."""
    view = SampleView()
    pages = Pages(view, HttpStatistics())

    def text() -> str:
        return b"".join(pages.pieces(Format.TEXT)).decode()

    now = text()
    for line in (
        "nodewitness_conntrack_entries 262144.0",
        "nodewitness_conntrack_limit 262144.0",
        'nodewitness_conntrack_events_total{event="drop"} 4810.0',
        "nodewitness_softnet_dropped_total 5120.0",
        "nodewitness_softnet_squeezed_total 88.0",
        'nodewitness_neighbour_entries{version="4"} 1024.0',
        'nodewitness_neighbour_table_fulls_total{version="4"} 77.0',
        'nodewitness_overlay_up{device="flannel.1",kind="vxlan"} 0.0',
        'nodewitness_overlay_up{device="wg0",kind="wireguard"} 1.0',
        'nodewitness_routes{protocol="bird",version="4"} 0.0',
        'nodewitness_local_ports{which="used"} 28100.0',
        "nodewitness_rule_program_oldest_seconds 31.0",
        'nodewitness_packet_filter_entries{backend="nftables",family="ip",table="nat"} 50231.0',
        "nodewitness_nftables_commits_total 17.0",
    ):
        assert line in now
    assert 'neighbour_table_fulls_total{version="6"}' not in now
    view.plumbing_now = replace(
        CALM, sample=replace(SAMPLE, conntrack=Conntrack(entries=1, limit=2))
    )
    now = text()
    assert "nodewitness_conntrack_entries 1.0" in now
    assert "nodewitness_conntrack_events_total{" not in now
    assert "nodewitness_rule_program_oldest_seconds 3" not in now
    view.plumbing_now = None
    assert "nodewitness_conntrack_entries" not in text()
