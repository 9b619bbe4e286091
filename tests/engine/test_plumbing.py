"""agent.engine.plumbing and agent.engine.packet_filter: the rhythm, and what hangs."""

from __future__ import annotations

from typing import cast

import pytest

from agent.engine import packet_filter
from agent.engine import plumbing as engine
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.packet_filter import SELDOM_NS, PacketFilterWatch
from agent.engine.plumbing import FABRIC, LINKS, PLUMBING, PlumbingWatch
from agent.host.absence import SourceAbsent
from agent.host.local_ports import LocalPortCounter
from agent.host.namespaces import Namespaces
from agent.host.nft_changes import NftChanges
from agent.host.plumbing import PlumbingCounters
from agent.host.rule_tables import RuleTables
from agent.host.rule_tools import RuleTools
from agent.host.worker import Abandoned, Workers
from agent.model.absence import Absence
from agent.model.plumbing import (
    LocalPorts,
    PlumbingReport,
    PlumbingSample,
    RuleChange,
    RuleTable,
    SeenTool,
)
from agent.model.source import SourceState
from agent.observe.plumbing import Fabric
from tests.derive.test_plumbing import overlay, sample, tool
from tests.observe.fakes import FakeClock

S = 10**9
TABLE = RuleTable(backend="nftables", family="ip", name="nat", entries=9, chains=2, hooked=1)


