"""The last word on a container: asked again until it is final, by few at a time, never for ever."""

from __future__ import annotations

import asyncio

import pytest

from agent.engine import last_words
from agent.engine.last_words import LastWords
from agent.host.cri import CriContainerStatus
from agent.inventory.containers import Inventory
from agent.inventory.listing import Lister
from agent.inventory.names import ContainerKind
from agent.ledger.deaths import DeathBook
from agent.model.death import ProcessExit
from agent.model.evidence import EndSeen, EndWanted, SourceLost
from agent.model.oom import ContainerExit, ExitTeller
from agent.parse.cgroup_path import place
from tests.inventory.fakes import FakeRuntime, Timeline, silent
from tests.ledger.kernel import CID, CONTAINER
from tests.observe.fakes import FakeClock

WANTED = EndWanted(place=place(CONTAINER))


def status(reason: str = "", code: int | None = None) -> CriContainerStatus:
    return CriContainerStatus(
        state="RUNNING" if code is None else "EXITED",
        reason=reason,
        exit_code=code,
        started_at_ns=1,
        finished_at_ns=None if code is None else 7_000,
    )


class Bench:
    """LastWords over a runtime of paper."""

    def __init__(self) -> None:
        self.time, self.runtime, self.inventory = Timeline(), FakeRuntime(), Inventory("unified")
        self.deaths = DeathBook()
        self.told: list[EndSeen | SourceLost] = []
        lister = Lister(
            self.runtime,
            on_listing=lambda listing: None,
            on_health=lambda absent: None,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )
        self.words = LastWords(
            clock=FakeClock(),
            inventory=self.inventory,
            status=lister.status,
            silent=lister.pausing,
            deaths=self.deaths,
            tell=self.told.append,
            sleep=self.time.sleep,
        )

    def answers(self, answer: CriContainerStatus | None) -> None:
        self.runtime.statuses = {} if answer is None else {CID: answer}

    def ends(self) -> list[tuple[str, ContainerExit | None]]:
        return [(s.runtime_says, s.exit) for s in self.told if isinstance(s, EndSeen)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_it_is_asked_until_it_is_final(bench: Bench) -> None:
    """ "Running" is no last word: the record is written some time after the exit."""
    bench.answers(status("OOMKilled"))
    asking = asyncio.create_task(bench.words.answer(WANTED))
    await bench.time.advance(2)
    assert (bench.runtime.words, bench.told) == (2, [])
    bench.answers(status("OOMKilled", 137))
    await bench.time.advance(2)
    ended = ContainerExit(exit_code=137, signal=None, wall_ns=7_000, told_by=ExitTeller.RUNTIME)
    assert bench.ends() == [("OOMKilled, exit code 137", ended)]
    assert asking.done()


async def test_137_without_a_reason_is_asked_once_more(bench: Bench) -> None:
    """The runtime may hear of the OOM kill after the exit."""
    bench.answers(status("Error", 137))
    asking = asyncio.create_task(bench.words.answer(WANTED))
    await bench.time.advance(1)
    assert bench.told == []
    bench.answers(status("OOMKilled", 137))
    await bench.time.advance(2)
    assert [says for says, _ in bench.ends()] == ["OOMKilled, exit code 137"]
    assert (bench.runtime.words, asking.done()) == (2, True)


async def test_a_silent_runtime_is_waited_for(bench: Bench) -> None:
    """However long that takes, it is asked again when it answers; meanwhile nothing is said."""
    bench.answers(status("OOMKilled", 137))
    bench.runtime.error = silent()
    asking = asyncio.create_task(bench.words.answer(WANTED))
    await bench.time.advance(300)
    assert (bench.told, bench.runtime.words < 20) == ([], True)
    bench.runtime.error = None
    await bench.time.advance(60)
    assert [says for says, _ in bench.ends()] == ["OOMKilled, exit code 137"]
    assert asking.done()


@pytest.mark.parametrize("answer", [None, status()])
async def test_no_record_is_an_answer(bench: Bench, answer: CriContainerStatus | None) -> None:
    """A container that the runtime has removed, or for ever calls Running, has no last word."""
    bench.answers(answer)
    asking = asyncio.create_task(bench.words.answer(WANTED))
    await bench.time.advance(sum(last_words.PAUSES_SECONDS) + 1)
    assert bench.ends() == [("", None)]
    assert asking.done()


@pytest.mark.parametrize(("code", "signal"), [(None, 9), (0, None)])
async def test_the_kernel_tells_the_end_better(
    bench: Bench, code: int | None, signal: int | None
) -> None:
    """How the init ended is taken from the kernel where it told, also without the runtime."""
    record = bench.inventory.appeared(WANTED.place, 7, 0)
    assert record is not None
    bench.inventory.init_found(record.id, 829, 4)
    bench.deaths.ended(
        ProcessExit(pid=829, parent_pid=1, boottime_ns=50, exit_code=code, signal=signal)
    )
    asking = asyncio.create_task(bench.words.answer(WANTED))
    await bench.time.advance(1)
    clock = FakeClock()
    wall_ns = 50 + clock.wall_ns() - clock.boottime_ns()
    ended = ContainerExit(exit_code=code, signal=signal, wall_ns=wall_ns, told_by=ExitTeller.KERNEL)
    assert bench.ends() == [("", ended)]
    assert asking.done()


async def test_a_sandbox_is_not_asked_about(bench: Bench) -> None:
    """The runtime keeps no such record of it."""
    record = bench.inventory.appeared(WANTED.place, 7, 0)
    assert record is not None
    bench.inventory.named(record.id, record.names, ContainerKind.SANDBOX)
    await bench.words.answer(WANTED)
    assert bench.ends() == [("", None)]
    assert bench.runtime.words == 0


async def test_a_storm_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few questions at a time; who comes when too many wait goes without, and that is told."""
    monkeypatch.setattr(last_words, "MAX_WAITING", 20)
    bench.runtime.hold.clear()
    tasks = [asyncio.create_task(bench.words.answer(WANTED)) for _ in range(23)]
    await bench.time.advance(1)
    assert bench.runtime.words == last_words.IN_FLIGHT
    assert bench.ends() == [("", None)] * 3
    bench.answers(status("Completed", 0))
    bench.runtime.hold.set()
    await bench.time.advance(1)
    assert all(task.done() for task in tasks)
    assert len(bench.ends()) == 23
    assert [s.lost for s in bench.told if isinstance(s, SourceLost)] == [3]
