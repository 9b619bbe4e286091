"""From changes of interfaces to what is told of them."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import cast

import pytest

from agent.host.link_changes import LinkChanges
from agent.model.evidence import LinksChanged, SourceLost
from agent.observe.links import CHANGES_PER_TICK, LOSS_TICKS, NAME, LinkWatcher


class FakeChanges:
    def __init__(self) -> None:
        self.waiting = 0
        self.overrun = False
        self.drops: int | None = 0
        self.pipe = os.pipe()  # something that epoll takes
        os.write(self.pipe[1], b"x")

    def fileno(self) -> int:
        return self.pipe[0]

    def heard(self, limit: int) -> tuple[int, bool]:
        now, overrun = min(limit, self.waiting), self.overrun
        self.waiting -= now
        self.overrun = False
        return now, overrun

    def dropped(self) -> int | None:
        return self.drops

    def close(self) -> None:
        for fd in self.pipe:
            os.close(fd)


@pytest.fixture
def changes() -> FakeChanges:
    return FakeChanges()


@pytest.fixture
def watcher(changes: FakeChanges) -> Iterator[LinkWatcher]:
    made = LinkWatcher(cast(LinkChanges, changes))
    yield made
    made.close()


def readable(watcher: LinkWatcher) -> bool:
    fd = watcher.fileno()
    assert fd is not None
    return bool(select.select([fd], [], [], 0)[0])


def losses(watcher: LinkWatcher, ticks: int) -> list[int | None]:
    seen = (item for _ in range(ticks) for item in watcher.tick())
    return [item.lost for item in seen if isinstance(item, SourceLost) and item.source == NAME]


def test_changes_are_told_by_their_number(changes: FakeChanges, watcher: LinkWatcher) -> None:
    """A full batch means that more may be waiting; nothing is nothing."""
    changes.waiting = 300
    assert watcher.observe() == ([LinksChanged(changes=256)], True)
    assert watcher.observe() == ([LinksChanged(changes=44)], False)
    assert watcher.observe() == ([], False)
    assert watcher.records == 300


def test_a_flood_waits_for_the_tick(changes: FakeChanges, watcher: LinkWatcher) -> None:
    changes.waiting = 2 * CHANGES_PER_TICK
    while watcher.observe()[1]:
        pass
    assert watcher.records == CHANGES_PER_TICK
    assert not readable(watcher)
    assert watcher.observe() == ([], False)
    watcher.tick()
    assert readable(watcher)
    assert watcher.observe()[1]


def test_losses_are_told_now_and_then(changes: FakeChanges, watcher: LinkWatcher) -> None:
    """All of them in the end, also those of which no overrun is told; the counter may wrap."""
    changes.overrun, changes.drops = True, 5
    assert watcher.observe() == ([LinksChanged(changes=0)], False)
    assert losses(watcher, 1) == [5]
    changes.drops = 9
    assert losses(watcher, LOSS_TICKS - 1) == []
    assert losses(watcher, LOSS_TICKS) == [4]
    changes.drops = (1 << 32) - 1
    assert losses(watcher, 2 * LOSS_TICKS) == [(1 << 32) - 10]
    changes.drops = 2
    assert losses(watcher, 2 * LOSS_TICKS) == [3]


def test_a_kernel_that_does_not_count(changes: FakeChanges, watcher: LinkWatcher) -> None:
    """Then it is told that some are lost."""
    changes.drops = None
    assert losses(watcher, LOSS_TICKS) == []
    changes.overrun = True
    watcher.observe()
    assert losses(watcher, 2 * LOSS_TICKS) == [None]