class Node:
    """The host is a few values."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock(now_ns=100 * S)
        self.board = SourceBoard(self.clock)
        self.fabric: Fabric | None = Fabric(links=(overlay(),), routes={(4, 12): 2})
        self.drops = 0
        self.hangs = False
        self.read = 0
        self.tools_now = (tool(1, "nft", state="R"),)
        monkeypatch.setattr(engine, "read_fabric", lambda _: self._fabric())
        self.tables = Tables()
        self.rules = PacketFilterWatch(
            clock=self.clock,
            namespaces=cast(Namespaces, None),
            tables=cast(RuleTables, self.tables),
            workers=Workers(1),
        )
        self.rules._changes = cast(NftChanges, self.tables)
        self.watch = PlumbingWatch(
            clock=self.clock,
            board=self.board,
            guard=Guard(self.board),
            workers=Workers(1),
            netlink=Workers(1),
            counters=cast(PlumbingCounters, self),
            programs=cast(RuleTools, self),
            port_counter=cast(LocalPortCounter, self),
            namespaces=cast(Namespaces, None),
            rules=self.rules,
        )

    def sample(self, now_ns: int) -> PlumbingSample:
        if self.hangs:
            raise Abandoned("did not return")
        return sample(now_ns // S, drop=self.drops)

    def tools(self) -> tuple[SeenTool, ...]:
        return self.tools_now

    def lock(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return (1,), ()

    def count(self) -> LocalPorts:
        return LocalPorts(total=28232, sockets=7)

    def comm(self, pid: int) -> str:
        return "nft"

    def _fabric(self) -> Fabric:
        self.read += 1
        if self.fabric is None:
            raise SourceAbsent(Absence.FAILED, "rtnl hangs")
        return self.fabric

    async def look(self) -> PlumbingReport:
        self.clock.now_ns += 5 * S
        await self.watch.look()
        assert self.watch.report is not None
        return self.watch.report

    def state(self, source: str) -> SourceState:
        return next(row for row in self.board.health() if row.name == source).state


class Tables:
    """Of nftables, and who changes them."""

    def __init__(self) -> None:
        self.nftables = True
        self.seconds = 0.0
        self.counts = 0
        self.changes: list[RuleChange] = []
        self.lost = False
        self.broken = False
        self.deaf = False
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def count(self) -> tuple[RuleTable, ...]:
        if self.broken:
            raise SourceAbsent(Absence.DENIED, "no")
        self.counts += 1
        return (TABLE,)

    def heard(self, now_ns: int) -> tuple[list[RuleChange], bool]:
        if self.deaf:
            raise SourceAbsent(Absence.FAILED, "deaf")
        changes, self.changes = self.changes, []
        return changes, self.lost

    def commit(self) -> None:
        self.changes.append(RuleChange(generation=3, pid=7, comm="nft", boottime_ns=1))


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


async def test_report(node: Node) -> None:
    """Counters and programs at each look, devices and routes at every second one."""
    await node.look()
    node.drops = 50
    report = await node.look()
    assert (report.rates.conntrack_drops, report.rates.saturated) == (10.0, True)
    assert [t.comm for t in report.tools] == ["nft"]
    assert report.tools[0].holds
    assert node.read == 1
    report = await node.look()
    assert node.read == 2
    assert [o.name for o in report.overlays] == ["flannel.1"]
    assert [(r.protocol, r.count) for r in report.routes] == [("bird", 2)]
    assert report.ports == LocalPorts(total=28232, sockets=7)
    assert report.rules is not None
    assert report.rules.tables == (TABLE,)
    assert (node.state(PLUMBING), node.state(FABRIC)) == (SourceState.UP, SourceState.UP)


async def test_no_fabric(node: Node) -> None:
    """What was seen of devices goes on, and the source says that nobody looks."""
    for _ in range(3):
        await node.look()
    node.fabric = None
    await node.look()
    report = await node.look()
    assert report.absent[LINKS] == "rtnl hangs"
    assert [o.state.value for o in report.overlays] == ["up"]
    assert (node.state(PLUMBING), node.state(FABRIC)) == (SourceState.UP, SourceState.DOWN)
    node.fabric = Fabric(links=(), routes={})
    await node.look()
    report = await node.look()
    assert LINKS not in report.absent
    assert [o.state.value for o in report.overlays] == ["vanished"]


async def test_counters_hang(node: Node) -> None:
    """Then nothing is claimed."""
    await node.look()
    node.hangs = True
    await node.watch.look()
    assert node.watch.report is None
    assert (node.state(PLUMBING), node.state(FABRIC)) == (SourceState.DOWN, SourceState.DOWN)
    node.hangs = False
    await node.look()


async def test_rules(node: Node) -> None:
    """Counted when somebody commits, and once a minute; seldom if counting takes long."""
    tables, rules = node.tables, node.rules
    await rules.look()
    await rules.look()
    assert tables.counts == 1
    tables.commit()
    await rules.look()
    assert tables.counts == 2
    assert rules.filter is not None
    assert (rules.filter.changes, rules.filter.last and rules.filter.last.comm) == (1, "nft")
    node.clock.now_ns += SELDOM_NS
    await rules.look()
    assert tables.counts == 3
    tables.seconds = 2.0
    tables.lost = True
    node.clock.now_ns += 90 * S
    await rules.look()
    assert tables.counts == 3
    node.clock.now_ns += 10 * S
    await rules.look()
    assert tables.counts == 4


async def test_rules_unread(node: Node) -> None:
    """The last count stays, with the reason why there is no newer one."""
    await node.rules.look()
    node.tables.broken = True
    node.tables.commit()
    await node.rules.look()
    assert node.rules.filter is not None
    assert (node.rules.filter.tables, node.rules.filter.unread) == ((TABLE,), "no")
    node.tables.broken = False
    node.clock.now_ns += SELDOM_NS
    await node.rules.look()
    assert node.rules.filter.unread == ""


async def test_deaf(node: Node) -> None:
    """A listener that fails is closed, and another one is opened when it is time."""
    await node.rules.look()
    node.tables.deaf = True
    node.tables.nftables = False
    await node.rules.look()
    assert (node.rules.unread, node.tables.closed) == ("deaf", True)
    await node.rules.look()
    assert node.rules.filter is not None
    assert (node.rules.filter.unread, node.tables.counts) == ("", 2)


async def test_a_listener_that_comes_late(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed before it listened was not heard, and is counted at once."""
    node.rules._changes = None
    node.tables.nftables = False
    await node.look()
    assert node.tables.counts == 1
    node.tables.nftables = True
    monkeypatch.setattr(packet_filter, "NftChanges", lambda _: node.tables)
    for _ in range(2):  # rules are looked at every second time
        await node.look()
    assert node.tables.counts == 2
