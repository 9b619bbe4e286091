"""From trace_pipe to dials, whatever their number."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import cast

import pytest

from agent.host.trace_instance import TraceInstance
from agent.model.evidence import DialSeen, SourceLost
from agent.observe.dials import DIALS_PER_TICK, LOSS_TICKS, DialWatcher
from tests.observe.test_signals import FakeInstance
from tests.parse.test_inet_sock_set_state import BEGUN

LINE = BEGUN


@pytest.fixture
def instance() -> FakeInstance:
    return FakeInstance()


@pytest.fixture
def watcher(instance: FakeInstance) -> Iterator[DialWatcher]:
    made = DialWatcher(cast(TraceInstance, instance))
    yield made
    made.close()


def readable(watcher: DialWatcher) -> bool:
    with select.epoll() as epoll:
        epoll.register(watcher.fileno() or -1, select.EPOLLIN)
        return bool(epoll.poll(0))


def test_dials_are_told(instance: FakeInstance, watcher: DialWatcher) -> None:
    """Each line is one; the last one does not wait for a next."""
    instance.data = b"CPU:0 [LOST 5 EVENTS]\n" + 2 * LINE
    seen, more = watcher.observe()
    assert [item.tid for item in seen if isinstance(item, DialSeen)] == [812] * 2
    assert (more, watcher.records) == (True, 2)
    instance.data = b""
    assert watcher.observe() == ([], False)


def test_a_flood_waits_for_the_tick(instance: FakeInstance, watcher: DialWatcher) -> None:
    """Anybody may dial what refuses: so many are read, then it wakes nobody."""
    instance.data = DIALS_PER_TICK * LINE
    assert len(watcher.observe()[0]) == DIALS_PER_TICK
    assert not readable(watcher)
    assert watcher.observe() == ([], False)
    watcher.tick()
    assert readable(watcher)


def test_losses_are_told_once_a_minute(instance: FakeInstance, watcher: DialWatcher) -> None:
    """Those from before we came are not ours."""
    told = []
    for _ in range(2 * LOSS_TICKS):
        instance.overruns += 10
        told.extend(watcher.tick())
    lost = [item.lost for item in told if isinstance(item, SourceLost)]
    assert lost == [10, 10 * LOSS_TICKS]


def test_unknown_text_is_told_as_lost(instance: FakeInstance, watcher: DialWatcher) -> None:
    instance.data = b"  work-1 [000] d..1. 7.311843: inet_sock_set_state: family=?\n"
    ((seen,), _) = watcher.observe()
    assert isinstance(seen, SourceLost)


def test_descriptors(instance: FakeInstance) -> None:
    """Closing closes the instance."""
    made = DialWatcher(cast(TraceInstance, instance))
    fd = instance.fileno()
    made.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
