"""From messages of the process connector to exits."""

from __future__ import annotations

import os
import select
from collections.abc import Collection
from typing import cast

import pytest

from agent.host.absence import SourceAbsent
from agent.host.proc import ProcReader
from agent.host.proc_connector import ProcConnector
from agent.model.absence import Absence
from agent.model.evidence import ExitSeen, Observation, SourceLost
from agent.model.process import ProcessStat
from agent.observe.exits import EXITS_PER_TICK, LOSS_TICKS, ExitWatcher
from tests.parse.exit_message import exit_message


class FakeConnector:
    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.lost = False
        self.full = False
        self.followed: list[set[int]] = []
        self.pipe = os.pipe()  # something that epoll takes

    def fileno(self) -> int:
        return self.pipe[0]

    def read_batch(self, limit: int) -> tuple[list[bytes], bool]:
        batch, self.messages = self.messages[:limit], self.messages[limit:]
        lost, self.lost = self.lost, False
        return batch, lost

    def follow(self, pids: Collection[int]) -> None:
        if self.full:
            raise SourceAbsent(Absence.FAILED, "raise sysctl net.core.optmem_max")
        self.followed.append(set(pids))


class FakeProc:
    """Pid 1000 and those after it have the parent 500; 77 is adopted; others are gone."""

    def stat(self, pid: int) -> ProcessStat:
        if pid != 77 and pid < 1000:
            raise SourceAbsent(Absence.VANISHED, "gone")
        ppid = 1 if pid == 77 else 500
        return ProcessStat(pid=pid, comm="work", state="S", ppid=ppid, start_ticks=1)


def watch() -> tuple[ExitWatcher, FakeConnector]:
    connector = FakeConnector()
    return ExitWatcher(cast(ProcConnector, connector), cast(ProcReader, FakeProc())), connector


def test_others_are_followed_at_once() -> None:
    """Beside the inits, and on when those change; the same ones change nothing."""
    watcher, connector = watch()
    watcher.follow_others({7, 1})
    watcher.follow_others({1, 7})
    watcher.inits = {1000}
    watcher.tick()
    assert connector.followed == [{7}, {7, 500, 1000}]


def test_others_that_were_refused() -> None:
    """They are asked for again at the next tick, which says why if it is refused again."""
    watcher, connector = watch()
    connector.full = True
    watcher.follow_others({7})
    with pytest.raises(SourceAbsent):
        watcher.tick()
    connector.full = False
    watcher.tick()
    watcher.tick()
    assert connector.followed == [{7}]


def test_exits_in_batches() -> None:
    """In order; a full batch says that more may be waiting."""
    watcher, connector = watch()
    connector.messages = [exit_message(pid, status=9) for pid in (1, 2, 3)]
    first, more = watcher.observe(2)
    rest, left = watcher.observe(2)
    pids = [item.exit.pid for item in (*first, *rest) if isinstance(item, ExitSeen)]
    assert (pids, more, left, watcher.records) == ([1, 2, 3], True, False, 3)
    assert watcher.observe(2) == ([], False)


def test_what_is_lost_is_told() -> None:
    """An overrun, once in a while; and a message of unknown form."""
    watcher, connector = watch()
    told: list[Observation] = []
    for _ in range(2 * LOSS_TICKS):
        connector.lost = True
        assert watcher.observe() == ([], False)
        told += watcher.tick()
    detail = "exits came faster than they were read (ENOBUFS)"
    assert told == [SourceLost(source="connector", lost=None, detail=detail)] * 2
    connector.messages = [b"?", exit_message(5, status=9)]
    unknown, ended = watcher.observe()[0]
    assert isinstance(unknown, SourceLost)
    assert unknown.lost == 1
    assert isinstance(ended, ExitSeen)


def test_a_flood_waits_for_the_tick() -> None:
    """Somebody makes processes that fail without end: so many are read between two ticks."""
    watcher, connector = watch()
    connector.messages = [exit_message(5, status=256)] * (EXITS_PER_TICK + 10)
    os.write(connector.pipe[1], b"!")
    poll = select.epoll()
    poll.register(watcher.fileno() or 0, select.EPOLLIN)
    heard = 0
    while poll.poll(0):
        heard += len(watcher.observe()[0])
    assert heard == EXITS_PER_TICK
    os.close(connector.pipe[1])  # which wakes whoever waits for anything of it, as an overrun does
    assert not poll.poll(0)
    assert watcher.observe() == ([], False)
    watcher.tick()
    assert poll.poll(0)
    assert len(watcher.observe()[0]) == 10
    poll.close()


def test_inits_and_their_parents_are_followed() -> None:
    """The kernel is told when that changes, and only then; never of the children of pid 1."""
    watcher, connector = watch()
    for inits in (set(), {1000, 1001}, {1000, 1001}, {77, 1001}, {5}):
        watcher.inits = inits
        assert watcher.tick() == []
    assert connector.followed == [{500, 1000, 1001}, {77, 500, 1001}, {5}]
