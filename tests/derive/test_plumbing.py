"""agent.derive.plumbing_rates, overlays, route_origins and rule_tools."""

from __future__ import annotations

from agent.derive.overlays import FLAP_WINDOW_NS, FORGET_NS, FlapFold, OverlayFold
from agent.derive.plumbing_rates import PlumbingFold
from agent.derive.route_origins import RouteFold
from agent.derive.rule_tools import RuleToolFold
from agent.model.netlink import Link
from agent.model.plumbing import (
    Conntrack,
    ConntrackCounters,
    Neighbours,
    PlumbingRates,
    PlumbingSample,
    SeenTool,
    Softnet,
)

S = 10**9


def sample(seconds: int, drop: int = 0, softnet: int = 0, fulls: int | None = 0) -> PlumbingSample:
    return PlumbingSample(
        boottime_ns=seconds * S,
        conntrack=Conntrack(
            entries=1,
            limit=2,
            counters=ConntrackCounters(insert_failed=drop * 2, drop=drop, early_drop=0),
        ),
        softnet=Softnet(processed=1, dropped=softnet, squeezed=softnet * 10),
        neighbours=(Neighbours(version=4, entries=1, table_fulls=fulls),),
    )


def test_rates() -> None:
    """Over ten seconds; nothing is known after one look."""
    fold = PlumbingFold()
    assert fold.take(sample(100)) == PlumbingRates(window_seconds=0.0)
    assert fold.take(sample(100)).saturated is None
    assert fold.take(sample(105, drop=10, softnet=5)).conntrack_drops == 2.0
    rates = fold.take(sample(110, drop=40, softnet=5, fulls=30))
    assert (rates.window_seconds, rates.conntrack_drops, rates.softnet_drops) == (10.0, 4.0, 0.5)
    assert (rates.conntrack_insert_failed, rates.softnet_squeezes) == (8.0, 5.0)
    assert rates.neighbour_fulls == {4: 3.0}
    assert fold.take(sample(115, drop=40, softnet=5, fulls=30)).conntrack_drops == 3.0
    rates = fold.take(sample(120, drop=40, softnet=5, fulls=30))
    assert (rates.conntrack_drops, rates.saturated) == (0.0, False)


def test_wrapped() -> None:
    """A counter that falls says nothing; one that is not there neither."""
    fold = PlumbingFold()
    fold.take(sample(100, drop=50, softnet=9, fulls=None))
    rates = fold.take(sample(105, drop=10, softnet=9))
    assert (rates.conntrack_drops, rates.softnet_drops) == (None, 0.0)
    assert rates.neighbour_fulls == {}
    rates = fold.take(PlumbingSample(boottime_ns=106 * S))
    assert rates == PlumbingRates(window_seconds=6.0)


def test_saturated() -> None:
    """Packets lost, or very many late; a few squeezes are normal."""
    at = PlumbingRates(window_seconds=10.0)
    assert at.saturated is None
    assert PlumbingRates(window_seconds=10.0, conntrack_drops=1.0).saturated
    assert PlumbingRates(window_seconds=10.0, softnet_drops=0.2, softnet_squeezes=50.0).saturated
    assert (
        PlumbingRates(window_seconds=10.0, softnet_drops=0.2, softnet_squeezes=9.0).saturated
        is False
    )


def overlay(
    name: str = "flannel.1", kind: str = "vxlan", *, up: bool = True, carrier: bool | None = True
) -> Link:
    return Link(index=4, name=name, up=up, kind=kind, carrier=carrier)


