"""From trace_pipe to what one event tells, whatever their number: agent.observe.rationed, and its
two users, agent.observe.dials and agent.observe.plugins.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from agent.host.absence import SourceAbsent
from agent.host.trace_instance import TraceInstance
from agent.model.absence import Absence
from agent.model.evidence import DialSeen, PluginExecuted, SourceLost
from agent.observe import dials, plugins
from agent.observe.rationed import LOSS_TICKS, RECORDS_PER_TICK, RationedWatcher
from agent.parse.sched_process_exec import exec_filter
from tests.host.hanging import HangingWorkers
from tests.observe.test_signals import FakeInstance
from tests.parse.test_inet_sock_set_state import BEGUN

EXECUTED = (
    b"          bridge-18360   [001] .....  5847.512501: sched_process_exec:"
    b" filename=/usr/lib/cni/bridge pid=18360 old_pid=18360\n"
)


DIRECTORIES = ["/usr/lib/cni"]


def plugin_watcher(instance: TraceInstance) -> plugins.PluginWatcher:
    """Of what is executed in DIRECTORIES."""
    return plugins.PluginWatcher(instance, lambda: tuple(DIRECTORIES))


class Bench:
    """One of the watchers, and a line of its event."""

    def __init__(self, make: Callable[[TraceInstance], RationedWatcher], line: bytes) -> None:
        self.instance = FakeInstance()
        self.watcher = make(cast(TraceInstance, self.instance))
        self.line = line

    def readable(self) -> bool:
        with select.epoll() as epoll:
            epoll.register(self.watcher.fileno() or -1, select.EPOLLIN)
            return bool(epoll.poll(0))


@pytest.fixture(params=[(dials.watcher, BEGUN), (plugin_watcher, EXECUTED)], ids=["dial", "exec"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(*request.param)
    yield made
    made.watcher.close()


def test_each_line_is_told(bench: Bench) -> None:
    """The last one does not wait for a next."""
    bench.instance.data = b"CPU:0 [LOST 5 EVENTS]\n" + 2 * bench.line
    seen, more = bench.watcher.observe()
    dialled = [item.tid for item in seen if isinstance(item, DialSeen)]
    executed = [item.pid for item in seen if isinstance(item, PluginExecuted)]
    assert (dialled, executed) == (([812] * 2, []) if bench.line is BEGUN else ([], [18360] * 2))
    assert (more, bench.watcher.records) == (True, 2)
    bench.instance.data = b""
    assert bench.watcher.observe() == ([], False)


def test_a_flood_waits_for_the_tick(bench: Bench) -> None:
    """Anybody may dial what refuses, a container execute what it likes: so many are read, then it
    wakes nobody.
    """
    bench.instance.data = RECORDS_PER_TICK * bench.line
    assert len(bench.watcher.observe()[0]) == RECORDS_PER_TICK
    assert not bench.readable()
    assert bench.watcher.observe() == ([], False)
    bench.watcher.tick()
    assert bench.readable()


def test_losses_are_told_once_a_minute(bench: Bench) -> None:
    """Those from before we came are not ours."""
    told = []
    for _ in range(2 * LOSS_TICKS):
        bench.instance.overruns += 10
        told.extend(bench.watcher.tick())
    lost = [item.lost for item in told if isinstance(item, SourceLost)]
    assert lost == [10, 10 * LOSS_TICKS]


@pytest.mark.parametrize(
    ("bench", "text", "source"),
    [
        ((dials.watcher, BEGUN), b"inet_sock_set_state: family=?", "dials"),
        ((plugin_watcher, EXECUTED), b"sched_process_exec: filename=?", "cni"),
    ],
    indirect=["bench"],
)
def test_unknown_text_is_told_as_lost(bench: Bench, text: bytes, source: str) -> None:
    """Under the name of the source."""
    bench.instance.data = b"  work-1 [000] d..1. 7.311843: " + text + b"\n"
    ((seen,), _) = bench.watcher.observe()
    assert isinstance(seen, SourceLost)
    assert seen.source == source


@pytest.mark.parametrize("make", [dials.watcher, plugin_watcher])
def test_descriptors(make: Callable[[TraceInstance], RationedWatcher]) -> None:
    """Closing closes the instance."""
    made = Bench(make, b"")
    fd = made.instance.fileno()
    made.watcher.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)


class Following:
    """A watcher of plugins, whose kernel does with a filter what it is told to."""

    def __init__(self) -> None:
        self.instance = FakeInstance()
        self.watcher = plugin_watcher(cast(TraceInstance, self.instance))
        self.workers = HangingWorkers(1)
        self.threads: list[threading.Thread] = []
        self.write: Callable[[], None] = lambda: None
        enable = self.instance.enable

        def told(event: str, event_filter: str) -> None:
            self.threads.append(threading.current_thread())
            self.write()
            enable(event, event_filter)

        self.instance.enable = told  # type: ignore[method-assign]

    async def follow(self) -> None:
        await self.watcher.follow(self.workers)


@pytest.fixture
def following(monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    made = Following()
    monkeypatch.setattr(f"{__name__}.DIRECTORIES", ["/home/kubernetes/bin", "/opt/cni/bin"])
    yield made
    made.watcher.close()
    made.workers.let_go()


async def test_the_filter_follows_the_directories(following: Following) -> None:
    """It is written when they change, and not else; by a worker, never by the loop."""
    following.watcher.tick()
    assert following.threads == []
    await following.follow()
    await following.follow()
    following.watcher.tick()
    assert following.instance.enabled == [
        (plugins.EVENT, exec_filter(["/usr/lib/cni"])),
        (plugins.EVENT, exec_filter(["/home/kubernetes/bin", "/opt/cni/bin"])),
    ]
    assert threading.current_thread() not in following.threads


def _refused() -> None:
    raise SourceAbsent(Absence.FAILED, "no room")


async def test_a_filter_that_cannot_follow(following: Following) -> None:
    """The next tick says so, and the watcher is opened again; it is not tried any more."""
    following.write = _refused
    await following.follow()
    await following.follow()
    assert len(following.threads) == 1
    with pytest.raises(SourceAbsent, match="no room"):
        following.watcher.tick()


async def test_a_filter_that_hangs(following: Following) -> None:
    """Costs a thread, and the loop nothing."""
    following.write = following.workers.hang
    await following.follow()
    with pytest.raises(SourceAbsent, match="changing the filter of executions: did not return"):
        following.watcher.tick()
    assert following.workers.abandoned == 1
