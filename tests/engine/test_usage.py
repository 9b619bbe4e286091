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


async def test_it_hurries_after_a_burst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While some cgroups wait to be read for the first time, half of the time is for sweeps."""
    tree = Tree(tmp_path, CgroupMode.V2)
    for path in (ONE, TWO):
        tree.make(path)
    watch, _ = watching(tree)
    monkeypatch.setattr("agent.observe.sweep.MOST_OPENED", 1)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
            if len(pauses) == 3:
                raise asyncio.CancelledError
        else:
            tree.clock.now_ns += 1_000_000_000

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await watch.run(1.0)
    assert pauses == [1.0, 1.0, 9.0]
    tree.sweeper.close()
    tree.fs.close()


async def test_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once per interval; less often if a sweep takes more than a tenth of it."""
    tree = Tree(tmp_path, CgroupMode.V2)
    watch, heard = watching(tree)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
            if len(pauses) == 3:
                raise asyncio.CancelledError
        else:
            tree.clock.now_ns += 62_500_000 if not pauses else 250_000_000

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await watch.run(1.0)
    assert pauses == [0.9375, 2.25, 2.25]
    assert len(heard) == 3
    tree.sweeper.close()
    tree.fs.close()