class Overlays:
    def __init__(self) -> None:
        self.fold = OverlayFold()
        self.now = 100

    def look(self, *links: Link, after: int = 10) -> list[tuple[str, str, int]]:
        self.now += after
        found = self.fold.take(links, self.now * S)
        return [(o.name, o.state.value, self.now - o.since_boottime_ns // S) for o in found]


def test_overlay() -> None:
    """Up for two looks, then gone, then back."""
    seen = Overlays()
    assert seen.look(overlay()) == []
    assert seen.look(overlay()) == [("flannel.1", "up", 10)]
    assert seen.look() == [("flannel.1", "vanished", 0)]
    assert seen.look() == [("flannel.1", "vanished", 10)]
    assert seen.look(overlay()) == [("flannel.1", "up", 0)]
    assert seen.look(overlay(up=False)) == [("flannel.1", "down", 0)]
    assert seen.look(overlay(carrier=False)) == [("flannel.1", "down", 10)]
    assert seen.look() == [("flannel.1", "vanished", 0)]
    assert seen.look(after=FORGET_NS // S) == []


def test_never_used() -> None:
    """One that was never up, or for one look only, is not missed; other kinds are no overlays."""
    seen = Overlays()
    assert seen.look(overlay("tunl0", "ipip", up=False), overlay("eth0", "")) == []
    assert seen.look(overlay("tunl0", "ipip", up=False), overlay("geneve0", "geneve")) == []
    assert seen.look(overlay("geneve0", "geneve", up=False)) == []
    assert seen.look() == []


def test_replaced() -> None:
    """Another CNI has another device."""
    seen = Overlays()
    seen.look(overlay())
    seen.look(overlay())
    assert seen.look() == [("flannel.1", "vanished", 0)]
    new = overlay("cilium_vxlan")
    assert seen.look(new) == []
    assert seen.look(new) == [("cilium_vxlan", "up", 10)]
    again = Overlays()
    again.look(overlay(), new)
    again.look(overlay(), new)
    assert ("flannel.1", "vanished", 0) in again.look(new)
    assert ("flannel.1", "vanished", 10) in again.look(new)


def port(changes: int | None, name: str = "eth0", kind: str = "") -> Link:
    return Link(index=2, name=name, up=True, kind=kind, carrier_changes=changes)


def test_flaps() -> None:
    """Six changes in ten minutes; a bridge's carrier is nobody's cable."""
    fold = FlapFold()
    assert fold.take([port(2), port(0, "cni0", "bridge"), port(None, "eth1")], 0) == ()
    assert fold.take([port(7), port(90, "cni0", "bridge")], 10 * S) == ()
    (found,) = fold.take([port(8)], 20 * S)
    assert (found.name, found.changes, found.window_seconds) == ("eth0", 6, 20.0)
    assert fold.take([port(8)], FLAP_WINDOW_NS // 2) != ()
    assert fold.take([port(8)], FLAP_WINDOW_NS * 2) == ()
    assert fold.take([port(0)], FLAP_WINDOW_NS * 2 + S) == ()
    assert fold.take([port(3)], FLAP_WINDOW_NS * 2 + 2 * S) == ()


def test_routes() -> None:
    """A daemon's routes that fall to zero are missed; the kernel's are not."""
    fold = RouteFold()
    counts = {(4, 12): 40, (4, 2): 3, (6, 9): 1}
    assert [r.protocol for r in fold.take(counts, 0)] == ["kernel", "bird", "ra"]
    fold.take({(4, 12): 44, (4, 2): 3}, 10 * S)
    bird = next(r for r in fold.take({(4, 2): 2}, 20 * S) if r.protocol == "bird")
    assert (bird.count, bird.most, bird.daemon, bird.gone_since_boottime_ns) == (
        0,
        44,
        True,
        20 * S,
    )
    (bird,) = fold.take({}, 30 * S)
    assert bird.gone_since_boottime_ns == 20 * S
    (bird,) = fold.take({(4, 12): 1}, 40 * S)
    assert (bird.count, bird.gone_since_boottime_ns) == (1, None)
    fold.take({}, 50 * S)
    assert fold.take({}, 50 * S + 3600 * S) == ()


def test_new_routes() -> None:
    """What was there at one look only is not missed; a protocol without a name has its number."""
    fold = RouteFold()
    assert [r.protocol for r in fold.take({(4, 186): 1, (4, 77): 1}, 0)] == ["77", "bgp"]
    assert fold.take({}, 10 * S) == ()


def tool(
    pid: int, comm: str = "iptables", *, state: str = "S", cpu: int = 0, wchan: str = ""
) -> SeenTool:
    return SeenTool(
        pid=pid, comm=comm, start_boottime_ns=pid * S, state=state, cpu_ticks=cpu, wchan=wchan
    )


def test_tools() -> None:
    """Who holds, who waits for whom, who works, and who only listens."""
    fold = RuleToolFold()
    holder, waiter = tool(2, "iptables-restor", state="R"), tool(3)
    monitor, blocked = tool(1, "nft"), tool(4, "nft", state="D", wchan="nft_rcv_skb_batch")
    polls = tool(5, "ip6tables", wchan="hrtimer_nanosleep")
    found = fold.take([waiter, holder, monitor, blocked, polls], {2: "iptables-restor"}, (3,))
    assert [t.pid for t in found] == [1, 2, 3, 4, 5]
    assert [t.idle for t in found] == [True, False, False, False, False]
    assert [t.holds for t in found] == [False, True, False, False, False]
    assert [t.waits for t in found] == [False, False, True, True, True]
    assert [t.holder for t in found] == [
        "",
        "",
        "iptables-restor[2]",
        "",
        "iptables-restor[2]",
    ]


def test_works() -> None:
    """CPU time that rises is work, whatever the state is; a holder may be another program."""
    fold = RuleToolFold()
    assert fold.take([tool(1, "nft", cpu=5)], {}, ())[0].idle
    assert not fold.take([tool(1, "nft", cpu=9)], {}, ())[0].idle
    assert fold.take([tool(1, "nft", cpu=9)], {}, ())[0].idle
    (waiter,) = fold.take([tool(3)], {700: "calico-node"}, (3,))
    assert waiter.holder == "calico-node[700]"
