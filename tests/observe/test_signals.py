"""From trace_pipe to signals, whatever their number."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import cast

import pytest

from agent.host.proc import ProcReader
from agent.host.trace_instance import TraceInstance
from agent.model.evidence import Observation, SignalSeen, SignalsMissed, SourceLost
from agent.observe.rationed import LOSS_TICKS, RECORDS_PER_TICK
from agent.observe.signals import FILTER, SignalWatcher
from tests.observe.fakes import FakeProc

LINE = (
    b"    bash-17373   [000] d..1.  4831.677189: signal_generate: sig=9 errno=0 code=0"
    b" comm=bash pid=17427 grp=1 res=0\n"
)


FASTER = "signals came faster than they are read"


class FakeInstance:
    """Its descriptor is readable for ever, as in a flood."""

    buffer_bytes = 65536

    def __init__(self) -> None:
        self.data = b""
        self.overruns = 3  # from before we came
        self.enabled: list[tuple[str, str]] = []
        self._read, self._write = os.pipe()
        os.write(self._write, b"x")

    def enable(self, event: str, event_filter: str) -> None:
        self.enabled.append((event, event_filter))

    def start(self) -> None: ...

    def open_pipe(self) -> None: ...

    def fileno(self) -> int:
        return self._read

    def lost(self) -> int:
        return self.overruns

    def read(self) -> bytes | None:
        return self.data or None

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


class Bench:
    def __init__(self) -> None:
        self.instance = FakeInstance()
        self.watcher = SignalWatcher(
            cast(TraceInstance, self.instance), cast(ProcReader, FakeProc())
        )

    def readable(self) -> bool:
        with select.epoll() as epoll:
            epoll.register(self.watcher.fileno() or -1, select.EPOLLIN)
            return bool(epoll.poll(0))

    def hear(self, data: bytes) -> list[Observation]:
        self.instance.data = data
        return self.watcher.observe()[0]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.watcher.close()


def test_signals_are_told(bench: Bench) -> None:
    """Each line is a signal; the last one does not wait for a next."""
    seen = bench.hear(b"CPU:0 [LOST 5 EVENTS]\n" + 2 * LINE)
    assert [item.sent.target_pid for item in seen if isinstance(item, SignalSeen)] == [17427] * 2
    assert bench.watcher.records == 2
    assert bench.readable()


# signal, code, comm of the sender, result; as events/signal/signal_generate/filter reads them
EVENTS = [
    (9, 0, "bash", 0, True),
    (9, 0, "bash", 2, False),  # pending already
    (15, 0, "bash", 1, True),
    (10, 0, "bash", 0, False),
    (10, 0, "runc", 0, True),
    (28, 0, "crun", 1, True),
    (37, 0, "containerd-shim", 0, True),
    (28, 128, "containerd-shim", 0, False),  # its terminal has another size
    (17, 1, "runc", 0, False),  # a child has ended
    (23, -6, "containerd", 0, False),  # Go's scheduler
    (5, 0, "bash", 0, True),
    (5, 128, "work", 0, False),  # a breakpoint
    (31, -6, "work", 0, True),
    (31, 1, "work", 0, False),  # seccomp
]


@pytest.mark.parametrize(("sig", "code", "comm", "result", "told"), EVENTS)
def test_what_the_kernel_lets_through(
    sig: int, code: int, comm: str, result: int, told: bool
) -> None:
    """Who may end a process, and all that a runtime sends it; not what comes all day."""
    rule = FILTER.replace("&&", "and").replace("||", "or")
    fields = {"sig": sig, "code": code, "COMM": comm, "result": result}
    assert eval(rule, {}, fields) is told


def test_nothing_waits(bench: Bench) -> None:
    """None is not an event."""
    assert bench.hear(b"") == []


def test_a_flood_waits_for_the_tick(bench: Bench) -> None:
    """So many are read, then it wakes nobody, then it is read again."""
    assert len(bench.hear(RECORDS_PER_TICK * LINE)) == RECORDS_PER_TICK
    assert not bench.readable()
    assert bench.watcher.observe() == ([], False)
    assert bench.watcher.tick() == [SignalsMissed()]  # what waited so long may be heard too late
    assert bench.readable()
    assert len(bench.hear(LINE)) == 1
    assert bench.watcher.tick() == []


def test_losses_are_told_once_a_minute(bench: Bench) -> None:
    """At once, then together; those from before we came are not ours."""
    assert bench.watcher.tick() == []
    told = []
    for _ in range(2 * LOSS_TICKS):
        bench.instance.overruns += 10
        told.extend(bench.watcher.tick())
    lost = [item.lost for item in told if isinstance(item, SourceLost)]
    assert lost == [10, 10 * LOSS_TICKS]


def test_losses_count_each_second(bench: Bench) -> None:
    """Whoever judges by what was not heard must know of every one, also of those that are not
    published yet.
    """
    told = []
    for _ in range(LOSS_TICKS):
        bench.instance.overruns += 10
        told.append(SignalsMissed() in bench.watcher.tick())
    assert all(told)
    assert bench.watcher.tick() == [SourceLost(source="signals", lost=590, detail=FASTER)]
    assert bench.watcher.tick() == []


def test_unknown_text_is_told_as_lost(bench: Bench) -> None:
    """An event whose payload is unknown."""
    (seen,) = bench.hear(b"  work-1 [000] d..1. 7.311843: signal_generate: sig=?\n")
    assert isinstance(seen, SourceLost)
