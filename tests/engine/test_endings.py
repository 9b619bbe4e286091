"""How the exits ledger is fed: senders while they are there, deaths from every side."""

from __future__ import annotations

from typing import cast

import pytest
from msgspec.structs import replace

from agent.engine.endings import Endings
from agent.host.absence import SourceAbsent
from agent.host.clock import ticks_to_ns
from agent.host.cri import CriContainer
from agent.host.proc import ProcReader
from agent.inventory.containers import Inventory
from agent.inventory.listing import Listing
from agent.inventory.names import ContainerKind
from agent.ledger.deaths import DeathBook
from agent.ledger.exit_series import ExitSeries
from agent.ledger.exits import ExitsLedger
from agent.ledger.sight import Sight
from agent.model.absence import Absence
from agent.model.cgroup import CgroupId
from agent.model.event import ExitRecorded
from agent.model.evidence import (
    CgroupGone,
    EndWanted,
    ExitSeen,
    SenderSeen,
    SenderWanted,
    SignalsMissed,
    SourceLost,
)
from agent.model.exits import StopReason, Verdict
from agent.model.memory import Headroom, MemoryReport, Signal
from agent.model.oom import Attribution, Confidence, Container
from agent.model.process import ProcessStat
from agent.parse.cgroup_path import place
from tests.ledger.endings import process_exit, signal_sent
from tests.ledger.kernel import BOOT, CID, CONTAINER, SECOND, UID
from tests.observe.fakes import FakeClock

INODE, INIT, SENDER = 77, 4711, 77
POD = CONTAINER.rpartition("/")[0]
NAMES = Container(namespace="shop", pod="web", pod_uid=UID, name="app", id=CID, names_from="cri")
RUNTIME = "/system.slice/containerd.service"


class Processes:
    """/proc with one process, the sender; `start_ticks` when it started."""

    def __init__(self) -> None:
        self.start_ticks = 1
        self.there = True

    def stat(self, pid: int) -> ProcessStat:
        if not self.there:
            raise SourceAbsent(Absence.VANISHED, "gone")
        return ProcessStat(pid=pid, comm="x", state="S", ppid=1, start_ticks=self.start_ticks)

    def memory_cgroup(self, pid: int) -> str:
        return RUNTIME


class Bench:
    """One container, `known` by its init; the recorder knows every sender."""

    def __init__(self) -> None:
        self.proc, self.inventory, self.deaths = Processes(), Inventory("v2"), DeathBook()
        self.report: MemoryReport | None = None
        self.clock = FakeClock(now_ns=100 * SECOND)
        self.sight = Sight(lambda: True)
        self.ledger = ExitsLedger(
            boot_id=BOOT,
            wall_offset_ns=0,
            deaths=self.deaths,
            names_of=self.inventory.names_of,
            signals_since_ns=self.sight.since_ns,
        )
        self.endings = Endings(
            clock=self.clock,
            proc=cast(ProcReader, self.proc),
            inventory=self.inventory,
            ledger=self.ledger,
            series=ExitSeries(retention_ns=SECOND, max_series=9),
            sight=self.sight,
            places=self.places,
            memory=lambda: self.report,
        )
        self.now = 100 * SECOND
        key = CgroupId(hierarchy="v2", inode=INODE)
        self.inventory.appeared(place(CONTAINER), INODE, SECOND)
        self.inventory.named(key, NAMES, ContainerKind.CONTAINER)
        self.inventory.init_found(key, INIT, SECOND)

    async def places(
        self, asked: tuple[tuple[int, int], ...]
    ) -> dict[int, tuple[str, Attribution]]:
        return {pid: (RUNTIME, Attribution.RECORDER) for pid, _ in asked if pid == SENDER}

    def dies(self) -> None:
        """Of SIGKILL, at once."""
        ended = process_exit(INIT, self.now, signal=9)
        self.deaths.ended(ended)
        self.endings.hear(ExitSeen(exit=ended), self.now)

    def gone(self, path: str = CONTAINER, inode: int = INODE) -> None:
        self.inventory.vanished(path, inode, self.now)
        self.endings.hear(CgroupGone(place=place(path), inode=inode), self.now)

    def tick(self) -> None:
        self.now += SECOND
        self.endings.tick(self.now)


def test_a_sender_that_is_there() -> None:
    """Its cgroup is read at once, if it signals a container's init."""
    bench = Bench()
    sent = signal_sent(INIT, bench.now)
    assert bench.endings.placed(sent).sender_cgroup == RUNTIME
    assert bench.endings.placed(signal_sent(9, bench.now)).sender_cgroup == ""
    itself = replace(sent, sender_pid=INIT)
    assert bench.endings.placed(itself) == itself


