"""What became of a container, by what cgroup and procfs still show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import TICK_NS
from agent.host.proc import ProcReader
from agent.model.absence import Absence, ParseError
from agent.model.process import ProcessStat
from agent.observe.fate import init_alive
from agent.parse.cgroup_path import place
from tests.ledger.kernel import CONTAINER

GONE = SourceAbsent(Absence.VANISHED, "gone")
DENIED = SourceAbsent(Absence.DENIED, "denied")
ODD = ParseError("digits", "x")
T = TypeVar("T")


@dataclass
class Fake:
    """A container's cgroup, and the processes in it; an exception is raised instead."""

    pids: tuple[int, ...] | Exception = (7,)
    is_populated: bool | Exception = True
    lives: bool | Exception = True
    init: int | Exception | None = 7
    start_ticks: int | Exception = 100

    def procs(self, path: str) -> tuple[int, ...]:
        assert path == CONTAINER
        return told(self.pids)

    def populated(self, path: str) -> bool:
        return told(self.is_populated)

    def alive(self, pid: int, start_ns: int) -> bool:
        return told(self.lives)

    def init_of(self, pids: tuple[int, ...]) -> int | None:
        return told(self.init)

    def stat(self, pid: int) -> ProcessStat:
        return ProcessStat(
            pid=pid, comm="init", state="S", ppid=1, start_ticks=told(self.start_ticks)
        )


def told(value: T | Exception) -> T:
    if isinstance(value, Exception):
        raise value
    return value


@pytest.mark.parametrize(
    ("host", "known", "watched", "unwatched"),
    [
        (Fake(pids=GONE), False, (False, None), (None, None)),
        (Fake(pids=DENIED), False, (None, None), (None, None)),
        (Fake(pids=ODD), False, (None, None), (None, None)),
        (Fake(pids=(), is_populated=False), False, (False, None), (None, None)),
        (Fake(pids=(), is_populated=GONE), False, (False, None), (None, None)),
        (Fake(pids=(), is_populated=DENIED), False, (None, None), (None, None)),
        (Fake(pids=(), init=None), False, (None, None), (None, None)),
        (Fake(), False, (True, 7), (True, 7)),
        (Fake(init=None), False, (None, None), (None, None)),
        (Fake(init=DENIED), False, (None, None), (None, None)),
        (Fake(start_ticks=101), False, (None, 7), (None, 7)),
        (Fake(start_ticks=GONE), False, (None, 7), (None, 7)),
        (Fake(), True, (True, 7), (True, 7)),
        (Fake(lives=False), True, (False, 7), (None, 7)),
        (Fake(lives=DENIED), True, (None, 7), (None, 7)),
        (Fake(lives=ODD), True, (None, 7), (None, 7)),
    ],
    ids=str,
)
def test_init_alive(
    host: Fake,
    known: bool,
    watched: tuple[bool | None, int | None],
    unwatched: tuple[bool | None, int | None],
) -> None:
    """Proven either way or None; what cannot be read proves nothing, and raises nothing."""
    for expected, was_watched in ((watched, True), (unwatched, False)):
        found = init_alive(
            cast(CgroupFs, host),
            cast(ProcReader, host),
            place(CONTAINER),
            killed_boottime_ns=100 * TICK_NS,
            watched=was_watched,
            known_init=(7, 100 * TICK_NS) if known else None,
        )
        assert found == expected
