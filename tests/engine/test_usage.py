"""The rhythm of the sweep: what is published, and who hears of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.usage import USAGE, UsageWatch
from agent.model.cgroup import CgroupMode
from agent.model.source import SourceHealth
from agent.model.usage import Sweep
from tests.observe.test_sweep import ONE, TWO, Tree


def watching(tree: Tree) -> tuple[UsageWatch, list[Sweep]]:
    board = SourceBoard(tree.clock)
    heard: list[Sweep] = []
    watch = UsageWatch(
        sweeper=tree.sweeper,
        clock=tree.clock,
        board=board,
        guard=Guard(board),
        hears=[heard.append],
    )
    return watch, heard


def health(watch: UsageWatch) -> SourceHealth:
    [row] = [row for row in watch.board.health() if row.name == USAGE]
    return row


async def test_a_look(tmp_path: Path) -> None:
    """The report, the source's health, and those who listen."""
    tree = Tree(tmp_path, CgroupMode.V2)
    tree.make(ONE)
    watch, heard = watching(tree)
    await watch.look()
    assert watch.report is not None
    assert heard == [watch.report.sweep]
    assert watch.report.derived.keys() == watch.report.sweep.samples.keys()
    assert (health(watch).state.value, health(watch).records) == ("up", 1)
    tree.write(ONE, "memory.current", b"many\n")
    await watch.look()
    assert health(watch).detail.startswith("1 missed: ")
    tree.sweeper.close()
    tree.fs.close()


class Pace:
    """How long the watch sleeps between sweeps; the third time it is cancelled."""

    def __init__(self, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pauses: list[float] = []
        self.step_ns = 0
        """Of the processor, for each step of a sweep."""
        self.wait_ns = 0
        """Of the clock, for each turn of the others between two steps."""
        self._tree = tree
        self._processor_ns = 0
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    def processor_ns(self) -> int:
        self._processor_ns += self.step_ns
        return self._processor_ns

    async def _sleep(self, seconds: float) -> None:
        if seconds:
            self.pauses.append(seconds)
            if len(self.pauses) == 3:
                raise asyncio.CancelledError
        else:
            self._tree.clock.now_ns += self.wait_ns


async def test_it_hurries_after_a_burst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While some cgroups wait to be read for the first time, half of a core is for sweeps."""
    tree = Tree(tmp_path, CgroupMode.V2)
    for path in (ONE, TWO):
        tree.make(path)
    watch, _ = watching(tree)
    pace = Pace(tree, monkeypatch)
    watch.processor_ns = pace.processor_ns
    monkeypatch.setattr("agent.observe.sweep.MOST_OPENED", 1)
    pace.step_ns = 250_000_000
    with pytest.raises(asyncio.CancelledError):
        await watch.run(1.0)
    assert pace.pauses == [1.5, 1.5, 7.5]  # three steps: one of the sweep, its end, the rates
    tree.sweeper.close()
    tree.fs.close()


async def test_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once per interval, however long others hold the loop between its steps; less often if a sweep
    costs more than a tenth of the interval.
    """
    tree = Tree(tmp_path, CgroupMode.V2)
    watch, heard = watching(tree)
    pace = Pace(tree, monkeypatch)
    watch.processor_ns = pace.processor_ns
    pace.wait_ns = 62_500_000
    with pytest.raises(asyncio.CancelledError):
        await watch.run(1.0)
    assert pace.pauses == [0.8125, 0.8125, 0.8125]
    assert len(heard) == 3
    pace.pauses.clear()
    pace.step_ns = 250_000_000
    with pytest.raises(asyncio.CancelledError):
        await watch.run(1.0)
    assert pace.pauses == [7.3125, 7.3125, 7.3125]
    tree.sweeper.close()
    tree.fs.close()
