"""The inits of new containers are learnt in turn, however many have none."""

from __future__ import annotations

from typing import cast

from agent.engine.fates import INITS_A_TICK, INITS_PAUSE_TICKS, Fates
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.proc import ProcReader
from agent.inventory.containers import Inventory
from agent.inventory.resolver import NameResolver
from agent.ledger.deaths import DeathBook
from agent.model.absence import Absence
from agent.parse.cgroup_path import place
from tests.observe.fakes import FakeClock

POD = "/kubepods/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"


class Nobody:
    """Cgroups without an init in them; counts who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def procs(self, path: str) -> tuple[int, ...]:
        self.asked.append(path)
        raise SourceAbsent(Absence.VANISHED, path)

    def init_of(self, pids: tuple[int, ...]) -> int | None:
        """Of no process."""
        return None


def bench(containers: int) -> tuple[Fates, Nobody, Inventory]:
    inventory, fs = Inventory("v2"), Nobody()
    for number in range(containers):
        inventory.appeared(place(f"{POD}/{number:064x}"), 100 + number, 0)
    fates = Fates(
        clock=FakeClock(),
        fs=cast(CgroupFs, fs),
        proc=cast(ProcReader, fs),
        inventory=inventory,
        resolver=cast(NameResolver, None),
        deaths=cast(DeathBook, None),
    )
    return fates, fs, inventory


def test_everybody_has_a_turn() -> None:
    """The first that have none do not keep the others waiting."""
    fates, fs, _ = bench(3 * INITS_A_TICK)
    for _ in range(3):
        fates.find_inits()
    assert len(fs.asked) == 3 * INITS_A_TICK
    assert len(set(fs.asked)) == 3 * INITS_A_TICK


def test_the_hopeless_are_asked_ever_more_rarely() -> None:
    """After 1, 2, 4, ... ticks, and then at a steady, rare pace."""
    fates, fs, _ = bench(1)
    asked = []
    for tick in range(1, 300):
        fates.find_inits()
        if fs.asked:
            asked.append(tick)
            fs.asked.clear()
    assert asked[:5] == [1, 2, 4, 8, 16]
    assert asked[-1] - asked[-2] == INITS_PAUSE_TICKS


def test_a_new_container_does_not_wait() -> None:
    """Whatever is paused, who is new is asked at the next tick."""
    fates, fs, inventory = bench(INITS_A_TICK)
    for _ in range(5):
        fates.find_inits()
    fs.asked.clear()
    path = f"{POD}/{'f' * 64}"
    inventory.appeared(place(path), 7, 0)
    fates.find_inits()
    assert path in fs.asked