@pytest.mark.parametrize("what", ["gone", "another"])
def test_a_sender_that_is_gone(what: str) -> None:
    """Nothing is read of who has its pid now."""
    bench = Bench()
    bench.proc.there = what != "gone"
    while ticks_to_ns(bench.proc.start_ticks) <= bench.now + SECOND:
        bench.proc.start_ticks *= 2
    sent = signal_sent(INIT, bench.now)
    assert bench.endings.placed(sent) == sent


async def test_the_recorder_is_asked() -> None:
    """It knows one of two; who is there still is found without it."""
    bench = Bench()
    late = SenderWanted(container_id=CID, pid=5, boottime_ns=bench.now)
    assert (await bench.endings.find(late)).cgroup == RUNTIME
    bench.proc.there = False
    for pid, cgroup in ((SENDER, RUNTIME), (5, "")):
        wanted = SenderWanted(container_id=CID, pid=pid, boottime_ns=1)
        seen = SenderSeen(container_id=CID, pid=pid, cgroup=cgroup)
        assert await bench.endings.find(wanted) == seen


@pytest.mark.parametrize("order", ["exit", "gone", "both"])
def test_a_death_from_either_side(order: str) -> None:
    """The exit of the init or the end of the cgroup opens it; both are one."""
    bench = Bench()
    if order != "gone":
        bench.dies()
    if order != "exit":
        bench.gone()
        bench.gone()
    bench.tick()
    (told,) = bench.endings.flush(bench.now)
    assert isinstance(told, ExitRecorded)
    assert told.death.container == NAMES
    assert told.death.signal == (None if order == "gone" else 9)


@pytest.mark.parametrize(
    ("heard", "confidence"),
    [
        (None, Confidence.HIGH),
        (SignalsMissed(), Confidence.LOW),
        (SourceLost(source="signals", lost=1, detail="x"), Confidence.LOW),
        (SourceLost(source="kmsg", lost=1, detail="x"), Confidence.HIGH),
    ],
)
def test_an_end_in_a_flood_of_signals(
    heard: SignalsMissed | SourceLost | None, confidence: Confidence
) -> None:
    """It may have been asked to stop, by a signal that was lost or is read too late."""
    bench = Bench()
    bench.tick()
    bench.now += 60 * SECOND
    if heard is not None:
        bench.endings.hear(heard, bench.now)
    ended = replace(process_exit(INIT, bench.now), exit_code=1)
    bench.deaths.ended(ended)
    bench.endings.hear(ExitSeen(exit=ended), bench.now)
    bench.tick()
    (told,) = bench.endings.flush(bench.now)
    assert isinstance(told, ExitRecorded)
    assert (told.death.verdict, told.death.confidence) == (Verdict.EXITED, confidence)


def test_a_foreign_inode() -> None:
    """A cgroup that had the path before is not this container."""
    bench = Bench()
    bench.endings.hear(CgroupGone(place=place(CONTAINER), inode=5), bench.now)
    bench.tick()
    assert bench.endings.flush(bench.now) == []


@pytest.mark.parametrize("crossed", [False, True])
def test_an_eviction(crossed: bool) -> None:
    """The pod goes while a threshold is crossed."""
    bench = Bench()
    since = 1 if crossed else None
    headroom = Headroom(signal=Signal.MEMORY, crossed_since_boottime_ns=since)
    bench.report = MemoryReport(boottime_ns=bench.now, wall_ns=1, headrooms=(headroom,))
    bench.tick()
    bench.deaths.sent(replace(signal_sent(INIT, bench.now), sender_comm="runc"))
    bench.dies()
    bench.gone(POD, 5)
    bench.tick()
    told = [out for out in bench.endings.flush(bench.now) if isinstance(out, ExitRecorded)]
    (death,) = (each.death for each in told)
    assert death.verdict is Verdict.KILLED_BY_RUNTIME
    assert death.stop_reason is (StopReason.EVICTION if crossed else StopReason.DELETION)


def listing(state: str, cid: str) -> Listing:
    container = CriContainer(
        id=cid, sandbox_id="s", name="app", namespace="shop", pod="web", pod_uid=UID, state=state
    )
    return Listing(sandboxes={}, containers={cid: container})


def test_the_list_of_the_runtime() -> None:
    """Asked about are those that ended, whose cgroup is not there, and that nobody knows."""
    bench = Bench()
    other = "8" * 64
    bench.endings.listed(listing("RUNNING", other))
    bench.endings.listed(listing("EXITED", CID))  # its cgroup is on its way out
    assert bench.endings.flush(bench.now) == []
    bench.endings.listed(listing("EXITED", other))
    bench.endings.listed(listing("EXITED", other))
    (wanted,) = bench.endings.flush(bench.now)
    assert isinstance(wanted, EndWanted)
    assert (wanted.place.container_id, wanted.place.pod_uid) == (other, UID)
