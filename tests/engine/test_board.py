"""The health of the sources: a change is told once, and absent never reads as broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.engine.board import TELLS, SourceBoard
from agent.model.absence import Absence, Absent
from agent.model.event import SourceChange
from agent.model.source import SourceHealth, SourceState
from tests.observe.fakes import FakeClock


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(now_ns=5)
        self.board = SourceBoard(self.clock)
        self.changes: list[SourceChange] = []
        self.board.on_change = self.changes.append

    def row(self, name: str) -> SourceHealth:
        return next(row for row in self.board.health() if row.name == name)


def gone(absence: Absence, detail: str = "gone") -> Absent:
    return Absent(absence=absence, detail=detail)


def test_all_are_absent_until_told_otherwise() -> None:
    """Every source has a row from the start, and none is up; what is required is named."""
    bench = Bench()
    assert [row.name for row in bench.board.health()] == list(TELLS)
    assert {row.state for row in bench.board.health()} == {SourceState.ABSENT}
    required = [row.name for row in bench.board.health() if row.required]
    assert required == ["vmstat", "memory.events"]


@pytest.mark.parametrize(
    ("absence", "state"),
    [
        (Absence.VANISHED, SourceState.ABSENT),
        (Absence.UNSUPPORTED, SourceState.ABSENT),
        (Absence.DENIED, SourceState.DOWN),
        (Absence.FAILED, SourceState.DOWN),
    ],
)
def test_an_absence_decides_the_state(absence: Absence, state: SourceState) -> None:
    """What the host does not have is absent; what should see and does not is down."""
    bench = Bench()
    bench.board.up("kmsg")
    bench.board.absent("kmsg", gone(absence))
    row = bench.row("kmsg")
    assert (row.state, row.absence, row.detail) == (state, absence, "gone")
    assert not bench.board.is_up("kmsg")


CHANGES: list[tuple[str, list[Callable[[SourceBoard], None]], list[tuple[bool, str]]]] = [
    ("up", [lambda b: b.up("cri"), lambda b: b.up("cri")], [(True, "")]),
    ("heard", [lambda b: b.hear("cri", None), lambda b: b.hear("cri", None)], [(True, "")]),
    (
        "down in other words",
        [
            lambda b: b.absent("cri", gone(Absence.FAILED, "silent")),
            lambda b: b.hear("cri", gone(Absence.DENIED, "refused")),
        ],
        [(False, "silent")],
    ),
    (
        "to and fro",
        [
            lambda b: b.up("cri", "slow"),
            lambda b: b.hear("cri", gone(Absence.FAILED)),
            lambda b: b.up("cri"),
        ],
        [(True, "slow"), (False, "gone"), (True, "")],
    ),
    ("off, as it was", [lambda b: b.off("cri", "switched off")], []),
]


@pytest.mark.parametrize(
    ("steps", "told"),
    [(steps, told) for _, steps, told in CHANGES],
    ids=[name for name, _, _ in CHANGES],
)
def test_a_change_is_told_once(
    steps: list[Callable[[SourceBoard], None]], told: list[tuple[bool, str]]
) -> None:
    """Only another state is a change; other words for the same state are not."""
    bench = Bench()
    for step in steps:
        step(bench.board)
    assert [(change.up, change.detail) for change in bench.changes] == told
    assert {change.source for change in bench.changes} <= {"cri"}


def test_since_is_when_the_state_changed() -> None:
    """New words do not make a state younger, but are published."""
    bench = Bench()
    bench.clock.now_ns = 10
    bench.board.absent("cri", gone(Absence.FAILED, "silent"))
    bench.clock.now_ns = 20
    bench.board.absent("cri", gone(Absence.FAILED, "refused"))
    assert (bench.row("cri").since_wall_ns, bench.row("cri").detail) == (10, "refused")
    bench.board.up("cri")
    assert (bench.row("cri").since_wall_ns, bench.row("cri").absence) == (20, None)


def test_counts_outlive_a_change() -> None:
    """Records are set, losses add up, and neither ends with the state."""
    bench = Bench()
    bench.board.count("kmsg", 7)
    bench.board.lost("kmsg", 2)
    bench.board.up("kmsg")
    bench.board.lost("kmsg", 3)
    bench.board.count("kmsg", 9)
    assert (bench.row("kmsg").records, bench.row("kmsg").lost) == (9, 5)
    assert [change.up for change in bench.changes] == [True]


def test_a_part_of_the_agent_has_a_row_when_it_fails() -> None:
    """A name outside TELLS gets its row with its first failure, and it is required."""
    bench = Bench()
    bench.board.absent("ledger", gone(Absence.FAILED, "boom"))
    assert (bench.row("ledger").required, bench.row("ledger").state) == (True, SourceState.DOWN)
    assert [change.source for change in bench.changes] == ["ledger"]
