"""From trace_pipe to executions of plugins, whatever their number."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import cast

import pytest

from agent.host.trace_instance import TraceInstance
from agent.model.evidence import PluginExecuted, SourceLost
from agent.observe.plugins import EXECUTIONS_PER_TICK, LOSS_TICKS, PluginWatcher
from tests.observe.test_signals import FakeInstance

LINE = (
    b"          bridge-18360   [001] .....  5847.512501: sched_process_exec:"
    b" filename=/usr/lib/cni/bridge pid=18360 old_pid=18360\n"
)


@pytest.fixture
def instance() -> FakeInstance:
    return FakeInstance()


@pytest.fixture
def watcher(instance: FakeInstance) -> Iterator[PluginWatcher]:
    made = PluginWatcher(cast(TraceInstance, instance))
    yield made
    made.close()


def readable(watcher: PluginWatcher) -> bool:
    with select.epoll() as epoll:
        epoll.register(watcher.fileno() or -1, select.EPOLLIN)
        return bool(epoll.poll(0))


def test_executions_are_told(instance: FakeInstance, watcher: PluginWatcher) -> None:
    """Each line is one; the last one does not wait for a next."""
    instance.data = b"CPU:0 [LOST 5 EVENTS]\n" + 2 * LINE
    seen, more = watcher.observe()
    assert [item.pid for item in seen if isinstance(item, PluginExecuted)] == [18360] * 2
    assert (more, watcher.records) == (True, 2)
    instance.data = b""
    assert watcher.observe() == ([], False)


def test_a_flood_waits_for_the_tick(instance: FakeInstance, watcher: PluginWatcher) -> None:
    """A container may execute what it likes: so many are read, then it wakes nobody."""
    instance.data = EXECUTIONS_PER_TICK * LINE
    assert len(watcher.observe()[0]) == EXECUTIONS_PER_TICK
    assert not readable(watcher)
    assert watcher.observe() == ([], False)
    watcher.tick()
    assert readable(watcher)


def test_losses_are_told_once_a_minute(instance: FakeInstance, watcher: PluginWatcher) -> None:
    """Those from before we came are not ours."""
    told = []
    for _ in range(2 * LOSS_TICKS):
        instance.overruns += 10
        told.extend(watcher.tick())
    lost = [item.lost for item in told if isinstance(item, SourceLost)]
    assert lost == [10, 10 * LOSS_TICKS]


def test_unknown_text_is_told_as_lost(instance: FakeInstance, watcher: PluginWatcher) -> None:
    instance.data = b"  work-1 [000] d..1. 7.311843: sched_process_exec: filename=?\n"
    ((seen,), _) = watcher.observe()
    assert isinstance(seen, SourceLost)


def test_descriptors(instance: FakeInstance) -> None:
    """Closing closes the instance."""
    made = PluginWatcher(cast(TraceInstance, instance))
    fd = instance.fileno()
    made.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
