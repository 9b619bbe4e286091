"""agent.engine.nat: when the rules are read, and what is said of those that were read before."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest

from agent.engine import nat as engine
from agent.engine.nat import SELDOM_NS, SHARE, NatWatch
from agent.host.absence import SourceAbsent
from agent.host.namespaces import Namespaces
from agent.host.nft_changes import NftChanges
from agent.host.nftables import MODULE, NatReader
from agent.host.root import HostRoot
from agent.host.worker import Workers
from agent.model.absence import Absence
from agent.model.netlink import NatTable
from agent.model.plumbing import RuleChange
from tests.observe.fakes import FakeClock

S = 10**9


class Kernel:
    """Tells commits and rules."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (root / "sys/module" / MODULE).mkdir(parents=True)
        monkeypatch.setattr(engine, "NftChanges", self._opened)
        self.clock = FakeClock(now_ns=100 * S)
        self.seconds = 0.0
        self.reads = self.opened = self.closed = 0
        self.fails: Exception | None = None
        self.changes: list[RuleChange] = []
        self.lost = self.deaf = False
        self.hangs: threading.Event | None = None
        self.watch = NatWatch(
            clock=self.clock,
            root=HostRoot.at(root),
            namespaces=cast(Namespaces, None),
            reader=cast(NatReader, self),
            workers=Workers(2),
        )

    def _opened(self, _: Namespaces) -> NftChanges:
        if self.deaf:
            raise SourceAbsent(Absence.DENIED, "no")
        self.opened += 1
        return cast(NftChanges, self)

    def close(self) -> None:
        self.closed += 1

    def heard(self, _: int) -> tuple[list[RuleChange], bool]:
        if self.deaf:
            raise SourceAbsent(Absence.FAILED, "deaf")
        changes, self.changes = self.changes, []
        lost, self.lost = self.lost, False
        return changes, lost

    def read(self) -> NatTable:
        self.reads += 1
        if self.hangs is not None:
            self.hangs.wait(20)
        if self.fails is not None:
            raise self.fails
        return NatTable()

    def commit(self) -> None:
        self.changes.append(RuleChange(generation=3, pid=7, comm="nft", boottime_ns=1))

    async def look(self, seconds: float = 1) -> NatTable | None:
        self.clock.now_ns += int(seconds * S)
        return await self.watch.look()


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(tmp_path, monkeypatch)


async def test_nobody_commits(kernel: Kernel) -> None:
    """Read once, and again after a minute."""
    for _ in range(5):
        assert await kernel.look() == NatTable()
    assert (kernel.reads, kernel.opened) == (1, 1)
    await kernel.look(SELDOM_NS / S)
    assert kernel.reads == 2


async def test_somebody_commits(kernel: Kernel) -> None:
    """It is read at once; also when it is not known how many did."""
    await kernel.look()
    kernel.commit()
    assert await kernel.look() == NatTable()
    assert kernel.reads == 2
    kernel.lost = True
    await kernel.look()
    assert kernel.reads == 3


async def test_many_chains(kernel: Kernel) -> None:
    """Never for more than a share of the time: until then what was read is known to be old."""
    kernel.seconds = 2.0
    await kernel.look()
    kernel.commit()
    for _ in range(2):
        told = await kernel.look(20)
        assert told is not None
        assert "ago, and were changed since" in told.outdated
    assert kernel.reads == 1
    assert await kernel.look(SHARE * 2.0) == NatTable()
    assert kernel.reads == 2


async def test_deaf_after_a_commit(kernel: Kernel) -> None:
    """What was heard is not forgotten with the listener."""
    kernel.seconds = 2.0
    await kernel.look()
    kernel.lost = True
    await kernel.look()
    kernel.deaf = True
    told = await kernel.look()
    assert told is not None
    assert "the rules were read 2 s ago, and were changed since" in told.outdated
    assert await kernel.look(SHARE * 2.0) == NatTable()


async def test_nobody_tells_of_commits(kernel: Kernel) -> None:
    """Then they are read each time, as often as they may be; a listener that failed is closed."""
    await kernel.look()
    kernel.deaf = True
    for _ in range(2):
        assert await kernel.look() == NatTable()
    assert (kernel.reads, kernel.closed) == (3, 1)
    kernel.seconds = 1.0
    told = await kernel.look()
    assert told is not None
    assert "ago and may have changed since" in told.unread
    assert told.outdated == ""
    kernel.deaf = False
    kernel.seconds = 0.0
    await kernel.look()
    await kernel.look()
    assert (kernel.reads, kernel.opened) == (4, 2)


async def test_rules_that_cannot_be_read(kernel: Kernel) -> None:
    """Nothing that was read before stands for them."""
    await kernel.look()
    kernel.commit()
    kernel.fails = SourceAbsent(Absence.FAILED, "no")
    assert await kernel.look() is None
    kernel.seconds = 1.0
    assert await kernel.look() is None
    assert kernel.reads == 2
    kernel.fails = None
    assert await kernel.look(SHARE) == NatTable()


async def test_rules_that_hang(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread is left behind, not one at each look."""
    monkeypatch.setattr(engine, "READ_SECONDS", 0.01)
    kernel.hangs = threading.Event()
    try:
        for _ in range(4):
            assert await kernel.look() is None
        assert kernel.watch.workers.abandoned == 1
    finally:
        kernel.hangs.set()


async def test_close(kernel: Kernel) -> None:
    """Harmless when repeated, and before the first look."""
    kernel.watch.close()
    await kernel.look()
    kernel.watch.close()
    kernel.watch.close()
    assert (kernel.opened, kernel.closed) == (1, 1)
