"""agent.engine.cgroup_events: heard in steps, and from whatever descriptor there is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from typing import cast

import pytest

from agent.engine.cgroup_events import CgroupEvents
from agent.model.evidence import Observation, SourceLost
from agent.observe.cgroups import CgroupWatcher
from tests.inventory.fakes import turns


class FakeWatcher:
    """As with inotify, one read takes all, and each step tells one."""

    def __init__(self) -> None:
        self.pipe: tuple[int, int] | None = None
        self.waiting: list[int] = []

    def fileno(self) -> int | None:
        return None if self.pipe is None else self.pipe[0]

    def happen(self, *numbers: int) -> None:
        assert self.pipe is not None
        os.write(self.pipe[1], bytes(numbers))

    def observe(self) -> tuple[list[Observation], bool]:
        assert self.pipe is not None
        if not self.waiting:
            self.waiting += os.read(self.pipe[0], 100)
        lost = self.waiting.pop(0)
        return [SourceLost(source="memory.events", lost=lost, detail="")], bool(self.waiting)


class Bench:
    """The first of two pipes is the watcher's."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.pipes = (os.pipe(), os.pipe())
        self.watcher = FakeWatcher()
        self.watcher.pipe = self.pipes[0]
        self.heard: list[tuple[int, int | None]] = []  # in which turn of the loop, and what
        self.turn = 0
        self.something = asyncio.Event()
        watcher = cast(CgroupWatcher, self.watcher)
        self.events = CgroupEvents(watcher, guarded=lambda part: part(), take=self.take)

    async def count_turns(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    def take(self, seen: Iterable[Observation]) -> None:
        self.heard += [(self.turn, item.lost) for item in seen if isinstance(item, SourceLost)]
        self.something.set()

    def numbers(self) -> list[int | None]:
        return [number for _, number in self.heard]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    counting = asyncio.create_task(made.count_turns())
    yield made
    counting.cancel()
    made.events.close()
    for descriptor in (*made.pipes[0], *made.pipes[1]):
        os.close(descriptor)


async def test_steps(bench: Bench) -> None:
    """What one read took is taken a step a turn; others have theirs between."""
    bench.events.listen(bench.loop)
    bench.watcher.happen(1, 2, 3)
    await turns()
    assert bench.numbers() == [1, 2, 3]
    assert len({turn for turn, _ in bench.heard}) == 3
    bench.watcher.happen(4)
    await turns()
    assert bench.numbers() == [1, 2, 3, 4]


async def test_another_descriptor(bench: Bench) -> None:
    """Inotify can go, and come back later: then nobody waits for the one that was."""
    bench.events.listen(bench.loop)
    bench.watcher.pipe = None
    bench.events.listen(bench.loop)
    bench.watcher.pipe = bench.pipes[1]
    bench.events.listen(bench.loop)
    os.write(bench.pipes[0][1], b"x")
    bench.watcher.happen(5)
    await turns()
    assert bench.numbers() == [5]


async def test_closed(bench: Bench) -> None:
    """What a step has left stays untold, and nothing is waited for."""
    bench.events.listen(bench.loop)
    bench.watcher.happen(7, 8)
    await bench.something.wait()
    bench.events.close()
    bench.watcher.happen(9)
    await turns()
    assert bench.numbers() == [7]
